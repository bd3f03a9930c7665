//! One entry of `log.dirs`: its lock, its checkpoints, its clean-shutdown mark, the partitions in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{TimestampMs, Uuid};
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, fcntl_lock, flock};

use crate::checkpoint::OffsetCheckpoint;
use crate::disk::{Disk, read_whole, remove_if_there, replace_file};
use crate::error::LogError;
use crate::file_handles::FileHandles;
use crate::home::LogHome;
use crate::log::{BegunFlush, DeletedLog, PartitionLog, RecoveryStart};
use crate::names;
use crate::options::LogOptions;
use crate::partition_metadata;

const LOCK: &str = ".lock";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const CLEAN_SHUTDOWN_SIZE_MAX: usize = 4096;

/// Which checkpoint of a log directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointFile {
    /// Offsets up to which logs are on stable storage.
    RecoveryPoint,
    /// High watermarks.
    Replication,
    /// First readable offsets where they lie past the first segment's base.
    LogStart,
    /// Offsets up to which logs are compacted.
    Cleaner,
}

impl CheckpointFile {
    /// Kafka's name of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => "recovery-point-offset-checkpoint",
            Self::Replication => "replication-offset-checkpoint",
            Self::LogStart => "log-start-offset-checkpoint",
            Self::Cleaner => "cleaner-offset-checkpoint",
        }
    }
}

/// A log directory, held by this process alone until it is dropped.
#[derive(Debug)]
pub struct LogDir {
    path: PathBuf,
    home: Arc<LogHome>,
    /// Open from the start, so that a sync of the file system tells of every failure since.
    lock: File,
    together: Mutex<()>,
}

/// What the last run left to know of the logs in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// True where it closed every log: the files are trusted.
    pub was_clean: bool,
    /// Offsets up to which logs are on stable storage; none where the checkpoint is lost.
    pub recovery_points: OffsetCheckpoint,
    /// First readable offsets where they lie past the first segment.
    pub log_starts: OffsetCheckpoint,
}

/// A partition folder and the outcome of opening it.
pub type OpenedLog = (String, Result<PartitionLog, LogError>);

