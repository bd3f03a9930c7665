//! Sticky: everybody keeps what it has as far as the numbers come out equal.

use std::collections::{BTreeMap, BTreeSet};

use super::{MemberSubscription, Shares};

type TopicPartition = (String, i32);

/// The division while it is made; members are known by their place.
struct Division<'m> {
    members: &'m [MemberSubscription],
    owner: BTreeMap<TopicPartition, usize>,
    shares: Vec<BTreeSet<TopicPartition>>,
}

pub(super) fn assign(members: &[MemberSubscription], topics: &BTreeMap<String, i32>) -> Shares {
    let mut division =
        Division { members, owner: BTreeMap::new(), shares: vec![BTreeSet::new(); members.len()] };
    division.keep(topics);
    division.fill(topics);
    division.balance();
    let shares = members.iter().zip(division.shares);
    shares.map(|(member, share)| (member.member_id.clone(), share.into_iter().collect())).collect()
}

/// Takes partitions that another member still has out of the shares: it gives them up first, and they are divided in the
/// next round (KIP-429).
pub(super) fn leave_to_their_owners(members: &[MemberSubscription], shares: &mut Shares) {
    let owners = owners(members);
    for (member, share) in shares.iter_mut() {
        share.retain(|partition| {
            owners
                .get(partition)
                .is_none_or(|(owner, _)| members.get(*owner).is_some_and(|owner| owner.member_id == *member))
        });
    }
}

/// Who owns a partition: of several that say so those of the latest generation. Those of one generation that both claim it
/// are both wrong.
fn owners(members: &[MemberSubscription]) -> BTreeMap<TopicPartition, (usize, i32)> {
    let mut owners: BTreeMap<TopicPartition, (usize, i32)> = BTreeMap::new();
    let mut contested: BTreeSet<(TopicPartition, i32)> = BTreeSet::new();
    for (place, member) in members.iter().enumerate() {
        for partition in &member.owned {
            match owners.get(partition) {
                Some((_, generation)) if *generation > member.generation => {}
                Some((_, generation)) if *generation == member.generation => {
                    contested.insert((partition.clone(), member.generation));
                }
                _ => {
                    owners.insert(partition.clone(), (place, member.generation));
                }
            }
        }
    }
    owners.retain(|partition, (_, generation)| !contested.contains(&(partition.clone(), *generation)));
    owners
}

