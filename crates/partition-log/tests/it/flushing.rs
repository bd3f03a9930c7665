//! Many logs on stable storage with one sync, and openings that leave the disk alone.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use model::{Offset, Uuid};
use partition_log::{
    DirEntry, Disk, FileHandles, LastRun, LogDir, LogError, LogOptions, OffsetCheckpoint, PartitionLog,
    RealDisk,
};

use crate::support::*;

/// The real disk, which counts what changes it and what is synced.
#[derive(Debug, Default)]
struct CountingDisk {
    changes: AtomicUsize,
    syncs: AtomicUsize,
    whole_syncs: AtomicUsize,
    is_broken: AtomicBool,
    /// A log that is deleted just before something of that name is opened or synced.
    doomed: Mutex<Option<(&'static str, Arc<PartitionLog>)>>,
}

impl CountingDisk {
    fn reached(&self, path: &Path) {
        let is_it = |name: &str| path.file_name().is_some_and(|reached| reached.to_str() == Some(name));
        let doomed = self.doomed.lock().unwrap().take_if(|(name, _)| is_it(name));
        if let Some((_, log)) = doomed {
            log.delete(Uuid([7; 16])).unwrap();
        }
    }

    fn counts(&self) -> (usize, usize) {
        (self.syncs.swap(0, Ordering::SeqCst), self.whole_syncs.swap(0, Ordering::SeqCst))
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }
}

impl Disk for CountingDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        self.reached(path);
        if create {
            self.changed();
        }
        RealDisk.open(path, create)
    }

    fn write_at(&self, file: &File, parts: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        self.changed();
        RealDisk.write_at(file, parts, position)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        RealDisk.read_at(file, buffer, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        RealDisk.sync(file)
    }

    fn set_size(&self, file: &File, size: u64) -> io::Result<()> {
        self.changed();
        RealDisk.set_size(file, size)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.changed();
        RealDisk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.changed();
        RealDisk.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.changed();
        RealDisk.remove_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        RealDisk.list(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.reached(path);
        self.syncs.fetch_add(1, Ordering::SeqCst);
        RealDisk.sync_dir(path)
    }

    fn sync_file_system(&self, file: &File) -> io::Result<()> {
        self.whole_syncs.fetch_add(1, Ordering::SeqCst);
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        RealDisk.sync_file_system(file)
    }
}

fn dir_of(path: &Path) -> (Arc<CountingDisk>, LogDir) {
    let disk = Arc::new(CountingDisk::default());
    let dir = LogDir::open(path, Arc::clone(&disk) as _, Arc::new(FileHandles::new(100))).unwrap();
    (disk, dir)
}

fn folders(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t-{n}")).collect()
}

fn open_all(dir: &LogDir, count: usize, last_run: &LastRun) -> Vec<PartitionLog> {
    let options = Arc::new(LogOptions::default());
    let opened =
        dir.open_logs(&folders(count), &|_| Arc::clone(&options), &|_, _| Ok(()), last_run, 2, 1_000_000);
    opened.into_iter().map(|(_, log)| log.unwrap()).collect()
}

fn nothing_known(was_clean: bool) -> LastRun {
    let none = OffsetCheckpoint::default();
    LastRun { was_clean, recovery_points: none.clone(), log_starts: none }
}

fn points(logs: &[PartitionLog]) -> Vec<Offset> {
    logs.iter().map(PartitionLog::recovery_point).collect()
}

#[test]
fn many_logs_are_flushed_and_closed_with_one_sync_each() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, dir) = dir_of(folder.path());
    let logs = open_all(&dir, 20, &nothing_known(false));
    logs.iter().for_each(|log| fill(log, 3));
    let all: Vec<&PartitionLog> = logs.iter().collect();
    disk.counts();
    dir.flush_together(&all).unwrap();
    assert_eq!((disk.counts(), points(&logs)), ((0, 1), vec![3; 20]));
    assert!(logs.iter().all(|log| log.unflushed_bytes() == 0));
    // Nothing is left to sync for the checkpoint either.
    assert!(logs.iter().all(|log| log.point_for_checkpoint().unwrap() == 3));
    assert_eq!(disk.counts(), (0, 0));
    // What comes afterwards is synced again, alone or together.
    fill(&logs[0], 6);
    logs[0].flush().unwrap();
    assert!(disk.counts().0 > 0);
    logs.iter().for_each(|log| fill(log, 9));
    dir.close_together(&all, 2).unwrap();
    assert_eq!((disk.counts(), points(&logs)), ((0, 1), vec![9; 20]));
    drop(logs);
    let logs = open_all(&dir, 20, &nothing_known(true));
    assert!(logs.iter().all(|log| log.log_end_offset() == 9 && read_all(log, 0) == expected(0..9)));
}

