//! A member's way to what it shall have: first it gives up what it shall not have any more, then it goes on to the next
//! epoch and is given what nobody else has.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Uuid;

use super::member::{Current, Member, MemberState, Owned};
use super::{ConsumerGroup, Members, State, Turn};
use crate::assignor::Partitions;
use crate::record::Record;
use crate::step::GroupEvent;

/// What decides on a member's next step.
struct Way<'a> {
    current: &'a Current,
    /// What it shall have, and in which epoch.
    target: &'a Partitions,
    target_epoch: i32,
    /// Topics that it reads.
    wanted: BTreeSet<Uuid>,
    /// It names no topic, and its expression finds none.
    reads_nothing: bool,
    /// What it says it has; `None` where it said nothing.
    owned: Option<&'a Partitions>,
    members: &'a Members,
}

impl ConsumerGroup {
    /// Takes a member as far as it can go now. Where it `is_changed` it gives up topics that it reads no more, whatever
    /// the target says. True where it has something else than before.
    pub(super) fn reconcile(
        &mut self,
        id: &Arc<str>,
        is_changed: bool,
        owned: Option<&Partitions>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let Some(member) = self.members.get(id) else { return false };
        if !is_changed && member.is_reconciled_to(self.target.epoch) {
            return false;
        }
        let next = self.next(member, is_changed, owned, turn);
        if next == member.current {
            return false;
        }
        let has_other = next.assigned != member.current.assigned;
        self.write(Record::current(&self.id, id, &next), turn);
        self.watch_revocation(id, turn.now_ms, turn.step);
        if next.state == MemberState::Stable && self.state() == State::Stable {
            let (group, generation, members) = (Arc::clone(&self.id), self.epoch, self.members.len());
            turn.step.events.push(GroupEvent::Stable { group, generation, members });
        }
        has_other
    }

    fn next(
        &self,
        member: &Member,
        is_changed: bool,
        owned: Option<&Partitions>,
        turn: &Turn<'_>,
    ) -> Current {
        let nothing = Partitions::new();
        let (current, metadata) = (&member.current, &member.metadata);
        let way = Way {
            current,
            target: self.target.of(&member.id).unwrap_or(&nothing),
            target_epoch: self.target.epoch,
            wanted: self.topics_of(member, turn.topics),
            reads_nothing: metadata.topics.is_empty()
                && self.regexes.topics(&metadata.regex).next().is_none(),
            owned,
            members: &self.members,
        };
        let is_behind = match current.state {
            MemberState::Stable => current.epoch != self.target.epoch,
            MemberState::UnrevokedPartitions => !way.still_has(&current.revoking),
            MemberState::UnreleasedPartitions | MemberState::Unknown => true,
        };
        match (is_behind, is_changed) {
            (true, _) => way.towards_target(),
            (false, true) => way.without_unwanted(),
            (false, false) => current.clone(),
        }
    }

    /// True where somebody else has a partition that the member waits for.
    pub(super) fn waits_for_others(&self, member: &Member) -> bool {
        let target = self.target.of(&member.id).into_iter().flatten();
        let mut missing = target.flat_map(|(topic, indexes)| {
            let own = member.current.assigned.get(topic);
            let is_missing = move |index: &&i32| own.is_none_or(|own| !own.contains_key(*index));
            indexes.iter().filter(is_missing).map(move |index| (*topic, *index))
        });
        missing.any(|(topic, index)| self.members.is_owned(topic, index))
    }
}

impl Way<'_> {
    /// What has to be given up is, unless the member says nothing or says that it still has some of it.
    fn still_has(&self, revoking: &Owned) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, indexes)| {
            revoking.get(topic).is_some_and(|given| indexes.iter().any(|index| given.contains_key(index)))
        })
    }

    fn is_wanted(&self, topic: Uuid, index: i32) -> bool {
        let shall_have = || self.target.get(&topic).is_some_and(|indexes| indexes.contains(&index));
        self.wanted.contains(&topic) && shall_have()
    }

    /// A partition that nobody has, or that this member was about to give up.
    fn is_free(&self, topic: Uuid, index: i32) -> bool {
        let is_own = || self.current.revoking.get(&topic).is_some_and(|given| given.contains_key(&index));
        !self.members.is_owned(topic, index) || is_own()
    }

    fn towards_target(&self) -> Current {
        let (mut assigned, revoking) =
            split(&self.current.assigned, |topic, index| self.is_wanted(topic, index));
        if !revoking.is_empty() && self.still_has(&revoking) {
            return self.in_epoch(self.current.epoch, MemberState::UnrevokedPartitions, assigned, revoking);
        }
        let mut state = MemberState::Stable;
        for (topic, indexes) in self.target.iter().filter(|(topic, _)| self.wanted.contains(*topic)) {
            let mut given = Vec::new();
            for index in indexes.iter() {
                if assigned.get(topic).is_some_and(|own| own.contains_key(index)) {
                    continue;
                }
                if self.is_free(*topic, *index) {
                    given.push((*index, self.target_epoch));
                } else {
                    state = MemberState::UnreleasedPartitions;
                }
            }
            if !given.is_empty() {
                assigned.at(*topic).extend(given);
            }
        }
        self.in_epoch(self.target_epoch, state, assigned, Owned::new())
    }

    /// Gives up topics that the member reads no more, and stays where it is.
    fn without_unwanted(&self) -> Current {
        let (assigned, unwanted) = split(&self.current.assigned, |topic, _| self.wanted.contains(&topic));
        // Who reads nothing is written down again even without anything to give up, as in Kafka.
        let is_told_anyway = self.reads_nothing && self.current.revoking.is_empty();
        if unwanted.is_empty() && !is_told_anyway {
            return self.current.clone();
        }
        let mut revoking = self.current.revoking.clone();
        for (topic, epochs) in unwanted {
            revoking.at(topic).extend(epochs);
        }
        let epoch = self.current.epoch;
        if self.still_has(&revoking) {
            return self.in_epoch(epoch, MemberState::UnrevokedPartitions, assigned, revoking);
        }
        self.in_epoch(epoch, self.current.state, assigned, self.current.revoking.clone())
    }

    fn in_epoch(&self, epoch: i32, state: MemberState, assigned: Owned, revoking: Owned) -> Current {
        Current { epoch, previous_epoch: self.current.epoch, state, assigned, revoking }
    }
}

/// What passes, and what does not.
fn split(owned: &Owned, passes: impl Fn(Uuid, i32) -> bool) -> (Owned, Owned) {
    let (mut passed, mut failed) = (Owned::new(), Owned::new());
    for (topic, epochs) in owned {
        for (index, epoch) in epochs {
            let into = if passes(*topic, *index) { &mut passed } else { &mut failed };
            into.at(*topic).insert(*index, *epoch);
        }
    }
    (passed, failed)
}
