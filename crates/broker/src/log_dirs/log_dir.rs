//! One log directory of the broker: its checkpoints, and how quick it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::{Offset, Uuid};
use partition_log::{CheckpointFile, LastRun, LogDir, LogError, LogHome, OffsetCheckpoint, PartitionLog};

use super::side_appends::SideAppends;
use super::slowness::Slowness;
use crate::delayed::Flusher;
use crate::partition_threads::PartitionThreads;
use crate::partitions::{AppendWatch, FlushBegun, Partition};

/// An append of another thread that has been under way for longer is not joined.
const STUCK: Duration = Duration::from_millis(5);

/// One log directory.
#[derive(Debug)]
pub struct BrokerLogDir {
    /// Where it is.
    pub path: PathBuf,
    /// Its id (`directory.id` of meta.properties); zero where it could not be read.
    pub id: Uuid,
    /// What its logs share.
    pub home: Arc<LogHome>,
    /// `None` where it was offline from the start.
    pub(crate) files: Option<LogDir>,
    /// Broker epoch in the mark of a clean shutdown; `None` without the mark.
    clean_epoch: Option<i64>,
    partitions: AtomicUsize,
    slowness: Slowness,
    /// Appends under way.
    pub(crate) watch: AppendWatch,
    /// For appends that must not hold up a core.
    pub(crate) aside: PartitionThreads<SideAppends>,
    /// Puts partitions here on stable storage.
    pub(crate) flusher: Flusher,
    /// Write-back has been started since the recovery points were written.
    has_written_back: AtomicBool,
    /// Bytes flushed since the recovery points were written.
    flushed_bytes: AtomicU64,
}

impl BrokerLogDir {
    /// Takes over a directory and starts its threads, which end with the last owner. From now on the directory is
    /// in use: the mark of a clean shutdown is taken away.
    pub fn start(files: LogDir, id: Uuid) -> Result<Arc<BrokerLogDir>, String> {
        let home = Arc::clone(files.home());
        let clean_epoch = files.take_clean_shutdown().unwrap_or_else(|error| {
            home.take_offline(&error.to_string());
            None
        });
        let path = files.path().to_owned();
        start(path, id, home, Some(files), clean_epoch)
    }

    /// A directory that failed before it could be used; `home` says why.
    pub fn offline(path: &Path, home: Arc<LogHome>) -> Result<Arc<BrokerLogDir>, String> {
        start(path.to_owned(), Uuid::ZERO, home, None, None)
    }

    /// True once a write or sync has failed.
    pub fn is_offline(&self) -> bool {
        self.home.is_offline()
    }

    /// Broker epoch that the last run left at its clean stop; `None` after a crash.
    pub fn clean_epoch(&self) -> Option<i64> {
        self.clean_epoch
    }

    /// What the last run left to know of the logs here. A checkpoint that cannot be read counts as empty, as in
    /// Kafka: recovery then looks at everything.
    pub fn last_run(&self) -> LastRun {
        let read = |file: CheckpointFile| {
            let found = self.files.as_ref().map(|files| files.checkpoint(file)).transpose();
            found.map(Option::unwrap_or_default).unwrap_or_else(|error| {
                tracing::warn!(path = %self.path.display(), %error, "a checkpoint counts as empty");
                OffsetCheckpoint::default()
            })
        };
        LastRun {
            was_clean: self.clean_epoch.is_some(),
            recovery_points: read(CheckpointFile::RecoveryPoint),
            log_starts: read(CheckpointFile::LogStart),
        }
    }

    /// Partitions placed here.
    pub fn partition_count(&self) -> usize {
        self.partitions.load(Ordering::Relaxed)
    }

    /// One more partition is here.
    pub fn count_partition(&self) {
        self.partitions.fetch_add(1, Ordering::Relaxed);
    }

    /// A partition that was here has been deleted.
    pub fn uncount_partition(&self) {
        self.partitions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes of the file system in all, and free for us.
    pub fn room(&self) -> Option<(i64, i64)> {
        let room = rustix::fs::statvfs(&self.path).ok()?;
        let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(room.f_frsize)).unwrap_or(i64::MAX);
        Some((bytes(room.f_blocks), bytes(room.f_bavail)))
    }

    /// True while appends go to the side threads.
    pub fn is_slow(&self) -> bool {
        self.slowness.is_slow(Instant::now())
    }

    /// True where an append may be made here and now: the directory is not slow, and no append of another thread
    /// stands still.
    pub fn is_quick(&self, now: Instant) -> bool {
        !self.slowness.is_slow(now) && self.watch.stuck(now, STUCK).is_none()
    }

    /// Takes note of an append that began at `started` and has ended, of `count` batches.
    pub fn observe_append(&self, started: Instant, count: u32) {
        let now = Instant::now();
        self.slowness.observe(now, now.saturating_duration_since(started) / count.max(1));
    }

