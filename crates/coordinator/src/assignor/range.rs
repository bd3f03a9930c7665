//! Neighbouring partitions of every topic for each of its readers, the first of them one more where they do not divide.

use std::collections::BTreeMap;
use std::ops::Range;

use model::Uuid;

use super::{Partitions, Plan, Subscriber};

/// What is left of a topic.
struct Share {
    least: i32,
    /// How many of those to come get one more.
    extra: i32,
    next: i32,
}

impl Share {
    fn take(&mut self) -> Range<i32> {
        let begin = self.next;
        let bonus = i32::from(self.extra > 0);
        self.extra -= bonus;
        self.next += self.least + bonus;
        begin..self.next
    }
}

pub fn assign(plan: &Plan<'_>) -> Vec<Partitions> {
    let mut readers: BTreeMap<Uuid, i32> = BTreeMap::new();
    for topic in plan.members.iter().flat_map(|member| member.topics.iter()) {
        *readers.entry(*topic).or_default() += 1;
    }
    let share = |(topic, readers): (Uuid, i32)| {
        let partitions = plan.partitions(topic);
        (topic, Share { least: partitions / readers, extra: partitions % readers, next: 0 })
    };
    let mut shares: BTreeMap<Uuid, Share> = readers.into_iter().map(share).collect();
    let mut assigned: Vec<(usize, Partitions)> = Vec::with_capacity(plan.members.len());
    for (place, member) in in_turn(plan) {
        let mut own = Partitions::new();
        for topic in member.topics.iter() {
            let taken = shares.get_mut(topic).map_or(0..0, Share::take);
            if !taken.is_empty() {
                own.insert(*topic, taken.collect());
            }
        }
        assigned.push((place, own));
    }
    assigned.sort_unstable_by_key(|(place, _)| *place);
    assigned.into_iter().map(|(_, own)| own).collect()
}

/// Members that keep their name over restarts come first, so that they keep their ranges too.
fn in_turn<'p>(plan: &'p Plan<'_>) -> Vec<(usize, &'p Subscriber<'p>)> {
    let mut members: Vec<(usize, &'p Subscriber<'p>)> = plan.members.iter().enumerate().collect();
    members.sort_by_key(|(_, member)| (member.instance_id.is_none(), member.instance_id, member.id));
    members
}
