//! What a connection still has to send: encoded bytes, shared bytes and ranges of files, in order.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes};
use rustix::net::{SendAncillaryBuffer, SendFlags};

use crate::socket_counters::SocketCounters;

/// Pieces of memory that one send gathers at most.
const GATHERED_MAX: usize = 16;
/// Encoded bytes up to this many are copied behind what is queued rather than taken over with their buffer.
const COPIED_MAX: usize = 16 * 1024;

/// How many files wait to be sent, over all connections: each holds a descriptor that nobody can take back.
#[derive(Debug)]
pub struct FilePins {
    taken: AtomicUsize,
    ample_max: usize,
    files_max: usize,
}

/// One file that waits to be sent.
#[derive(Debug)]
pub struct FilePin(Arc<FilePins>);

impl FilePins {
    /// Nothing waits yet; up to `ample_max` files may do so without anybody holding back, and `files_max` in all.
    pub fn new(ample_max: usize, files_max: usize) -> Arc<FilePins> {
        Arc::new(FilePins { taken: AtomicUsize::new(0), ample_max, files_max })
    }

    /// Counts one file more.
    pub fn pin(self: &Arc<Self>) -> FilePin {
        self.taken.fetch_add(1, Ordering::Relaxed);
        FilePin(Arc::clone(self))
    }

    /// Files that wait now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Files that the next answer may hold: half of what is ample, then one, and none where no more may wait.
    pub fn per_answer(&self) -> usize {
        let taken = self.taken();
        let ample = self.ample_max.saturating_sub(taken) / 2;
        if taken < self.files_max { ample.max(1) } else { 0 }
    }
}

