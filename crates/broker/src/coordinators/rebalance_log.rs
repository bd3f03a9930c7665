//! Why groups were rebalanced, and how long that took: the last times of each, for tools, and a line of the log for each.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use coordinator::{GroupEvent, Owners};
use model::TimestampMs;

/// Rebalances that are kept of each group.
const KEPT: usize = 50;
/// Causes that are kept of one rebalance: a thousand members may come while it goes on.
const CAUSES_MAX: usize = 20;

/// One rebalance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebalance {
    /// When it began, in milliseconds since 1970 by a clock that does not jump.
    pub began_ms: TimestampMs,
    /// How long it took until all members had their assignments, in milliseconds; `None` while it goes on.
    pub took_ms: Option<i64>,
    /// The generation or epoch that it has ended.
    pub generation: i32,
    /// Who caused it, and how; then who else came or went while it went on.
    pub causes: Vec<String>,
    /// How many members the group had in the end.
    pub members: usize,
    /// Partitions that another member had before.
    pub moved: usize,
}

/// How often a group was rebalanced since its shard was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebalanceCounts {
    /// Rebalances that have come to their end.
    pub count: u64,
    /// Milliseconds that they took together.
    pub took_ms: u64,
    /// Partitions that they took from one member and gave to another.
    pub moved: u64,
}

/// The rebalances of the groups of a shard.
#[derive(Debug, Default)]
pub struct RebalanceLog {
    by_group: HashMap<Arc<str>, OfGroup>,
}

#[derive(Debug, Default)]
struct OfGroup {
    counts: RebalanceCounts,
    last: VecDeque<Rebalance>,
    /// Who had which partitions when it was stable last.
    owners: Owners,
}

impl RebalanceLog {
    /// The groups that were there before anything happened here.
    pub fn of_loaded(groups: impl Iterator<Item = (Arc<str>, Owners)>) -> RebalanceLog {
        let loaded = |(group, owners)| (group, OfGroup { owners, ..OfGroup::default() });
        RebalanceLog { by_group: groups.map(loaded).collect() }
    }

    /// Takes note of what has happened at `now_ms`; `owners` tells who has which partitions of a group now.
    pub fn note(&mut self, events: &[GroupEvent], now_ms: TimestampMs, owners: impl Fn(&str) -> Owners) {
        for event in events {
            match event {
                GroupEvent::RebalanceBegan { group, generation, cause } => {
                    self.began(group, *generation, cause, now_ms);
                }
                GroupEvent::Stable { group, generation, members } => {
                    self.ended(group, (*generation, *members), now_ms, &owners);
                }
                GroupEvent::MemberRemoved { group, member, cause } => {
                    tracing::info!(%group, %member, cause, "a member is gone");
                }
            }
        }
    }

    fn began(&mut self, group: &Arc<str>, generation: i32, cause: &str, now_ms: TimestampMs) {
        tracing::info!(%group, generation, cause, "a rebalance has begun");
        let of_group = self.by_group.entry(Arc::clone(group)).or_default();
        if let Some(open) = of_group.last.back_mut().filter(|last| last.took_ms.is_none()) {
            if open.causes.len() < CAUSES_MAX {
                open.causes.push(cause.to_owned());
            }
            return;
        }
        if of_group.last.len() == KEPT {
            of_group.last.pop_front();
        }
        of_group.last.push_back(Rebalance {
            began_ms: now_ms,
            took_ms: None,
            generation,
            causes: vec![cause.to_owned()],
            members: 0,
            moved: 0,
        });
    }

    fn ended(
        &mut self,
        group: &Arc<str>,
        (generation, members): (i32, usize),
        now_ms: TimestampMs,
        owners: impl Fn(&str) -> Owners,
    ) {
        let Some(of_group) = self.by_group.get_mut(group) else { return };
        let Some(open) = of_group.last.back_mut().filter(|last| last.took_ms.is_none()) else { return };
        let owners = owners(group);
        let moved = of_group.owners.moved_to(&owners);
        of_group.owners = owners;
        let took_ms = (now_ms - open.began_ms).max(0);
        (open.took_ms, open.members, open.moved) = (Some(took_ms), members, moved);
        let counts = &mut of_group.counts;
        counts.count += 1;
        counts.took_ms += u64::try_from(took_ms).unwrap_or_default();
        counts.moved += moved as u64;
        let cause = open.causes.first().map_or("", String::as_str);
        tracing::info!(%group, generation, members, moved, took_ms, cause, "a group is stable");
    }

    /// Lets go of groups that are not there any more.
    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.by_group.retain(|group, _| is_there(group));
    }

    /// The last rebalances of a group, the oldest first.
    pub fn of_group(&self, group: &str) -> Vec<Rebalance> {
        self.by_group.get(group).map(|of_group| of_group.last.iter().cloned().collect()).unwrap_or_default()
    }

    /// How often a group was rebalanced.
    pub fn counts(&self, group: &str) -> RebalanceCounts {
        self.by_group.get(group).map(|of_group| of_group.counts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn began(generation: i32, cause: &str) -> GroupEvent {
        GroupEvent::RebalanceBegan { group: "g".into(), generation, cause: cause.to_owned() }
    }

    fn stable(generation: i32) -> GroupEvent {
        GroupEvent::Stable { group: "g".into(), generation, members: 2 }
    }

    fn nobody(_: &str) -> Owners {
        Owners::default()
    }

    #[test]
    fn a_rebalance_has_its_causes_and_its_length() {
        let mut log = RebalanceLog::default();
        log.note(&[began(1, "one came")], 1_000, nobody);
        log.note(&[began(1, "another came")], 1_500, nobody);
        log.note(&[stable(2)], 4_000, nobody);
        // Who was stable already is not stable again.
        log.note(&[stable(2)], 5_000, nobody);
        let expected = Rebalance {
            began_ms: 1_000,
            took_ms: Some(3_000),
            generation: 1,
            causes: vec!["one came".to_owned(), "another came".to_owned()],
            members: 2,
            moved: 0,
        };
        assert_eq!(log.of_group("g"), [expected]);
        assert_eq!(log.counts("g"), RebalanceCounts { count: 1, took_ms: 3_000, moved: 0 });
        log.retain(|_| false);
        assert_eq!(log.of_group("g"), []);
    }

    #[test]
    fn only_the_last_ones_are_kept() {
        let mut log = RebalanceLog::default();
        for generation in 0..60 {
            log.note(&[began(generation, "again"), stable(generation + 1)], 0, nobody);
        }
        let kept = log.of_group("g");
        assert_eq!((kept.len(), kept[0].generation), (KEPT, 10));
        assert_eq!(log.counts("g").count, 60);
    }
}
