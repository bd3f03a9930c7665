//! The same number of partitions, give or take one, for members that all read the same topics.

use std::sync::Arc;

use model::Uuid;

use super::{Partitions, Plan, Subscriber};
use crate::sorted::SortedSet;

/// What a member has from now on: so many of those that it had and still reads, from the first on, and so many others.
struct Share {
    kept: usize,
    others: usize,
}

pub fn assign(plan: &Plan<'_>) -> Vec<(Arc<str>, Partitions)> {
    let Some(topics) = plan.members.first().map(|member| &*member.topics) else { return Vec::new() };
    let (count, mut free) = not_held(plan, topics);
    let least = count / plan.members.len();
    let mut extra = count % plan.members.len();
    let mut shares = Vec::with_capacity(plan.members.len());
    for (place, member) in plan.members.iter().enumerate() {
        let bonus = usize::from(extra > 0);
        let quota = least + bonus;
        let still_read = readable(member, topics).map(|(_, indexes)| indexes.len()).sum::<usize>();
        let kept = still_read.min(quota);
        if still_read > kept {
            free.extend(each(member, topics).skip(kept));
        }
        let mut others = quota - kept;
        // Who has no use yet for one partition more leaves it to those who come, while there are enough of them.
        if bonus == 1 && others > 0 && plan.members.len() - place > extra {
            others -= 1;
        } else {
            extra -= bonus;
        }
        shares.push(Share { kept, others });
    }
    let mut free = free.into_iter();
    let mut changed = Vec::new();
    for (member, share) in plan.members.iter().zip(shares) {
        let others = free.by_ref().take(share.others);
        let had = member.had().map(|(_, indexes)| indexes.len()).sum::<usize>();
        // Most keep what they have.
        if member.before.is_some() && share.kept == had && others.len() == 0 {
            continue;
        }
        let own = each(member, topics).take(share.kept).chain(others).collect();
        changed.push((Arc::clone(member.id), Partitions::gathered(own)));
    }
    changed
}

/// How many partitions there are, and those that nobody has.
fn not_held(plan: &Plan<'_>, topics: &[Uuid]) -> (usize, Vec<(Uuid, i32)>) {
    let size = |topic: &Uuid| usize::try_from(plan.partitions(*topic)).unwrap_or_default();
    let mut held: Vec<Vec<bool>> = topics.iter().map(|topic| vec![false; size(topic)]).collect();
    for (topic, indexes) in plan.members.iter().flat_map(Subscriber::had) {
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

/// What a member had of topics that it still reads.
fn readable<'p>(
    member: &Subscriber<'p>,
    topics: &[Uuid],
) -> impl Iterator<Item = (Uuid, &'p SortedSet<i32>)> {
    let is_read = |topic: &Uuid| topics.binary_search(topic).is_ok();
    member.had().map(|(topic, indexes)| (*topic, indexes)).filter(move |(topic, _)| is_read(topic))
}

fn each<'p>(member: &Subscriber<'p>, topics: &[Uuid]) -> impl Iterator<Item = (Uuid, i32)> {
    readable(member, topics).flat_map(|(topic, indexes)| indexes.iter().map(move |index| (topic, *index)))
}
