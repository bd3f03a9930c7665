//! The reading half of a client, on a thread of its own: answers, events, and pings where there is nothing to say.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use model::limits::ZOOKEEPER_REPLY_BYTES_MAX;
use parking_lot::Mutex;

use super::Heard;
use crate::event::{Event, NOTIFICATION_ID};
use crate::jute::{JuteError, Reader, Writer};
use crate::reply::ReplyHeader;
use crate::request::{PING_ID, Request};

/// Bytes that are read at a time.
const READ_BYTES: usize = 16 * 1024;

/// What reads.
pub(super) struct Incoming {
    reading: TcpStream,
    writing: Arc<Mutex<TcpStream>>,
    session_timeout: Duration,
    chroot: String,
    bytes: Vec<u8>,
}

/// Reads one frame, before there is anything else to wait for.
pub(super) fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = checked(length)?;
    let mut frame = Vec::new();
    stream.take(length as u64).read_to_end(&mut frame)?;
    if frame.len() < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(frame) }
}

fn checked(length: [u8; 4]) -> io::Result<usize> {
    let announced = i32::from_be_bytes(length);
    let length = usize::try_from(announced).ok().filter(|length| *length <= ZOOKEEPER_REPLY_BYTES_MAX);
    length.ok_or_else(|| invalid(format!("a packet of {announced} bytes")))
}

impl Incoming {
    /// Reads from one handle of a socket, writes pings to the other.
    pub fn new(
        reading: TcpStream,
        writing: Arc<Mutex<TcpStream>>,
        session_timeout: Duration,
        chroot: String,
    ) -> io::Result<Incoming> {
        // As often as ZooKeeper's own client pings.
        reading.set_read_timeout(Some(session_timeout / 3))?;
        Ok(Incoming { reading, writing, session_timeout, chroot, bytes: Vec::new() })
    }

    /// Reads until the connection ends.
    pub fn run(mut self, answers: &mpsc::Sender<Vec<u8>>, hear: &dyn Fn(Heard)) -> io::Result<()> {
        let mut heard = Instant::now();
        let mut chunk = vec![0; READ_BYTES];
        loop {
            match self.reading.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    heard = Instant::now();
                    self.bytes.extend(chunk.iter().take(count));
                    while let Some(frame) = self.take()? {
                        self.hand_on(frame, answers, hear)?;
                    }
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if heard.elapsed() > self.session_timeout {
                        return Err(error);
                    }
                    let mut writer = Writer::new();
                    Request::Ping.encode(PING_ID, &mut writer);
                    self.writing.lock().write_all(&writer.into_bytes())?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((length, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = checked(*length)?;
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let frame = frame.to_vec();
        self.bytes.drain(..4 + length);
        Ok(Some(frame))
    }

    fn hand_on(
        &self,
        frame: Vec<u8>,
        answers: &mpsc::Sender<Vec<u8>>,
        hear: &dyn Fn(Heard),
    ) -> io::Result<()> {
        let mut reader = Reader::new(&frame);
        let malformed = |error: JuteError| invalid(error.to_string());
        let header = ReplyHeader::decode(&mut reader).map_err(malformed)?;
        match header.id {
            PING_ID => {}
            NOTIFICATION_ID => {
                if let Some(event) = Event::decode(&mut reader).map_err(malformed)? {
                    hear(Heard::Event(self.inside(event)));
                }
            }
            // Nobody waits where the client is gone; the socket ends then, too.
            _ => drop(answers.send(frame)),
        }
        Ok(())
    }

    /// The event as seen from the client's root.
    fn inside(&self, event: Event) -> Event {
        let path = match event.path.strip_prefix(&self.chroot) {
            Some("") => "/".to_owned(),
            Some(inside) => inside.to_owned(),
            None => event.path,
        };
        Event { path, ..event }
    }
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
