//! One partition of `__consumer_offsets` with the decider of its groups.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coordinator::{
    Answer, GroupProgress, GroupShard, Record, ReplyTo, ResolveRegexes, Step, Stored, TimerKey,
};
use model::{ErrorCode, PartitionIndex};
use parking_lot::Mutex;
use protocol::messages::GroupKey;
use tokio::sync::oneshot;

use super::appending::{Appending, Committed, Wait, append};
use super::rebalance_log::{Rebalance, RebalanceCounts, RebalanceLog};
use super::replies::{Replies, WaitingRequest};
use super::topic_view::ImageTopics;
use super::{loading, refusal, settings};
use crate::broker::Broker;
use crate::partitions::Partition;

/// A shard on its partition.
#[derive(Debug)]
pub struct HostedShard {
    /// Which partition of `__consumer_offsets`.
    pub index: PartitionIndex,
    pub(super) partition: Arc<Partition>,
    state: Mutex<State>,
    /// Numbers of requests, also over a shard that was loaded anew.
    requests: AtomicU64,
}

/// Whether requests can be answered.
#[derive(Debug)]
enum State {
    /// Its records are being read.
    Loading,
    /// They have been read.
    Active(Box<Active>),
    /// It is not here any more, or its records cannot be read.
    Gone,
}

#[derive(Debug)]
struct Active {
    shard: GroupShard,
    replies: Replies,
    rebalances: RebalanceLog,
}

/// Who learns when the records of a step are committed, or could not be.
#[derive(Debug, Default)]
struct Outstanding {
    answers: Vec<(ReplyTo, Answer)>,
    stored: Option<Stored>,
    written: Option<oneshot::Sender<Committed>>,
}

/// What a request has come to.
pub enum Asked {
    /// It is answered.
    Answered(Answer),
    /// It waits.
    Waits(WaitingRequest),
}

impl HostedShard {
    /// A shard that is still to be loaded.
    pub fn new(index: PartitionIndex, partition: Arc<Partition>) -> Arc<HostedShard> {
        let (state, requests) = (Mutex::new(State::Loading), AtomicU64::new(0));
        Arc::new(HostedShard { index, partition, state, requests })
    }

    /// True for the partition that it is on.
    pub fn is_on(&self, partition: &Arc<Partition>) -> bool {
        Arc::ptr_eq(&self.partition, partition)
    }