impl LogDir {
    /// Makes the directory where it is missing and locks it; another process that holds it is refused.
    pub fn open(path: &Path, disk: Arc<dyn Disk>, files: Arc<FileHandles>) -> Result<LogDir, LogError> {
        disk.create_dir(path).map_err(LogError::io("create", path))?;
        let lock_path = path.join(LOCK);
        let lock = disk.open(&lock_path, true).map_err(LogError::io("open", &lock_path))?;
        // Java holds POSIX record locks, which this process could take twice; the second lock closes that gap.
        let operation = FlockOperation::NonBlockingLockExclusive;
        if flock(&lock, operation).is_err() || fcntl_lock(&lock, operation).is_err() {
            return Err(LogError::Locked(path.to_owned()));
        }
        Ok(LogDir { path: path.to_owned(), home: LogHome::new(disk, files), lock, together: Mutex::new(()) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its logs share; also tells whether it is offline.
    pub fn home(&self) -> &Arc<LogHome> {
        &self.home
    }

    /// Reads a checkpoint; empty where there is none.
    pub fn checkpoint(&self, file: CheckpointFile) -> Result<OffsetCheckpoint, LogError> {
        OffsetCheckpoint::read(self.home.disk.as_ref(), &self.path.join(file.name()))
    }

    /// Replaces a checkpoint; a failure takes the directory offline.
    pub fn set_checkpoint(
        &self,
        file: CheckpointFile,
        checkpoint: &OffsetCheckpoint,
    ) -> Result<(), LogError> {
        self.home.check_online()?;
        let written = checkpoint.write(self.home.disk.as_ref(), &self.path.join(file.name()));
        written.map_err(|error| match error {
            LogError::Io { action, path, source } => self.home.failed(action, &path, source),
            other => other,
        })
    }

    /// Takes the mark of a clean shutdown away and tells the broker epoch in it (-1 where it has none); `None`
    /// after a crash.
    pub fn take_clean_shutdown(&self) -> Result<Option<i64>, LogError> {
        let path = self.path.join(CLEAN_SHUTDOWN);
        let disk = self.home.disk.as_ref();
        let bytes = read_whole(disk, &path, CLEAN_SHUTDOWN_SIZE_MAX).map_err(LogError::io("read", &path))?;
        let Some(bytes) = bytes else { return Ok(None) };
        remove_if_there(disk, &path).map_err(LogError::io("remove", &path))?;
        disk.sync_dir(&self.path).map_err(LogError::io("sync", &self.path))?;
        Ok(Some(broker_epoch(&String::from_utf8_lossy(&bytes)).unwrap_or(-1)))
    }

    /// Leaves the mark of a clean shutdown, once every log has been closed: after it is on stable storage whatever the
    /// next start takes as it is, indexes and snapshots of producers too.
    pub fn mark_clean_shutdown(&self, broker_epoch: i64) -> Result<(), LogError> {
        self.home.check_online()?;
        self.sync_all()?;
        let path = self.path.join(CLEAN_SHUTDOWN);
        let text = format!("{{\"version\":0,\"brokerEpoch\":{broker_epoch}}}");
        replace_file(self.home.disk.as_ref(), &path, text.as_bytes())
            .map_err(|source| self.home.failed("write", &path, source))
    }

    /// Puts everything in the directory, and with it all of the file system it lies on, on stable storage.
    pub(crate) fn sync_all(&self) -> Result<(), LogError> {
        let synced = self.home.disk.sync_file_system(&self.lock);
        synced.map_err(|source| self.home.sync_failed(&self.path, source))
    }

    /// Puts the names of the folders in the directory on stable storage.
    pub fn sync_names(&self) -> Result<(), LogError> {
        self.home.check_online()?;
        self.home.disk.sync_dir(&self.path).map_err(|source| self.home.sync_failed(&self.path, source))
    }

    /// Flushes logs of this directory with one sync of the file system: for many, each of which has little to flush.
    /// Where one cannot be written to for want of room the others are flushed all the same.
    pub fn flush_together(&self, logs: &[&PartitionLog]) -> Result<(), LogError> {
        // Each log is kept from other flushes meanwhile, so that two of these would wait for each other.
        let _one_at_a_time = self.together.lock();
        let (mut begun, mut failure) = (Vec::with_capacity(logs.len()), Ok(()));
        for log in logs {
            match log.begin_flush() {
                Ok(flush) => begun.push(flush),
                Err(error) => failure = failure.and(Err(error)),
            }
        }
        self.sync_all()?;
        begun.into_iter().for_each(BegunFlush::end);
        failure
    }

    /// Leaves logs of this directory as a clean shutdown does, all on stable storage; `threads` write beside each other.
    pub fn close_together(&self, logs: &[&PartitionLog], threads: usize) -> Result<(), LogError> {
        let failure = Mutex::new(Ok(()));
        work_through(logs, threads, |_, log| {
            if let Err(error) = log.complete() {
                let mut failure = failure.lock();
                *failure = std::mem::replace(&mut *failure, Ok(())).and(Err(error));
            }
        });
        let flushed = self.flush_together(logs);
        logs.iter().for_each(|log| log.let_go());
        failure.into_inner().and(flushed)
    }

    /// Names of the partition folders, sorted; `__cluster_metadata-0` among them where it lives here.
    pub fn partition_folders(&self) -> Result<Vec<String>, LogError> {
        let mut folders = self.folders()?;
        folders.retain(|name| names::parse_partition_folder(name).is_some());
        Ok(folders)
    }

    /// Folders of partitions whose deletion was not finished before the last stop.
    pub fn deleted_folders(&self) -> Result<Vec<DeletedLog>, LogError> {
        let mut folders = self.folders()?;
        folders.retain(|name| names::is_deleted(name));
        Ok(folders.iter().map(|name| DeletedLog::left_behind(self.path.join(name), &self.home)).collect())
    }

    fn folders(&self) -> Result<Vec<String>, LogError> {
        let entries = self.home.disk.list(&self.path).map_err(LogError::io("list", &self.path))?;
        let mut folders: Vec<String> =
            entries.into_iter().filter(|entry| entry.is_dir).map(|entry| entry.name).collect();
        folders.sort_unstable();
        Ok(folders)
    }

    /// The topic id in a partition's folder, without opening its log; `None` where there is none.
    pub fn topic_id_in(&self, name: &str) -> Result<Option<Uuid>, LogError> {
        partition_metadata::read(self.home.disk.as_ref(), &self.path.join(name))
    }

    /// Renames the folder of a partition that the cluster does not know here to `<name>.<id>-stray`, as Kafka does:
    /// nothing reads or removes it any more but the operator. Returns where it is now.
    pub fn set_aside(&self, name: &str, id: Uuid) -> Result<PathBuf, LogError> {
        self.home.check_online()?;
        let (from, to) =
            (self.path.join(name), self.path.join(names::renamed_folder(name, id, names::STRAY_FOLDER)));
        let disk = self.home.disk.as_ref();
        disk.rename(&from, &to).map_err(|source| self.home.failed("rename", &from, source))?;
        self.sync_names()?;
        Ok(to)
    }

    /// Opens one partition folder.
    pub fn open_log(
        &self,
        name: &str,
        options: Arc<LogOptions>,
        recovery: RecoveryStart,
        now_ms: TimestampMs,
    ) -> Result<PartitionLog, LogError> {
        self.home.check_online()?;
        PartitionLog::open(&self.home, &self.path.join(name), options, recovery, now_ms)
    }

    /// True where the folder holds a segment with records.
    pub fn has_records(&self, name: &str) -> Result<bool, LogError> {
        let folder = self.path.join(name);
        let entries = self.home.disk.list(&folder).map_err(LogError::io("list", &folder))?;
        let is_log = |name: &str| matches!(names::parse_segment_file(name), Some((_, names::LOG)));
        for entry in entries.iter().filter(|entry| is_log(&entry.name)) {
            let path = folder.join(&entry.name);
            if self.home.disk.size(&path).map_err(LogError::io("look at", &path))? > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens many partition folders with `threads` threads (`num.recovery.threads.per.data.dir`), each of which
    /// has `settle` do what else a log needs; the outcomes are in the order of `folders`.
    pub fn open_logs(
        &self,
        folders: &[String],
        options_of: &(dyn Fn(&str) -> Arc<LogOptions> + Sync),
        settle: &(dyn Fn(&str, &PartitionLog) -> Result<(), LogError> + Sync),
        last_run: &LastRun,
        threads: usize,
        now_ms: TimestampMs,
    ) -> Vec<OpenedLog> {
        let (points, starts) = (by_folder(&last_run.recovery_points), by_folder(&last_run.log_starts));
        let opened: Mutex<Vec<(usize, OpenedLog)>> = Mutex::new(Vec::with_capacity(folders.len()));
        work_through(folders, threads, |place, name| {
            let recovery = RecoveryStart {
                clean_shutdown: last_run.was_clean,
                recovery_point: points.get(name.as_str()).copied().unwrap_or(0),
                log_start_offset: starts.get(name.as_str()).copied().unwrap_or(0),
            };
            let outcome = self.open_log(name, options_of(name), recovery, now_ms);
            let outcome = outcome.and_then(|log| settle(name, &log).map(|()| log));
            opened.lock().push((place, (name.clone(), outcome)));
        });
        let mut opened = opened.into_inner();
        opened.sort_by_key(|(place, _)| *place);
        opened.into_iter().map(|(_, log)| log).collect()
    }
}

/// Does `work` for each of `items` and its place, with so many threads.
fn work_through<T: Sync>(items: &[T], threads: usize, work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    let take_turns = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return };
            work(place, item);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, items.len().max(1)) {
            scope.spawn(take_turns);
        }
        take_turns();
    });
}

fn by_folder(checkpoint: &OffsetCheckpoint) -> std::collections::HashMap<String, i64> {
    let entries = checkpoint.entries.iter();
    entries.map(|(topic, partition, offset)| (format!("{topic}-{partition}"), *offset)).collect()
}

fn broker_epoch(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once("\"brokerEpoch\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let end =
        rest.find(|character: char| !character.is_ascii_digit() && character != '-').unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}
