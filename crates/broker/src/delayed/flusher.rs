//! The threads of a log directory that put partitions on stable storage: for requests that must not be answered
//! before, and for partitions whose `flush.ms` is over.
//!
//! A partition is flushed by one thread at a time, and all that was asked for meanwhile shares its next flush. Several
//! partitions are flushed beside each other, because the file system commits what is asked for together at once.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::partitions::Partition;

/// Threads of one log directory at most.
const THREADS_MAX: usize = 8;
/// How long a thread but the last waits for more to do before it ends.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// The flusher of one log directory. Its threads end with it.
#[derive(Debug)]
pub struct Flusher {
    shared: Arc<Shared>,
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

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    flushes: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Arc<Partition>>,
    /// When partitions are due by time; the number tells those of one moment apart.
    timed: BTreeMap<(Instant, u64), Arc<Partition>>,
    timed_count: u64,
    threads: usize,
    /// Threads that wait for something to do.
    idle: usize,
    is_over: bool,
}

impl Flusher {
    /// Starts the first thread; others come while several partitions wait.
    pub fn start() -> io::Result<Flusher> {
        let shared = Arc::new(Shared::default());
        shared.state.lock().threads = 1;
        Shared::spawn(&shared)?;
        Ok(Flusher { shared })
    }

    /// Has what is in `partition` now put on stable storage; the ticket is answered then.
    pub fn flush(&self, partition: &Arc<Partition>) -> FlushTicket {
        let (done, ticket) = oneshot::channel();
        self.ask(partition, Some(done));
        ticket
    }

    /// As [`Flusher::flush`] where nobody waits.
    pub fn flush_unattended(&self, partition: &Arc<Partition>) {
        self.ask(partition, None);
    }

    fn ask(&self, partition: &Arc<Partition>, done: Option<oneshot::Sender<()>>) {
        if partition.flush_requests.add(done) {
            Shared::enqueue(&self.shared, Arc::clone(partition));
        }
    }

    /// Has `partition` put on stable storage when `due` has come (`flush.ms`).
    pub fn flush_at(&self, partition: &Arc<Partition>, due: Instant) {
        let mut state = self.shared.state.lock();
        state.timed_count += 1;
        let key = (due, state.timed_count);
        state.timed.insert(key, Arc::clone(partition));
        // Threads sleep until the first one only.
        if state.timed.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.shared.changed.notify_one();
        }
    }

    /// Counts flushes of partitions that somebody else has made.
    pub fn count(&self, flushes: usize) {
        self.shared.flushes.fetch_add(flushes as u64, Ordering::Relaxed);
    }

    /// Flushes of partitions since the start.
    pub fn flushes(&self) -> u64 {
        self.shared.flushes.load(Ordering::Relaxed)
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.state.lock().is_over = true;
        self.shared.changed.notify_all();
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

impl Shared {
    fn spawn(shared: &Arc<Shared>) -> io::Result<()> {
        let worker = Arc::clone(shared);
        std::thread::Builder::new().name("flusher".into()).spawn(move || Shared::run(&worker)).map(drop)
    }

    fn enqueue(shared: &Arc<Shared>, partition: Arc<Partition>) {
        let mut state = shared.state.lock();
        state.queue.push_back(partition);
        if state.idle >= state.queue.len() {
            shared.changed.notify_one();
        } else if state.threads < THREADS_MAX {
            state.threads += 1;
            drop(state);
            if let Err(error) = Shared::spawn(shared) {
                // Those that are there go on; the partition waits for one of them.
                tracing::warn!(%error, "one more thread for flushes could not be started");
                shared.state.lock().threads -= 1;
            }
        }
    }

    fn run(shared: &Arc<Shared>) {
        while let Some(partition) = shared.next() {
            let waiting = partition.flush_requests.begin();
            if shared.flush(&partition) {
                for done in waiting {
                    // Nobody waits where the client has gone.
                    let _ = done.send(());
                }
            }
            if partition.flush_requests.end() {
                Shared::enqueue(shared, partition);
            }
        }
    }

    /// The next partition to flush; `None` where this thread is to end.
    fn next(&self) -> Option<Arc<Partition>> {
        let mut state = self.state.lock();
        loop {
            if state.is_over {
                return None;
            }
            let now = Instant::now();
            while let Some(first) = state.timed.first_entry()
                && first.key().0 <= now
            {
                let partition = first.remove();
                if partition.flush_requests.add(None) {
                    state.queue.push_back(partition);
                }
            }
            if let Some(partition) = state.queue.pop_front() {
                return Some(partition);
            }
            let due = state.timed.first_key_value().map(|((due, _), _)| *due);
            let ends = (state.threads > 1).then(|| now + IDLE_MAX);
            state.idle += 1;
            match [due, ends].into_iter().flatten().min() {
                Some(until) => _ = self.changed.wait_until(&mut state, until),
                None => self.changed.wait(&mut state),
            }
            state.idle -= 1;
            if state.queue.is_empty() && state.threads > 1 && ends.is_some_and(|ends| Instant::now() >= ends)
            {
                state.threads -= 1;
                return None;
            }
        }
    }

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