    /// Appends that took longer than they should since the start.
    pub fn slow_appends(&self) -> u64 {
        self.slowness.slow_appends()
    }

    /// Writes the recovery points of the partitions here.
    pub fn checkpoint_recovery_points(&self, partitions: &[Arc<Partition>]) -> Result<(), LogError> {
        self.has_written_back.store(false, Ordering::Relaxed);
        self.flushed_bytes.store(0, Ordering::Relaxed);
        self.checkpoint(CheckpointFile::RecoveryPoint, partitions, |partition| {
            // A failure has taken the directory offline, and then no checkpoint is written.
            partition.log.point_for_checkpoint().ok()
        })
    }

    /// Has `partition` put on stable storage though nobody asked for it.
    pub fn write_back(&self, partition: &Arc<Partition>) {
        self.has_written_back.store(true, Ordering::Relaxed);
        self.flusher.flush_unattended(partition);
    }

    /// Has many partitions put on stable storage with one sync, here and now.
    pub fn write_back_together(&self, partitions: &[Arc<Partition>]) -> Result<(), LogError> {
        let Some(files) = &self.files else { return Ok(()) };
        self.has_written_back.store(true, Ordering::Relaxed);
        let begun: Vec<FlushBegun> = partitions.iter().map(|partition| partition.flush_begins()).collect();
        let logs: Vec<&PartitionLog> = partitions.iter().map(|partition| &partition.log).collect();
        self.flusher.count(logs.len());
        files.flush_together(&logs)?;
        for (partition, begun) in partitions.iter().zip(begun) {
            partition.flush_ended(begun);
        }
        Ok(())
    }

    /// Puts the names of the folders here on stable storage.
    pub fn sync_names(&self) -> Result<(), LogError> {
        self.files.as_ref().map_or(Ok(()), LogDir::sync_names)
    }

    /// So many bytes more are on stable storage.
    pub fn note_flushed(&self, bytes: u64) {
        self.flushed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes flushed since the recovery points were written, which a start after a crash would scan for nothing.
    pub fn flushed_bytes(&self) -> u64 {
        self.flushed_bytes.load(Ordering::Relaxed)
    }

    /// True where write-back has been started since the recovery points were written.
    pub fn has_written_back(&self) -> bool {
        self.has_written_back.load(Ordering::Relaxed)
    }

    /// Writes the log starts of the partitions here, where the first segment's name does not tell them.
    pub fn checkpoint_log_starts(&self, partitions: &[Arc<Partition>]) -> Result<(), LogError> {
        self.checkpoint(CheckpointFile::LogStart, partitions, |partition| {
            Some(partition.log.log_start_offset())
                .filter(|start| *start > partition.log.first_segment_offset())
        })
    }

    fn checkpoint(
        &self,
        file: CheckpointFile,
        partitions: &[Arc<Partition>],
        offset: fn(&Partition) -> Option<Offset>,
    ) -> Result<(), LogError> {
        let Some(files) = &self.files else { return Ok(()) };
        let entry = |partition: &Arc<Partition>| {
            Some((partition.topic.name.to_string(), partition.index, offset(partition)?))
        };
        let entries = partitions.iter().filter_map(entry).collect();
        files.set_checkpoint(file, &OffsetCheckpoint { entries })
    }

    /// Closes the logs here, with one sync for all of them, and leaves the mark of a clean shutdown if that succeeded.
    pub fn close(
        &self,
        partitions: &[Arc<Partition>],
        threads: usize,
        broker_epoch: i64,
    ) -> Result<(), LogError> {
        let Some(files) = &self.files else { return Ok(()) };
        let logs: Vec<&PartitionLog> = partitions.iter().map(|partition| &partition.log).collect();
        files.close_together(&logs, threads)?;
        self.checkpoint_recovery_points(partitions)?;
        self.checkpoint_log_starts(partitions)?;
        files.mark_clean_shutdown(broker_epoch)
    }
}

fn start(
    path: PathBuf,
    id: Uuid,
    home: Arc<LogHome>,
    files: Option<LogDir>,
    clean_epoch: Option<i64>,
) -> Result<Arc<BrokerLogDir>, String> {
    let failed = |error: std::io::Error| format!("cannot start a thread: {error}");
    Ok(Arc::new(BrokerLogDir {
        path,
        id,
        home,
        files,
        clean_epoch,
        partitions: AtomicUsize::new(0),
        slowness: Slowness::new(Instant::now()),
        watch: AppendWatch::new(Instant::now()),
        aside: PartitionThreads::start(SideAppends).map_err(failed)?,
        flusher: Flusher::start().map_err(failed)?,
        has_written_back: AtomicBool::new(false),
        flushed_bytes: AtomicU64::new(0),
    }))
}
