//! The same number of partitions, give or take one, for members that all read the same topics.

use std::collections::HashSet;

use model::Uuid;

use super::{Partitions, Plan, Subscriber, gathered};

pub fn assign(plan: &Plan<'_>) -> Vec<Partitions> {
    let Some(topics) = plan.members.first().map(|member| &*member.topics) else { return Vec::new() };
    let held: HashSet<(Uuid, i32)> = plan.members.iter().flat_map(|member| each(member.before)).collect();
    let all = topics.iter().flat_map(|topic| (0..plan.partitions(*topic)).map(move |index| (*topic, index)));
    let mut count = 0;
    let mut free = Vec::new();
    for partition in all {
        count += 1;
        if !held.contains(&partition) {
            free.push(partition);
        }
    }
    let least = count / plan.members.len();
    let mut extra = count % plan.members.len();
    let mut assigned = Vec::with_capacity(plan.members.len());
    for (place, member) in plan.members.iter().enumerate() {
        let bonus = usize::from(extra > 0);
        let (own, mut room) = kept(member, topics, least + bonus, &mut free);
        // Who has no use yet for one partition more leaves it to those who come, while there are enough of them.
        if bonus == 1 && room > 0 && plan.members.len() - place > extra {
            room -= 1;
        } else {
            extra -= bonus;
        }
        assigned.push((own, room));
    }
    let mut free = free.into_iter();
    for (own, room) in &mut assigned {
        own.extend(free.by_ref().take(*room));
    }
    assigned.into_iter().map(|(own, _)| gathered(own)).collect()
}

/// What a member keeps, and how many more it gets; what is too much goes to `free`.
fn kept(
    member: &Subscriber<'_>,
    topics: &[Uuid],
    quota: usize,
    free: &mut Vec<(Uuid, i32)>,
) -> (Vec<(Uuid, i32)>, usize) {
    let mut own = Vec::new();
    let mut room = quota;
    for (topic, index) in each(member.before) {
        if topics.binary_search(&topic).is_err() {
            continue;
        }
        if room == 0 {
            free.push((topic, index));
        } else {
            room -= 1;
            own.push((topic, index));
        }
    }
    (own, room)
}

fn each(partitions: &Partitions) -> impl Iterator<Item = (Uuid, i32)> {
    partitions.iter().flat_map(|(topic, indexes)| indexes.iter().map(move |index| (*topic, *index)))
}
