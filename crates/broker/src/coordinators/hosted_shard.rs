//! One partition of `__consumer_offsets` with the decider of its groups.

mod storing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coordinator::{
    Answer, GroupEvent, GroupProgress, GroupSettings, GroupShard, Record, ReplyTo, ResolveRegexes, Step,
    TimerKey,
};
use model::{ErrorCode, PartitionIndex};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use self::storing::Outstanding;
use super::appending::Committed;
use super::gathering::Gathering;
use super::in_flight::InFlight;
use super::rebalance_log::{Rebalance, RebalanceCounts, RebalanceLog};
use super::replies::{Replies, WaitingRequest};
use super::topic_view::ImageTopics;
use super::{loading, settings};
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
    /// Records that are not appended yet.
    gathering: Option<Gathering>,
    in_flight: InFlight,
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
        let mut active = Box::new(Active::new(broker, shard));
        // They may have changed while it was read.
        active.shard.follow_settings(GroupSettings::clone(&broker.groups.settings.load()));
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
        active.replies.begin(reply);
        let step = decide(&mut active.shard, reply);
        self.carry_out(broker, active, step);
        if let Some(answer) = active.replies.take_current() {
            return Ok(Asked::Answered(answer));
        }
        let receiver = active.replies.expect(reply);
        Ok(Asked::Waits(WaitingRequest { shard: Arc::clone(self), reply, receiver }))
    }

    /// Has the shard know something that brings nothing about by itself.
    pub fn change(&self, change: impl FnOnce(&mut GroupShard)) -> Result<(), ErrorCode> {
        let mut state = self.state.lock();
        self.active(&mut state).map(|active| change(&mut active.shard))
    }

    /// Looks at the shard without changing it, from any thread; commits that are not answered yet may be missing.
    pub fn look<R>(&self, look: impl FnOnce(&GroupShard) -> R) -> Result<R, ErrorCode> {
        let mut state = self.state.lock();
        self.active(&mut state).map(|active| look(&active.shard))
    }

    /// Looks at committed offsets, those of requests before this one among them. With it comes who tells when all of
    /// that is on stable storage, unless it is.
    pub fn look_at_offsets<R>(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        look: impl FnOnce(&GroupShard) -> R,
    ) -> Result<(R, Option<oneshot::Receiver<()>>), ErrorCode> {
        let mut state = self.state.lock();
        let active = self.active(&mut state)?;
        self.append_gathered(broker, active);
        Ok((look(&active.shard), active.in_flight.all()))
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
        self.append_gathered(broker, active);
        let (records, found) = find(&active.shard);
        let (sender, receiver) = oneshot::channel();
        let outstanding = Outstanding { written: Some(sender), ..Outstanding::default() };
        if let Some(step) = self.store(broker, active, &records, outstanding) {
            self.carry_out(broker, active, step);
        }
        Ok((found, receiver))
    }

    /// Appends the ends that `find` finds, a part of them at a time: whatever fails is found again the next time.
    pub fn write_ends(
        self: &Arc<Self>,
        broker: &Arc<Broker>,
        find: impl FnOnce(&GroupShard) -> Vec<Record>,
    ) -> Result<(), ErrorCode> {
        let mut state = self.state.lock();
        let active = self.active(&mut state)?;
        self.append_gathered(broker, active);
        let found = find(&active.shard);
        self.store_in_parts(broker, active, &found);
        Ok(())
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
    fn note(&mut self, broker: &Broker, events: &[GroupEvent]) {
        let shard = &self.shard;
        let owners = |group: &str| shard.owners(group, &ImageTopics(broker.metadata.image()));
        self.rebalances.note(events, broker.clock.steady_ms(), owners);
    }

    fn new(broker: &Broker, shard: GroupShard) -> Active {
        let topics = ImageTopics(broker.metadata.image());
        let loaded = shard.group_ids().map(|group| (Arc::clone(group), shard.owners(group, &topics)));
        Active {
            rebalances: RebalanceLog::of_loaded(loaded),
            shard,
            replies: Replies::default(),
            gathering: None,
            in_flight: InFlight::default(),
        }
    }
}
