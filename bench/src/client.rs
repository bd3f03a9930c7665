//! A blocking connection that sends frames encoded beforehand and reads answers.

use std::io::{self, BufReader, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take before the run is given up.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Enough for the small answers of a burst; a large answer is read past the buffer, which would be one more copy.
const BUFFER_BYTES: usize = 16 << 10;

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    frame: Vec<u8>,
}

impl Client {
    /// Connects, trying again until `deadline`.
    pub fn connect(address: SocketAddr, deadline: Instant) -> io::Result<Client> {
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(ANSWER_MAX))?;
                    let stream = BufReader::with_capacity(BUFFER_BYTES, stream);
                    return Ok(Client { stream, frame: Vec::new() });
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_micros(500)),
            }
        }
    }

    /// Sends one frame.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(frame)
    }

    /// Sends `count` copies of a frame in as few calls as possible.
    pub fn send_many(&mut self, frame: &[u8], count: usize) -> io::Result<()> {
        let mut slices = vec![IoSlice::new(frame); count];
        let mut slices = slices.as_mut_slice();
        while !slices.is_empty() {
            let written = self.stream.get_mut().write_vectored(slices)?;
            IoSlice::advance_slices(&mut slices, written);
        }
        Ok(())
    }

    /// Reads one answer: all that follows its size.
    pub fn receive(&mut self) -> io::Result<&[u8]> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        self.frame.resize(u32::from_be_bytes(size) as usize, 0);
        self.stream.read_exact(&mut self.frame)?;
        Ok(&self.frame)
    }

    /// Sends one frame and reads its answer.
    pub fn call(&mut self, frame: &[u8]) -> Result<&[u8], String> {
        let peer = self.stream.get_ref().peer_addr();
        let answered = self.send(frame).and_then(|()| self.receive());
        answered.map_err(|error| format!("no answer to api key {} from {peer:?}: {error}", api_key(frame)))
    }

    /// True where the next answer has arrived whole already.
    pub fn has_answer(&self) -> bool {
        holds_frame(self.stream.buffer())
    }
}

/// The API key of an encoded request, which follows its size.
fn api_key(frame: &[u8]) -> i16 {
    frame.get(4..6).and_then(|key| key.try_into().ok()).map_or(-1, i16::from_be_bytes)
}

/// True where `buffered` begins with a whole frame.
pub fn holds_frame(buffered: &[u8]) -> bool {
    let size = buffered.first_chunk::<4>().map(|size| u32::from_be_bytes(*size) as usize);
    size.is_some_and(|size| buffered.len() >= 4 + size)
}
