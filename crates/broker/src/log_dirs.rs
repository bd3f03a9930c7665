//! The log directories of the broker: their checkpoints, and a thread for appends that must not hold up a core.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use model::{Offset, Uuid};
use partition_log::{LogError, LogHome, OffsetCheckpoint, RealDisk, RecoveryStart};

use crate::delayed::Flusher;
use crate::partitions::Partition;

/// An append that took longer makes its log directory slow.
const SLOW_APPEND: Duration = Duration::from_millis(2);
/// How long a log directory stays slow after its last slow append.
const SLOW_FOR: Duration = Duration::from_millis(500);

const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
const LOG_STARTS: &str = "log-start-offset-checkpoint";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// One log directory.
#[derive(Debug)]
pub struct BrokerLogDir {
    /// Where it is.
    pub path: PathBuf,
    /// Its id (`directory.id` of meta.properties).
    pub id: Uuid,
    /// What its logs share.
    pub home: Arc<LogHome>,
    recovery: Recovery,
    partitions: AtomicUsize,
    started: Instant,
    /// Milliseconds after `started` until which the directory counts as slow.
    slow_until_ms: AtomicU64,
    slow_appends: AtomicU64,
    aside: mpsc::Sender<Arc<Partition>>,
    /// Puts partitions here on stable storage.
    pub(crate) flusher: Flusher,
}

/// What the files of the last run say.
#[derive(Debug, Default)]
struct Recovery {
    clean_shutdown: bool,
    recovery_points: HashMap<(String, i32), Offset>,
    log_starts: HashMap<(String, i32), Offset>,
}

impl BrokerLogDir {
    /// Takes over a directory and starts its thread, which ends with the last owner.
    pub fn start(path: &Path, id: Uuid, home: Arc<LogHome>) -> Result<Arc<BrokerLogDir>, String> {
        let recovery = read_recovery(path).map_err(|error| error.to_string())?;
        let (aside, queue) = mpsc::channel::<Arc<Partition>>();
        std::thread::Builder::new()
            .name("slow-appends".into())
            .spawn(move || {
                while let Ok(partition) = queue.recv() {
                    partition.drain_blocking();
                }
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Arc::new(BrokerLogDir {
            path: path.to_owned(),
            id,
            home,
            recovery,
            partitions: AtomicUsize::new(0),
            started: Instant::now(),
            slow_until_ms: AtomicU64::new(0),
            slow_appends: AtomicU64::new(0),
            aside,
            flusher: Flusher::start().map_err(|error| format!("cannot start a thread: {error}"))?,
        }))
    }

    /// What the last run left to know of a partition.
    pub fn recovery_of(&self, topic: &str, index: i32) -> RecoveryStart {
        let key = (topic.to_owned(), index);
        RecoveryStart {
            clean_shutdown: self.recovery.clean_shutdown,
            recovery_point: self.recovery.recovery_points.get(&key).copied().unwrap_or(0),
            log_start_offset: self.recovery.log_starts.get(&key).copied().unwrap_or(0),
        }
    }

    /// True once a write or sync has failed.
    pub fn is_offline(&self) -> bool {
        self.home.is_offline()
    }

    /// Partitions placed here.
    pub fn partition_count(&self) -> usize {
        self.partitions.load(Ordering::Relaxed)
    }

    /// One more partition is here.
    pub fn count_partition(&self) {
        self.partitions.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of the file system in all, and free for us.
    pub fn room(&self) -> Option<(i64, i64)> {
        let room = rustix::fs::statvfs(&self.path).ok()?;
        let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(room.f_frsize)).unwrap_or(i64::MAX);
        Some((bytes(room.f_blocks), bytes(room.f_bavail)))
    }

    /// True while appends go to the side thread.
    pub fn is_slow(&self) -> bool {
        let until = self.slow_until_ms.load(Ordering::Relaxed);
        until != 0 && self.started.elapsed().as_millis() < u128::from(until)
    }

    /// Takes note of how long an append took.
    pub fn observe_append(&self, took: Duration) {
        if took > SLOW_APPEND {
            let until = self.started.elapsed() + SLOW_FOR;
            self.slow_until_ms.store(until.as_millis() as u64, Ordering::Relaxed);
            self.slow_appends.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the side thread append what is queued at `partition`.
    pub fn append_aside(&self, partition: Arc<Partition>) {
        if let Err(mpsc::SendError(partition)) = self.aside.send(partition) {
            // The thread is gone only when the process ends; the caller's core does the work then.
            partition.drain_blocking();
        }
    }

    /// Appends that were slow since the start.
    pub fn slow_appends(&self) -> u64 {
        self.slow_appends.load(Ordering::Relaxed)
    }

    /// Writes the checkpoints of the partitions here.
    pub fn checkpoint(&self, partitions: &[Arc<Partition>]) -> Result<(), LogError> {
        let entries = |offset: fn(&Partition) -> Offset| OffsetCheckpoint {
            entries: partitions
                .iter()
                .map(|partition| (partition.topic.name.to_string(), partition.index, offset(partition)))
                .collect(),
        };
        entries(|partition| partition.log.recovery_point())
            .write(&RealDisk, &self.path.join(RECOVERY_POINTS))?;
        entries(|partition| partition.log.log_start_offset()).write(&RealDisk, &self.path.join(LOG_STARTS))
    }

    /// Closes the logs here and leaves the mark of a clean shutdown.
    pub fn close(&self, partitions: &[Arc<Partition>]) -> Result<(), String> {
        for partition in partitions {
            partition.log.close().map_err(|error| error.to_string())?;
        }
        self.checkpoint(partitions).map_err(|error| error.to_string())?;
        let mark = self.path.join(CLEAN_SHUTDOWN);
        fs::write(&mark, "{\"version\":0,\"brokerEpoch\":-1}")
            .map_err(|error| format!("{}: {error}", mark.display()))
    }
}

/// Reads checkpoints and takes the mark of a clean shutdown away: from now on the directory is in use.
fn read_recovery(path: &Path) -> Result<Recovery, LogError> {
    let read = |name: &str| -> Result<HashMap<(String, i32), Offset>, LogError> {
        let checkpoint = OffsetCheckpoint::read(&RealDisk, &path.join(name))?;
        Ok(checkpoint.entries.into_iter().map(|(topic, index, offset)| ((topic, index), offset)).collect())
    };
    let mark = path.join(CLEAN_SHUTDOWN);
    let clean_shutdown = fs::remove_file(&mark).is_ok();
    Ok(Recovery { clean_shutdown, recovery_points: read(RECOVERY_POINTS)?, log_starts: read(LOG_STARTS)? })
}
