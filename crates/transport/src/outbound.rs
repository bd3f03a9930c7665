//! What a connection still has to send: encoded bytes and ranges of files, in order.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use rustix::net::SendFlags;

/// A part of a file to be sent without passing through our memory. The file stays open until then.
#[derive(Clone)]
pub struct FileRange {
    /// The open file.
    pub file: Arc<File>,
    /// First byte to send.
    pub position: u64,
    /// Bytes to send.
    pub len: usize,
}

/// The queue of a connection's output.
#[derive(Debug, Default)]
pub struct Outbound {
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that are sent already.
    sent: usize,
    /// Where files are spliced in: before which position of `bytes`, ascending.
    files: VecDeque<(usize, FileRange)>,
    file_bytes: u64,
    sendfile_calls: u64,
}

impl Outbound {
    /// The buffer that responses are encoded into, at its end. What is appended counts as queued.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Queues a file range behind everything queued so far.
    pub fn push_file(&mut self, range: FileRange) {
        let at = self.bytes.len();
        self.push_file_at(at, range);
    }

    /// Queues a file range at position `at` of the buffer, not before an earlier range.
    pub fn push_file_at(&mut self, at: usize, range: FileRange) {
        debug_assert!(self.files.back().is_none_or(|(last, _)| *last <= at), "file ranges come in order");
        if range.len > 0 {
            self.file_bytes += range.len as u64;
            self.files.push_back((at, range));
        }
    }

    /// Queues all that `other` holds behind everything queued so far.
    pub fn append(&mut self, other: Outbound) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        for (position, range) in other.files {
            self.push_file_at(at + position, range);
        }
    }

    /// True where nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len() && self.files.is_empty()
    }

    /// Bytes that wait in memory.
    pub fn buffered_bytes(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Bytes that wait in files.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// How many sendfile calls this connection has made.
    pub fn sendfile_calls(&self) -> u64 {
        self.sendfile_calls
    }

    /// Gives up the buffer once all is sent, so that an idle connection holds none.
    pub fn release(&mut self) -> Vec<u8> {
        debug_assert!(self.is_empty(), "bytes that wait must not be dropped");
        self.sent = 0;
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        bytes
    }

    /// Lends an empty buffer to encode into; for use while nothing is queued.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        debug_assert!(self.bytes.is_empty() && buffer.is_empty(), "lent while in use");
        self.bytes = buffer;
    }

    /// True where the queue holds no buffer to encode into yet.
    pub fn needs_buffer(&self) -> bool {
        self.bytes.capacity() == 0
    }

    /// Sends as much as `socket` takes. `WouldBlock` where something is left.
    ///
    /// A range that ends before its length (the file was cut meanwhile) is an error: the frame's size
    /// prefix is sent already, so the connection has to be closed.
    pub fn send(&mut self, socket: impl AsFd) -> io::Result<()> {
        loop {
            let buffered_until = self.files.front().map_or(self.bytes.len(), |(at, _)| *at);
            if self.sent < buffered_until {
                self.send_bytes(&socket, buffered_until)?;
            } else if let Some((_, range)) = self.files.front_mut() {
                let sent = send_file(&socket, range)?;
                self.sendfile_calls += 1;
                self.file_bytes -= sent as u64;
                if range.len == 0 {
                    self.files.pop_front();
                }
            } else {
                self.bytes.clear();
                self.sent = 0;
                return Ok(());
            }
        }
    }

    fn send_bytes(&mut self, socket: impl AsFd, until: usize) -> io::Result<()> {
        // With a file right behind, MORE keeps the kernel from sending the head as a packet of its own.
        let more = if self.files.is_empty() { SendFlags::empty() } else { SendFlags::MORE };
        let sent = rustix::net::send(socket, &self.bytes[self.sent..until], SendFlags::NOSIGNAL | more)?;
        self.sent += sent;
        Ok(())
    }
}

fn send_file(socket: impl AsFd, range: &mut FileRange) -> io::Result<usize> {
    let mut position = range.position;
    let sent = rustix::fs::sendfile(socket, &range.file, Some(&mut position), range.len)?;
    if sent == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file ended before the range to send"));
    }
    range.position = position;
    range.len -= sent;
    Ok(sent)
}

impl fmt::Debug for FileRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileRange({}+{})", self.position, self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn file_with(content: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Arc::new(file)
    }

    #[test]
    fn bytes_and_files_arrive_in_the_order_queued() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let mut outbound = Outbound::default();
        outbound.buffer().extend_from_slice(b"head");
        outbound.push_file(FileRange { file: file_with(b"0123456789"), position: 2, len: 3 });
        outbound.buffer().extend_from_slice(b"tail");
        outbound.push_file(FileRange { file: file_with(b"ab"), position: 0, len: 2 });
        assert_eq!((outbound.buffered_bytes(), outbound.file_bytes()), (8, 5));
        outbound.send(&writer).unwrap();
        assert!(outbound.is_empty());
        assert_eq!(outbound.sendfile_calls(), 2);
        drop(writer);
        let mut received = String::new();
        reader.read_to_string(&mut received).unwrap();
        assert_eq!(received, "head234tailab");
    }

    #[test]
    fn what_the_socket_does_not_take_stays_queued() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let mut outbound = Outbound::default();
        outbound.buffer().resize(4 << 20, 7);
        assert_eq!(outbound.send(&writer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let left = outbound.buffered_bytes();
        assert!(left > 0 && left < 4 << 20);
        let mut received = vec![0; (4 << 20) - left];
        reader.read_exact(&mut received).unwrap();
        assert!(outbound.send(&writer).is_err() || outbound.is_empty());
    }

    #[test]
    fn a_file_cut_short_is_an_error() {
        let (_reader, writer) = UnixStream::pair().unwrap();
        let mut outbound = Outbound::default();
        outbound.push_file(FileRange { file: file_with(b"ab"), position: 0, len: 3 });
        assert_eq!(outbound.send(&writer).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
