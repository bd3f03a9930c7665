//! Doing what a step of the decider says: timers, records, and answers once these are committed.

use std::sync::Arc;

use coordinator::{Answer, Record, ReplyTo, Step, Stored};
use protocol::messages::GroupKey;
use tokio::sync::oneshot;

use super::{Active, HostedShard, State};
use crate::broker::Broker;
use crate::coordinators::appending::{Appending, Batch, Committed, Encoded, Wait, append};
use crate::coordinators::gathering::{Gathering, Linger, may_wait};
use crate::coordinators::in_flight::AppendNumber;
use crate::coordinators::refusal;

/// Records of one append where many end together, as when offsets expire.
const STORED_AT_ONCE: usize = 1_000;

/// Who learns when the records of a step are committed, or could not be.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    pub answers: Vec<(ReplyTo, Answer)>,
    pub stored: Option<Stored>,
    pub written: Option<oneshot::Sender<Committed>>,
}

impl HostedShard {
    /// Does what a step says, and what follows from its being stored.
    pub(super) fn carry_out(self: &Arc<Self>, broker: &Arc<Broker>, active: &mut Active, step: Step) {
        let mut next = Some(step);
        while let Some(step) = next {
            if let Some(queue) = broker.groups.queue_of(self) {
                step.timers.into_iter().for_each(|timer| queue.set(self.index, timer));
            }
            active.note(broker, &step.events);
            if let Some(asked) = step.resolve {
                let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
                tokio::task::spawn_local(async move { shard.resolve(&broker, &asked) });
            }
            let outstanding = Outstanding { answers: step.answers, stored: step.stored, written: None };
            next = match broker.groups.linger {
                Linger::Pass | Linger::For(_) if outstanding.stored.is_none() && may_wait(&step.records) => {
                    self.gather(broker, active, step.records, outstanding);
                    None
                }
                _ => self.store(broker, active, &step.records, outstanding),
            };
        }
    }

    /// Leaves records to the end of the pass.
    fn gather(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        active: &mut Active,
        records: Vec<Record>,
        outstanding: Outstanding,
    ) {
        let encoded = match Encoded::of(&records) {
            Ok(encoded) => encoded,
            Err(code) => {
                self.appended(broker, active, Appending::Refused(code), &records, outstanding);
                return;
            }
        };
        let size_max = self.partition.topic.settings.load().batch_bytes_max;
        if active.gathering.as_ref().is_some_and(|known| !known.batch.has_room(&encoded, size_max)) {
            self.append_gathered(broker, active);
        }
        if active.gathering.is_none() {
            let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
            tokio::task::spawn_local(shard.end_pass(broker));
        }
        let gathering = active.gathering.get_or_insert_with(|| Gathering::new(Batch::new(broker)));
        gathering.add(records, &encoded, outstanding.answers, broker.clock.now_ms());
    }

    /// Appends what a pass has left, at its end.
    async fn end_pass(self: Arc<Self>, broker: Arc<Broker>) {
        if let Linger::For(time) = broker.groups.linger {
            tokio::time::sleep(time).await;
        }
        if let Ok(active) = self.active(&mut self.state.lock()) {
            self.append_gathered(&broker, active);
        }
    }

    /// Appends the records that wait for that.
    pub(super) fn append_gathered(self: &Arc<Self>, broker: &Arc<Broker>, active: &mut Active) {
        if let Some(Gathering { batch, records, answers }) = active.gathering.take() {
            let appending = append(broker, &self.partition, &batch);
            let outstanding = Outstanding { answers, ..Outstanding::default() };
            // Nothing follows where nothing was to come back with.
            self.appended(broker, active, appending, &records, outstanding);
        }
    }

    /// Appends records and tells those who wait for them; the step that follows, if that is known already.
    pub(super) fn store(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        active: &mut Active,
        records: &[Record],
        outstanding: Outstanding,
    ) -> Option<Step> {
        if records.is_empty() {
            return self.appended(broker, active, Appending::Committed, records, outstanding);
        }
        self.append_gathered(broker, active);
        let appending = match Encoded::of(records) {
            Ok(encoded) => {
                let mut batch = Batch::new(broker);
                batch.push(&encoded, broker.clock.now_ms());
                append(broker, &self.partition, &batch)
            }
            Err(code) => Appending::Refused(code),
        };
        self.appended(broker, active, appending, records, outstanding)
    }

    /// Appends records that nobody waits for and that need not all be there, a part of them at a time.
    pub(super) fn store_in_parts(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        active: &mut Active,
        mut records: &[Record],
    ) {
        let size_max = self.partition.topic.settings.load().batch_bytes_max;
        while !records.is_empty() {
            let mut batch = Batch::new(broker);
            let together = records.get(..STORED_AT_ONCE).unwrap_or(records);
            let (appending, count) = match batch.fill(together, size_max, broker.clock.now_ms()) {
                Ok(count) => (append(broker, &self.partition, &batch), count),
                Err(code) => (Appending::Refused(code), 1),
            };
            let (stored, later) = records.split_at(count);
            self.appended(broker, active, appending, stored, Outstanding::default());
            records = later;
        }
    }

    /// Tells those who wait for `records` what became of them; the step that follows, if that is known already.
    fn appended(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        active: &mut Active,
        appending: Appending,
        records: &[Record],
        outstanding: Outstanding,
    ) -> Option<Step> {
        match appending {
            Appending::Committed => {
                records.iter().for_each(|record| active.shard.appended(record));
                active.settle(broker, outstanding, Ok(()))
            }
            Appending::Refused(code) => {
                let is_ahead = records.iter().any(|record| is_of_consumer_group(&record.key));
                let next = active.settle(broker, outstanding, Err(code));
                if is_ahead {
                    let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
                    tokio::task::spawn_local(async move { shard.reload(&broker) });
                }
                next
            }
            Appending::Waits(wait) => {
                // Later decisions count on them: should they be lost, the shard is loaded anew.
                records.iter().for_each(|record| active.shard.appended(record));
                let number = active.in_flight.begin();
                let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
                tokio::task::spawn_local(shard.settle_later(broker, wait, outstanding, number));
                None
            }
        }
    }

    async fn settle_later(
        self: Arc<Self>,
        broker: Arc<Broker>,
        wait: Wait,
        outstanding: Outstanding,
        number: AppendNumber,
    ) {
        let outcome = wait.end(&self.partition).await;
        let mut state = self.state.lock();
        let State::Active(active) = &mut *state else { return };
        if let Some(step) = active.settle(&broker, outstanding, outcome) {
            self.carry_out(&broker, active, step);
        }
        if outcome.is_ok() {
            active.in_flight.end(number);
            return;
        }
        drop(state);
        self.reload(&broker);
    }
}

impl Active {
    /// Tells those who wait for records what became of them; the step that follows.
    fn settle(&mut self, broker: &Broker, outstanding: Outstanding, outcome: Committed) -> Option<Step> {
        for (reply, answer) in outstanding.answers {
            let answer = match outcome {
                Ok(()) => answer,
                Err(code) => refusal::instead_of(answer, code),
            };
            self.replies.deliver(reply, answer);
        }
        if let Some(written) = outstanding.written {
            let _ = written.send(outcome);
        }
        let stored = outstanding.stored?;
        Some(self.shard.stored(stored, outcome.map_err(refusal::of_group), broker.clock.steady_ms()))
    }
}

/// Consumer groups have changed by the time their records are appended; classic ones and offsets change with them.
fn is_of_consumer_group(key: &GroupKey<'_>) -> bool {
    !matches!(key, GroupKey::OffsetCommit(_) | GroupKey::GroupMetadata(_))
}
