//! A disk that is full, and has room again.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::ErrorCode;
use partition_log::{DirEntry, Disk, FileHandles, LogHome, RealDisk};
use quorum::{InProcessNetwork, Quorum};

use crate::client::{create_topic, options, register, wait_active, wait_for};

/// The real disk, which takes nothing more while it is full.
#[derive(Debug, Default)]
struct FillingDisk {
    is_full: AtomicBool,
}

impl Disk for FillingDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        RealDisk.open(path, create)
    }

    fn write_at(&self, file: &File, parts: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.write_at(file, parts, position)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        RealDisk.read_at(file, buffer, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
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

#[test]
fn a_full_disk_holds_up_decisions_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(FillingDisk::default());
    let home = LogHome::new(Arc::clone(&disk) as _, Arc::new(FileHandles::new(16)));
    let start = || {
        let network = InProcessNetwork::new();
        Quorum::start(quorum::QuorumOptions {
            home: Arc::clone(&home),
            ..options(dir.path(), 1, &[1], &network)
        })
    };
    let node = start().unwrap();
    wait_active(&node);
    register(&node, 1);
    disk.is_full.store(true, Ordering::SeqCst);
    assert!(create_topic(&node, "late").is_err(), "nothing is agreed that has no room");
    assert_eq!(node.failure(), None);
    disk.is_full.store(false, Ordering::SeqCst);
    wait_for("what was asked meanwhile", || node.images().borrow().topics.get("late").is_some());
    wait_active(&node);
    assert_eq!(create_topic(&node, "next"), Ok(ErrorCode::NONE));
    // Nor does it keep a node from stopping.
    disk.is_full.store(true, Ordering::SeqCst);
    assert!(create_topic(&node, "lost").is_err());
    drop(node);
    disk.is_full.store(false, Ordering::SeqCst);
    let node = start().unwrap();
    wait_active(&node);
    assert!(node.images().borrow().topics.get("next").is_some());
}
