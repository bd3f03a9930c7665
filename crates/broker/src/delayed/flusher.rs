//! The threads of a log directory that put partitions on stable storage: for requests that must not be answered
//! before, and for partitions whose `flush.ms` is over.
//!
//! A partition is flushed by one thread at a time, and all that was asked for meanwhile shares its next flush. Several
//! partitions are flushed beside each other, because the file system commits what is asked for together at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::partition_threads::{PartitionThreads, PartitionWork};
use crate::partitions::Partition;

/// The flusher of one log directory. Its threads end with it.
#[derive(Debug)]
pub struct Flusher {
    threads: PartitionThreads<Flushing>,
}

/// Tells when what was appended before is on stable storage; an error means that nobody knows.
pub type FlushTicket = oneshot::Receiver<()>;

/// What one partition waits for.
#[derive(Debug, Default)]
pub struct FlushRequests {
    state: Mutex<Requested>,
}

#[derive(Debug, Default)]
struct Requested {
    waiting: Vec<oneshot::Sender<()>>,
    /// The partition is in the queue, or will be again because it was asked for since its flush began.
    is_queued: bool,
    is_being_flushed: bool,
}

/// Puts partitions on stable storage, and counts.
#[derive(Debug, Default)]
struct Flushing {
    flushes: AtomicU64,
}

impl Flusher {
    /// Starts the first thread; others come while several partitions wait.
    pub fn start() -> io::Result<Flusher> {
        Ok(Flusher { threads: PartitionThreads::start(Flushing::default())? })
    }

    /// Has what is in `partition` now put on stable storage; the ticket is answered then.
    pub fn flush(&self, partition: &Arc<Partition>) -> FlushTicket {
        let (done, ticket) = oneshot::channel();
        if partition.flush_requests.add(Some(done)) {
            self.threads.add_marked(Arc::clone(partition));
        }
        ticket
    }

    /// As [`Flusher::flush`] where nobody waits.
    pub fn flush_unattended(&self, partition: &Arc<Partition>) {
        self.threads.add(partition);
    }

    /// Has `partition` put on stable storage when `due` has come (`flush.ms`).
    pub fn flush_at(&self, partition: &Arc<Partition>, due: Instant) {
        self.threads.add_at(partition, due);
    }

    /// Counts flushes of partitions that somebody else has made.
    pub fn count(&self, flushes: usize) {
        self.threads.work().flushes.fetch_add(flushes as u64, Ordering::Relaxed);
    }

    /// Flushes of partitions since the start.
    pub fn flushes(&self) -> u64 {
        self.threads.work().flushes.load(Ordering::Relaxed)
    }
}

impl FlushRequests {
    /// Notes a request; true where the partition is to be queued for it.
    fn add(&self, done: Option<oneshot::Sender<()>>) -> bool {
        let mut state = self.state.lock();
        state.waiting.extend(done);
        let was_queued = std::mem::replace(&mut state.is_queued, true);
        !was_queued && !state.is_being_flushed
    }

    /// A flush begins, for all that was asked for by now.
    fn begin(&self) -> Vec<oneshot::Sender<()>> {
        let mut state = self.state.lock();
        state.is_queued = false;
        state.is_being_flushed = true;
        std::mem::take(&mut state.waiting)
    }

    /// The flush has ended; true where the partition is to be queued again.
    fn end(&self) -> bool {
        let mut state = self.state.lock();
        state.is_being_flushed = false;
        state.is_queued
    }
}

impl PartitionWork for Flushing {
    const NAME: &'static str = "flusher";

    fn marks(&self, partition: &Partition) -> bool {
        partition.flush_requests.add(None)
    }

    fn run(&self, partition: &Arc<Partition>) -> bool {
        let waiting = partition.flush_requests.begin();
        if self.flush(partition) {
            for done in waiting {
                // Nobody waits where the client has gone.
                let _ = done.send(());
            }
        }
        partition.flush_requests.end()
    }
}

impl Flushing {
    fn flush(&self, partition: &Partition) -> bool {
        if partition.is_gone() {
            // Its folder may be on its way out; what was waited for is nobody's any more.
            return false;
        }
        self.flushes.fetch_add(1, Ordering::Relaxed);
        match partition.flush() {
            Ok(()) => true,
            // It went while it was flushed.
            Err(_) if partition.is_gone() => false,
            Err(error) => {
                tracing::error!(?partition, %error, "a flush failed");
                false
            }
        }
    }
}
