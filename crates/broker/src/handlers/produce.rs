//! Produce 3-13: batches in, offsets out. Nothing is decoded that need not be, nothing is re-encoded unless the
//! topic's compression asks for it.

mod outcomes;
mod parked;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{ErrorCode, TopicName, Uuid};
use partition_log::{AppendError, Appended};
use protocol::messages::produce_response::PartitionProduceResponse;
use protocol::views::{ProducePart, ProducePartition, ProduceResponseWriter, ProduceView, TopicKey};
use protocol::{ApiKey, VersionRange};
use records::{Attributes, BATCH_HEADER_SIZE, Scratch};
use tokio::sync::oneshot;
use transport::Outbound;

use crate::broker::{Broker, KEPT_MAX};
use crate::connection_loop::CloseConnection;
use crate::delayed::FlushTicket;
use crate::dispatch::Api;
use crate::partitions::{AppendTicket, Partition};
use crate::produce_check;
use crate::request::{Outcome, Request, ResponseHead, Served, malformed};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::Produce, versions: VersionRange::new(3, 13), serve };

/// Where a batch has its format and its flags.
const MAGIC_AT: usize = 16;
const ATTRIBUTES_AT: usize = 21;

/// One partition of the request, in the request's order.
pub struct Item {
    index: i32,
    records: Option<Range<usize>>,
    partition: Result<Arc<Partition>, ErrorCode>,
    state: State,
}

enum State {
    Untouched,
    Done(Box<PartitionProduceResponse<'static>>),
    /// The common case, kept small.
    Appended(Appended),
    Queued(oneshot::Receiver<Result<Appended, AppendError>>),
    /// Appended, to be answered once it is on stable storage.
    Flushing(Appended, FlushTicket),
}

/// The batches of one request and whose they are; kept by the core from one request to the next.
#[derive(Default)]
pub struct Batches {
    topics: Vec<TopicOfRequest>,
    /// Of all topics, in order.
    items: Vec<Item>,
}

impl Batches {
    /// Each topic with its partitions.
    fn by_topic(&self) -> impl Iterator<Item = (&TopicOfRequest, &[Item])> {
        let mut left = self.items.as_slice();
        self.topics.iter().map(move |topic| {
            let (own, others) = left.split_at(topic.partition_count.min(left.len()));
            left = others;
            (topic, own)
        })
    }

    /// Leaves nothing but the room that most requests need.
    fn empty(&mut self) {
        self.topics.clear();
        self.topics.shrink_to(KEPT_MAX);
        self.items.clear();
        self.items.shrink_to(KEPT_MAX);
    }
}

/// A topic as the request names it.
struct TopicOfRequest {
    /// `None` where the name stands in the request.
    id: Option<Uuid>,
    name_at: Range<usize>,
    partition_count: usize,
}

impl TopicOfRequest {
    /// How the answer names it; `first` is the first of its partitions.
    fn key<'b>(&self, body: &'b [u8], first: Option<&'b Item>) -> TopicKey<'b> {
        match (self.id, first.map(|item| &item.partition)) {
            (Some(id), _) => TopicKey::Id(id),
            (None, Some(Ok(partition))) => TopicKey::Name(partition.topic.name.as_str()),
            // It was text when the request was read.
            (None, _) => {
                let name = body.get(self.name_at.clone()).unwrap_or_default();
                TopicKey::Name(std::str::from_utf8(name).unwrap_or_default())
            }
        }
    }
}

impl State {
    fn done(response: PartitionProduceResponse<'static>) -> State {
        State::Done(Box::new(response))
    }
}

/// What holds for all partitions of a request.
#[derive(Clone, Copy)]
struct Terms {
    acks: i16,
    version: i16,
    now_ms: i64,
}

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let core = request.core;
    let mut batches = core.produce_batches.take();
    let acks = collect(request, body, &mut batches)?;
    let terms = Terms { acks, version: request.head.version, now_ms: core.broker.clock.now_ms() };
    let mut scratch = core.scratch.borrow_mut();
    for item in &mut batches.items {
        append(&core.broker, item, terms, body, &mut scratch);
    }
    drop(scratch);
    let throttle_ms = throttle(request, body.len());
    let waits = |item: &Item| match item.state {
        State::Queued(_) => true,
        State::Flushing(..) => acks != 0,
        _ => false,
    };
    if batches.items.iter().any(waits) {
        return Ok(match acks {
            0 => parked::park_unanswered(batches.items),
            _ => parked::park(request.head, body, batches, acks, throttle_ms),
        });
    }
    let served = match acks {
        0 => answer_nothing(&batches.items),
        _ => answer(request.head, body, &batches, throttle_ms, out),
    };
    batches.empty();
    core.produce_batches.replace(batches);
    served
}

