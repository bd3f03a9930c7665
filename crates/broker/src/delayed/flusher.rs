//! One thread per log directory that puts partitions on stable storage: for requests that must not be answered
//! before, many of them with one sync, and for partitions whose `flush.ms` is over.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::partitions::Partition;

/// The flusher of one log directory. Its thread ends with it.
#[derive(Debug)]
pub struct Flusher {
    shared: Arc<Shared>,
}

/// Tells when what was appended before is on stable storage; an error means that nobody knows.
pub type FlushTicket = oneshot::Receiver<()>;

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    flushes: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Asked for since the last round began; the next round is theirs together.
    asked: Vec<(Arc<Partition>, Option<oneshot::Sender<()>>)>,
    /// When partitions are due by time; the number tells those of one moment apart.
    timed: BTreeMap<(Instant, u64), Arc<Partition>>,
    timed_count: u64,
    is_over: bool,
}

impl Flusher {
    /// Starts the thread.
    pub fn start() -> io::Result<Flusher> {
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        std::thread::Builder::new().name("flusher".into()).spawn(move || worker.run())?;
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
        self.shared.state.lock().asked.push((Arc::clone(partition), done));
        self.shared.changed.notify_one();
    }

    /// Has `partition` put on stable storage when `due` has come (`flush.ms`).
    pub fn flush_at(&self, partition: &Arc<Partition>, due: Instant) {
        let mut state = self.shared.state.lock();
        state.timed_count += 1;
        let key = (due, state.timed_count);
        state.timed.insert(key, Arc::clone(partition));
        // The thread sleeps until the first one only.
        if state.timed.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.shared.changed.notify_one();
        }
    }

    /// Flushes of partitions since the start.
    pub fn flushes(&self) -> u64 {
        self.shared.flushes.load(Ordering::Relaxed)
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.state.lock().is_over = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn run(&self) {
        loop {
            let mut state = self.state.lock();
            let now = Instant::now();
            while let Some(first) = state.timed.first_entry()
                && first.key().0 <= now
            {
                let partition = first.remove();
                state.asked.push((partition, None));
            }
            if state.is_over {
                return;
            }
            if !state.asked.is_empty() {
                let asked = std::mem::take(&mut state.asked);
                drop(state);
                self.flush_all(asked);
                continue;
            }
            match state.timed.first_key_value().map(|((due, _), _)| *due) {
                Some(due) => _ = self.changed.wait_until(&mut state, due),
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// One round: a sync per partition, however many wait for it.
    fn flush_all(&self, asked: Vec<(Arc<Partition>, Option<oneshot::Sender<()>>)>) {
        let mut flushed: HashMap<*const Partition, bool> = HashMap::new();
        for (partition, done) in asked {
            let is_flushed =
                *flushed.entry(Arc::as_ptr(&partition)).or_insert_with(|| self.flush(&partition));
            if let Some(done) = done.filter(|_| is_flushed) {
                // Nobody waits where the client has gone.
                let _ = done.send(());
            }
        }
    }

    fn flush(&self, partition: &Partition) -> bool {
        if partition.is_gone() {
            // Its folder may be on its way out; what was waited for is nobody's any more.
            return false;
        }
        self.flushes.fetch_add(1, Ordering::Relaxed);
        partition.flush_begins();
        match partition.log.flush() {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(?partition, %error, "a flush failed");
                false
            }
        }
    }
}
