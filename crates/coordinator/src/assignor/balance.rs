//! As even as possible where members read different topics: everybody keeps what it still reads, what is free goes to
//! whoever of a topic's readers has least, then partitions move from those with most to those with least.

mod ladder;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use model::Uuid;

use self::ladder::Ladder;
use super::{Partitions, Plan};

/// Rounds over all topics at most. Readers with the same topics need two; overlapping ones come close enough.
const ROUNDS_MAX: usize = 16;

/// An assignment in the making. Members are their places in the plan.
struct Balance {
    /// Ascending, by topic.
    readers: BTreeMap<Uuid, Vec<usize>>,
    /// Who has each partition of a topic.
    owners: BTreeMap<Uuid, Vec<Option<usize>>>,
    /// How many partitions each member has.
    loads: Vec<i64>,
}

pub fn assign(plan: &Plan<'_>) -> Vec<Partitions> {
    let mut balance = Balance::new(plan);
    balance.keep(plan);
    let topics = balance.in_turn();
    for topic in &topics {
        balance.hand_out(*topic);
    }
    let shared: Vec<Uuid> = topics.into_iter().filter(|topic| balance.readers_of(*topic).len() > 1).collect();
    balance.even_out(&shared);
    balance.assigned()
}

impl Balance {
    fn new(plan: &Plan<'_>) -> Balance {
        let mut readers: BTreeMap<Uuid, Vec<usize>> = BTreeMap::new();
        for (place, member) in plan.members.iter().enumerate() {
            for topic in member.topics.iter() {
                readers.entry(*topic).or_default().push(place);
            }
        }
        let nobodys = |topic: &Uuid| vec![None; usize::try_from(plan.partitions(*topic)).unwrap_or(0)];
        let owners = readers.keys().map(|topic| (*topic, nobodys(topic))).collect();
        Balance { readers, owners, loads: vec![0; plan.members.len()] }
    }

    fn keep(&mut self, plan: &Plan<'_>) {
        for (place, member) in plan.members.iter().enumerate() {
            for (topic, indexes) in member.had() {
                if member.topics.binary_search(topic).is_err() {
                    continue;
                }
                for index in indexes.iter() {
                    self.give(*topic, *index, place);
                }
            }
        }
    }

    /// Topics with most partitions for each reader first: those that come last can even out what went before.
    fn in_turn(&self) -> Vec<Uuid> {
        let size = |topic: &Uuid| {
            let partitions = self.owners.get(topic).map_or(0, Vec::len);
            (partitions as i128, self.readers_of(*topic).len())
        };
        let mut topics: Vec<Uuid> = self.readers.keys().copied().collect();
        topics.sort_by(|a, b| {
            let ((partitions_a, readers_a), (partitions_b, readers_b)) = (size(a), size(b));
            // Partitions for each reader, without dividing.
            let (per_a, per_b) = (partitions_a * readers_b as i128, partitions_b * readers_a as i128);
            (Reverse(per_a), readers_a, signed(*a)).cmp(&(Reverse(per_b), readers_b, signed(*b)))
        });
        topics
    }

    fn readers_of(&self, topic: Uuid) -> &[usize] {
        self.readers.get(&topic).map_or(&[], |readers| readers)
    }

    /// Those with least partitions first.
    fn ladder(&self, topic: Uuid) -> Ladder {
        let mut order = self.readers_of(topic).to_vec();
        order.sort_by_key(|place| (self.load(*place), *place));
        Ladder::new(order, &self.loads)
    }

    fn load(&self, place: usize) -> i64 {
        self.loads.get(place).copied().unwrap_or(0)
    }

    fn hand_out(&mut self, topic: Uuid) {
        let owners = self.owners.get(&topic).map_or(&[][..], |owners| owners);
        let unowned = |(index, owner): (usize, &Option<usize>)| owner.is_none().then_some(index);
        let free: Vec<usize> = owners.iter().enumerate().filter_map(unowned).collect();
        let mut ladder = self.ladder(topic);
        for index in free {
            let Some(place) = ladder.lowest(&self.loads) else { return };
            self.give(topic, index as i32, place);
        }
    }

    fn even_out(&mut self, topics: &[Uuid]) {
        let mut last_moved = None;
        for _ in 0..ROUNDS_MAX {
            for (turn, topic) in topics.iter().enumerate() {
                if last_moved == Some(turn) {
                    return;
                }
                if self.even_out_topic(*topic) || last_moved.is_none() {
                    last_moved = Some(turn);
                }
            }
        }
    }

    /// True where a partition has moved.
    fn even_out_topic(&mut self, topic: Uuid) -> bool {
        let mut ladder = self.ladder(topic);
        if ladder.height() <= 1 {
            return false;
        }
        let mut held: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
        for (index, owner) in self.owners.get(&topic).into_iter().flatten().enumerate() {
            if let Some(owner) = owner {
                held.entry(*owner).or_default().push(index as i32);
            }
        }
        let mut has_moved = false;
        while let Some(giver) = ladder.highest(&self.loads) {
            let Some(index) = held.get_mut(&giver).and_then(Vec::pop) else {
                ladder.exclude();
                continue;
            };
            let Some(taker) = ladder.lowest(&self.loads) else { break };
            if ladder.is_level() {
                break;
            }
            self.give(topic, index, taker);
            has_moved = true;
        }
        has_moved
    }

    fn give(&mut self, topic: Uuid, index: i32, place: usize) {
        let owners = self.owners.get_mut(&topic);
        let owner = usize::try_from(index).ok().and_then(|index| owners?.get_mut(index));
        let Some(owner) = owner else { return };
        let before = owner.replace(place);
        if let Some(load) = before.and_then(|before| self.loads.get_mut(before)) {
            *load -= 1;
        }
        if let Some(load) = self.loads.get_mut(place) {
            *load += 1;
        }
    }

    fn assigned(self) -> Vec<Partitions> {
        let mut assigned = vec![Partitions::new(); self.loads.len()];
        for (topic, owners) in self.owners {
            for (index, owner) in owners.into_iter().enumerate() {
                if let Some(own) = owner.and_then(|place| assigned.get_mut(place)) {
                    own.at(topic).insert(index as i32);
                }
            }
        }
        assigned
    }
}

/// Kafka compares ids as two signed numbers.
fn signed(id: Uuid) -> (i64, i64) {
    let number = u128::from_be_bytes(id.0);
    ((number >> 64) as i64, number as i64)
}
