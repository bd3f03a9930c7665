//! Threads that work on partitions which may hold them up: one from the start, more while all of them stand still.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::partitions::Partition;

/// Threads of one log directory for one kind of work, at most. What stands still is often one file: as many of them may
/// stand still before others wait for them, and the file system commits what is asked for together at once.
const THREADS_MAX: usize = 8;
/// How long a thread but the last waits for more to do before it ends.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// What is done with a partition.
pub trait PartitionWork: Send + Sync + 'static {
    /// Name of the threads.
    const NAME: &'static str;

    /// Marks a partition as one that is in the queue; false where it is there already or will be again.
    fn marks(&self, partition: &Partition) -> bool;

    /// Works on one partition; true where it is to be queued again, behind the others.
    fn run(&self, partition: &Arc<Partition>) -> bool;
}

/// The threads of one log directory for one kind of work; they end with it.
#[derive(Debug)]
pub struct PartitionThreads<W: PartitionWork> {
    shared: Arc<Shared<W>>,
}

#[derive(Debug)]
struct Shared<W> {
    work: W,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Each at most once, so that one with much to do takes turns with the others.
    queue: VecDeque<Arc<Partition>>,
    /// When partitions are due by time; the number tells those of one moment apart.
    timed: BTreeMap<(Instant, u64), Arc<Partition>>,
    timed_count: u64,
    threads: usize,
    /// Threads that wait for something to do.
    idle: usize,
    is_over: bool,
}

impl<W: PartitionWork> PartitionThreads<W> {
    /// Starts the first thread.
    pub fn start(work: W) -> io::Result<PartitionThreads<W>> {
        let state = Mutex::new(State { threads: 1, ..State::default() });
        let shared = Arc::new(Shared { work, state, changed: Condvar::new() });
        shared.spawn()?;
        Ok(PartitionThreads { shared })
    }

    /// The work.
    pub fn work(&self) -> &W {
        &self.shared.work
    }

    /// Has `partition` worked on, if it is not going to be anyway.
    pub fn add(&self, partition: &Arc<Partition>) {
        if self.shared.work.marks(partition) {
            self.add_marked(Arc::clone(partition));
        }
    }

    /// Has a partition worked on that the caller has marked.
    pub fn add_marked(&self, partition: Arc<Partition>) {
        self.shared.enqueue(partition);
    }

    /// Has `partition` worked on when `due` has come.
    pub fn add_at(&self, partition: &Arc<Partition>, due: Instant) {
        let mut state = self.shared.state.lock();
        state.timed_count += 1;
        let key = (due, state.timed_count);
        state.timed.insert(key, Arc::clone(partition));
        // Threads sleep until the first one only.
        if state.timed.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.shared.changed.notify_one();
        }
    }
}

impl<W: PartitionWork> Drop for PartitionThreads<W> {
    fn drop(&mut self) {
        self.shared.state.lock().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl<W: PartitionWork> Shared<W> {
    fn spawn(self: &Arc<Self>) -> io::Result<()> {
        let shared = Arc::clone(self);
        let run = move || {
            while let Some(partition) = shared.next() {
                if shared.work.run(&partition) {
                    shared.enqueue(partition);
                }
            }
        };
        std::thread::Builder::new().name(W::NAME.into()).spawn(run).map(drop)
    }

    fn enqueue(self: &Arc<Self>, partition: Arc<Partition>) {
        let mut state = self.state.lock();
        state.queue.push_back(partition);
        if state.idle >= state.queue.len() {
            self.changed.notify_one();
        } else if state.threads < THREADS_MAX {
            state.threads += 1;
            drop(state);
            if let Err(error) = self.spawn() {
                // Those that are there go on; the partition waits for one of them.
                tracing::warn!(%error, name = W::NAME, "one more thread could not be started");
                self.state.lock().threads -= 1;
            }
        }
    }

    /// The next partition to work on; `None` where this thread is to end.
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
                if self.work.marks(&partition) {
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
}
