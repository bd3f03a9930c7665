//! Batches that found the append lock taken, left for its holder to append with its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use partition_log::{AppendError, Appended};
use records::CheckedBatch;
use tokio::sync::oneshot;
use transport::MemoryReservation;

/// How an append ended, or where its end will be told.
pub enum AppendTicket {
    /// Appended, or refused.
    Done(Result<Appended, AppendError>),
    /// Left in the queue; the holder of the lock answers.
    Queued(oneshot::Receiver<Result<Appended, AppendError>>),
}

/// A batch in the queue.
pub struct QueuedAppend {
    /// The whole batch.
    pub bytes: Vec<u8>,
    /// What its check found.
    pub checked: CheckedBatch,
    /// When it came.
    pub now_ms: i64,
    /// Who waits for it.
    pub reply: oneshot::Sender<Result<Appended, AppendError>>,
    /// Its share of the memory budget, given back with it.
    pub _memory: MemoryReservation,
}

/// The queue of one partition; empty, it costs a load.
#[derive(Default)]
pub struct AppendQueue {
    length: AtomicUsize,
    waiting: Mutex<Vec<QueuedAppend>>,
}

impl AppendQueue {
    /// Leaves a batch at the end.
    pub fn push(&self, append: QueuedAppend) {
        let mut waiting = self.waiting.lock();
        waiting.push(append);
        self.length.store(waiting.len(), Ordering::SeqCst);
    }

    /// Takes everything that waits, in order.
    pub fn take(&self) -> Vec<QueuedAppend> {
        let mut waiting = self.waiting.lock();
        self.length.store(0, Ordering::SeqCst);
        std::mem::take(&mut *waiting)
    }

    /// True where nothing waits.
    pub fn is_empty(&self) -> bool {
        self.length.load(Ordering::SeqCst) == 0
    }
}