impl Drop for FilePin {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A part of a file to be sent without passing through our memory. The file stays open until then.
pub struct FileRange {
    /// Counts the file until it is sent.
    pub pin: FilePin,
    /// The open file.
    pub file: Arc<File>,
    /// First byte to send.
    pub position: u64,
    /// Bytes to send.
    pub len: usize,
}

/// What is spliced into the encoded bytes.
#[derive(Debug)]
enum Piece {
    File(FileRange),
    /// Bytes that others hold too, sent from where they are.
    Shared(Bytes),
}

/// The queue of a connection's output.
#[derive(Debug, Default)]
pub struct Outbound {
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that are sent already.
    sent: usize,
    /// What is spliced in: before which position of `bytes`, ascending.
    pieces: VecDeque<(usize, Piece)>,
    file_bytes: u64,
    shared_bytes: usize,
}

impl Outbound {
    /// The buffer that responses are encoded into, at its end. What is appended counts as queued.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Queues encoded bytes behind everything queued so far; their memory is taken over where nothing waits.
    pub fn push(&mut self, bytes: Vec<u8>) {
        if self.is_empty() {
            (self.bytes, self.sent) = (bytes, 0);
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    /// Queues a file range behind everything queued so far.
    pub fn push_file(&mut self, range: FileRange) {
        let at = self.bytes.len();
        self.push_file_at(at, range);
    }

    /// Queues a file range at position `at` of the buffer, not before an earlier piece.
    pub fn push_file_at(&mut self, at: usize, range: FileRange) {
        if range.len > 0 {
            self.file_bytes += range.len as u64;
            self.push_piece(at, Piece::File(range));
        }
    }

    /// Queues shared bytes at position `at` of the buffer, not before an earlier piece.
    pub fn push_shared_at(&mut self, at: usize, bytes: Bytes) {
        if !bytes.is_empty() {
            self.shared_bytes += bytes.len();
            self.push_piece(at, Piece::Shared(bytes));
        }
    }

    fn push_piece(&mut self, at: usize, piece: Piece) {
        debug_assert!(self.pieces.back().is_none_or(|(last, _)| *last <= at), "pieces come in order");
        self.pieces.push_back((at, piece));
    }

    /// Queues all that `other` holds behind everything queued so far.
    pub fn append(&mut self, mut other: Outbound) {
        if self.is_empty() && other.bytes.len() > COPIED_MAX {
            *self = other;
            return;
        }
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.pieces.extend(other.pieces.drain(..).map(|(position, piece)| (at + position, piece)));
        self.file_bytes += other.file_bytes;
        self.shared_bytes += other.shared_bytes;
    }

    /// True where nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len() && self.pieces.is_empty()
    }

    /// Bytes that wait in memory, whether held here alone or shared.
    pub fn buffered_bytes(&self) -> usize {
        self.bytes.len() - self.sent + self.shared_bytes
    }

    /// Bytes that wait in files.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Bytes that wait, wherever they are.
    pub fn waiting_bytes(&self) -> usize {
        self.buffered_bytes() + self.file_bytes as usize
    }

    /// Memory that the queue keeps from others: its buffer, sent or not, and what is shared.
    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.shared_bytes
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

    /// Sends as much as `socket` takes, until `bytes_max` bytes have gone, or more where one send gathers what lies in memory.
    /// `WouldBlock` where the socket takes no more.
    ///
    /// A range that ends before its length (the file was cut meanwhile) is an error: the frame's size
    /// prefix is sent already, so the connection has to be closed.
    pub fn send(&mut self, socket: impl AsFd, counters: &SocketCounters, bytes_max: usize) -> io::Result<()> {
        let mut left = self.waiting_bytes().min(bytes_max);
        while left > 0 {
            let sent = match self.pieces.front_mut() {
                Some((at, Piece::File(range))) if *at == self.sent => {
                    let sent = send_file(&socket, range, left)?;
                    let done = range.len == 0;
                    self.file_bytes -= sent as u64;
                    counters.count_file_send(sent);
                    if done {
                        self.pieces.pop_front();
                    }
                    sent
                }
                Some(_) => {
                    let sent = self.send_gathered(&socket)?;
                    counters.count_send(sent);
                    sent
                }
                None => {
                    let next = self.bytes.get(self.sent..self.sent + left).unwrap_or_default();
                    let sent = rustix::net::send(&socket, next, SendFlags::NOSIGNAL)?;
                    self.sent += sent;
                    counters.count_send(sent);
                    sent
                }
            };
            left = left.saturating_sub(sent);
        }
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
        Ok(())
    }

    /// One send of what lies in memory before the next file.
    fn send_gathered(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let mut parts = [IoSlice::new(&[]); GATHERED_MAX];
        let mut count = 0;
        let mut from = self.sent;
        let mut more = SendFlags::empty();
        for (at, piece) in &self.pieces {
            if count + 2 >= GATHERED_MAX {
                more = SendFlags::MORE;
                break;
            }
            count += put(&mut parts, count, self.bytes.get(from..*at));
            from = *at;
            match piece {
                Piece::Shared(bytes) => count += put(&mut parts, count, Some(bytes)),
                Piece::File(_) => {
                    // With a file right behind, MORE keeps the kernel from sending the head as a packet of its own.
                    more = SendFlags::MORE;
                    break;
                }
            }
        }
        if more.is_empty() {
            count += put(&mut parts, count, self.bytes.get(from..));
        }
        let parts = parts.get(..count).unwrap_or_default();
        let mut no_control = SendAncillaryBuffer::default();
        let sent = rustix::net::sendmsg(socket, parts, &mut no_control, SendFlags::NOSIGNAL | more)?;
        self.take_sent(sent);
        Ok(sent)
    }

    /// Moves the front past `sent` bytes of memory.
    fn take_sent(&mut self, mut sent: usize) {
        while sent > 0 {
            let until = self.pieces.front().map_or(self.bytes.len(), |(at, _)| *at);
            let own = sent.min(until - self.sent);
            self.sent += own;
            sent -= own;
            let Some((_, Piece::Shared(bytes))) = self.pieces.front_mut().filter(|_| sent > 0) else {
                return;
            };
            let shared = sent.min(bytes.len());
            bytes.advance(shared);
            self.shared_bytes -= shared;
            sent -= shared;
            if bytes.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}

/// Puts `bytes` at place `at` unless there are none; returns how many places that took.
fn put<'b>(parts: &mut [IoSlice<'b>], at: usize, bytes: Option<&'b [u8]>) -> usize {
    match (parts.get_mut(at), bytes) {
        (Some(part), Some(bytes)) if !bytes.is_empty() => {
            *part = IoSlice::new(bytes);
            1
        }
        _ => 0,
    }
}

fn send_file(socket: impl AsFd, range: &mut FileRange, bytes_max: usize) -> io::Result<usize> {
    let mut position = range.position;
    let sent = rustix::fs::sendfile(socket, &range.file, Some(&mut position), range.len.min(bytes_max))?;
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
    fn bytes_shared_pieces_and_files_arrive_in_the_order_queued() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let counters = SocketCounters::default();
        let mut outbound = Outbound::default();
        outbound.push(b"he".to_vec());
        outbound.push(b"ad".to_vec());
        outbound.push_file(FileRange {
            pin: FilePins::new(1, 1).pin(),
            file: file_with(b"0123456789"),
            position: 2,
            len: 3,
        });
        outbound.buffer().extend_from_slice(b"tail");
        outbound.push_shared_at(8, Bytes::from_static(b"[shared]"));
        let mut behind = Outbound::default();
        behind.buffer().extend_from_slice(b"next");
        behind.push_shared_at(2, Bytes::from_static(b"-"));
        behind.push_file(FileRange {
            pin: FilePins::new(1, 1).pin(),
            file: file_with(b"ab"),
            position: 0,
            len: 2,
        });
        outbound.append(behind);
        assert_eq!((outbound.buffered_bytes(), outbound.file_bytes()), (21, 5));
        outbound.send(&writer, &counters, usize::MAX).unwrap();
        assert!(outbound.is_empty());
        assert_eq!((outbound.buffered_bytes(), outbound.file_bytes()), (0, 0));
        assert_eq!(counters.counts().file_sends, 2);
        assert_eq!(counters.counts().sends, 2, "what lies between two files goes with one send");
        drop(writer);
        let mut received = String::new();
        reader.read_to_string(&mut received).unwrap();
        assert_eq!(received, "head234tail[shared]ne-xtab");
    }

