//! Batches that are being filled and batches that wait to be sent, by partition; nothing here waits or sends.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::Uuid;
use records::BatchBuilder;
use tokio::time::Instant;

use super::ProducerRecord;
use super::delivery::{BatchOutcome, Delivery};
use super::partitioner::{Partitioner, Sticky, by_key};
use super::settings::ProducerOptions;
use crate::backoff::random_fraction;
use crate::error::Error;
use crate::topics::TopicView;

/// Bytes of a batch before its records.
const BATCH_HEAD_BYTES: usize = 61;
/// Most bytes of a record beside key, value and headers.
const RECORD_HEAD_BYTES: usize = 21;

/// Who writes: the server gives it, and remembers by it what was written (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// Records of one partition that are written together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    /// How many batches of its partition were begun before it.
    number: u64,
    builder: BatchBuilder,
    outcome: Arc<BatchOutcome>,
    created: Instant,
    /// How often it was sent.
    pub(crate) attempts: u32,
    not_before: Option<Instant>,
    /// The identity it was sent with, and the sequence number of its first record.
    pub(crate) sequence: Option<(Identity, i32)>,
    /// Bytes of the buffer that it holds.
    reserved: usize,
}

/// Everything that waits.
#[derive(Debug)]
pub(crate) struct Accumulator {
    options: Arc<ProducerOptions>,
    partitioner: Option<Arc<dyn Partitioner>>,
    topics: HashMap<Arc<str>, Topic>,
    /// Who writes; `None` before the server has said it, and while it has to say it anew.
    identity: Option<Identity>,
    /// The identity before, which is to be followed by one with the next epoch.
    former: Option<Identity>,
    free_bytes: usize,
    /// Records that wait for room in the buffer.
    pub(crate) waiting_for_room: usize,
    /// Who waits until all is sent.
    pub(crate) flushes: usize,
    pub(crate) is_closing: bool,
    /// Batches that wait or are under way.
    unfinished: usize,
}

#[derive(Debug)]
struct Topic {
    view: TopicView,
    fetched: Instant,
    sticky: Sticky,
    queues: Vec<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Batch>,
    in_flight: usize,
    begun: u64,
    /// Sequence number of the next record that is sent for the first time.
    next_sequence: i32,
    /// Sequence number that the server expects next, by what it has acknowledged.
    expected_sequence: i32,
}

/// What became of a record that was to be appended.
pub(crate) enum Appended {
    /// It is in a batch; `is_news` where the sender has to look at the batch.
    Waits {
        /// Its way.
        delivery: Delivery,
        /// True for the first record of a batch and for one that filled a batch.
        is_news: bool,
    },
    /// The buffer has no room for the batch it needs, of so many bytes.
    NoRoom(usize),
    /// Nothing is known of its topic.
    UnknownTopic,
}

/// What can be sent now, and when to look again.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    pub(crate) by_broker: BTreeMap<i32, Vec<Batch>>,
    /// Batches whose time is over.
    pub(crate) expired: Vec<Batch>,
    /// Topics with partitions that nobody is known to lead, or of which nothing was heard for long.
    pub(crate) stale: Vec<Arc<str>>,
    pub(crate) next: Option<Instant>,
}

impl Accumulator {
    pub(crate) fn new(
        options: Arc<ProducerOptions>,
        partitioner: Option<Arc<dyn Partitioner>>,
    ) -> Accumulator {
        let free_bytes = options.buffer_bytes;
        Accumulator {
            options,
            partitioner,
            topics: HashMap::new(),
            identity: None,
            former: None,
            free_bytes,
            waiting_for_room: 0,
            flushes: 0,
            is_closing: false,
            unfinished: 0,
        }
    }

    /// True where every record was written or given up.
    pub(crate) fn is_empty(&self) -> bool {
        self.unfinished == 0
    }

    /// Takes note of what the cluster says of a topic.
    pub(crate) fn learn(&mut self, view: TopicView, now: Instant) {
        let topic = self.topics.entry(Arc::clone(&view.name)).or_insert_with(|| Topic {
            view: view.clone(),
            fetched: now,
            sticky: Sticky::default(),
            queues: Vec::new(),
        });
        let count = view.leaders.len().max(topic.queues.len());
        topic.queues.resize_with(count, Queue::default);
        topic.view = view;
        topic.fetched = now;
    }

    /// Number of partitions of a topic, where it is known.
    pub(crate) fn partitions(&self, topic: &str) -> Option<i32> {
        self.topics.get(topic).map(|topic| topic.view.partitions())
    }

