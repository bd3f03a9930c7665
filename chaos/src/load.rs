//! Producers that remember what was acknowledged, what was sent and not answered, and send that again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use model::ErrorCode;
use records::{BatchBuilder, Compression};

use crate::client::{CallError, Client, ProduceAnswer};
use crate::random::Random;

/// Requests under way on one connection: what a broker remembers of a producer bounds it for idempotent ones.
const IN_FLIGHT_MAX: usize = 5;
/// What a node answers whose disk has failed, or that is about to end for it.
const REFUSALS: [ErrorCode; 5] = [
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::LEADER_NOT_AVAILABLE,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode::REQUEST_TIMED_OUT,
];
/// Sequence numbers go on at 0 behind this many.
const SEQUENCES: i64 = 1 << 31;

/// A producer of one connection at a time that writes to every partition of a topic.
#[derive(Debug)]
pub struct Producer {
    /// Its number, in every record it writes.
    pub worker: u32,
    /// Producer id and epoch of an idempotent one.
    pub identity: Option<(i64, i16)>,
    acks: i16,
    expects_faults: bool,
    /// Partitions it writes to.
    targets: Vec<i32>,
    random: Random,
    /// What it knows of each partition.
    pub lanes: Vec<Lane>,
}

/// What a producer knows of one partition.
#[derive(Debug, Default)]
pub struct Lane {
    /// Number of the next record.
    pub next_number: i64,
    /// Batches that were acknowledged, in their order.
    pub acked: Vec<Acked>,
    /// Batches that must be there once though no offset of theirs is known.
    pub written: Vec<(i64, i32)>,
    /// Batches that were sent and not answered.
    pending: VecDeque<Batch>,
}

/// A batch that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Acked {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Number of its first record.
    pub first: i64,
    /// How many records it has.
    pub count: i32,
    /// When the answer came.
    pub at: Instant,
}

#[derive(Debug)]
struct Batch {
    first: i64,
    count: i32,
    bytes: Vec<u8>,
}

impl Producer {
    /// A plain producer with `acks=1`, or an idempotent one with `acks=all`.
    pub fn new(worker: u32, identity: Option<(i64, i16)>, partitions: i32, random: Random) -> Producer {
        let acks = if identity.is_some() { -1 } else { 1 };
        let lanes = (0..partitions).map(|_| Lane::default()).collect();
        let targets = (0..partitions).collect();
        Producer { worker, identity, acks, expects_faults: false, targets, random, lanes }
    }

    /// The same with other acks.
    pub fn with_acks(mut self, acks: i16) -> Producer {
        self.acks = acks;
        self
    }

    /// The same, but a refusal as of a failed disk ends a run as the end of the node does.
    pub fn expecting_faults(mut self) -> Producer {
        self.expects_faults = true;
        self
    }

    /// The same, but it writes to some of the partitions only.
    pub fn writing_to(mut self, partitions: &[i32]) -> Producer {
        self.targets = partitions.to_vec();
        self
    }

    /// Sends one batch to a partition and tells what came of it; one that was acknowledged is remembered.
    pub fn probe(
        &mut self,
        client: &mut Client,
        topic: &str,
        partition: i32,
    ) -> Result<ErrorCode, CallError> {
        self.lane(partition).pending.clear();
        self.make_batch(partition);
        self.send_newest(client, topic, &[partition])?;
        let answers = client.produced()?;
        let answer = answers.first().ok_or_else(|| CallError::Wrong("an empty answer".to_owned()))?;
        if answer.code.is_none() {
            self.settle(answer, false)?;
        }
        Ok(answer.code)
    }

    /// Writes to `topic` until `stop` or until the node is gone; what was not answered before is sent again first, by an
    /// idempotent producer. An error is a finding.
    pub fn run(&mut self, address: SocketAddr, topic: &str, stop: &AtomicBool) -> Result<(), String> {
        match self.run_connected(address, topic, stop) {
            Ok(()) | Err(CallError::Gone(_)) => Ok(()),
            Err(CallError::Wrong(text)) => Err(format!("producer {}: {text}", self.worker)),
        }
    }

    fn run_connected(
        &mut self,
        address: SocketAddr,
        topic: &str,
        stop: &AtomicBool,
    ) -> Result<(), CallError> {
        let mut client = Client::connect(address)?;
        self.send_pending(&mut client, topic)?;
        let mut under_way: VecDeque<Vec<i32>> = VecDeque::new();
        while !stop.load(Ordering::Relaxed) || !under_way.is_empty() {
            if under_way.len() < IN_FLIGHT_MAX && !stop.load(Ordering::Relaxed) {
                let partitions = self.draw_partitions();
                partitions.iter().for_each(|partition| self.make_batch(*partition));
                self.send_newest(&mut client, topic, &partitions)?;
                under_way.push_back(partitions);
                continue;
            }
            let answers = client.produced()?;
            let asked = under_way.pop_front().unwrap_or_default();
            if answers.len() != asked.len() {
                return Err(CallError::Wrong(format!("{} answers for {asked:?}", answers.len())));
            }
            answers.iter().try_for_each(|answer| self.settle(answer, false))?;
        }
        Ok(())
    }

