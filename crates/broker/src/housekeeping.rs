//! What has to be done now and then: checkpoints, write-back, folders of deleted partitions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use partition_log::LogError;
use tokio::sync::watch;

use crate::broker::Broker;
use crate::log_dirs::BrokerLogDir;
use crate::partitions::Partition;

/// How often is looked whether something is due; oftener where an interval is shorter.
const TURN: Duration = Duration::from_secs(1);
/// The shortest time between two looks.
const TURN_MIN: Duration = Duration::from_millis(10);
/// How often is looked for records that wait for stable storage, in milliseconds.
const WRITE_BACK_MS: i32 = 1_000;
/// Such looks after which they are flushed, asked for or not.
const UNFLUSHED_LOOKS_MAX: u8 = 3;
/// Bytes flushed after which the recovery points are written with the next turn.
const MOVED_BYTES_MAX: u64 = 64 << 20;
/// Partitions of a directory from which on they are flushed with one sync of its file system: each of them takes some
/// syncs of its own else, and the file system may hold much that is not ours.
const TOGETHER_MIN: usize = 64;
/// Folders of deleted partitions that one turn removes, so that thousands do not hold a processor.
const DOOMED_MAX: usize = 256;
/// How often recovery points are written where something has been written back since, in milliseconds: what a start
/// after a crash has to scan is bounded by it, and Kafka's interval is a minute.
const MOVED_POINTS_MS: i32 = 5_000;

/// When something is done again.
struct Due {
    every: Duration,
    wait: Duration,
    since: Instant,
}

impl Due {
    /// Due after each `interval_ms`; only once where there is none, as in Kafka.
    fn every_ms(interval_ms: i32) -> Due {
        let interval_ms = u64::try_from(interval_ms).ok().filter(|ms| *ms > 0);
        let every = interval_ms.map_or(Duration::MAX, Duration::from_millis);
        Due { every, wait: every, since: Instant::now() }
    }

    /// The same, due for the first time after `delay_ms`.
    fn first_after_ms(self, delay_ms: i64) -> Due {
        Due { wait: Duration::from_millis(u64::try_from(delay_ms).unwrap_or_default()), ..self }
    }

    fn is_now(&mut self) -> bool {
        let is_now = self.since.elapsed() >= self.wait;
        if is_now {
            (self.wait, self.since) = (self.every, Instant::now());
        }
        is_now
    }

    fn left(&self) -> Duration {
        self.wait.saturating_sub(self.since.elapsed())
    }
}

/// Which checkpoints a turn writes.
#[derive(Clone, Copy)]
struct Checkpoints {
    recovery_points: bool,
    /// Also those of directories in which something has been written back since.
    moved_points: bool,
    log_starts: bool,
}

/// How long the tail of a partition is kept in memory after its last reader.
const TAIL_KEPT_MS: i32 = 30_000;
/// How long the memory that a batch has unpacked to is kept for the next such batch.
const UNPACKED_KEPT_MS: i32 = 10_000;

