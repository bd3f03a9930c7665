//! System calls and bytes of the sockets of one core.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one core's connections have read and sent. Only that core counts; anybody may look.
#[derive(Debug, Default)]
pub struct SocketCounters {
    reads: AtomicU64,
    received_bytes: AtomicU64,
    sends: AtomicU64,
    sent_bytes: AtomicU64,
    file_sends: AtomicU64,
    file_bytes: AtomicU64,
}

/// The counts at one moment; those of several cores add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SocketCounts {
    /// Reads that returned bytes.
    pub reads: u64,
    /// Bytes read.
    pub received_bytes: u64,
    /// Sends from memory.
    pub sends: u64,
    /// Bytes sent from memory.
    pub sent_bytes: u64,
    /// Sends straight from a file (sendfile).
    pub file_sends: u64,
    /// Bytes sent straight from files.
    pub file_bytes: u64,
}

impl SocketCounters {
    /// A read has returned `bytes` bytes.
    pub fn count_read(&self, bytes: usize) {
        add(&self.reads, 1);
        add(&self.received_bytes, bytes as u64);
    }

    /// A send from memory has taken `bytes` bytes.
    pub fn count_send(&self, bytes: usize) {
        add(&self.sends, 1);
        add(&self.sent_bytes, bytes as u64);
    }

    /// A send from a file has taken `bytes` bytes.
    pub fn count_file_send(&self, bytes: usize) {
        add(&self.file_sends, 1);
        add(&self.file_bytes, bytes as u64);
    }

    /// The counts now.
    pub fn counts(&self) -> SocketCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SocketCounts {
            reads: of(&self.reads),
            received_bytes: of(&self.received_bytes),
            sends: of(&self.sends),
            sent_bytes: of(&self.sent_bytes),
            file_sends: of(&self.file_sends),
            file_bytes: of(&self.file_bytes),
        }
    }
}

impl std::ops::Add for SocketCounts {
    type Output = SocketCounts;

    fn add(self, other: SocketCounts) -> SocketCounts {
        SocketCounts {
            reads: self.reads + other.reads,
            received_bytes: self.received_bytes + other.received_bytes,
            sends: self.sends + other.sends,
            sent_bytes: self.sent_bytes + other.sent_bytes,
            file_sends: self.file_sends + other.file_sends,
            file_bytes: self.file_bytes + other.file_bytes,
        }
    }
}

/// One writer, so a load and a store do, and no cache line is locked.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_cores_add_up() {
        let (one, other) = (SocketCounters::default(), SocketCounters::default());
        one.count_read(10);
        one.count_send(3);
        other.count_send(4);
        other.count_file_send(100);
        let sum = one.counts() + other.counts();
        let expected = SocketCounts {
            reads: 1,
            received_bytes: 10,
            sends: 2,
            sent_bytes: 7,
            file_sends: 1,
            file_bytes: 100,
        };
        assert_eq!(sum, expected);
    }
}