    /// Sends what was not answered before once more, one batch at a time; a plain producer gives it up.
    fn send_pending(&mut self, client: &mut Client, topic: &str) -> Result<(), CallError> {
        let acks = self.acks;
        for partition in 0..self.lanes.len() as i32 {
            if self.identity.is_none() {
                self.lane(partition).pending.clear();
            }
            while let Some(batch) = self.lane(partition).pending.front() {
                client.send_produce(topic, acks, &[(partition, &batch.bytes)])?;
                for answer in client.produced()? {
                    self.settle(&answer, true)?;
                }
            }
        }
        Ok(())
    }

    fn lane(&mut self, partition: i32) -> &mut Lane {
        &mut self.lanes[partition as usize]
    }

    fn draw_partitions(&mut self) -> Vec<i32> {
        let count = 1 + self.random.place(3);
        let mut partitions: Vec<i32> = (0..count).map(|_| *self.random.pick(&self.targets)).collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions
    }

    fn make_batch(&mut self, partition: i32) {
        let codec = *self.random.pick(&Compression::ALL);
        let count = 1 + self.random.below(20) as i32;
        let first = self.lane(partition).next_number;
        let mut builder = BatchBuilder::new().compression(codec);
        if let Some((id, epoch)) = self.identity {
            builder = builder.producer(id, epoch, (first % SEQUENCES) as i32);
        }
        for number in first..first + i64::from(count) {
            let padding = self.random.next();
            let value = record_value(self.worker, partition, number, padding);
            builder.push(now_ms(), Some(&number.to_be_bytes()), Some(value.as_bytes()), &[]);
        }
        let lane = self.lane(partition);
        lane.next_number += i64::from(count);
        lane.pending.push_back(Batch { first, count, bytes: builder.build() });
    }

    fn send_newest(&self, client: &mut Client, topic: &str, partitions: &[i32]) -> Result<(), CallError> {
        let newest = |partition: &i32| {
            let batch = self.lanes[*partition as usize].pending.back()?;
            Some((*partition, batch.bytes.as_slice()))
        };
        let batches: Vec<(i32, &[u8])> = partitions.iter().filter_map(newest).collect();
        client.send_produce(topic, self.acks, &batches)
    }

    /// Takes note of an answer to the oldest batch of its partition that has none.
    fn settle(&mut self, answer: &ProduceAnswer, is_repeated: bool) -> Result<(), CallError> {
        let (worker, expects_faults) = (self.worker, self.expects_faults);
        let lane = self.lane(answer.partition);
        let wrong = |text: String| CallError::Wrong(text);
        let batch = lane.pending.pop_front();
        let batch = batch.ok_or_else(|| wrong(format!("partition {} answered unasked", answer.partition)))?;
        let Batch { first, count, .. } = batch;
        match answer.code {
            ErrorCode::NONE => {
                let (base_offset, at) = (answer.base_offset, Instant::now());
                lane.acked.push(Acked { base_offset, first, count, at });
                Ok(())
            }
            // The broker remembers the last batch only where a snapshot came after it: one before it is refused, as
            // by Kafka, and must be in the log.
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER if is_repeated => {
                lane.written.push((first, count));
                Ok(())
            }
            code if expects_faults && REFUSALS.contains(&code) => {
                // Nobody knows whether it was written.
                lane.pending.push_front(batch);
                Err(CallError::Gone(format!("refused with {code}")))
            }
            code => Err(wrong(format!(
                "worker {worker}, partition {}, records {first} to {}: {code}",
                answer.partition,
                first + i64::from(count) - 1
            ))),
        }
    }
}

/// Has all producers write for `time`, then `end` is called, then they come back.
pub fn run_for(
    producers: &mut [Producer],
    address: SocketAddr,
    topic: &str,
    time: Duration,
    end: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let running: Vec<_> = producers
            .iter_mut()
            .map(|producer| scope.spawn(|| producer.run(address, topic, &stop)))
            .collect();
        std::thread::sleep(time);
        let ended = end();
        stop.store(true, Ordering::Relaxed);
        let outcomes: Vec<_> = running.into_iter().map(|thread| thread.join()).collect();
        ended?;
        outcomes
            .into_iter()
            .try_for_each(|outcome| outcome.unwrap_or_else(|_| Err("a producer panicked".to_owned())))
    })
}

/// The value that says whose record it is.
fn record_value(worker: u32, partition: i32, number: i64, padding: u64) -> String {
    let mut value = format!("{worker} {partition} {number} ");
    for _ in 0..padding % 8 {
        value += &format!("{padding:016x} and some text that compresses ");
    }
    value
}

/// Worker, partition and number in a record's value.
pub fn parse_value(value: &[u8]) -> Option<(u32, i32, i64)> {
    let text = std::str::from_utf8(value).ok()?;
    let mut words = text.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// Milliseconds since 1970: records of long ago would be past their retention.
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_whose_record_it_is() {
        assert_eq!(parse_value(record_value(3, 17, 123, 7).as_bytes()), Some((3, 17, 123)));
        assert_eq!(parse_value(b"3 17"), None);
    }

    #[test]
    fn a_batch_refused_out_of_order_is_a_finding_unless_it_was_sent_before() {
        let answer =
            ProduceAnswer { partition: 0, code: ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, base_offset: -1 };
        for (is_repeated, is_fine) in [(true, true), (false, false)] {
            let mut producer = Producer::new(1, Some((5, 0)), 1, Random::new(1));
            producer.make_batch(0);
            assert_eq!(producer.settle(&answer, is_repeated).is_ok(), is_fine);
        }
    }
}