    #[test]
    fn many_shared_pieces_take_several_sends_and_keep_their_order() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let mut outbound = Outbound::default();
        let mut expected = Vec::new();
        for number in 0..50u8 {
            outbound.buffer().push(number);
            let at = outbound.buffer().len();
            outbound.push_shared_at(at, Bytes::from(vec![number; 3]));
            expected.extend([number; 4]);
        }
        outbound.send(&writer, &SocketCounters::default(), usize::MAX).unwrap();
        drop(writer);
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        assert_eq!(received, expected);
    }

    #[test]
    fn what_the_socket_does_not_take_stays_queued() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        writer.set_nonblocking(true).unwrap();
        let counters = SocketCounters::default();
        let mut outbound = Outbound::default();
        outbound.buffer().resize(1 << 20, 1);
        outbound.push_shared_at(1 << 20, Bytes::from(vec![2; 1 << 20]));
        outbound.buffer().resize(2 << 20, 3);
        let mut received = Vec::new();
        while let Err(error) = outbound.send(&writer, &counters, usize::MAX) {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            let mut some = vec![0; 100_000];
            let read = reader.read(&mut some).unwrap();
            received.extend_from_slice(&some[..read]);
            let unread = counters.counts().sent_bytes as usize - received.len();
            assert_eq!(outbound.buffered_bytes() + unread + received.len(), 3 << 20);
        }
        drop(writer);
        reader.read_to_end(&mut received).unwrap();
        let expected = [vec![1; 1 << 20], vec![2; 1 << 20], vec![3; 1 << 20]].concat();
        assert!(received == expected);
    }

    #[test]
    fn no_more_is_sent_than_was_asked_for() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let counters = SocketCounters::default();
        let mut outbound = Outbound::default();
        outbound.push_file(FileRange {
            pin: FilePins::new(1, 1).pin(),
            file: file_with(b"0123456789"),
            position: 0,
            len: 10,
        });
        outbound.buffer().extend_from_slice(b"abcde");
        for (bytes_max, waiting) in [(4, 11), (7, 4), (3, 1), (9, 0)] {
            outbound.send(&writer, &counters, bytes_max).unwrap();
            assert_eq!(outbound.waiting_bytes(), waiting);
        }
        drop(writer);
        let mut received = String::new();
        reader.read_to_string(&mut received).unwrap();
        assert_eq!(received, "0123456789abcde");
    }

    #[test]
    fn files_that_wait_are_counted_until_they_are_sent_or_dropped() {
        let (_reader, writer) = UnixStream::pair().unwrap();
        let pins = FilePins::new(9, 12);
        let mut outbound = Outbound::default();
        for _ in 0..5 {
            outbound.push_file(FileRange { pin: pins.pin(), file: file_with(b"ab"), position: 0, len: 2 });
        }
        assert_eq!((pins.taken(), pins.per_answer()), (5, 2));
        let more: Vec<FilePin> = (0..5).map(|_| pins.pin()).collect();
        assert_eq!((pins.taken(), pins.per_answer()), (10, 1));
        let most: Vec<FilePin> = (0..2).map(|_| pins.pin()).collect();
        assert_eq!((pins.taken(), pins.per_answer()), (12, 0));
        drop(most);
        outbound.send(&writer, &SocketCounters::default(), usize::MAX).unwrap();
        drop(more);
        assert_eq!(pins.taken(), 0);
    }

    #[test]
    fn a_file_cut_short_is_an_error() {
        let (_reader, writer) = UnixStream::pair().unwrap();
        let mut outbound = Outbound::default();
        outbound.push_file(FileRange {
            pin: FilePins::new(1, 1).pin(),
            file: file_with(b"ab"),
            position: 0,
            len: 3,
        });
        let outcome = outbound.send(&writer, &SocketCounters::default(), usize::MAX);
        assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