#[test]
fn a_failed_sync_of_the_file_system_leaves_nothing_taken_to_be_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, dir) = dir_of(folder.path());
    let logs = open_all(&dir, 3, &nothing_known(false));
    logs.iter().for_each(|log| fill(log, 3));
    disk.is_broken.store(true, Ordering::SeqCst);
    let all: Vec<&PartitionLog> = logs.iter().collect();
    assert!(matches!(dir.flush_together(&all), Err(LogError::Io { action: "sync", .. })));
    assert_eq!(points(&logs), [0; 3]);
    disk.is_broken.store(false, Ordering::SeqCst);
    assert!(matches!(dir.flush_together(&all), Err(LogError::Offline(_))));
    assert!(matches!(logs[0].flush(), Err(LogError::Offline(_))));
    assert_eq!(points(&logs), [0; 3]);
}

#[test]
fn a_start_changes_nothing_on_the_disk_and_keeps_no_file_open() {
    let folder = tempfile::tempdir().unwrap();
    for was_clean in [false, true] {
        let (_, dir) = dir_of(folder.path());
        let logs = open_all(&dir, 5, &nothing_known(false));
        logs.iter().for_each(|log| _ = append(log, &batch(log.log_end_offset(), 1)).unwrap());
        if was_clean {
            dir.close_together(&logs.iter().collect::<Vec<_>>(), 1).unwrap();
        }
        let end = logs[0].log_end_offset();
        drop((logs, dir));
        let disk = Arc::new(CountingDisk::default());
        let files = Arc::new(FileHandles::new(100));
        let dir = LogDir::open(folder.path(), Arc::clone(&disk) as _, Arc::clone(&files)).unwrap();
        disk.changes.store(0, Ordering::SeqCst);
        let logs = open_all(&dir, 5, &nothing_known(was_clean));
        for log in &logs {
            log.assign_leader_epoch(7).unwrap();
            assert_eq!((log.log_end_offset(), log.latest_epoch()), (end, Some(7)));
        }
        assert_eq!((disk.changes.load(Ordering::SeqCst), files.open_count()), (0, 0), "{was_clean}");
    }
}

#[test]
fn an_epoch_is_in_its_file_once_a_record_of_it_is_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CRASHED);
    fill(&log, 1);
    log.flush().unwrap();
    let file = log.folder().join("leader-epoch-checkpoint");
    let text = || std::fs::read_to_string(&file).unwrap();
    assert_eq!(text(), "0\n1\n0 0\n");
    log.assign_leader_epoch(4).unwrap();
    log.flush().unwrap();
    assert_eq!((text().as_str(), log.latest_epoch()), ("0\n1\n0 0\n", Some(4)));
    append_at(&log, &batch(1, 1), 4, 1_000_000).unwrap();
    let crashed = open(folder.path(), &small(), CRASHED);
    assert_eq!((crashed.epoch_at(0), crashed.epoch_at(1)), (Some(0), Some(4)));
    drop(crashed);
    log.flush().unwrap();
    assert_eq!(text(), "0\n2\n0 0\n4 1\n");
}

#[test]
fn a_deletion_in_the_middle_of_a_flush_is_no_fault_of_the_disk() {
    for name in ["t-0", "00000000000000000000.index", "leader-epoch-checkpoint.tmp"] {
        let folder = tempfile::tempdir().unwrap();
        let (disk, dir) = dir_of(folder.path());
        let mut logs = open_all(&dir, 2, &nothing_known(false));
        let other = logs.pop().unwrap();
        // Enough for an index.
        fill(&logs[0], 500);
        let doomed = Arc::new(logs.pop().unwrap());
        *disk.doomed.lock().unwrap() = Some((name, Arc::clone(&doomed)));
        // What a flush of a log that is gone says is of no account.
        let _ = doomed.flush();
        assert!(disk.doomed.lock().unwrap().is_none(), "{name} is not touched by a flush");
        fill(&other, 3);
        assert_eq!(other.flush().unwrap(), 3, "{name}");
    }
}
