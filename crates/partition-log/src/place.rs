//! Where a partition lives: its folder, which a deletion renames, and the log directory around it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::Offset;
use parking_lot::RwLock;

use crate::disk::Disk;
use crate::home::LogHome;
use crate::names::segment_file;

/// Folder and surroundings of one partition, shared by its segments.
#[derive(Debug)]
pub(crate) struct Place {
    folder: RwLock<PathBuf>,
    /// Names in the folder that are not yet on stable storage.
    has_new_names: AtomicBool,
    pub home: Arc<LogHome>,
}

impl Place {
    pub(crate) fn new(folder: &Path, home: &Arc<LogHome>) -> Arc<Place> {
        let (folder, has_new_names) = (RwLock::new(folder.to_owned()), AtomicBool::new(true));
        Arc::new(Place { folder, has_new_names, home: Arc::clone(home) })
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.read().clone()
    }

    pub(crate) fn set_folder(&self, folder: PathBuf) {
        *self.folder.write() = folder;
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