    /// Puts a record into the open batch of its partition, or into a new one.
    pub(crate) fn append(
        &mut self,
        record: &ProducerRecord<'_>,
        timestamp: i64,
        now: Instant,
    ) -> Result<Appended, Error> {
        let bytes = size_max(record);
        self.check_size(bytes)?;
        let options = Arc::clone(&self.options);
        let Some(topic) = self.topics.get_mut(record.topic) else { return Ok(Appended::UnknownTopic) };
        let (partition, is_sticky) = topic.choose(record, &options, self.partitioner.as_deref())?;
        let place = usize::try_from(partition).ok();
        let Some(queue) = place.and_then(|place| topic.queues.get_mut(place)) else {
            return Err(Error::Invalid(format!(
                "Topic {} not present in metadata: it has {} partition(s), and no {partition}.",
                record.topic,
                topic.view.partitions()
            )));
        };
        let mut is_new = false;
        let open = queue.waiting.back().filter(|batch| batch.takes(bytes, options.batch_bytes));
        if open.is_none() {
            let reserved = (BATCH_HEAD_BYTES + bytes).max(options.batch_bytes);
            if reserved > self.free_bytes {
                return Ok(Appended::NoRoom(reserved));
            }
            self.free_bytes -= reserved;
            self.unfinished += 1;
            queue.begin(&topic.view, partition, &options, reserved, now);
            is_new = true;
        }
        let Some(batch) = queue.waiting.back_mut() else { return Err(Error::Closed) };
        let place = batch.builder.len();
        batch.builder.push(timestamp, record.key, record.value, record.headers);
        if is_sticky {
            topic.sticky.went(bytes, options.batch_bytes);
        }
        let is_full = batch.is_full(options.batch_bytes);
        let delivery = Delivery::new(Arc::clone(&batch.outcome), place, timestamp);
        Ok(Appended::Waits { delivery, is_news: is_new || is_full })
    }

    fn check_size(&self, bytes: usize) -> Result<(), Error> {
        let whole = BATCH_HEAD_BYTES + bytes;
        let too_large = |bound: usize, key: &str| Error::Server {
            code: model::ErrorCode::MESSAGE_TOO_LARGE,
            message: format!(
                "The message is {whole} bytes when serialized which is larger than {bound}, which is the value of the {key} configuration."
            ),
        };
        if whole > self.options.request_bytes_max {
            return Err(too_large(self.options.request_bytes_max, "max.request.size"));
        }
        if whole > self.options.buffer_bytes {
            let bound = self.options.buffer_bytes;
            return Err(Error::Server {
                code: model::ErrorCode::MESSAGE_TOO_LARGE,
                message: format!(
                    "The message is {whole} bytes when serialized which is larger than the total memory buffer you have configured with the buffer.memory configuration ({bound})."
                ),
            });
        }
        Ok(())
    }

    /// Bytes of the buffer that nobody holds.
    pub(crate) fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// Takes out what can be sent now: at most a batch of each partition, to brokers that `may_send` lets.
    pub(crate) fn drain(&mut self, now: Instant, mut may_send: impl FnMut(i32) -> bool) -> Drained {
        let mut drained = Drained::default();
        let identity = self.identity;
        let hurries = self.is_closing || self.flushes > 0 || self.waiting_for_room > 0;
        let options = Arc::clone(&self.options);
        let mut bytes: BTreeMap<i32, usize> = BTreeMap::new();
        for topic in self.topics.values_mut() {
            let mut is_stale = now >= topic.fetched + options.metadata_age_max;
            for (partition, queue) in (0..).zip(&mut topic.queues) {
                queue.expire(now, options.delivery_timeout, &mut drained.expired);
                let Some(first) = queue.waiting.front() else { continue };
                drained.look_at(first.created + options.delivery_timeout);
                let Some(ready_at) = queue.ready_at(hurries, &options) else { continue };
                if ready_at > now {
                    drained.look_at(ready_at);
                    continue;
                }
                let Some(leader) = topic.view.leader(partition) else {
                    is_stale = true;
                    continue;
                };
                if !may_send(leader) || (options.is_idempotent && identity.is_none()) {
                    continue;
                }
                let taken = bytes.entry(leader).or_default();
                let size = queue.waiting.front().map_or(0, |batch| batch.builder.plain_size());
                if *taken > 0 && *taken + size > options.request_bytes_max {
                    continue;
                }
                *taken += size;
                if let Some(batch) = queue.take(identity) {
                    drained.by_broker.entry(leader).or_default().push(batch);
                }
            }
            let is_used = topic.queues.iter().any(|queue| !queue.waiting.is_empty());
            if is_stale && is_used {
                drained.stale.push(Arc::clone(&topic.view.name));
            }
        }
        drained
    }