/// Counts the request against its client's quota; for how many milliseconds the client is throttled.
fn throttle(request: &mut Request<'_>, body_size: usize) -> i32 {
    let Some(meters) = request.meters() else { return 0 };
    let bytes = request.header_bytes.len() + body_size;
    let throttle_ms = meters.produced(bytes, request.core.broker.clock.steady_ms());
    request.facts.mute.extend(throttle_ms);
    throttle_ms
}

/// Finds the partitions of the request and returns its acks.
fn collect(request: &Request<'_>, body: &[u8], batches: &mut Batches) -> Result<i16, CloseConnection> {
    let head = request.head;
    let Batches { topics, items } = batches;
    let mut transactional = false;
    let mut key = None;
    let view = ProduceView::parse(body, head.version, |part| match part {
        ProducePart::Topic(topic) => {
            let id = match topic.key {
                TopicKey::Id(id) => Some(id),
                TopicKey::Name(_) => None,
            };
            key = Some(topic.key);
            let (name_at, partition_count) = (topic.name_at, topic.partition_count);
            topics.push(TopicOfRequest { id, name_at, partition_count });
        }
        ProducePart::Partition(ProducePartition { index, records }) => {
            let unknown = Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            let partition = key.map_or(unknown, |key| find(request, key, index));
            transactional |= records.clone().is_some_and(|range| is_transactional(body.get(range)));
            items.push(Item { index, records, partition, state: State::Untouched });
        }
    });
    let view = view.map_err(|error| malformed(head, error))?;
    if transactional && view.transactional_id.is_none() {
        // Permission hangs on the id, and the batch's own flag tells that there should be one.
        let error = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        items.iter_mut().for_each(|item| item.partition = Err(error));
    }
    Ok(view.acks)
}

/// Looks at the attributes of the first batch only.
fn is_transactional(batch: Option<&[u8]>) -> bool {
    let Some(head) = batch.and_then(|batch| batch.first_chunk::<BATCH_HEADER_SIZE>()) else { return false };
    let attributes = i16::from_be_bytes([head[ATTRIBUTES_AT], head[ATTRIBUTES_AT + 1]]);
    head[MAGIC_AT] == 2 && Attributes(attributes).is_transactional()
}

