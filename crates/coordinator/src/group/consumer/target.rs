//! What members shall have, computed for an epoch of the group.

use std::collections::BTreeMap;
use std::collections::btree_map::Iter;
use std::iter::Peekable;
use std::sync::Arc;

use model::Uuid;
use protocol::messages::ConsumerGroupTargetAssignmentMemberValue;

use super::{ConsumerGroup, FIRST_EPOCH, Turn};
use crate::assignor::{Assignor, Partitions, Plan, Subscriber};
use crate::record::Record;
use crate::topics::TopicView;

/// The epoch of a target that has ended.
pub const NONE: i32 = -1;

/// What members shall have.
#[derive(Debug)]
pub struct Target {
    /// The group's epoch that it was computed for.
    pub epoch: i32,
    /// When it was, in milliseconds since 1970; 0 where nobody knows.
    pub computed_at_ms: i64,
    by_member: BTreeMap<Arc<str>, Partitions>,
}

impl Default for Target {
    fn default() -> Target {
        Target { epoch: FIRST_EPOCH, computed_at_ms: 0, by_member: BTreeMap::new() }
    }
}

impl Target {
    /// What a member shall have; `None` where nothing was computed for it yet.
    pub fn of(&self, member: &str) -> Option<&Partitions> {
        self.by_member.get(member)
    }

    /// For who asks for many members, in the order of their ids.
    fn in_order(&self) -> InOrder<'_> {
        InOrder(self.by_member.iter().peekable())
    }

    pub fn set(&mut self, member: Arc<str>, partitions: Partitions) {
        self.by_member.insert(member, partitions);
    }

    pub fn remove(&mut self, member: &str) {
        self.by_member.remove(member);
    }
}

/// A walk over the targets of members.
struct InOrder<'t>(Peekable<Iter<'t, Arc<str>, Partitions>>);

impl<'t> InOrder<'t> {
    /// As [`Target::of`]; ids may only ascend.
    fn of(&mut self, member: &str) -> Option<&'t Partitions> {
        while self.0.next_if(|(id, _)| ***id < *member).is_some() {}
        self.0.next_if(|(id, _)| ***id == *member).map(|(_, partitions)| partitions)
    }
}

/// As a record says.
pub fn partitions_of(value: &ConsumerGroupTargetAssignmentMemberValue) -> Partitions {
    let each = value
        .topic_partitions
        .iter()
        .map(|topic| (topic.topic_id, topic.partitions.iter().copied().collect()));
    each.collect()
}

impl ConsumerGroup {
    /// Computes another target where the group's epoch asks for one and the last has stood long enough. Who has just
    /// taken the place of another is told its target in any case, as by Kafka.
    pub(super) fn update_target(&mut self, heir: Option<&str>, turn: &mut Turn<'_>) {
        if self.target.epoch >= self.epoch || !self.may_compute(turn) {
            return;
        }
        let changed = self.assignor(turn).assign(&self.plan(turn.topics));
        let heir = heir.filter(|heir| changed.iter().all(|(id, _)| **id != **heir));
        for (id, partitions) in changed {
            self.write(Record::target(&self.id, &id, &partitions), turn);
        }
        if let Some(heir) = heir {
            let same = self.target.of(heir).cloned().unwrap_or_default();
            self.write(Record::target(&self.id, heir, &same), turn);
        }
        self.write(Record::target_epoch(&self.id, self.epoch, turn.now_ms), turn);
    }

    fn may_compute(&self, turn: &Turn<'_>) -> bool {
        let interval_ms = i64::from(turn.pace.assignment_interval_ms);
        let computed_at_ms = self.target.computed_at_ms;
        // Without an interval a clock that was set back holds nothing up.
        computed_at_ms == 0 || interval_ms == 0 || turn.now_ms >= computed_at_ms.saturating_add(interval_ms)
    }

    /// The way to assign that most members ask for, or the default one.
    pub(super) fn assignor(&self, turn: &Turn<'_>) -> Assignor {
        let default = turn.settings.consumer.assignors.first().copied().unwrap_or(Assignor::Uniform);
        self.members.preferred_assignor().and_then(Assignor::named).unwrap_or(default)
    }

    fn plan(&self, topics: &dyn TopicView) -> Plan<'_> {
        let is_uniform = self.is_uniform();
        let mut counts = BTreeMap::new();
        // All members read the same: what the first reads is looked up once.
        let mut shared: Option<Arc<[Uuid]>> = None;
        let mut members = Vec::with_capacity(self.members.len());
        let mut before = self.target.in_order();
        for member in self.members.iter() {
            let read = match shared.clone().filter(|_| is_uniform) {
                Some(read) => read,
                None => self.topics_of(member, topics).into_iter().collect(),
            };
            if shared.is_none() || !is_uniform {
                let sizes = read.iter().filter_map(|id| topics.by_id(*id));
                counts.extend(sizes.map(|topic| (topic.id, topic.partitions)));
                shared = Some(Arc::clone(&read));
            }
            members.push(Subscriber {
                id: &member.id,
                instance_id: member.metadata.instance_id.as_deref(),
                topics: read,
                before: before.of(&member.id),
            });
        }
        Plan { members, topics: counts, is_uniform }
    }
}