    /// Puts a batch back that is to be sent again, not before a time.
    pub(crate) fn retry(&mut self, mut batch: Batch, not_before: Instant) {
        batch.not_before = Some(not_before);
        if batch.sequence.map(|(identity, _)| identity) != self.identity {
            batch.sequence = None;
        }
        let Some(queue) = self.queue(&batch) else { return };
        queue.in_flight = queue.in_flight.saturating_sub(1);
        let place = queue.waiting.partition_point(|other| other.number < batch.number);
        queue.waiting.insert(place, batch);
    }

    /// Tells what became of a batch that was sent or expired, and gives its memory back.
    pub(crate) fn finish(
        &mut self,
        batch: &Batch,
        was_in_flight: bool,
        outcome: Result<super::delivery::Written, Error>,
    ) {
        let acknowledged = outcome.is_ok();
        let current = batch.sequence.filter(|(identity, _)| self.identity == Some(*identity));
        let after = current.map(|(_, base)| records::add_sequence(base, batch.records()));
        if let Some(queue) = self.queue(batch) {
            queue.in_flight = queue.in_flight.saturating_sub(usize::from(was_in_flight));
            if let (true, Some(after)) = (acknowledged, after) {
                queue.expected_sequence = after;
            }
        }
        self.free_bytes += batch.reserved;
        self.unfinished = self.unfinished.saturating_sub(1);
        batch.outcome.tell(outcome);
    }

    /// True where the batch is the next one that the server expects of its partition.
    pub(crate) fn is_expected(&mut self, batch: &Batch) -> bool {
        let expected = self.queue(batch).map(|queue| queue.expected_sequence);
        batch.sequence.map(|(_, base)| base) == expected
    }

    /// Who writes, where that is known.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// The identity that a new one has to follow.
    pub(crate) fn former(&self) -> Option<Identity> {
        self.former
    }

    /// Takes note of who writes from now on.
    pub(crate) fn identified(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// What follows a batch of that identity cannot be written: all sequences begin anew, with a new identity.
    pub(crate) fn lose(&mut self, identity: Identity) {
        if self.identity != Some(identity) {
            return;
        }
        self.former = self.identity.take();
        for queue in self.topics.values_mut().flat_map(|topic| &mut topic.queues) {
            (queue.next_sequence, queue.expected_sequence) = (0, 0);
            for batch in &mut queue.waiting {
                batch.sequence = None;
            }
        }
    }

    /// Takes note that a broker cannot be reached: maybe others lead by now what it led.
    pub(crate) fn forget_leader(&mut self, broker: i32) {
        let leaders = self.topics.values_mut().flat_map(|topic| &mut topic.view.leaders);
        for leader in leaders.filter(|leader| leader.broker == Some(broker)) {
            leader.broker = None;
        }
    }

    /// Takes note that somebody else leads a partition by now.
    pub(crate) fn forget_leader_of(&mut self, topic: &str, partition: i32) {
        let place = usize::try_from(partition).ok();
        let topic = self.topics.get_mut(topic);
        if let Some(leader) = topic.zip(place).and_then(|(topic, place)| topic.view.leaders.get_mut(place)) {
            leader.broker = None;
        }
    }

    /// Takes out everything that waits.
    pub(crate) fn give_up(&mut self) -> Vec<Batch> {
        let queues = self.topics.values_mut().flat_map(|topic| &mut topic.queues);
        queues.flat_map(|queue| queue.waiting.drain(..)).collect()
    }

    fn queue(&mut self, batch: &Batch) -> Option<&mut Queue> {
        let place = usize::try_from(batch.partition).ok()?;
        self.topics.get_mut(&batch.topic)?.queues.get_mut(place)
    }
}

impl Drained {
    fn look_at(&mut self, time: Instant) {
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
    }
}

impl Topic {
    /// The partition of a record, and whether it is the one that records without a key go to at the moment.
    fn choose(
        &mut self,
        record: &ProducerRecord<'_>,
        options: &ProducerOptions,
        partitioner: Option<&dyn Partitioner>,
    ) -> Result<(i32, bool), Error> {
        if let Some(partition) = record.partition {
            return Ok((partition, false));
        }
        if let Some(partitioner) = partitioner {
            let count = self.view.partitions();
            return Ok((partitioner.partition(record.topic, record.key, record.value, count), false));
        }
        if let Some(key) = record.key.filter(|_| !options.ignores_keys) {
            return Ok((by_key(key, self.view.partitions()), false));
        }
        if let Some(chosen) = self.sticky.chosen() {
            return Ok((chosen, true));
        }
        let queued = |partition: i32| {
            let queue = usize::try_from(partition).ok().and_then(|place| self.queues.get(place));
            if options.is_adaptive { queue.map_or(0, |queue| queue.waiting.len()) } else { 0 }
        };
        let all = 0..self.view.partitions();
        let led: Vec<(i32, usize)> = all
            .clone()
            .filter(|partition| self.view.leader(*partition).is_some())
            .map(|partition| (partition, queued(partition)))
            .collect();
        let candidates = if led.is_empty() { all.map(|partition| (partition, 0)).collect() } else { led };
        let chosen = self.sticky.partition(&candidates, random_fraction());
        chosen.map(|partition| (partition, true)).ok_or(Error::Closed)
    }
}

impl Queue {
    fn begin(
        &mut self,
        view: &TopicView,
        partition: i32,
        options: &ProducerOptions,
        reserved: usize,
        now: Instant,
    ) {
        self.begun += 1;
        self.waiting.push_back(Batch {
            topic: Arc::clone(&view.name),
            topic_id: view.id,
            partition,
            number: self.begun,
            builder: BatchBuilder::new().compression(options.codec),
            outcome: BatchOutcome::new(Arc::clone(&view.name), partition),
            created: now,
            attempts: 0,
            not_before: None,
            sequence: None,
            reserved,
        });
    }

