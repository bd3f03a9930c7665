//! Batches that are being filled and batches that wait to be sent, by partition; nothing here waits or sends.

mod batch;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

use super::ProducerRecord;
use super::delivery::{Delivery, Written};
use super::partitioner::{Partitioner, Sticky, by_key};
use super::settings::ProducerOptions;
use crate::backoff::random_fraction;
use crate::error::Error;
use crate::topics::TopicView;
use batch::{BATCH_HEAD_BYTES, size_max};
pub(crate) use batch::{Batch, Identity};
use queue::Queue;

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
    /// How many wait for batches to be sent, because they need the room or because they want to see them written.
    pub(crate) hurries: usize,
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
            hurries: 0,
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

    /// Puts a record into the open batch of its partition, or into a new one that is begun `now`.
    pub(crate) fn append(
        &mut self,
        record: &ProducerRecord<'_>,
        timestamp: i64,
        now: impl FnOnce() -> Instant,
    ) -> Result<Appended, Error> {
        let bytes = size_max(record);
        self.check_size(bytes)?;
        let options = &*self.options;
        let Some(topic) = self.topics.get_mut(record.topic) else { return Ok(Appended::UnknownTopic) };
        let (partition, is_sticky) = topic.choose(record, options, self.partitioner.as_deref())?;
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
            queue.begin(&topic.view, partition, options, reserved, now());
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
        let ProducerOptions { request_bytes_max, buffer_bytes, .. } = &*self.options;
        let bound = if whole > *request_bytes_max {
            format!("{request_bytes_max}, which is the value of the max.request.size configuration.")
        } else if whole > *buffer_bytes {
            format!(
                "the total memory buffer you have configured with the buffer.memory configuration ({buffer_bytes})."
            )
        } else {
            return Ok(());
        };
        let message = format!("The message is {whole} bytes when serialized which is larger than {bound}");
        Err(Error::Server { code: model::ErrorCode::MESSAGE_TOO_LARGE, message })
    }

    /// Bytes of the buffer that nobody holds.
    pub(crate) fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// Takes out what can be sent now: at most a batch of each partition, to brokers that `may_send` lets.
    pub(crate) fn drain(&mut self, now: Instant, mut may_send: impl FnMut(i32) -> bool) -> Drained {
        let mut drained = Drained::default();
        let identity = self.identity;
        let hurries = self.is_closing || self.hurries > 0;
        let options = &*self.options;
        let mut bytes: BTreeMap<i32, usize> = BTreeMap::new();
        for topic in self.topics.values_mut() {
            let mut is_stale = now >= topic.fetched + options.metadata_age_max;
            for (partition, queue) in (0..).zip(&mut topic.queues) {
                queue.expire(now, options.delivery_timeout, &mut drained.expired);
                let Some(first) = queue.waiting.front() else { continue };
                drained.look_at(first.created + options.delivery_timeout);
                let Some(ready_at) = queue.ready_at(hurries, options) else { continue };
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
    pub(crate) fn finish(&mut self, batch: &Batch, was_in_flight: bool, outcome: Result<Written, Error>) {
        let acknowledged = outcome.is_ok();
        let current = batch.sequence.filter(|(identity, _)| self.identity == Some(*identity));
        let after = current.map(|(_, base)| records::add_sequence(base, batch.records()));
        if let Some(queue) = self.queue(batch) {
            queue.in_flight = queue.in_flight.saturating_sub(usize::from(was_in_flight));
            if let (true, Some(after)) = (acknowledged, after) {
                queue.expected_sequence = after;
                queue.is_known = true;
            }
        }
        self.free_bytes += batch.reserved;
        self.unfinished = self.unfinished.saturating_sub(1);
        batch.outcome.tell(outcome);
    }

    /// True where the server should have taken the batch: nothing before it is missing.
    pub(crate) fn is_due(&mut self, batch: &Batch) -> bool {
        let expected = self.queue(batch).map(|queue| queue.expected_sequence);
        // Sequence numbers begin at 0 again after the greatest one.
        let ahead = batch.sequence.zip(expected).map(|((_, base), expected)| base.wrapping_sub(expected));
        ahead.is_none_or(|ahead| ahead <= 0)
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
            queue.is_known = false;
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
