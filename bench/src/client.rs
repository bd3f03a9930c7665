//! A blocking connection that sends frames encoded beforehand and reads answers.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};

/// How long an answer may take before the run is given up.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Enough for the small answers of many requests; a larger answer makes it grow once.
const BUFFER_BYTES: usize = 64 << 10;
/// Frames of one write.
const FRAMES_PER_WRITE: usize = 16;

/// One connection. Answers are read in large pieces and handed out where they lie.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where in the buffer the bytes lie that were received and not yet handed out.
    begin: usize,
    end: usize,
    /// Room for what the kernel drops; never written to, so it takes no memory.
    nowhere: Vec<u8>,
}

impl Client {
    /// Connects, trying again until `deadline`.
    pub fn connect(address: SocketAddr, deadline: Instant) -> io::Result<Client> {
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(ANSWER_MAX))?;
                    let (buffer, nowhere) = (vec![0; BUFFER_BYTES], Vec::new());
                    return Ok(Client { stream, buffer, begin: 0, end: 0, nowhere });
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_micros(500)),
            }
        }
    }

    /// The socket, for those who wait on several.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends one frame.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.write_all(frame)
    }

    /// Sends `count` copies of a frame in as few calls as possible.
    pub fn send_many(&mut self, frame: &[u8], count: usize) -> io::Result<()> {
        let mut left = count;
        if left == 1 {
            // Cheaper than a list of one.
            return self.send(frame);
        }
        while left > 0 {
            let frames = left.min(FRAMES_PER_WRITE);
            let mut slices = [IoSlice::new(frame); FRAMES_PER_WRITE];
            let mut slices = &mut slices[..frames];
            while !slices.is_empty() {
                let written = self.stream.write_vectored(slices)?;
                IoSlice::advance_slices(&mut slices, written);
            }
            left -= frames;
        }
        Ok(())
    }

    /// Reads one answer: all that follows its size.
    pub fn receive(&mut self) -> io::Result<&[u8]> {
        loop {
            if let Some(size) = self.whole_frame() {
                return Ok(self.take(size));
            }
            self.make_room(self.frame_size().unwrap_or(0));
            self.fill(RecvFlags::empty())?;
        }
    }

    /// Reads an answer's first `head` bytes behind its size (fewer where it is shorter), has the kernel drop the
    /// rest uncopied, and returns them with the size of the whole.
    pub fn receive_head(&mut self, head: usize) -> io::Result<(&[u8], usize)> {
        while self.frame_size().is_none_or(|size| self.end - self.begin < 4 + size.min(head)) {
            self.make_room(head);
            self.fill(RecvFlags::empty())?;
        }
        let size = self.frame_size().ok_or(io::ErrorKind::InvalidData)?;
        let mut missing = (4 + size).saturating_sub(self.end - self.begin);
        let begin = self.begin;
        self.begin = self.end.min(begin + 4 + size);
        if self.nowhere.len() < missing {
            self.nowhere = vec![0; size];
        }
        while missing > 0 {
            let (_, dropped) = recv(&self.stream, &mut self.nowhere[..missing], RecvFlags::TRUNC)?;
            if dropped == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            missing = missing.saturating_sub(dropped);
        }
        Ok((&self.buffer[begin + 4..begin + 4 + size.min(head)], size))
    }

    /// The next answer where it is there already, without waiting.
    pub fn receive_now(&mut self) -> io::Result<Option<&[u8]>> {
        if self.whole_frame().is_none() {
            self.make_room(self.frame_size().unwrap_or(0));
            match self.fill(RecvFlags::DONTWAIT) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                filled => filled?,
            }
        }
        Ok(self.whole_frame().map(|size| self.take(size)))
    }

    /// Sends one frame and reads its answer.
    pub fn call(&mut self, frame: &[u8]) -> Result<&[u8], String> {
        let peer = self.stream.peer_addr();
        let answered = self.send(frame).and_then(|()| self.receive());
        answered.map_err(|error| format!("no answer to api key {} from {peer:?}: {error}", api_key(frame)))
    }

    /// True where the next answer has arrived whole already.
    pub fn has_answer(&self) -> bool {
        self.whole_frame().is_some()
    }

    fn frame_size(&self) -> Option<usize> {
        let size = self.buffer.get(self.begin..self.end)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*size) as usize)
    }

    /// Size of the first frame where all of it is there.
    fn whole_frame(&self) -> Option<usize> {
        self.frame_size().filter(|size| self.end - self.begin >= 4 + size)
    }

    fn take(&mut self, size: usize) -> &[u8] {
        let begin = self.begin + 4;
        self.begin = begin + size;
        &self.buffer[begin..begin + size]
    }

    /// Makes sure that a frame of `size` bytes fits, and that something can be read at all.
    fn make_room(&mut self, size: usize) {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
        }
        if self.begin > 0 && self.begin + 4 + size >= self.buffer.len() {
            self.buffer.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
        }
        if self.buffer.len() < 4 + size {
            self.buffer.resize(4 + size, 0);
        }
    }

    fn fill(&mut self, flags: RecvFlags) -> io::Result<()> {
        let received = if flags.is_empty() {
            self.stream.read(&mut self.buffer[self.end..])?
        } else {
            recv(&self.stream, &mut self.buffer[self.end..], flags)?.0
        };
        if received == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.end += received;
        Ok(())
    }
}

/// The API key of an encoded request, which follows its size.
fn api_key(frame: &[u8]) -> i16 {
    frame.get(4..6).and_then(|key| key.try_into().ok()).map_or(-1, i16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A client whose server sends these pieces, each once the one before was taken.
    fn client_of(pieces: Vec<Vec<u8>>) -> Client {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in pieces {
                stream.write_all(&piece).unwrap();
            }
        });
        Client::connect(address, Instant::now()).unwrap()
    }

    fn frame(size: usize, fill: u8) -> Vec<u8> {
        [&u32::try_from(size).unwrap().to_be_bytes()[..], &vec![fill; size]].concat()
    }

    #[test]
    fn answers_of_any_size_come_out_whole_however_they_arrive() {
        let sizes = [3, 70_000, 0, 65_530, 1_000_000, 12];
        let bytes: Vec<u8> = sizes.iter().zip(1..).flat_map(|(size, fill)| frame(*size, fill)).collect();
        let mut client = client_of(bytes.chunks(50_001).map(<[u8]>::to_vec).collect());
        for (size, fill) in sizes.iter().zip(1..) {
            assert_eq!(client.receive().unwrap(), vec![fill; *size]);
        }
        assert!(client.receive().is_err());
    }

    #[test]
    fn the_rest_behind_a_head_is_dropped_and_the_next_answer_follows() {
        let mut client = client_of(vec![[frame(500_000, 1), frame(5, 2), frame(90, 3)].concat()]);
        let (head, size) = client.receive_head(100).unwrap();
        assert_eq!((head.to_vec(), size), (vec![1; 100], 500_000));
        let (head, size) = client.receive_head(100).unwrap();
        assert_eq!((head.to_vec(), size), (vec![2; 5], 5));
        assert_eq!(client.receive().unwrap(), [3; 90]);
    }
}
