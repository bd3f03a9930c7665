//! One partition that this broker leads: its log, the fetches waiting on it, and what passed through it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Instant;

use model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TimestampMs};
use partition_log::{AppendError, AppendGuard, Appended, PartitionLog};
use records::CheckedBatch;
use tokio::sync::oneshot;

use super::append_queue::{AppendQueue, AppendTicket, QueuedAppend};
use super::registry::Topic;
use crate::delayed::WaitList;
use crate::log_dirs::BrokerLogDir;

/// Attempts at the append lock before a batch is left to its holder: about as long as a small append takes,
/// and far less than waking another core.
const LOCK_ATTEMPTS: usize = 200;

/// A partition of this broker.
pub struct Partition {
    /// Its topic.
    pub topic: Arc<Topic>,
    /// Its number.
    pub index: PartitionIndex,
    /// Its records.
    pub log: PartitionLog,
    /// Where its folder is.
    pub log_dir: Arc<BrokerLogDir>,
    /// Fetches that wait for its next records.
    pub waits: WaitList,
    /// What passed through it.
    pub counters: PartitionCounters,
    leader_epoch: AtomicI32,
    is_gone: AtomicBool,
    queue: AppendQueue,
}

/// Traffic of one partition since the broker started; a topic's traffic is the sum.
#[derive(Debug, Default)]
pub struct PartitionCounters {
    /// Records appended.
    pub messages_in: AtomicU64,
    /// Bytes of batches appended.
    pub bytes_in: AtomicU64,
    /// Bytes of batches fetched.
    pub bytes_out: AtomicU64,
}

impl Partition {
    /// Takes over an opened log.
    pub fn new(
        topic: Arc<Topic>,
        index: PartitionIndex,
        log: PartitionLog,
        log_dir: Arc<BrokerLogDir>,
        leader_epoch: LeaderEpoch,
    ) -> Arc<Partition> {
        Arc::new(Partition {
            topic,
            index,
            log,
            log_dir,
            waits: WaitList::default(),
            counters: PartitionCounters::default(),
            leader_epoch: AtomicI32::new(leader_epoch),
            is_gone: AtomicBool::new(false),
            queue: AppendQueue::default(),
        })
    }

    /// Epoch of the current leader.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// A new leader epoch has begun.
    pub fn set_leader_epoch(&self, epoch: LeaderEpoch) {
        if self.leader_epoch.swap(epoch, Ordering::AcqRel) != epoch {
            self.waits.wake_all();
        }
    }

    /// Refuses a client that knows another epoch than the current one (KIP-320); -1 knows none.
    pub fn check_leader_epoch(&self, known: LeaderEpoch) -> Result<(), ErrorCode> {
        match known.cmp(&self.leader_epoch()) {
            _ if known < 0 => Ok(()),
            std::cmp::Ordering::Less => Err(ErrorCode::FENCED_LEADER_EPOCH),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
        }
    }

    /// The largest epoch not above `epoch` and where it ends; `None` where no such epoch is known.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        if epoch == self.leader_epoch() {
            return Some((epoch, self.log.log_end_offset()));
        }
        Some(self.log.end_offset_for_epoch(epoch)).filter(|(epoch, _)| *epoch >= 0)
    }

    /// The topic was deleted: whoever waits here is woken and looks again.
    pub fn gone(&self) {
        self.is_gone.store(true, Ordering::Release);
        self.waits.wake_all();
    }

    /// True once the topic was deleted.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// The offset below which consumers may read. With one replica all that is appended is committed.
    pub fn high_watermark(&self) -> Offset {
        self.log.log_end_offset()
    }

    /// The offset below which a read_committed consumer may read.
    pub fn last_stable_offset(&self) -> Offset {
        self.log
            .first_undecided_offset()
            .map_or(self.high_watermark(), |first| first.min(self.high_watermark()))
    }

    /// Appends a checked batch, here and now where the lock is free and the disk is quick.
    ///
    /// Otherwise the batch is left in the queue, in order, for the holder of the lock or for the log directory's
    /// own thread.
    pub fn append(
        self: &Arc<Self>,
        batch: &mut [u8],
        checked: CheckedBatch,
        now_ms: TimestampMs,
    ) -> AppendTicket {
        if self.queue.is_empty()
            && !self.log_dir.is_slow()
            && let Some(mut guard) = self.lock_soon()
        {
            let outcome = self.append_locked(&mut guard, batch, &checked, now_ms);
            self.drain(guard);
            return AppendTicket::Done(outcome);
        }
        let (reply, receiver) = oneshot::channel();
        self.queue.push(QueuedAppend { bytes: batch.to_vec(), checked, now_ms, reply });
        if self.log_dir.is_slow() {
            self.log_dir.append_aside(Arc::clone(self));
        } else if let Some(guard) = self.log.try_lock_append() {
            self.drain(guard);
        }
        AppendTicket::Queued(receiver)
    }

    /// Appends all that is queued, waiting for the lock: for the thread that may wait.
    pub fn drain_blocking(&self) {
        let guard = self.log.lock_append();
        self.drain(guard);
    }

    fn lock_soon(&self) -> Option<AppendGuard<'_>> {
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(guard) = self.log.try_lock_append() {
                return Some(guard);
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Appends what others left while the lock was held. After letting go it looks once more: whoever came
    /// between the last look and the release found the lock taken and has gone.
    fn drain<'l>(&'l self, guard: AppendGuard<'l>) {
        let mut guard = Some(guard);
        loop {
            if let Some(guard) = guard.as_mut() {
                for mut queued in self.queue.take() {
                    let outcome =
                        self.append_locked(guard, &mut queued.bytes, &queued.checked, queued.now_ms);
                    // A receiver that is gone is a client that has gone: its batch stays.
                    let _ = queued.reply.send(outcome);
                }
            }
            drop(guard.take());
            if self.queue.is_empty() {
                return;
            }
            guard = self.log.try_lock_append();
            if guard.is_none() {
                return;
            }
        }
    }

    fn append_locked(
        &self,
        guard: &mut AppendGuard<'_>,
        batch: &mut [u8],
        checked: &CheckedBatch,
        now_ms: TimestampMs,
    ) -> Result<Appended, AppendError> {
        let started = Instant::now();
        let outcome = guard.append(batch, checked, self.leader_epoch(), now_ms);
        self.log_dir.observe_append(started.elapsed());
        if let Ok(appended) = &outcome
            && !appended.is_duplicate
        {
            self.counters.messages_in.fetch_add(checked.record_count() as u64, Ordering::Relaxed);
            self.counters.bytes_in.fetch_add(batch.len() as u64, Ordering::Relaxed);
            self.waits.bytes_appended(batch.len());
        }
        outcome
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic.name, self.index)
    }
}
