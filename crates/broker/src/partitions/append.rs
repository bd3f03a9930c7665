//! Appending to a partition: by the core that has the batch, or by whoever holds the lock or may wait for the disk.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

use model::TimestampMs;
use parking_lot::MutexGuard;
use partition_log::{AppendError, AppendGuard, Appended, LeaderBatch};
use records::CheckedBatch;
use tokio::sync::oneshot;
use transport::MemoryBudget;

use super::append_queue::{AppendTicket, QueuedAppend};
use super::partition::Partition;

/// Attempts at the append lock before a batch is left to its holder: about as long as a small append takes,
/// and far less than waking another core.
const LOCK_ATTEMPTS: usize = 200;

impl Partition {
    /// Appends a checked batch, here and now where the lock is free and the disk is quick.
    ///
    /// Otherwise a copy, counted in `budget`, is left in the queue, in order, for the holder of the lock or for a side
    /// thread of the log directory.
    pub fn append(
        self: &Arc<Self>,
        batch: &mut [u8],
        checked: CheckedBatch,
        now_ms: TimestampMs,
        budget: &Arc<MemoryBudget>,
    ) -> AppendTicket {
        let started = Instant::now();
        let is_quick = self.log_dir.is_quick(started);
        if is_quick
            && self.queue.is_empty()
            && let Some((mut guard, turn)) = self.lock_soon()
        {
            let watched = self.log_dir.watch.begin(started);
            let outcome = guard.append(batch, &checked, self.leader_epoch(), now_ms);
            drop(watched);
            self.log_dir.observe_append(started, 1);
            self.count_appended(&checked, batch.len(), &outcome);
            drop((guard, turn));
            self.see_to_queue();
            return AppendTicket::Done(outcome);
        }
        let (reply, receiver) = oneshot::channel();
        let _memory = budget.reserve_taken(batch.len());
        self.queue.push(QueuedAppend { bytes: batch.to_vec(), checked, now_ms, reply, _memory });
        self.counters.queued_appends.fetch_add(1, Ordering::Relaxed);
        if is_quick {
            self.see_to_queue();
        } else {
            self.log_dir.aside.add(self);
        }
        AppendTicket::Queued(receiver)
    }

    /// Marks it as one whose queue a side thread sees to; false where it is marked already.
    pub(crate) fn goes_aside(&self) -> bool {
        !self.is_aside.swap(true, Ordering::SeqCst)
    }

    /// Appends what is queued now, waiting for the lock and the disk: for a thread that may wait. True where more has come
    /// meanwhile, which keeps its mark.
    pub(crate) fn append_aside(self: &Arc<Self>) -> bool {
        let turn = self.turn.lock();
        let mut guard = self.log.lock_append();
        self.append_queued(&mut guard);
        drop((guard, turn));
        self.is_aside.store(false, Ordering::SeqCst);
        // Who came before the mark was gone has left it to this thread.
        !self.queue.is_empty() && self.goes_aside()
    }

    fn lock_soon(&self) -> Option<(AppendGuard<'_>, MutexGuard<'_, ()>)> {
        for _ in 0..LOCK_ATTEMPTS {
            if let Some(turn) = self.turn.try_lock() {
                // Whoever else holds the log's lock looks after the log, which takes longer than it is worth waiting.
                return self.log.try_lock_append().map(|guard| (guard, turn));
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Sees to it that somebody appends what is queued: this thread, whoever has the turn, or a side thread while
    /// the disk is slow or the log is being looked after.
    ///
    /// Whoever gives the turn back calls this afterwards: a batch that came meanwhile has been left behind by a
    /// thread that found the turn taken and went on.
    fn see_to_queue(self: &Arc<Self>) {
        loop {
            // Between the queue and the turn, whichever of the two was changed here: one of two threads that meet
            // sees what the other has done.
            fence(Ordering::SeqCst);
            if self.queue.is_empty() {
                return;
            }
            if self.log_dir.is_slow() {
                return self.log_dir.aside.add(self);
            }
            let Some(turn) = self.turn.try_lock() else { return };
            let Some(mut guard) = self.log.try_lock_append() else {
                drop(turn);
                return self.log_dir.aside.add(self);
            };
            self.append_queued(&mut guard);
            drop((guard, turn));
        }
    }

    /// Appends what is queued now, neighbours with one write.
    fn append_queued(self: &Arc<Self>, guard: &mut AppendGuard<'_>) {
        let mut queued = self.queue.take();
        let Some(now_ms) = queued.iter().map(|append| append.now_ms).max() else { return };
        let started = Instant::now();
        let mut outcomes = Vec::with_capacity(queued.len());
        let mut items: Vec<LeaderBatch<'_>> = queued
            .iter_mut()
            .map(|append| LeaderBatch { bytes: &mut append.bytes, checked: append.checked })
            .collect();
        let watched = self.log_dir.watch.begin(started);
        guard.append_all(&mut items, self.leader_epoch(), now_ms, |_, outcome| outcomes.push(outcome));
        drop(watched);
        let count = u32::try_from(queued.len()).unwrap_or(u32::MAX);
        self.log_dir.observe_append(started, count);
        if let Some(delay) = self.topic.settings.load().flush_after {
            self.flush_within(delay);
        }
        // Only now can readers see them all.
        for (append, outcome) in queued.iter().zip(&outcomes) {
            self.count_appended(&append.checked, append.bytes.len(), outcome);
        }
        if self.is_durable() || outcomes.iter().flatten().any(|appended| appended.flush_due) {
            self.log_dir.flusher.flush_unattended(self);
        }
        for (append, outcome) in queued.into_iter().zip(outcomes) {
            // A receiver that is gone is a client that has gone: its batch stays.
            let _ = append.reply.send(outcome);
        }
    }

    /// Counts a batch and wakes the fetches it satisfies.
    fn count_appended(&self, checked: &CheckedBatch, size: usize, outcome: &Result<Appended, AppendError>) {
        if let Ok(appended) = outcome
            && !appended.is_duplicate
        {
            self.counters.messages_in.fetch_add(checked.record_count() as u64, Ordering::Relaxed);
            self.counters.bytes_in.fetch_add(size as u64, Ordering::Relaxed);
            if self.is_durable() {
                self.durability.hide(size);
            } else {
                self.waits.bytes_appended(size);
            }
        }
        if let Err(error) = outcome {
            self.counters.produce_failed(error.code(), size);
        }
    }
}