/// Works until the broker stops.
pub async fn run(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let logs = &broker.options.config.logs;
    let delay_ms = logs.initial_task_delay_ms;
    let mut recovery_points =
        Due::every_ms(logs.recovery_point_checkpoint_interval_ms).first_after_ms(delay_ms);
    let mut log_starts = Due::every_ms(logs.start_offset_checkpoint_interval_ms).first_after_ms(delay_ms);
    let mut moved_points = Due::every_ms(MOVED_POINTS_MS);
    let mut tails = Due::every_ms(TAIL_KEPT_MS);
    let mut unpacked = Due::every_ms(UNPACKED_KEPT_MS);
    let mut write_back = Due::every_ms(WRITE_BACK_MS);
    let mut producers = Due::every_ms(logs.producer_id_expiration_check_interval_ms);
    loop {
        let next = recovery_points.left().min(log_starts.left()).min(producers.left());
        tokio::select! {
            () = tokio::time::sleep(next.clamp(TURN_MIN, TURN)) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        let due = Checkpoints {
            recovery_points: recovery_points.is_now(),
            moved_points: moved_points.is_now(),
            log_starts: log_starts.is_now(),
        };
        let looks = Looks { folders: true, unflushed: write_back.is_now(), tails: tails.is_now() };
        if unpacked.is_now() {
            give_back_unpacked(&broker);
        }
        let expires = producers.is_now();
        let working = Arc::clone(&broker);
        let turn = tokio::task::spawn_blocking(move || turn(&working, looks, expires, due)).await;
        if let Err(error) = turn {
            tracing::error!(%error, "a turn of the housekeeping failed");
        }
    }
}

fn turn(broker: &Broker, looks: Looks, expires: bool, due: Checkpoints) {
    look_after(broker, looks);
    if expires {
        expire_producers(broker);
    }
    remove_doomed(broker);
    for log_dir in broker.log_dirs.online() {
        if let Err(error) = checkpoint(broker, log_dir, due) {
            tracing::error!(path = %log_dir.path.display(), %error, "checkpoints could not be written");
        }
    }
}

/// Gives back the memory in which a batch that unpacks to much was checked.
pub fn give_back_unpacked(broker: &Broker) {
    broker.large_scratch.lock().trim(0);
}

/// What is looked for at every partition.
#[derive(Debug, Clone, Copy, Default)]
struct Looks {
    /// Has it a folder?
    folders: bool,
    /// Have records been waiting for stable storage?
    unflushed: bool,
    /// Does anybody read its tail, or write to it?
    tails: bool,
}

/// Looks at every partition once, and sees to those that need something.
fn look_after(broker: &Broker, looks: Looks) {
    let (mut unmade, mut late) = (Vec::new(), Vec::new());
    broker.partitions.look_at_all(|partition| {
        if looks.folders && !partition.log.has_folder() {
            unmade.push(Arc::clone(partition));
        }
        if looks.unflushed && partition.unflushed_looks() >= UNFLUSHED_LOOKS_MAX {
            late.push(Arc::clone(partition));
        }
        if looks.tails {
            partition.log.trim_memory();
            if let Err(error) = partition.log.trim_reserved() {
                tracing::warn!(?partition, %error, "room on the disk could not be given back");
            }
        }
    });
    for partition in unmade {
        if let Err(error) = partition.log.make_folder()
            && !partition.log_dir.is_offline()
        {
            tracing::warn!(?partition, %error, "a folder cannot be made yet");
        }
    }
    write_back(broker, &late);
}

/// Makes the folders of partitions that have begun since the last turn, which nobody waits for: a folder also comes
/// with the first record.
pub fn make_folders(broker: &Broker) {
    look_after(broker, Looks { folders: true, ..Looks::default() });
}

/// Has the partitions flushed in which records have been waiting for that for some looks: what a power cut may take
/// is bounded, also where no setting asks for flushes.
pub fn start_write_back(broker: &Broker) {
    look_after(broker, Looks { unflushed: true, ..Looks::default() });
}

fn write_back(broker: &Broker, late: &[Arc<Partition>]) {
    for log_dir in broker.log_dirs.online() {
        let late = late.iter().filter(|partition| Arc::ptr_eq(&partition.log_dir, log_dir));
        // With the durable policy a request may be waiting for the partition, which the others would hold up.
        let (alone, many): (Vec<_>, Vec<_>) = late.cloned().partition(|partition| partition.is_durable());
        let (alone, many) =
            if many.len() < TOGETHER_MIN { ([alone, many].concat(), vec![]) } else { (alone, many) };
        alone.iter().for_each(|partition| log_dir.write_back(partition));
        if !many.is_empty()
            && let Err(error) = log_dir.write_back_together(&many)
        {
            tracing::error!(path = %log_dir.path.display(), %error, "a flush failed");
        }
    }
}

fn checkpoint(broker: &Broker, log_dir: &Arc<BrokerLogDir>, due: Checkpoints) -> Result<(), LogError> {
    let has_moved_far = log_dir.flushed_bytes() >= MOVED_BYTES_MAX;
    if due.recovery_points || has_moved_far || (due.moved_points && log_dir.has_written_back()) {
        log_dir.checkpoint_recovery_points(&broker.partitions.partitions_in(log_dir))?;
    }
    if due.log_starts {
        log_dir.checkpoint_log_starts(&broker.partitions.partitions_in(log_dir))?;
    }
    Ok(())
}

/// Forgets idempotent producers that have been idle for `producer.id.expiration.ms`.
pub fn expire_producers(broker: &Broker) {
    let now_ms = broker.clock.now_ms();
    broker.partitions.partitions().iter().for_each(|partition| partition.log.expire_producers(now_ms));
}

/// Folders of deleted partitions go after `log.segment.delete.delay.ms`, when nobody reads from them any more.
pub fn remove_doomed(broker: &Broker) {
    let delay_ms = broker.file_delete_delay_ms.load(Ordering::Relaxed);
    let delay = Duration::from_millis(u64::try_from(delay_ms).unwrap_or_default());
    let due: Vec<_> = {
        let mut doomed = broker.doomed.lock();
        doomed.extract_if(.., |(since, _)| since.elapsed() >= delay).take(DOOMED_MAX).collect()
    };
    for (_, folder) in due {
        if let Err(error) = folder.remove() {
            tracing::warn!(%error, "the folder of a deleted partition could not be removed");
        }
    }
}

/// Closes every log; the next start trusts what is on disk.
pub fn close_logs(broker: &Broker) {
    let threads = broker.recovery_threads(&broker.metadata.image());
    for log_dir in broker.log_dirs.online() {
        let partitions = broker.partitions.partitions_in(log_dir);
        if let Err(error) = log_dir.close(&partitions, threads, broker.epoch()) {
            tracing::error!(path = %log_dir.path.display(), %error, "the next start has to recover this directory");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_interval_something_is_done_once() {
        let mut once = Due::every_ms(0).first_after_ms(0);
        assert!(once.is_now() && !once.is_now());
        assert!(once.left() > Duration::from_secs(1_000_000_000));
    }
}
