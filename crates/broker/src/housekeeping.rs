//! What has to be done now and then: checkpoints, write-back, folders of deleted partitions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::broker::Broker;
use crate::log_dirs::BrokerLogDir;
use crate::partitions::Partition;

/// How often is looked whether something is due.
const TURN: Duration = Duration::from_secs(1);
/// Appended bytes of a partition after which its write-back is started, before the kernel does it at a worse time.
const WRITEBACK_BYTES: u64 = 4 * 1024 * 1024;

/// Works until the broker stops.
pub async fn run(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let interval = broker.options.config.logs.recovery_point_checkpoint_interval_ms;
    let interval = Duration::from_millis(u64::try_from(interval).unwrap_or(60_000));
    let mut checkpointed = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TURN) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        let checkpoint = checkpointed.elapsed() >= interval;
        if checkpoint {
            checkpointed = Instant::now();
        }
        let working = Arc::clone(&broker);
        let turn = tokio::task::spawn_blocking(move || turn(&working, checkpoint)).await;
        if let Err(error) = turn {
            tracing::error!(%error, "a turn of the housekeeping failed");
        }
    }
}

fn turn(broker: &Broker, checkpoint: bool) {
    for partition in broker.partitions.partitions() {
        if partition.log.bytes_since_writeback() >= WRITEBACK_BYTES
            && let Err(error) = partition.log.flush()
        {
            tracing::error!(?partition, %error, "write-back failed");
        }
    }
    remove_doomed(broker);
    if checkpoint {
        for log_dir in &broker.log_dirs {
            if let Err(error) = log_dir.checkpoint(&partitions_in(broker, log_dir)) {
                tracing::error!(path = %log_dir.path.display(), %error, "checkpoints could not be written");
            }
        }
    }
}

/// Folders of deleted partitions go after `log.segment.delete.delay.ms`, when nobody reads from them any more.
fn remove_doomed(broker: &Broker) {
    let delay_ms = broker.options.config.topics.defaults.retention.file_delete_delay_ms;
    let due_ms = broker.clock.now_ms() - delay_ms;
    let due: Vec<_> = broker.doomed.lock().extract_if(.., |(deleted_ms, _)| *deleted_ms <= due_ms).collect();
    for (_, folder) in due {
        if let Err(error) = folder.remove() {
            tracing::warn!(%error, "the folder of a deleted partition could not be removed");
        }
    }
}

fn partitions_in(broker: &Broker, log_dir: &Arc<BrokerLogDir>) -> Vec<Arc<Partition>> {
    let mut partitions = broker.partitions.partitions();
    partitions.retain(|partition| Arc::ptr_eq(&partition.log_dir, log_dir));
    partitions
}

/// Closes every log; the next start trusts what is on disk.
pub fn close_logs(broker: &Broker) {
    for log_dir in &broker.log_dirs {
        if let Err(error) = log_dir.close(&partitions_in(broker, log_dir)) {
            tracing::error!(path = %log_dir.path.display(), error, "the next start has to recover this directory");
        }
    }
}
