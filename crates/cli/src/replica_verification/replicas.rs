//! What the replicas of partitions hold, compared batch by batch up to what all of them have to hold.

use std::collections::BTreeMap;

use client::admin::TopicPartition;
use records::{Entry, next_entry};

use crate::java::{hash_of_partition, in_order_of_grown_map};

/// What a replica answered of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    batches: Vec<Batch>,
    high_watermark: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    last_offset: i64,
    checksum: u32,
}

/// All replicas of all partitions.
#[derive(Debug)]
pub(super) struct Replicas {
    /// Up to where each partition is compared, in the order in which it is told of.
    offsets: Vec<(TopicPartition, i64)>,
    held: BTreeMap<TopicPartition, BTreeMap<i32, Held>>,
    lag: Lag,
}

/// How far the partition that is furthest behind is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lag {
    lag: i64,
    partition: Option<TopicPartition>,
    offset: i64,
}

/// What a comparison found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What is to be told.
    pub(super) lines: Vec<String>,
    /// True where there is no sense in going on.
    pub(super) is_fatal: bool,
    lag: Lag,
    partitions: usize,
}

impl Held {
    /// The whole batches of an answer.
    pub(super) fn of(records: &[u8], high_watermark: i64) -> Held {
        let mut batches = Vec::new();
        let mut rest = records;
        while let Ok(Some(entry)) = next_entry(rest) {
            let checksum = match &entry {
                Entry::Batch(batch) => batch.stored_checksum(),
                Entry::Legacy(message) => message.stored_checksum(),
            };
            batches.push(Batch { last_offset: entry.last_offset(), checksum });
            rest = rest.get(entry.size()..).unwrap_or_default();
        }
        Held { batches, high_watermark }
    }

    /// That of a replica that could not be read.
    pub(super) fn unknown() -> Held {
        Held { batches: Vec::new(), high_watermark: -1 }
    }
}

impl Replicas {
    /// Partitions that are compared from these offsets on.
    pub(super) fn new(first: BTreeMap<TopicPartition, i64>) -> Replicas {
        let mut offsets: Vec<(TopicPartition, i64)> = first.into_iter().collect();
        in_order_of_grown_map(&mut offsets, |((topic, number), _)| hash_of_partition(topic, *number));
        Replicas { offsets, held: BTreeMap::new(), lag: Lag { lag: -1, partition: None, offset: -1 } }
    }

    /// Up to where a partition is compared.
    pub(super) fn offset(&self, topic: &str, partition: i32) -> i64 {
        let mut of_it =
            self.offsets.iter().filter(|((name, number), _)| name == topic && *number == partition);
        of_it.next().map_or(0, |(_, offset)| *offset)
    }

    /// Takes what a broker answered.
    pub(super) fn add(&mut self, broker: i32, held: BTreeMap<TopicPartition, Held>) {
        for (partition, held) in held {
            self.held.entry(partition).or_default().insert(broker, held);
        }
    }

    /// Compares what was taken and forgets it.
    pub(super) fn compare(&mut self) -> Found {
        let mut found = Found {
            lines: Vec::new(),
            is_fatal: false,
            lag: self.lag.clone(),
            partitions: self.offsets.len(),
        };
        found.lag.lag = -1;
        for (partition, offset) in &mut self.offsets {
            let replicas = self.held.remove(partition).unwrap_or_default();
            *offset = compare_one(partition, *offset, &replicas, &mut found);
            if found.is_fatal {
                return found;
            }
            let end = replicas.values().map(|held| held.high_watermark).max().unwrap_or(-1);
            if end - *offset > found.lag.lag {
                found.lag = Lag { lag: end - *offset, partition: Some(partition.clone()), offset: *offset };
            }
        }
        self.lag = found.lag.clone();
        found
    }
}

