//! A server that does nothing: it answers every request with the same frame, to calibrate the generator.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};

/// Most that is received at once.
const RECEIVE_BYTES: usize = 1 << 20;
/// Requests and answers up to this size are small.
const SMALL_BYTES: usize = 4 << 10;
/// Small answers of one write.
const ANSWERS_PER_WRITE: usize = 64;

/// What the server does where no request has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// It sleeps, as any server does: for what a round trip costs without a broker's work.
    Sleeping,
    /// It looks again, without end: for what the generator can do beside a server that is always there.
    Spinning,
}

/// Listens on a free port of the loopback address until the process ends.
///
/// All requests are as long as `request`. Their bytes are dropped in the kernel. `answer` is a whole frame.
pub fn start(request: &[u8], answer: &[u8], waiting: Waiting) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let request_bytes = request.len();
    let answers = Answers::of(answer);
    // A client that goes away ends the service of its connection; nothing is to be done about it.
    thread::spawn(move || match waiting {
        Waiting::Sleeping => {
            for stream in listener.incoming().map_while(Result::ok) {
                let answers = answers.clone();
                thread::spawn(move || Connection::of(stream, request_bytes).sleep(&answers));
            }
        }
        Waiting::Spinning => {
            let _ = spin(&listener, request_bytes, &answers);
        }
    });
    Ok(address)
}

/// The answer, ready to be sent as often as need be.
///
/// It is copied to the socket: on the loopback interface that is quicker than sending the pages of a file, because
/// the packets are larger.
#[derive(Clone)]
struct Answers {
    copies: Vec<u8>,
    answer_bytes: usize,
    answers_per_write: usize,
}

impl Answers {
    fn of(answer: &[u8]) -> Answers {
        let answers_per_write = if answer.len() <= SMALL_BYTES { ANSWERS_PER_WRITE } else { 1 };
        Answers { copies: answer.repeat(answers_per_write), answer_bytes: answer.len(), answers_per_write }
    }

    fn send(&self, mut stream: &TcpStream, mut count: usize) -> io::Result<()> {
        while count > 0 {
            let together = count.min(self.answers_per_write);
            stream.write_all(&self.copies[..together * self.answer_bytes])?;
            count -= together;
        }
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    request_bytes: usize,
    /// Received bytes of requests that were not answered yet.
    unanswered_bytes: usize,
    /// Never written to: the kernel drops what is received.
    nowhere: Vec<u8>,
}

impl Connection {
    fn of(stream: TcpStream, request_bytes: usize) -> Connection {
        Connection { stream, request_bytes, unanswered_bytes: 0, nowhere: vec![0; RECEIVE_BYTES] }
    }

    fn sleep(mut self, answers: &Answers) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        while self.serve(answers, RecvFlags::empty())? {}
        Ok(())
    }

    /// Answers what one read brings; false at the end of the connection.
    fn serve(&mut self, answers: &Answers, flags: RecvFlags) -> io::Result<bool> {
        // Small requests are copied, which is cheaper than being asked for twice.
        let received = if self.request_bytes > SMALL_BYTES {
            recv(&self.stream, &mut self.nowhere, flags | RecvFlags::TRUNC)?.1
        } else if flags.is_empty() {
            self.stream.read(&mut self.nowhere)?
        } else {
            recv(&self.stream, &mut self.nowhere, flags)?.0
        };
        self.unanswered_bytes += received;
        answers.send(&self.stream, self.unanswered_bytes / self.request_bytes)?;
        self.unanswered_bytes %= self.request_bytes;
        Ok(received > 0)
    }
}

/// Serves all connections on one thread that never sleeps while it has any.
fn spin(listener: &TcpListener, request_bytes: usize, answers: &Answers) -> io::Result<()> {
    let ready = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let listening = u64::MAX;
    epoll::add(&ready, listener, epoll::EventData::new_u64(listening), epoll::EventFlags::IN)?;
    let mut events = Vec::with_capacity(256);
    let at_once = rustix::fs::Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        events.clear();
        let open = connections.iter().any(Option::is_some);
        epoll::wait(&ready, rustix::buffer::spare_capacity(&mut events), open.then_some(&at_once))?;
        for event in &events {
            let number = event.data.u64();
            if number == listening {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                let data = epoll::EventData::new_u64(connections.len() as u64);
                epoll::add(&ready, &stream, data, epoll::EventFlags::IN)?;
                connections.push(Some(Connection::of(stream, request_bytes)));
            } else if let Some(place) = connections.get_mut(number as usize) {
                let open = match place.as_mut().map(|one| one.serve(answers, RecvFlags::DONTWAIT)) {
                    Some(Ok(open)) => open,
                    Some(Err(error)) => error.kind() == io::ErrorKind::WouldBlock,
                    None => false,
                };
                if !open {
                    *place = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{client::Client, encoded};

    #[test]
    fn every_request_gets_an_answer_whether_the_server_sleeps_or_spins() {
        for waiting in [Waiting::Sleeping, Waiting::Spinning] {
            for batch_bytes in [500, 100_000] {
                let request = encoded::Produce::new("t", 1, &encoded::batch(batch_bytes, 100));
                let address = start(&request.frame, &request.answer(), waiting).unwrap();
                let mut clients = [(); 3].map(|()| Client::connect(address, Instant::now()).unwrap());
                for count in [1, 5, 70] {
                    for client in &mut clients {
                        client.send_many(&request.frame, count).unwrap();
                    }
                    for client in &mut clients {
                        for _ in 0..count {
                            assert_eq!(request.base_offset(client.receive().unwrap()), Ok(0));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn large_answers_come_whole() {
        let request = encoded::fetch::FetchSession::new("t", 1 << 20).request_from(0).to_vec();
        let answer = encoded::fetch::answer("t", &vec![7; 300_000]);
        let address = start(&request, &answer, Waiting::Sleeping).unwrap();
        let mut client = Client::connect(address, Instant::now()).unwrap();
        assert_eq!(client.call(&request).unwrap(), &answer[4..]);
    }
}