impl Division<'_> {
    fn reads(&self, place: usize, topic: &str) -> bool {
        self.members.get(place).is_some_and(|member| member.topics.contains(topic))
    }

    fn size(&self, place: usize) -> usize {
        self.shares.get(place).map_or(0, BTreeSet::len)
    }

    fn give(&mut self, partition: TopicPartition, to: usize) {
        if let Some(before) = self.owner.insert(partition.clone(), to)
            && let Some(share) = self.shares.get_mut(before)
        {
            share.remove(&partition);
        }
        if let Some(share) = self.shares.get_mut(to) {
            share.insert(partition);
        }
    }

    /// Everybody keeps what is still there and still read.
    fn keep(&mut self, topics: &BTreeMap<String, i32>) {
        for (partition, (owner, _)) in owners(self.members) {
            let (topic, number) = &partition;
            let is_there = topics.get(topic).is_some_and(|count| (0..*count).contains(number));
            if is_there && self.reads(owner, topic) {
                self.give(partition, owner);
            }
        }
    }

    /// What nobody has goes to whoever has least.
    fn fill(&mut self, topics: &BTreeMap<String, i32>) {
        let mut by_size: BTreeSet<(usize, usize)> =
            (0..self.members.len()).map(|place| (self.size(place), place)).collect();
        for (topic, count) in topics {
            for number in 0..*count {
                let partition = (topic.clone(), number);
                if self.owner.contains_key(&partition) {
                    continue;
                }
                let least = by_size.iter().find(|(_, place)| self.reads(*place, topic)).copied();
                if let Some((size, place)) = least {
                    by_size.remove(&(size, place));
                    by_size.insert((size + 1, place));
                    self.give(partition, place);
                }
            }
        }
    }

    /// Moves partitions from those with more to those with at least two less until there is nobody left to move them to.
    /// Each move brings the sizes nearer to each other, so that it ends.
    fn balance(&mut self) {
        let mut by_size: BTreeSet<(usize, usize)> =
            (0..self.members.len()).map(|place| (self.size(place), place)).collect();
        while let Some((partition, from, to)) = self.next_move(&by_size) {
            for place in [from, to] {
                by_size.remove(&(self.size(place), place));
            }
            self.give(partition, to);
            for place in [from, to] {
                by_size.insert((self.size(place), place));
            }
        }
    }

    fn next_move(&self, by_size: &BTreeSet<(usize, usize)>) -> Option<(TopicPartition, usize, usize)> {
        let (least, _) = *by_size.first()?;
        // From the greatest down; whoever has only one more than the least has nothing to give.
        for (size, from) in by_size.iter().rev().take_while(|(size, _)| *size >= least + 2) {
            let receivers = by_size.iter().take_while(|(other, _)| other + 2 <= *size);
            for (_, to) in receivers {
                let share = self.shares.get(*from)?;
                if let Some(partition) = share.iter().rev().find(|(topic, _)| self.reads(*to, topic)) {
                    return Some((partition.clone(), *from, *to));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{member, shown, topics};
    use super::*;

    fn again(shares: &Shares, topics: &[&str]) -> Vec<MemberSubscription> {
        let owner = |(id, share): (&String, &Vec<TopicPartition>)| MemberSubscription {
            owned: share.clone(),
            generation: 1,
            ..member(id, topics)
        };
        shares.iter().map(owner).collect()
    }

    #[test]
    fn numbers_come_out_equal_and_what_need_not_move_stays() {
        let topics = topics(&[("t", 6)]);
        let two = assign(&[member("a", &["t"]), member("b", &["t"])], &topics);
        assert_eq!(shown(&two), "a: t0 t2 t4 | b: t1 t3 t5");
        let mut members = again(&two, &["t"]);
        members.push(member("c", &["t"]));
        let three = assign(&members, &topics);
        assert_eq!(shown(&three), "a: t0 t2 | b: t1 t3 | c: t4 t5");
        let back = assign(&again(&three, &["t"])[1..], &topics);
        assert_eq!(shown(&back), "b: t0 t1 t3 | c: t2 t4 t5");
    }

    #[test]
    fn a_topic_that_only_some_read_counts_for_those() {
        let members = [member("a", &["t", "u"]), member("b", &["u"])];
        let shares = assign(&members, &topics(&[("t", 2), ("u", 3)]));
        assert_eq!(shown(&shares), "a: t0 t1 u2 | b: u0 u1");
    }

    #[test]
    fn a_partition_that_two_claim_goes_to_the_later_generation_or_to_none() {
        let claim = |id: &str, generation| MemberSubscription {
            owned: vec![("t".to_owned(), 0)],
            generation,
            ..member(id, &["t"])
        };
        let later = assign(&[claim("a", 1), claim("b", 2)], &topics(&[("t", 1)]));
        assert_eq!(shown(&later), "a:  | b: t0");
        assert!(owners(&[claim("a", 2), claim("b", 2)]).is_empty());
    }

    #[test]
    fn the_cooperative_form_waits_until_the_owner_has_given_up() {
        let topics = topics(&[("t", 4)]);
        let one = assign(&[member("a", &["t"])], &topics);
        let mut members = again(&one, &["t"]);
        members.push(member("b", &["t"]));
        let mut shares = assign(&members, &topics);
        leave_to_their_owners(&members, &mut shares);
        assert_eq!(shown(&shares), "a: t0 t1 | b: ");
        let members = again(&shares, &["t"]);
        let mut shares = assign(&members, &topics);
        leave_to_their_owners(&members, &mut shares);
        assert_eq!(shown(&shares), "a: t0 t1 | b: t2 t3");
    }
}
