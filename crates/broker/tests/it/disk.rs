//! A disk that can be made to wait: at a gate, for a time, or to know nothing of what is in memory.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use partition_log::{DirEntry, Disk, RealDisk};

/// The real disk with a hand on it.
#[derive(Debug, Default)]
pub struct HeldDisk {
    /// Milliseconds that each write to a log takes.
    pub write_ms: AtomicU64,
    /// Milliseconds that each read that may wait takes.
    pub read_ms: AtomicU64,
    /// Milliseconds that each sync takes.
    pub sync_ms: AtomicU64,
    /// Reads that must not wait find nothing until one that may has been there.
    pub is_cold: AtomicBool,
    /// Reads that may wait so far.
    pub reads: AtomicUsize,
    /// Writes to logs so far.
    pub writes: AtomicUsize,
    /// Batches in the largest of them.
    pub parts_max: AtomicUsize,
    /// The gate is before snapshots of producer state and not before writes.
    pub holds_snapshots: AtomicBool,
    /// The gate is before syncs of files and not before writes.
    pub holds_syncs: AtomicBool,
    /// The gate is before reads of the thread that loads groups and not before writes.
    pub holds_loading: AtomicBool,
    /// Syncs of files so far.
    pub syncs: AtomicUsize,
    /// Syncs fail.
    pub breaks_syncs: AtomicBool,
    /// Syncs under way, and the most there have been at once.
    pub syncing: Mutex<(usize, usize)>,
    gate: Gate,
}

#[derive(Debug, Default)]
struct Gate {
    /// True while closed; how many wait before it.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        while state.0 {
            state = self.changed.wait(state).unwrap();
        }
        state.1 -= 1;
    }
}

impl HeldDisk {
    /// Holds up every write to a log from now on.
    pub fn close_gate(&self) {
        self.gate.state.lock().unwrap().0 = true;
    }

    /// Waits until a write stands before the gate.
    pub fn wait_for_write(&self) {
        self.wait_for(1);
    }

    /// Waits until so many calls stand before the gate.
    pub fn wait_for(&self, count: usize) {
        let state = self.gate.state.lock().unwrap();
        drop(self.gate.changed.wait_while(state, |state| state.1 < count).unwrap());
    }

    /// How many calls stand before the gate.
    pub fn held(&self) -> usize {
        self.gate.state.lock().unwrap().1
    }

    /// Takes the time of a sync, and notes how many threads do so at once.
    fn linger(&self) {
        {
            let mut syncing = self.syncing.lock().unwrap();
            *syncing = (syncing.0 + 1, syncing.1.max(syncing.0 + 1));
        }
        std::thread::sleep(Duration::from_millis(self.sync_ms.load(Ordering::SeqCst)));
        self.syncing.lock().unwrap().0 -= 1;
    }

    /// Lets writes go on.
    pub fn open_gate(&self) {
        self.gate.state.lock().unwrap().0 = false;
        self.gate.changed.notify_all();
    }
}

impl Disk for HeldDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        if create
            && self.holds_snapshots.load(Ordering::SeqCst)
            && path.to_string_lossy().contains(".snapshot")
        {
            self.gate.pass();
        }
        if create && path.to_string_lossy().contains(".snapshot") {
            self.linger();
        }
        RealDisk.open(path, create)
    }

    fn write_at(&self, file: &File, parts: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        let is_batch = parts.first().is_some_and(|part| part.len() >= records::BATCH_HEADER_SIZE);
        if is_batch {
            self.writes.fetch_add(1, Ordering::SeqCst);
            self.parts_max.fetch_max(parts.len(), Ordering::SeqCst);
            let is_elsewhere = [&self.holds_snapshots, &self.holds_syncs, &self.holds_loading];
            if !is_elsewhere.iter().any(|holds| holds.load(Ordering::SeqCst)) {
                self.gate.pass();
            }
            std::thread::sleep(Duration::from_millis(self.write_ms.load(Ordering::SeqCst)));
        }
        RealDisk.write_at(file, parts, position)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.holds_loading.load(Ordering::SeqCst) && std::thread::current().name() == Some("group-loader")
        {
            self.gate.pass();
        }
        let wait_ms = self.read_ms.load(Ordering::SeqCst);
        if wait_ms > 0 {
            std::thread::sleep(Duration::from_millis(wait_ms));
            self.is_cold.store(false, Ordering::SeqCst);
        }
        RealDisk.read_at(file, buffer, position)
    }

    fn read_at_now(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        if self.is_cold.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        RealDisk.read_at(file, buffer, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.holds_syncs.load(Ordering::SeqCst) {
            self.gate.pass();
        }
        if self.breaks_syncs.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.linger();
        RealDisk.sync(file)
    }

    fn set_size(&self, file: &File, size: u64) -> io::Result<()> {
        RealDisk.set_size(file, size)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        RealDisk.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
}
