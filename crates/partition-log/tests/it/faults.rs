//! A disk that fails: full, broken on write, broken on sync.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use model::Offset;
use partition_log::{AppendError, DirEntry, Disk, FileHandles, LogHome, PartitionLog, ReadError, RealDisk};

use crate::support::*;

const SOUND: u8 = 0;
const FULL: u8 = 1;
const BROKEN_WRITE: u8 = 2;
const BROKEN_SYNC: u8 = 3;
const COLD: u8 = 4;

/// The real disk, but writes stop at a number of bytes or fail, and syncs may fail.
#[derive(Debug, Default)]
struct FaultyDisk {
    fault: AtomicU8,
    room: AtomicI64,
    syncs: AtomicI64,
}

impl FaultyDisk {
    fn set(&self, fault: u8, room: i64) {
        self.room.store(room, Ordering::SeqCst);
        self.fault.store(fault, Ordering::SeqCst);
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, create: bool) -> io::Result<File> {
        RealDisk.open(path, create)
    }

    fn write_at(&self, file: &File, parts: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        match self.fault.load(Ordering::SeqCst) {
            FULL => {
                let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
                let room = self.room.fetch_sub(bytes.len() as i64, Ordering::SeqCst).max(0) as usize;
                if bytes.len() <= room {
                    return RealDisk.write_at(file, parts, position);
                }
                RealDisk.write_at(file, &mut [IoSlice::new(&bytes[..room])], position)?;
                Err(io::Error::from_raw_os_error(28))
            }
            BROKEN_WRITE => Err(io::Error::from_raw_os_error(5)),
            _ => RealDisk.write_at(file, parts, position),
        }
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        RealDisk.read_at(file, buffer, position)
    }

    fn read_at_now(&self, file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        if self.fault.load(Ordering::SeqCst) == COLD && position >= self.room.load(Ordering::SeqCst) as u64 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        RealDisk.read_at(file, buffer, position)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.fault.load(Ordering::SeqCst) == BROKEN_SYNC {
            return Err(io::Error::from_raw_os_error(5));
        }
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

fn faulty(folder: &Path) -> (Arc<FaultyDisk>, Arc<LogHome>, PartitionLog) {
    let disk = Arc::new(FaultyDisk::default());
    let home = LogHome::new(Arc::clone(&disk) as Arc<dyn Disk>, Arc::new(FileHandles::new(10)));
    let log = PartitionLog::open(&home, &folder.join("t-0"), Arc::new(small()), CLEAN, 0).unwrap();
    (disk, home, log)
}

#[test]
fn a_full_disk_refuses_cuts_back_and_resumes() {
    for room in (0..600).step_by(13) {
        let folder = tempfile::tempdir().unwrap();
        let (disk, home, log) = faulty(folder.path());
        fill(&log, 30);
        disk.set(FULL, room);
        let refused = loop {
            let next = log.log_end_offset();
            if let Err(error) = append(&log, &batch(next, 3)) {
                break error;
            }
        };
        assert!(matches!(refused, AppendError::NoSpace(_)), "{refused}");
        assert!(!home.is_offline());
        let end = log.log_end_offset();
        assert_eq!(read_all(&log, 0), expected(0..end));
        disk.set(SOUND, 0);
        fill(&log, end + 40);
        let end = log.log_end_offset();
        drop(log);
        let log = open(folder.path(), &small(), CRASHED);
        assert_eq!((log.log_end_offset(), &log.recovery_report().cut_reason), (end, &None));
        assert_eq!(read_all(&log, 0), expected(0..end));
    }
}

#[test]
fn a_failed_write_takes_the_directory_offline() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, home, log) = faulty(folder.path());
    let other = PartitionLog::open(&home, &folder.path().join("u-0"), Arc::new(small()), CLEAN, 0).unwrap();
    fill(&log, 10);
    fill(&other, 10);
    disk.set(BROKEN_WRITE, 0);
    assert!(matches!(append(&log, &batch(10, 1)), Err(AppendError::Storage(_))));
    disk.set(SOUND, 0);
    for log in [&log, &other] {
        let error = append(log, &batch(10, 1)).unwrap_err();
        assert_eq!(error.code(), model::ErrorCode::KAFKA_STORAGE_ERROR);
        assert!(error.to_string().contains("offline"), "{error}");
        assert!(matches!(log.read(0, 100, Offset::MAX, true), Err(ReadError::Storage(_))));
        assert!(log.flush().is_err() && log.close().is_err());
    }
    assert!(home.offline_reason().unwrap().contains("00000000000000000000.log"));
}

#[test]
fn a_failed_sync_is_never_retried() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, home, log) = faulty(folder.path());
    fill(&log, 10);
    assert_eq!(log.flush().unwrap(), log.log_end_offset());
    let point = log.recovery_point();
    fill(&log, 20);
    disk.set(BROKEN_SYNC, 0);
    assert!(log.flush().is_err());
    assert!(home.is_offline());
    disk.set(SOUND, 0);
    let syncs = disk.syncs.load(Ordering::SeqCst);
    assert!(log.flush().is_err());
    assert_eq!((log.recovery_point(), disk.syncs.load(Ordering::SeqCst)), (point, syncs));
}

#[test]
fn a_read_that_must_not_wait_gives_up_where_the_disk_would_be_needed() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, home, log) = faulty(folder.path());
    fill(&log, 100);
    let end = log.log_end_offset();
    let now = |from, max| log.read_now(from, max, Offset::MAX, true, true).unwrap().map(|slice| slice.len());
    let all = now(0, 1 << 20).unwrap();
    assert!(all > 1000);
    disk.set(COLD, 0);
    assert_eq!(now(0, 1 << 20), None);
    assert_eq!(now(end, 1 << 20), Some(0), "the end of the log is known without the disk");
    // The start of the segment is in memory, the end of the wanted range is not.
    disk.set(COLD, all as i64 - 1);
    assert_eq!(now(0, 1 << 20), None);
    assert!(now(0, all / 2).is_some());
    disk.set(SOUND, 0);
    let slice = log.read(0, 1 << 20, Offset::MAX, true).unwrap();
    slice.read_ahead().unwrap();
    assert_eq!(slice.len(), all);
    log.close().unwrap();
    drop(log);
    let options = Arc::new(small());
    let reopened = PartitionLog::open(&home, &folder.path().join("t-0"), options, CLEAN, 0).unwrap();
    assert!(reopened.read_now(0, 100, Offset::MAX, true, true).unwrap().is_none(), "its index is not loaded");
    reopened.read(0, 100, Offset::MAX, true).unwrap();
    assert!(reopened.read_now(0, 100, Offset::MAX, true, true).unwrap().is_some());
}
