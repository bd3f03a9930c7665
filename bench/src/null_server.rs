//! A server that does nothing: it answers every request with the same frame, to calibrate the generator.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::client::holds_frame;

/// Where the correlation id stands in a response frame.
const CORRELATION_ID: usize = 4;

/// Listens on a free port of the loopback address until the process ends, one thread per connection.
///
/// `answer` is a whole frame; only its correlation id is replaced.
pub fn start(answer: Vec<u8>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            // A client that goes away ends its thread; nothing is to be done about it.
            thread::spawn(move || serve(&stream, answer));
        }
    });
    Ok(address)
}

/// Answers until the client goes away; all requests of one read are answered with one write.
fn serve(stream: &TcpStream, mut answer: Vec<u8>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::with_capacity(256 * 1024, stream);
    let mut earlier_answers = Vec::new();
    let mut request = Vec::new();
    loop {
        let mut size = [0; 4];
        requests.read_exact(&mut size)?;
        request.resize(u32::from_be_bytes(size) as usize, 0);
        requests.read_exact(&mut request)?;
        let correlation_id = request.get(4..8).ok_or(io::ErrorKind::InvalidData)?;
        let place = answer.get_mut(CORRELATION_ID..CORRELATION_ID + 4).ok_or(io::ErrorKind::InvalidInput)?;
        place.copy_from_slice(correlation_id);
        if holds_frame(requests.buffer()) {
            earlier_answers.extend_from_slice(&answer);
        } else if earlier_answers.is_empty() {
            // A large answer costs no copy of its own.
            (&*stream).write_all(&answer)?;
        } else {
            earlier_answers.extend_from_slice(&answer);
            (&*stream).write_all(&earlier_answers)?;
            earlier_answers.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{client::Client, encoded};

    #[test]
    fn pipelined_requests_get_an_answer_each_with_their_correlation_id() {
        let address = start(encoded::produce_answer("t")).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        let mut request = encoded::produce("t", 1, &encoded::batch(500, 100));
        for id in [7, 8, 9u8] {
            request[11] = id;
            client.send(&request).unwrap();
        }
        for id in [7, 8, 9u8] {
            let answer = client.receive().unwrap();
            assert_eq!(answer[..4], [0, 0, 0, id]);
            assert_eq!(encoded::produced_offset(answer), Ok(0));
        }
    }
}