    /// The records have been read into `shard`.
    pub fn begin(self: &Arc<Self>, broker: &Arc<Broker>, shard: GroupShard) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Loading) {
            return;
        }
        let mut active =
            Box::new(Active { shard, replies: Replies::default(), rebalances: RebalanceLog::default() });
        for (group, overrides) in settings::of_single_groups(&broker.metadata.image()) {
            active.shard.follow_group(group, overrides);
        }
        let step = active.shard.loaded(broker.clock.steady_ms());
        self.carry_out(broker, &mut active, step);
        *state = State::Active(active);
    }

    /// It is not here any more, or its records cannot be read: whoever waits is told to look elsewhere.
    pub fn end(&self) {
        *self.state.lock() = State::Gone;
    }

    /// Has the shard decide about a request.
    pub fn ask(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        decide: impl FnOnce(&mut GroupShard, ReplyTo) -> Step,
    ) -> Result<Asked, ErrorCode> {
        let mut state = self.state.lock();
        let active = self.active(&mut state)?;
        let reply = ReplyTo(self.requests.fetch_add(1, Ordering::Relaxed));
        let mut receiver = active.replies.expect(reply);
        let step = decide(&mut active.shard, reply);
        self.carry_out(broker, active, step);
        drop(state);
        match receiver.try_recv() {
            Ok(answer) => Ok(Asked::Answered(answer)),
            Err(_) => Ok(Asked::Waits(WaitingRequest { shard: Arc::clone(self), reply, receiver })),
        }
    }

    /// Has the shard know something that brings nothing about by itself.
    pub fn change(&self, change: impl FnOnce(&mut GroupShard)) -> Result<(), ErrorCode> {
        let mut state = self.state.lock();
        self.active(&mut state).map(|active| change(&mut active.shard))
    }

    /// Looks at the shard without changing it.
    pub fn look<R>(&self, look: impl FnOnce(&GroupShard) -> R) -> Result<R, ErrorCode> {
        let mut state = self.state.lock();
        self.active(&mut state).map(|active| look(&active.shard))
    }

    /// The last rebalances of a group, the oldest first.
    pub fn rebalances(&self, group: &str) -> Vec<Rebalance> {
        let mut state = self.state.lock();
        self.active(&mut state).map(|active| active.rebalances.of_group(group)).unwrap_or_default()
    }

    /// How often groups were rebalanced, in the order of `groups`.
    pub fn rebalance_counts(&self, groups: &[GroupProgress]) -> Vec<RebalanceCounts> {
        let mut state = self.state.lock();
        let Ok(active) = self.active(&mut state) else { return Vec::new() };
        groups.iter().map(|group| active.rebalances.counts(&group.group)).collect()
    }

    /// Lets go of the rebalances of groups that are not there any more.
    pub fn forget_ended_groups(&self) {
        let mut state = self.state.lock();
        if let Ok(Active { shard, rebalances, .. }) = self.active(&mut state) {
            rebalances.retain(|group| shard.has_group(group));
        }
    }

    /// Appends the records that `find` finds, and tells when they are committed.
    pub fn write<R>(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        find: impl FnOnce(&GroupShard) -> (Vec<Record>, R),
    ) -> Result<(R, oneshot::Receiver<Committed>), ErrorCode> {
        let mut state = self.state.lock();
        let active = self.active(&mut state)?;
        let (records, found) = find(&active.shard);
        let (sender, receiver) = oneshot::channel();
        let outstanding = Outstanding { written: Some(sender), ..Outstanding::default() };
        if let Some(step) = self.store(broker, active, &records, outstanding) {
            self.carry_out(broker, active, step);
        }
        Ok((found, receiver))
    }

    /// A timer has ended.
    pub fn expired(self: &Arc<Self>, broker: &Arc<Broker>, key: &TimerKey) {
        let mut state = self.state.lock();
        let Ok(active) = self.active(&mut state) else { return };
        let step = active.shard.expired(key, broker.clock.steady_ms(), &ImageTopics(broker.metadata.image()));
        self.carry_out(broker, active, step);
    }

    /// The client of a request has gone, or has its answer.
    pub(super) fn forget(&self, reply: ReplyTo) {
        if let State::Active(active) = &mut *self.state.lock() {
            active.replies.forget(reply);
        }
    }

    fn active<'s>(&self, state: &'s mut State) -> Result<&'s mut Active, ErrorCode> {
        match state {
            _ if self.partition.is_gone() => Err(ErrorCode::NOT_COORDINATOR),
            State::Loading => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            State::Gone => Err(ErrorCode::NOT_COORDINATOR),
            State::Active(active) => Ok(active),
        }
    }

    /// Does what a step says, and what follows from its being stored.
    fn carry_out(self: &Arc<Self>, broker: &Arc<Broker>, active: &mut Active, step: Step) {
        let mut next = Some(step);
        while let Some(step) = next {
            if let Some(queue) = broker.groups.queue_of(self) {
                step.timers.into_iter().for_each(|timer| queue.set(self.index, timer));
            }
            active.rebalances.note(&step.events, broker.clock.steady_ms());
            if let Some(asked) = step.resolve {
                let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
                tokio::task::spawn_local(async move { shard.resolve(&broker, &asked) });
            }
            let outstanding = Outstanding { answers: step.answers, stored: step.stored, written: None };
            next = self.store(broker, active, &step.records, outstanding);
        }
    }

    /// Appends records and tells those who wait for them; the step that follows, if that is known already.
    fn store(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        active: &mut Active,
        records: &[Record],
        outstanding: Outstanding,
    ) -> Option<Step> {
        let appending =
            if records.is_empty() { Appending::Committed } else { append(broker, &self.partition, records) };
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
                let (shard, broker) = (Arc::clone(self), Arc::clone(broker));
                tokio::task::spawn_local(shard.settle_later(broker, wait, outstanding));
                None
            }
        }
    }

    async fn settle_later(self: Arc<Self>, broker: Arc<Broker>, wait: Wait, outstanding: Outstanding) {
        let outcome = wait.end(&self.partition).await;
        let mut state = self.state.lock();
        let State::Active(active) = &mut *state else { return };
        if let Some(step) = active.settle(&broker, outstanding, outcome) {
            self.carry_out(&broker, active, step);
        }
        drop(state);
        if outcome.is_err() {
            self.reload(&broker);
        }
    }

    /// Goes back to what the log holds: what was decided since could not be stored.
    fn reload(self: &Arc<Self>, broker: &Arc<Broker>) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Active(_)) {
            return;
        }
        *state = State::Loading;
        drop(state);
        if let Some(queue) = broker.groups.queue_of(self) {
            queue.forget(self.index);
        }
        loading::begin(broker, vec![Arc::clone(self)]);
    }

    /// Looks for the topics of regular expressions, aside: there may be many.
    fn resolve(self: &Arc<Self>, broker: &Arc<Broker>, asked: &ResolveRegexes) {
        let topics = ImageTopics(broker.metadata.image());
        let now_ms = broker.clock.steady_ms();
        let found = topics.resolve(asked, now_ms);
        let mut state = self.state.lock();
        let Ok(active) = self.active(&mut state) else { return };
        let step = active.shard.regexes_resolved(&asked.group, found, broker.clock.steady_ms(), &topics);
        self.carry_out(broker, active, step);
    }

    /// True where nothing has ever been written to it.
    pub(super) fn is_empty(&self) -> bool {
        self.partition.log.log_start_offset() == self.partition.log.log_end_offset()
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
