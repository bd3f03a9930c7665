//! Reads partitions back and holds them against what was acknowledged.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::ErrorCode;
use records::{Scratch, batches};

use crate::client::Client;
use crate::load::{Producer, parse_value};

/// Bytes that a batch of ours may decompress to.
const PLAIN_MAX: usize = 1 << 20;

/// What was found in a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Records read.
    pub records: u64,
    /// Batches that were acknowledged and are there.
    pub kept: u64,
    /// Batches that were acknowledged, are not there, and may be gone.
    pub lost: u64,
    /// How long before the power cut the oldest of them had been acknowledged.
    pub oldest_lost: Duration,
}

/// What may be missing at the end of a partition.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    /// When power was cut.
    pub cut_at: Instant,
    /// How long before that an acknowledged batch may still be lost.
    pub window: Duration,
}

/// The numbers of one worker in one partition and their offsets, in the order of the log.
type Numbers = HashMap<u32, Vec<(i64, i64)>>;

/// Reads every partition of `topic` and holds it against what `producers` know. What `loss` allows may
/// be missing; without it nothing may.
pub fn check_topic(
    client: &mut Client,
    topic: &str,
    producers: &[Producer],
    loss: Option<Loss>,
) -> Result<Found, String> {
    let mut found = Found::default();
    let partitions = producers.first().map_or(0, |producer| producer.lanes.len());
    for partition in 0..partitions as i32 {
        let (numbers, end) = read_partition(client, topic, partition).map_err(Trouble::into_text)?;
        found.records += numbers.values().map(|numbers| numbers.len() as u64).sum::<u64>();
        for producer in producers {
            let seen = numbers.get(&producer.worker).map(Vec::as_slice).unwrap_or_default();
            let (kept, lost, oldest_lost) = check_lane(producer, partition, seen, end, loss)
                .map_err(|text| format!("{topic}-{partition}, producer {}: {text}", producer.worker))?;
            found.kept += kept;
            found.lost += lost;
            found.oldest_lost = found.oldest_lost.max(oldest_lost);
        }
    }
    Ok(found)
}

/// What is wrong with a partition.
#[derive(Debug)]
pub enum Trouble {
    /// The node refuses it, or a checksum does.
    Refused(String),
    /// What is served is not what was sent.
    Wrong(String),
}

impl Trouble {
    fn into_text(self) -> String {
        match self {
            Trouble::Refused(text) | Trouble::Wrong(text) => text,
        }
    }
}

impl From<String> for Trouble {
    fn from(text: String) -> Trouble {
        Trouble::Wrong(text)
    }
}

/// Reads one partition of which the end may be missing.
pub fn check_partition(
    client: &mut Client,
    topic: &str,
    partition: i32,
    producers: &[Producer],
) -> Result<Found, Trouble> {
    let (numbers, end) = read_partition(client, topic, partition)?;
    let loss = Loss { cut_at: Instant::now(), window: Duration::MAX };
    let mut found = Found::default();
    for producer in producers {
        let seen = numbers.get(&producer.worker).map(Vec::as_slice).unwrap_or_default();
        found.lost += check_lane(producer, partition, seen, end, Some(loss))?.1;
    }
    Ok(found)
}

/// Reads a partition from its start to its end, every checksum, every record, every offset.
fn read_partition(client: &mut Client, topic: &str, partition: i32) -> Result<(Numbers, i64), Trouble> {
    let mut numbers = Numbers::new();
    let mut scratch = Scratch::new();
    let mut next = 0;
    loop {
        let fetched = client.fetch(topic, partition, next).map_err(|error| error.into_text())?;
        if fetched.code != ErrorCode::NONE {
            let text = format!("{topic}-{partition} cannot be read at {next}: {}", fetched.code);
            return Err(Trouble::Refused(text));
        }
        if next >= fetched.high_watermark {
            return Ok((numbers, next));
        }
        let before = next;
        for batch in batches(&fetched.records).map_while(Result::ok) {
            let at = format!("{topic}-{partition} at offset {}", batch.base_offset());
            batch.verify_checksum().map_err(|error| Trouble::Refused(format!("{at}: {error}")))?;
            if batch.base_offset() != next {
                return Err(format!("{at}: {next} was expected").into());
            }
            let records = scratch.records(&batch, PLAIN_MAX).map_err(|error| format!("{at}: {error}"))?;
            for record in records {
                let record = record.map_err(|error| format!("{at}: {error}"))?;
                let parsed = parse_value(record.value.unwrap_or_default());
                match parsed {
                    Some((worker, of, number)) if of == partition => {
                        numbers.entry(worker).or_default().push((number, record.offset));
                    }
                    other => {
                        return Err(format!("{at}: record {} is not ours: {other:?}", record.offset).into());
                    }
                }
            }
            next = batch.next_offset();
        }
        if next == before {
            let text =
                format!("{topic}-{partition}: nothing readable at {next} below {}", fetched.high_watermark);
            return Err(Trouble::Refused(text));
        }
    }
}

