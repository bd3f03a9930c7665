//! Threads for appends that must not hold up a core.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::partitions::Partition;

/// What stands still is often one file: as many of them may stand still before others wait for them.
const THREADS_MAX: usize = 8;
/// How long a thread but the first waits for something to do before it ends.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// The side threads of a log directory: one from the start, more while all of them wait for the disk.
#[derive(Debug)]
pub struct SideThreads(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    work: Mutex<Work>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Work {
    /// Each at most once, so that one with much to append takes turns with the others.
    partitions: VecDeque<Arc<Partition>>,
    threads: usize,
    idle: usize,
    is_over: bool,
}

impl SideThreads {
    /// Starts the first.
    pub fn start() -> io::Result<SideThreads> {
        let shared = Arc::new(Shared::default());
        shared.work.lock().threads = 1;
        spawn(&shared)?;
        Ok(SideThreads(shared))
    }

    /// Has what is queued at `partition` appended by one of them.
    pub fn append(&self, partition: Arc<Partition>) {
        if partition.goes_aside() {
            self.0.add(partition);
        }
    }
}

impl Drop for SideThreads {
    fn drop(&mut self) {
        self.0.work.lock().is_over = true;
        self.0.came.notify_all();
    }
}

impl Shared {
    fn add(self: &Arc<Self>, partition: Arc<Partition>) {
        let mut work = self.work.lock();
        work.partitions.push_back(partition);
        if work.partitions.len() <= work.idle {
            self.came.notify_one();
        } else if work.threads < THREADS_MAX {
            work.threads += 1;
            drop(work);
            if let Err(error) = spawn(self) {
                self.work.lock().threads -= 1;
                tracing::warn!(%error, "no further thread for slow appends; those there are take them");
            }
        }
    }

    fn run(self: &Arc<Self>) {
        while let Some(partition) = self.next() {
            if partition.append_aside() {
                self.add(partition);
            }
        }
    }

    /// The next partition; `None` where this thread is to end.
    fn next(&self) -> Option<Arc<Partition>> {
        let mut work = self.work.lock();
        loop {
            if let Some(partition) = work.partitions.pop_front() {
                return Some(partition);
            }
            if work.is_over {
                return None;
            }
            work.idle += 1;
            let is_late = self.came.wait_for(&mut work, IDLE_MAX).timed_out();
            work.idle -= 1;
            if is_late && work.partitions.is_empty() && work.threads > 1 {
                work.threads -= 1;
                return None;
            }
        }
    }
}

fn spawn(shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name("slow-appends".into()).spawn(move || shared.run()).map(drop)
}
