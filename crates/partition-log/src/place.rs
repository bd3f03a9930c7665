//! Where a partition lives: its folder, which a deletion renames, and the log directory around it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Offset, Uuid};
use parking_lot::{Mutex, RwLock};

use crate::disk::Disk;
use crate::error::LogError;
use crate::home::LogHome;
use crate::names::{PARTITION_METADATA, segment_file};
use crate::partition_metadata;

/// Folder and surroundings of one partition, shared by its segments.
#[derive(Debug)]
pub(crate) struct Place {
    folder: RwLock<PathBuf>,
    /// Names in the folder that are not yet on stable storage.
    has_new_names: AtomicBool,
    is_made: AtomicBool,
    /// The topic id that a folder gets when it is made.
    unmade: Mutex<Option<Uuid>>,
    /// The file with the topic id is not yet on stable storage.
    metadata_dirty: AtomicBool,
    /// The folder has another name, or none any more.
    is_deleted: AtomicBool,
    pub home: Arc<LogHome>,
}

impl Place {
    pub(crate) fn new(folder: &Path, home: &Arc<LogHome>) -> Arc<Place> {
        Place::of(folder, home, None)
    }

    /// The place of a log whose folder is not there yet.
    pub(crate) fn unmade(folder: &Path, home: &Arc<LogHome>, topic_id: Uuid) -> Arc<Place> {
        Place::of(folder, home, Some(topic_id))
    }

    fn of(folder: &Path, home: &Arc<LogHome>, unmade: Option<Uuid>) -> Arc<Place> {
        Arc::new(Place {
            folder: RwLock::new(folder.to_owned()),
            has_new_names: AtomicBool::new(true),
            is_made: AtomicBool::new(unmade.is_none()),
            unmade: Mutex::new(unmade),
            metadata_dirty: AtomicBool::new(false),
            is_deleted: AtomicBool::new(false),
            home: Arc::clone(home),
        })
    }

    /// True where the folder is there.
    pub(crate) fn is_made(&self) -> bool {
        self.is_made.load(Ordering::Acquire)
    }

    /// Makes the folder where it is not there yet, with the id of its topic: without one, a start would not know whose
    /// records it holds.
    pub(crate) fn make(&self) -> Result<(), LogError> {
        if self.is_made() {
            return Ok(());
        }
        let mut unmade = self.unmade.lock();
        let Some(topic_id) = *unmade else { return Ok(()) };
        let folder = self.folder();
        let failed = |action, path: &Path, source| self.failed(action, path, source);
        self.disk().create_dir(&folder).map_err(|source| failed("create", &folder, source))?;
        let path = folder.join(PARTITION_METADATA);
        partition_metadata::write_unsynced(self.disk(), &path, topic_id)
            .map_err(|source| failed("write", &path, source))?;
        self.metadata_dirty.store(true, Ordering::Release);
        self.names_changed();
        *unmade = None;
        self.is_made.store(true, Ordering::Release);
        Ok(())
    }

    /// Puts the file with the topic id on stable storage, where it is not.
    pub(crate) fn sync_metadata(&self) -> Result<(), LogError> {
        if !self.metadata_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.home.sync_if_there(&self.file(PARTITION_METADATA))
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.read().clone()
    }

    /// Gives the folder another name by `rename`; nobody adds to the log any more, but a flush may be under way.
    pub(crate) fn delete(&self, name: PathBuf, rename: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        // First of all: whoever misses a file from now on has to know why.
        self.is_deleted.store(true, Ordering::SeqCst);
        if let Err(error) = rename() {
            self.is_deleted.store(false, Ordering::SeqCst);
            return Err(error);
        }
        *self.folder.write() = name;
        Ok(())
    }

    /// As [`LogHome::failed`], but the disk is not to blame for what a deletion has taken away.
    pub(crate) fn failed(&self, action: &'static str, path: &Path, source: io::Error) -> LogError {
        match self.is_taken_away(&source) {
            true => LogError::Io { action, path: path.to_owned(), source },
            false => self.home.failed(action, path, source),
        }
    }

    /// As [`LogHome::sync_failed`], but the disk is not to blame for what a deletion has taken away.
    pub(crate) fn sync_failed(&self, path: &Path, source: io::Error) -> LogError {
        match self.is_taken_away(&source) {
            true => LogError::Io { action: "sync", path: path.to_owned(), source },
            false => self.home.sync_failed(path, source),
        }
    }

    fn is_taken_away(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::NotFound && self.is_deleted.load(Ordering::SeqCst)
    }

    /// A file was made, renamed or removed.
    pub(crate) fn names_changed(&self) {
        self.has_new_names.store(true, Ordering::Release);
    }

    /// True until [`Place::names_synced`].
    pub(crate) fn has_new_names(&self) -> bool {
        self.has_new_names.load(Ordering::Acquire)
    }

    /// The folder is about to be synced; what changes from now on is for the next time.
    pub(crate) fn names_synced(&self) {
        self.has_new_names.store(false, Ordering::Release);
    }

    /// The whole file system is about to be synced.
    pub(crate) fn all_synced(&self) {
        self.metadata_dirty.store(false, Ordering::Release);
        self.names_synced();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.read().join(name)
    }

    pub(crate) fn segment_file(&self, base_offset: Offset, ending: &str) -> PathBuf {
        segment_file(&self.folder.read(), base_offset, ending)
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.home.disk.as_ref()
    }
}
