//! The same number of partitions, give or take one, for members that all read the same topics.

use model::Uuid;

use super::{Partitions, Plan, Subscriber, gathered};

pub fn assign(plan: &Plan<'_>) -> Vec<Partitions> {
    let Some(topics) = plan.members.first().map(|member| &*member.topics) else { return Vec::new() };
    let (count, mut free) = not_held(plan, topics);
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

/// How many partitions there are, and those that nobody has.
fn not_held(plan: &Plan<'_>, topics: &[Uuid]) -> (usize, Vec<(Uuid, i32)>) {
    let size = |topic: &Uuid| usize::try_from(plan.partitions(*topic)).unwrap_or_default();
    let mut held: Vec<Vec<bool>> = topics.iter().map(|topic| vec![false; size(topic)]).collect();
    for (topic, indexes) in plan.members.iter().flat_map(|member| member.before.iter()) {
        let Some(held) = topics.binary_search(topic).ok().and_then(|place| held.get_mut(place)) else {
            continue;
        };
        for index in indexes.iter() {
            if let Some(held) = usize::try_from(*index).ok().and_then(|index| held.get_mut(index)) {
                *held = true;
            }
        }
    }
    let count = held.iter().map(Vec::len).sum();
    let free = topics.iter().zip(&held).flat_map(|(topic, held)| {
        (0..).zip(held).filter(|(_, held)| !**held).map(|(index, _)| (*topic, index))
    });
    (count, free.collect())
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
