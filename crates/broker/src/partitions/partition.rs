//! One partition that this broker leads: its log, the fetches waiting on it, and what passed through it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use metadata::image::Partition as Agreed;
use model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex};
use parking_lot::Mutex;
use partition_log::{LogError, PartitionLog};

use super::append_queue::AppendQueue;
use super::durability::Durability;
use super::registry::Topic;
use crate::delayed::{FlushRequests, WaitList};
use crate::log_dirs::BrokerLogDir;

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
    /// Replicas in sync; `i32::MAX` where all are.
    in_sync: AtomicI32,
    is_gone: AtomicBool,
    pub(super) queue: AppendQueue,
    /// A side thread sees to the queue.
    pub(super) is_aside: AtomicBool,
    /// Held by whoever appends, who looks into the queue afterwards; the log's own lock is also taken by those who
    /// look after the log and know of no queue.
    pub(super) turn: Mutex<()>,
    /// Who waits for its records to be on stable storage.
    pub flush_requests: FlushRequests,
    pub(super) durability: Durability,
    /// When a flush by time is due (`flush.ms`).
    flush_due: Mutex<Option<Instant>>,
    unflushed_looks: AtomicU8,
}

/// What a flush will have put on stable storage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlushBegun {
    /// Bytes that nobody who waits for bytes has been told of yet.
    hidden_bytes: usize,
    bytes: u64,
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
    /// Bytes of batches refused because they are too large.
    pub bytes_rejected: AtomicU64,
    /// Times it was produced to, refused batches included.
    pub produce_requests: AtomicU64,
    /// Batches refused or not written.
    pub failed_produce_requests: AtomicU64,
    /// Times it was fetched from.
    pub fetch_requests: AtomicU64,
    /// Fetches answered with an error.
    pub failed_fetch_requests: AtomicU64,
    /// Batches left to another thread.
    pub queued_appends: AtomicU64,
}

impl PartitionCounters {
    /// Counts a batch that was refused or could not be written.
    pub fn produce_failed(&self, code: ErrorCode, size: usize) {
        self.failed_produce_requests.fetch_add(1, Ordering::Relaxed);
        if code == ErrorCode::MESSAGE_TOO_LARGE {
            self.bytes_rejected.fetch_add(size as u64, Ordering::Relaxed);
        }
    }

    /// Counts a fetch and how it ended.
    pub fn fetched(&self, code: ErrorCode) {
        self.fetch_requests.fetch_add(1, Ordering::Relaxed);
        if !code.is_none() {
            self.failed_fetch_requests.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Partition {
    /// Takes over an opened log.
    pub fn new(
        topic: Arc<Topic>,
        index: PartitionIndex,
        log: PartitionLog,
        log_dir: Arc<BrokerLogDir>,
        agreed: &Agreed,
    ) -> Arc<Partition> {
        let durability = Durability::new(topic.settings.load().is_durable);
        Arc::new(Partition {
            topic,
            index,
            log,
            log_dir,
            waits: WaitList::default(),
            counters: PartitionCounters::default(),
            leader_epoch: AtomicI32::new(agreed.leader_epoch),
            in_sync: AtomicI32::new(in_sync(agreed)),
            is_gone: AtomicBool::new(false),
            queue: AppendQueue::default(),
            is_aside: AtomicBool::new(false),
            turn: Mutex::new(()),
            flush_requests: FlushRequests::default(),
            durability,
            flush_due: Mutex::default(),
            unflushed_looks: AtomicU8::new(0),
        })
    }

    /// Epoch of the current leader.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch.load(Ordering::Acquire)
    }

    /// The cluster has agreed on a new state: perhaps a leader epoch has begun, or a replica has come into sync.
    pub fn follow(&self, agreed: &Agreed) {
        self.in_sync.store(in_sync(agreed), Ordering::Release);
        if self.leader_epoch.swap(agreed.leader_epoch, Ordering::AcqRel) != agreed.leader_epoch {
            self.waits.wake_all();
        }
    }

    /// True where enough replicas are in sync for acks=all (`min.insync.replicas`); never are more wanted than there
    /// are.
    pub fn is_in_sync(&self, min_insync_replicas: i32) -> bool {
        self.in_sync.load(Ordering::Acquire) >= min_insync_replicas
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

    /// True once the topic was deleted or the log directory has failed: whoever held on to the partition asks the
    /// registry again, which says which.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire) || self.log_dir.is_offline()
    }

    /// The offset below which consumers may read. With one replica all that is appended is committed, with
    /// `flush.policy=durable` once it is on stable storage.
    pub fn high_watermark(&self) -> Offset {
        let end = self.log.log_end_offset();
        self.durability.shown(end, self.log.recovery_point())
    }

    /// The offset below which a read_committed consumer may read.
    pub fn last_stable_offset(&self) -> Offset {
        self.log
            .first_undecided_offset()
            .map_or(self.high_watermark(), |first| first.min(self.high_watermark()))
    }

    /// What has been appended is to be on stable storage after `delay` at the latest.
    pub fn flush_within(self: &Arc<Self>, delay: Duration) {
        let Some(due) = Instant::now().checked_add(delay) else { return };
        let mut planned = self.flush_due.lock();
        // The time may have become shorter since.
        if planned.is_none_or(|before| due < before) {
            *planned = Some(due);
            self.log_dir.flusher.flush_at(self, due);
        }
    }

    /// Puts all that has been appended on stable storage and shows it to those who wait for that.
    pub fn flush(&self) -> Result<(), LogError> {
        let begun = self.flush_begins();
        self.log.flush()?;
        self.flush_ended(begun);
        Ok(())
    }

    /// What is appended from now on needs another flush.
    pub(crate) fn flush_begins(&self) -> FlushBegun {
        if let Err(error) = self.log.reserve_ahead() {
            tracing::warn!(partition = ?self, %error, "no room is reserved on the disk");
        }
        *self.flush_due.lock() = None;
        self.unflushed_looks.store(0, Ordering::Relaxed);
        FlushBegun { hidden_bytes: self.durability.take_hidden(), bytes: self.log.unflushed_bytes() }
    }

    /// All that had been appended when the flush began is on stable storage.
    pub(crate) fn flush_ended(&self, begun: FlushBegun) {
        self.log_dir.note_flushed(begun.bytes);
        if begun.hidden_bytes > 0 {
            self.waits.bytes_appended(begun.hidden_bytes);
        }
    }

    /// Another look of the housekeeping: how many have found something to flush since the last flush.
    pub fn unflushed_looks(&self) -> u8 {
        if self.log.unflushed_bytes() == 0 {
            self.unflushed_looks.store(0, Ordering::Relaxed);
            return 0;
        }
        self.unflushed_looks.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// True with `flush.policy=durable`: each append needs a flush before anybody sees it.
    pub fn is_durable(&self) -> bool {
        self.durability.is_on()
    }

    /// `flush.policy` as it is now.
    pub fn set_durable(self: &Arc<Self>, is_durable: bool) {
        if is_durable == self.is_durable() {
            return;
        }
        if is_durable {
            // Nobody appends while it is decided what has been seen.
            let turn = self.turn.lock();
            self.durability.switch_on(self.log.log_end_offset());
            drop(turn);
            self.log_dir.flusher.flush_unattended(self);
        } else {
            self.durability.switch_off();
            self.waits.wake_all();
        }
    }
}

fn in_sync(agreed: &Agreed) -> i32 {
    if agreed.isr.len() >= agreed.replicas.len() {
        return i32::MAX;
    }
    i32::try_from(agreed.isr.len()).unwrap_or(i32::MAX)
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic.name, self.index)
    }
}