/// Goes through the batches of all replicas side by side; gives the offset behind those that all have.
fn compare_one(
    (topic, number): &TopicPartition,
    from: i64,
    replicas: &BTreeMap<i32, Held>,
    found: &mut Found,
) -> i64 {
    let mut offset = from;
    for place in 0.. {
        let mut first: Option<(i32, Batch)> = None;
        let mut is_everywhere = !replicas.is_empty();
        for (broker, held) in replicas {
            let Some(batch) = held.batches.get(place).filter(|batch| batch.last_offset < held.high_watermark)
            else {
                is_everywhere = false;
                continue;
            };
            let Some((other, theirs)) = first else {
                first = Some((*broker, *batch));
                continue;
            };
            if theirs.last_offset != batch.last_offset {
                found.is_fatal = true;
                found.lines.push(format!(
                    "partition {topic}-{number}: replica {other}'s offset {} doesn't match replica {broker}'s offset {}",
                    theirs.last_offset, batch.last_offset
                ));
                return offset;
            }
            if theirs.checksum != batch.checksum {
                found.lines.push(format!(
                    "partition {topic}-{number} has unmatched checksum at offset {}; replica {other}'s checksum {}; replica {broker}'s checksum {}",
                    batch.last_offset, theirs.checksum, batch.checksum
                ));
            }
        }
        match first.filter(|_| is_everywhere) {
            Some((_, batch)) => offset = batch.last_offset.saturating_add(1),
            None => break,
        }
    }
    offset
}

impl Found {
    /// What is told from time to time.
    pub(super) fn lag(&self) -> String {
        let Lag { lag, partition, offset } = &self.lag;
        let partition =
            partition.as_ref().map_or("null".to_owned(), |(topic, number)| format!("{topic}-{number}"));
        format!(
            "max lag is {lag} for partition {partition} at offset {offset} among {} partitions",
            self.partitions
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(high_watermark: i64, batches: &[(i64, u32)]) -> Held {
        let batches = batches.iter().map(|&(last_offset, checksum)| Batch { last_offset, checksum });
        Held { batches: batches.collect(), high_watermark }
    }

    fn compared(one: Held, other: Held) -> (Found, i64) {
        let partition = ("t".to_owned(), 0);
        let mut replicas = Replicas::new(BTreeMap::from([(partition.clone(), 5)]));
        replicas.add(1, BTreeMap::from([(partition.clone(), one)]));
        replicas.add(2, BTreeMap::from([(partition, other)]));
        let found = replicas.compare();
        let offset = replicas.offset("t", 0);
        (found, offset)
    }

    #[test]
    fn what_all_have_is_compared_and_the_rest_waits() {
        let (found, offset) =
            compared(held(9, &[(6, 1), (7, 2), (8, 3)]), held(8, &[(6, 1), (7, 2), (8, 3)]));
        assert_eq!((found.lines.len(), offset), (0, 8));
        assert_eq!(found.lag(), "max lag is 1 for partition t-0 at offset 8 among 1 partitions");
    }

    #[test]
    fn other_bytes_are_told_and_other_offsets_end_it() {
        let (found, offset) = compared(held(9, &[(6, 1)]), held(9, &[(6, 4)]));
        assert_eq!(
            found.lines,
            [
                "partition t-0 has unmatched checksum at offset 6; replica 1's checksum 1; replica 2's checksum 4"
            ]
        );
        assert!(!found.is_fatal && offset == 7);
        let (found, _) = compared(held(9, &[(6, 1)]), held(9, &[(7, 1)]));
        assert_eq!(found.lines, ["partition t-0: replica 1's offset 6 doesn't match replica 2's offset 7"]);
        assert!(found.is_fatal);
    }

    #[test]
    fn a_replica_that_cannot_be_read_holds_the_others_up() {
        let (found, offset) = compared(held(9, &[(6, 1)]), Held::unknown());
        assert!(found.lines.is_empty() && offset == 5);
        assert_eq!(found.lag(), "max lag is 4 for partition t-0 at offset 5 among 1 partitions");
        let (found, _) = compared(Held::unknown(), Held::unknown());
        assert_eq!(found.lag(), "max lag is -1 for partition null at offset -1 among 1 partitions");
    }

    #[test]
    fn only_whole_batches_of_an_answer_count() {
        let batch = |base, value: &str| {
            let builder = records::BatchBuilder::new().base_offset(base);
            builder.record(1000, None, Some(value.as_bytes())).build()
        };
        let (first, second) = (batch(3, "a"), batch(4, "b"));
        let bytes = [first.as_slice(), &second[..20]].concat();
        let held = Held::of(&bytes, 5);
        assert_eq!(held.batches.iter().map(|batch| batch.last_offset).collect::<Vec<_>>(), [3]);
    }
}