fn find(request: &Request<'_>, topic: TopicKey<'_>, index: i32) -> Result<Arc<Partition>, ErrorCode> {
    let partitions = &request.broker().partitions;
    let partition = match topic {
        TopicKey::Name(name) => partitions.partition(name, index)?,
        TopicKey::Id(id) => partitions.partition_by_id(id, index)?,
    };
    // Kafka lets only its own admin client write to the topics that brokers keep for themselves.
    if TopicName::is_internal(partition.topic.name.as_str()) && request.client_id() != Some("__admin_client")
    {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    Ok(partition)
}

fn append(broker: &Broker, item: &mut Item, terms: Terms, body: &mut [u8], scratch: &mut Scratch) {
    let partition = match &item.partition {
        Ok(partition) => partition,
        Err(code) => return item.state = State::done(outcomes::refused(item.index, *code)),
    };
    if !(-1..=1).contains(&terms.acks) {
        return item.state = State::done(outcomes::refused(item.index, ErrorCode::INVALID_REQUIRED_ACKS));
    }
    partition.counters.produce_requests.fetch_add(1, Ordering::Relaxed);
    let settings = partition.topic.settings.load();
    if terms.acks == -1 && !partition.is_in_sync(settings.min_insync_replicas) {
        partition.counters.produce_failed(ErrorCode::NOT_ENOUGH_REPLICAS, 0);
        return item.state = State::done(outcomes::not_enough_replicas(item.index, partition));
    }
    let records = item.records.clone().and_then(|range| body.get_mut(range)).unwrap_or_default();
    let Terms { version, now_ms, .. } = terms;
    let mut unpacking = produce_check::Unpacking { own: scratch, shared: &broker.large_scratch };
    let ticket = match produce_check::check(partition, &settings, version, records, &mut unpacking, now_ms) {
        Ok(produce_check::Ready::InPlace(checked)) => {
            partition.append(records, checked, now_ms, &broker.budget)
        }
        Ok(produce_check::Ready::Rewritten(mut batch, checked)) => {
            partition.append(&mut batch, checked, now_ms, &broker.budget)
        }
        Err(error) => {
            partition.counters.produce_failed(error.code, records.len());
            return item.state = State::done(outcomes::refused_batch(item.index, partition, records, error));
        }
    };
    if let Some(delay) = settings.flush_after {
        partition.flush_within(delay);
    }
    item.state = match ticket {
        AppendTicket::Done(Ok(appended)) => match flush(partition, &appended, terms.acks) {
            Some(ticket) => State::Flushing(appended, ticket),
            None => State::Appended(appended),
        },
        AppendTicket::Done(Err(error)) => State::done(outcomes::failed(item.index, Some(partition), &error)),
        AppendTicket::Queued(receiver) => State::Queued(receiver),
    };
}

/// Asks for a flush where `flush.messages` is reached or the policy demands it, and for its end where the answer has
/// to wait: with the policy that is acks=all.
fn flush(partition: &Arc<Partition>, appended: &Appended, acks: i16) -> Option<FlushTicket> {
    let is_durable = partition.is_durable();
    if !(is_durable || appended.flush_due) || partition.log.recovery_point() > appended.last_offset {
        return None;
    }
    let flusher = &partition.log_dir.flusher;
    if appended.flush_due || acks == -1 {
        return Some(flusher.flush(partition));
    }
    flusher.flush_unattended(partition);
    None
}

/// With acks=0 the only way to tell of an error is to close the connection.
fn answer_nothing(items: &[Item]) -> Served {
    let error = items.iter().find_map(|item| match &item.state {
        State::Done(response) if !response.error_code.is_none() => Some(response.error_code),
        _ => None,
    });
    match error {
        Some(code) => Err(CloseConnection(format!("a produce request with acks=0 failed: {code}"))),
        None => Ok(Outcome::NoAnswer),
    }
}

fn answer(
    head: ResponseHead,
    body: &[u8],
    batches: &Batches,
    throttle_ms: i32,
    out: &mut Outbound,
) -> Served {
    let answered = head.answer_with(out, |writer| {
        let mut response = ProduceResponseWriter::begin(writer, head.version, batches.topics.len())
            .map_err(|error| head.failed(error))?;
        for (topic, own) in batches.by_topic() {
            let key = topic.key(body, own.first());
            response.topic(key, own.len()).map_err(|error| head.failed(error))?;
            for item in own {
                let written = match &item.state {
                    State::Appended(done) => response.partition(&outcomes::appended(item.index, done)),
                    State::Done(done) => response.partition(done),
                    State::Untouched | State::Queued(_) | State::Flushing(..) => response
                        .partition(&PartitionProduceResponse { index: item.index, ..Default::default() }),
                };
                written.map_err(|error| head.failed(error))?;
            }
        }
        response.finish(throttle_ms, &[]).map_err(|error| head.failed(error))
    });
    answered.map(|()| Outcome::Answered)
}

#[cfg(test)]
mod tests {
    use records::BatchBuilder;

    use super::*;

    fn batch() -> BatchBuilder {
        BatchBuilder::new().record(1, None, Some(b"v"))
    }

    #[test]
    fn the_flag_of_the_batch_tells_a_transaction() {
        let plain = batch().build();
        let mut transactional = batch().producer(1, 0, 0).transactional().build();
        assert!(!is_transactional(Some(&plain)));
        assert!(is_transactional(Some(&transactional)));
        // Older formats have no such flag.
        transactional[MAGIC_AT] = 1;
        assert!(!is_transactional(Some(&transactional)));
        assert!(!is_transactional(Some(&plain[..20])));
        assert!(!is_transactional(None));
    }
}
