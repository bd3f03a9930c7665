//! What all logs of one log directory share: the disk, the open files, and whether it is offline.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::disk::Disk;
use crate::error::LogError;
use crate::file_handles::{FileHandles, is_out_of_descriptors};
use crate::tail_cache::TailMemory;

/// Called once, when a log directory goes offline.
type Watcher = Box<dyn Fn() + Send + Sync>;

/// Shared surroundings of the logs in one log directory.
pub struct LogHome {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) files: Arc<FileHandles>,
    pub(crate) tail_memory: Arc<TailMemory>,
    offline: AtomicBool,
    reason: Mutex<String>,
    watcher: OnceLock<Watcher>,
}

impl LogHome {
    /// Surroundings over `disk`, with open files counted in `files`.
    pub fn new(disk: Arc<dyn Disk>, files: Arc<FileHandles>) -> Arc<LogHome> {
        let (offline, reason) = (AtomicBool::new(false), Mutex::new(String::new()));
        let (tail_memory, watcher) = (Arc::default(), OnceLock::new());
        Arc::new(LogHome { disk, files, tail_memory, offline, reason, watcher })
    }

    /// The disk that the directory lies on.
    pub fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// How many files the logs of this process may hold open.
    pub fn open_files_max(&self) -> usize {
        self.files.capacity()
    }

    /// Bounds the memory in which the logs of this directory keep their last batches for readers, in bytes.
    pub fn set_tail_memory_max(&self, bytes_max: usize) {
        self.tail_memory.set_bytes_max(bytes_max);
    }

    /// Memory in which the logs of this directory keep their last batches now, in bytes.
    pub fn tail_memory_bytes(&self) -> usize {
        self.tail_memory.taken()
    }

    /// Has `watcher` called when the directory goes offline, from whichever thread finds out; it must not block.
    /// Only the first watcher counts.
    pub fn watch(&self, watcher: impl Fn() + Send + Sync + 'static) {
        // Whoever watches second is told nothing, by contract.
        let _ = self.watcher.set(Box::new(watcher));
    }

    /// True once a write or sync has failed; only a restart clears it.
    pub fn is_offline(&self) -> bool {
        self.offline.load(Ordering::Relaxed)
    }

    /// Takes the directory offline: every log in it answers [`LogError::Offline`] from now on.
    pub fn take_offline(&self, reason: &str) {
        let mut first = self.reason.lock();
        if first.is_empty() {
            reason.clone_into(&mut first);
        }
        drop(first);
        if !self.offline.swap(true, Ordering::AcqRel)
            && let Some(watcher) = self.watcher.get()
        {
            watcher();
        }
    }

    /// The first failure, once offline.
    pub fn offline_reason(&self) -> Option<String> {
        self.is_offline().then(|| self.reason.lock().clone())
    }

    pub(crate) fn check_online(&self) -> Result<(), LogError> {
        match self.offline_reason() {
            None => Ok(()),
            Some(reason) => Err(LogError::Offline(reason)),
        }
    }

    /// Turns a failed write into an error and takes the directory offline, unless the disk was merely full or the
    /// process had no descriptor left.
    pub(crate) fn failed(&self, action: &'static str, path: &Path, source: io::Error) -> LogError {
        let is_passing = is_out_of_descriptors(&source);
        let error = LogError::Io { action, path: path.to_owned(), source };
        if !is_passing && !error.is_no_space() {
            self.take_offline(&error.to_string());
        }
        error
    }

    /// As [`LogHome::failed`] for syncs, after which nothing is certain, whatever the cause.
    pub(crate) fn sync_failed(&self, path: &Path, source: io::Error) -> LogError {
        let error = LogError::Io { action: "sync", path: path.to_owned(), source };
        self.take_offline(&error.to_string());
        error
    }

    /// Puts a file on stable storage that may have been removed meanwhile.
    pub(crate) fn sync_if_there(&self, path: &Path) -> Result<(), LogError> {
        match self.disk.open(path, false).and_then(|file| self.disk.sync(&file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.map_err(|source| self.sync_failed(path, source)),
        }
    }
}

impl fmt::Debug for LogHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (disk, reason) = (&self.disk, self.offline_reason());
        f.debug_struct("LogHome").field("disk", disk).field("offline", &reason).finish_non_exhaustive()
    }
}
