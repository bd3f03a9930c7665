//! Which partition a record without one goes to.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The part of a hash that is not its sign.
const POSITIVE: u32 = 0x7fff_ffff;

/// Chooses partitions of records by what their user knows of them.
pub trait Partitioner: fmt::Debug + Send + Sync {
    /// A partition of `topic`, which has `partitions` of them.
    fn partition(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>, partitions: i32) -> i32;
}

/// One partition after the other, whatever the key (`RoundRobinPartitioner`).
#[derive(Debug, Default)]
pub struct RoundRobin {
    next: Mutex<HashMap<String, u32>>,
}

impl Partitioner for RoundRobin {
    fn partition(&self, topic: &str, _key: Option<&[u8]>, _value: Option<&[u8]>, partitions: i32) -> i32 {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match next.get_mut(topic) {
            Some(next) => next,
            None => next.entry(topic.to_owned()).or_default(),
        };
        let chosen = *next & POSITIVE;
        *next = next.wrapping_add(1);
        place(chosen, partitions)
    }
}

/// The partition that Kafka's default gives a key: by its murmur2 hash.
pub fn by_key(key: &[u8], partitions: i32) -> i32 {
    place(murmur2(key) & POSITIVE, partitions)
}

fn place(number: u32, partitions: i32) -> i32 {
    let partitions = u32::try_from(partitions).unwrap_or(1).max(1);
    i32::try_from(number % partitions).unwrap_or_default()
}

/// The hash of that name by Austin Appleby, in the 32-bit form and with the seed that Kafka uses.
pub fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MULTIPLIER: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed.wrapping_mul(MULTIPLIER);
    }
    for (place, byte) in rest.iter().enumerate().rev() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// Where the records of one topic without a key go: a partition stays chosen until a batch's worth of bytes went there
/// (KIP-794), and one with a shorter queue is chosen more often.
#[derive(Debug, Default)]
pub(crate) struct Sticky {
    chosen: Option<i32>,
    bytes: usize,
}

impl Sticky {
    /// The partition of the next record. `weights` are the queues of the partitions that may be chosen, each with the number
    /// of batches that wait; `random` is between 0 and 1.
    pub(crate) fn partition(&mut self, weights: &[(i32, usize)], random: f64) -> Option<i32> {
        if let Some(chosen) = self.chosen.filter(|chosen| weights.iter().any(|(one, _)| one == chosen)) {
            return Some(chosen);
        }
        self.bytes = 0;
        self.chosen = choose(weights, random);
        self.chosen
    }

    /// The partition that is chosen at the moment.
    pub(crate) fn chosen(&self) -> Option<i32> {
        self.chosen
    }

    /// Takes note of bytes that went to the chosen partition; `batch_bytes` is `batch.size`.
    pub(crate) fn went(&mut self, bytes: usize, batch_bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= batch_bytes {
            self.chosen = None;
        }
    }
}

/// The longer a queue is, the less often its partition is chosen; the longest one has a weight of one.
fn choose(weights: &[(i32, usize)], random: f64) -> Option<i32> {
    let longest = weights.iter().map(|(_, queued)| *queued).max()?;
    let total: usize = weights.iter().map(|(_, queued)| longest + 1 - queued).sum();
    let mut left = (random * total as f64) as usize;
    for (partition, queued) in weights {
        let weight = longest + 1 - queued;
        if left < weight {
            return Some(*partition);
        }
        left -= weight;
    }
    weights.last().map(|(partition, _)| *partition)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What Kafka's own tests of the hash expect.
    #[test]
    fn hashes_are_kafkas() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()) as i32, hash, "{text}");
        }
    }

    #[test]
    fn round_robin_counts_each_topic_for_itself() {
        let partitioner = RoundRobin::default();
        let next = |topic| partitioner.partition(topic, Some(b"k"), None, 3);
        assert_eq!([next("a"), next("a"), next("b"), next("a"), next("a")], [0, 1, 0, 2, 0]);
    }

    #[test]
    fn a_partition_stays_chosen_for_a_batch() {
        let mut sticky = Sticky::default();
        let weights = [(0, 0), (1, 0), (2, 0)];
        assert_eq!(sticky.partition(&weights, 0.5), Some(1));
        sticky.went(99, 100);
        assert_eq!(sticky.partition(&weights, 0.9), Some(1));
        sticky.went(1, 100);
        assert_eq!(sticky.partition(&weights, 0.9), Some(2));
        // Nobody leads it any more.
        assert_eq!(sticky.partition(&weights[..2], 0.0), Some(0));
        assert_eq!(Sticky::default().partition(&[], 0.0), None);
    }

    #[test]
    fn shorter_queues_are_chosen_more_often() {
        let weights = [(0, 3), (1, 0)];
        let chosen: Vec<i32> =
            (0..5).filter_map(|number| choose(&weights, f64::from(number) / 5.0)).collect();
        assert_eq!(chosen, [0, 1, 1, 1, 1]);
        assert_eq!(choose(&weights, 1.0), Some(1));
    }

    proptest! {
        #[test]
        fn a_key_has_one_partition_and_it_exists(key in vec(any::<u8>(), 0..40), partitions in 1..i32::MAX) {
            let chosen = by_key(&key, partitions);
            prop_assert!((0..partitions).contains(&chosen));
            prop_assert_eq!(by_key(&key, partitions), chosen);
        }

        #[test]
        fn round_robin_leaves_no_partition_out(partitions in 1..50i32, rounds in 1..4usize) {
            let partitioner = RoundRobin::default();
            let mut chosen: Vec<i32> =
                (0..partitions as usize * rounds).map(|_| partitioner.partition("t", None, None, partitions)).collect();
            chosen.sort_unstable();
            let each = (0..partitions).flat_map(|partition| std::iter::repeat_n(partition, rounds));
            prop_assert_eq!(chosen, each.collect::<Vec<_>>());
        }

        #[test]
        fn queues_are_chosen_by_their_weight(queued in vec(0..20usize, 1..12)) {
            let weights: Vec<(i32, usize)> = (0..).zip(queued.iter().copied()).collect();
            let longest = queued.iter().max().unwrap();
            let shares: Vec<usize> = queued.iter().map(|queued| longest + 1 - queued).collect();
            let total: usize = shares.iter().sum();
            let mut chosen = vec![0; queued.len()];
            for step in 0..total {
                let partition = choose(&weights, (step as f64 + 0.5) / total as f64).unwrap();
                chosen[partition as usize] += 1;
            }
            prop_assert_eq!(chosen, shares);
        }
    }
}