    /// Takes out batches that have waited too long.
    fn expire(&mut self, now: Instant, delivery_timeout: Duration, expired: &mut Vec<Batch>) {
        while self.waiting.front().is_some_and(|batch| now >= batch.created + delivery_timeout) {
            expired.extend(self.waiting.pop_front());
        }
    }

    /// When the first batch may be sent; `None` where there is none, or another one has to be answered before.
    fn ready_at(&self, hurries: bool, options: &ProducerOptions) -> Option<Instant> {
        let first = self.waiting.front()?;
        // What is sent again goes alone: what followed it is refused until it is there.
        if first.attempts > 0 && self.in_flight > 0 {
            return None;
        }
        if let Some(time) = first.not_before {
            return Some(time);
        }
        let is_done = hurries || self.waiting.len() > 1 || first.is_full(options.batch_bytes);
        Some(if is_done { first.created } else { first.created + options.linger })
    }

    fn take(&mut self, identity: Option<Identity>) -> Option<Batch> {
        let mut batch = self.waiting.pop_front()?;
        if let (Some(identity), None) = (identity, batch.sequence) {
            batch.sequence = Some((identity, self.next_sequence));
            self.next_sequence = records::add_sequence(self.next_sequence, batch.records());
        }
        batch.attempts += 1;
        self.in_flight += 1;
        Some(batch)
    }
}

impl Batch {
    /// True where a record of at most so many bytes may join it.
    fn takes(&self, bytes: usize, batch_bytes: usize) -> bool {
        self.attempts == 0 && self.builder.plain_size() + bytes <= batch_bytes
    }

    fn is_full(&self, batch_bytes: usize) -> bool {
        self.builder.plain_size() >= batch_bytes
    }

    /// Number of its records.
    pub(crate) fn records(&self) -> i32 {
        i32::try_from(self.builder.len()).unwrap_or(i32::MAX)
    }

    /// When it was begun.
    pub(crate) fn created(&self) -> Instant {
        self.created
    }

    /// Its bytes as they are sent.
    pub(crate) fn build(&mut self) -> Vec<u8> {
        if let Some((Identity { id, epoch }, base)) = self.sequence {
            self.builder = std::mem::take(&mut self.builder).producer(id, epoch, base);
        }
        self.builder.build()
    }
}

/// The most that a record can have within a batch, in bytes.
fn size_max(record: &ProducerRecord<'_>) -> usize {
    let length = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
    let headers = record.headers.iter().map(|(key, value)| key.len() + length(*value) + 10);
    RECORD_HEAD_BYTES + length(record.key) + length(record.value) + headers.sum::<usize>()
}