/// Holds the records of one producer in one partition against what it knows; how many of its acknowledged batches
/// are there and how many may be missing.
fn check_lane(
    producer: &Producer,
    partition: i32,
    seen: &[(i64, i64)],
    end: i64,
    loss: Option<Loss>,
) -> Result<(u64, u64, Duration), String> {
    let lane = &producer.lanes[partition as usize];
    for pair in seen.windows(2) {
        let [(one, at), (next, offset)] = pair else { continue };
        let follows = if producer.identity.is_some() { *next == one + 1 } else { next > one };
        if !follows {
            return Err(format!("record {next} at offset {offset} comes after record {one} at offset {at}"));
        }
    }
    if let Some((number, offset)) =
        seen.first().filter(|(number, _)| producer.identity.is_some() && *number != 0)
    {
        return Err(format!("the first record is {number}, at offset {offset}"));
    }
    if let Some((number, offset)) = seen.last().filter(|(number, _)| *number >= lane.next_number) {
        return Err(format!("record {number} at offset {offset} was never sent"));
    }
    let offset_of = |number: i64| {
        let place = seen.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        seen.get(place).map(|(_, offset)| *offset)
    };
    let (mut kept, mut lost, mut oldest_lost) = (0, 0, Duration::ZERO);
    for acked in &lane.acked {
        let numbers = acked.first..acked.first + i64::from(acked.count);
        let wrong =
            numbers.zip(acked.base_offset..).find(|(number, offset)| offset_of(*number) != Some(*offset));
        let Some((number, offset)) = wrong else {
            kept += 1;
            continue;
        };
        let age = loss.map(|loss| (loss.cut_at.saturating_duration_since(acked.at), loss.window));
        let may_miss = age.is_some_and(|(age, window)| age <= window);
        if offset_of(number).is_some() || offset < end || !may_miss {
            return Err(format!(
                "record {number} was acknowledged at offset {offset}, {:.3} s before power was cut, and is at {:?}; the log ends at {end}",
                age.map_or(0.0, |(age, _)| age.as_secs_f64()),
                offset_of(number)
            ));
        }
        lost += 1;
        oldest_lost = oldest_lost.max(age.map_or(Duration::ZERO, |(age, _)| age));
    }
    for (first, count) in &lane.written {
        if let Some(number) = (*first..first + i64::from(*count)).find(|number| offset_of(*number).is_none())
        {
            return Err(format!("record {number} was refused as out of order and is not there"));
        }
    }
    Ok((kept, lost, oldest_lost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Acked;
    use crate::random::Random;

    fn producer(is_idempotent: bool) -> Producer {
        let identity = is_idempotent.then_some((1, 0));
        let mut producer = Producer::new(7, identity, 1, Random::new(1));
        let acked = |base_offset, first| Acked { base_offset, first, count: 2, at: Instant::now() };
        producer.lanes[0].acked = vec![acked(0, 0), acked(3, 2)];
        producer.lanes[0].next_number = 6;
        producer
    }

    #[test]
    fn what_is_missing_twice_or_elsewhere_is_found() {
        let whole = [(0, 0), (1, 1), (2, 3), (3, 4)];
        let cases: &[(&str, &[(i64, i64)])] = &[
            ("was acknowledged", &whole[..3]),
            ("comes after", &[(0, 0), (1, 1), (1, 2), (2, 3), (3, 4)]),
            ("was acknowledged", &[(0, 0), (1, 1), (2, 4), (3, 5)]),
            ("never sent", &[(0, 0), (1, 1), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]),
            ("the first record", &whole[1..]),
        ];
        assert_eq!(check_lane(&producer(true), 0, &whole, 5, None), Ok((2, 0, Duration::ZERO)));
        for (fragment, seen) in cases {
            let text = check_lane(&producer(true), 0, seen, 9, None).unwrap_err();
            assert!(text.contains(fragment), "{text}");
        }
        assert_eq!(
            check_lane(&producer(false), 0, &[whole.as_slice(), &[(5, 6)]].concat(), 7, None),
            Ok((2, 0, Duration::ZERO))
        );
    }

    #[test]
    fn an_end_may_be_lost_only_where_that_is_allowed_and_only_what_is_young() {
        let producer = producer(true);
        let cut_at = producer.lanes[0].acked[1].at + Duration::from_secs(3);
        let loss = |window_s| Some(Loss { cut_at, window: Duration::from_secs(window_s) });
        let seen = [(0, 0), (1, 1)];
        assert!(check_lane(&producer, 0, &seen, 2, None).is_err());
        assert_eq!(check_lane(&producer, 0, &seen, 2, loss(3)), Ok((1, 1, Duration::from_secs(3))));
        assert!(check_lane(&producer, 0, &seen, 2, loss(2)).is_err());
        assert!(check_lane(&producer, 0, &seen, 9, loss(3)).is_err(), "a hole is no lost end");
    }
}
