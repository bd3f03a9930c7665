//! Where a partition lives: its folder, which a deletion renames, and the log directory around it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Offset;
use parking_lot::RwLock;

use crate::disk::Disk;
use crate::home::LogHome;
use crate::names::segment_file;

/// Folder and surroundings of one partition, shared by its segments.
#[derive(Debug)]
pub(crate) struct Place {
    folder: RwLock<PathBuf>,
    pub home: Arc<LogHome>,
}

impl Place {
    pub(crate) fn new(folder: &Path, home: &Arc<LogHome>) -> Arc<Place> {
        Arc::new(Place { folder: RwLock::new(folder.to_owned()), home: Arc::clone(home) })
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.read().clone()
    }

    pub(crate) fn set_folder(&self, folder: PathBuf) {
        *self.folder.write() = folder;
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
