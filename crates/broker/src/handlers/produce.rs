//! Produce 3-13: batches in, offsets out. Nothing is decoded that need not be, nothing is re-encoded unless the
//! topic's compression asks for it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{ErrorCode, TopicName};
use partition_log::{AppendError, Appended};
use protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use protocol::views::{ProduceResponseWriter, ProduceView, TopicKey};
use protocol::{ApiKey, VersionRange};
use records::{Attributes, BATCH_HEADER_SIZE, ProduceError, Scratch, next_batch};
use tokio::sync::oneshot;
use transport::Outbound;

use crate::broker::Broker;
use crate::connection_loop::CloseConnection;
use crate::delayed::FlushTicket;
use crate::dispatch::Api;
use crate::partitions::{AppendTicket, Partition};
use crate::produce_check;
use crate::request::{Outcome, Parked, Request, ResponseHead, Served, malformed};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::Produce, versions: VersionRange::new(3, 13), serve };

/// Where a batch has its format and its flags.
const SIZE_AT: usize = 8;
const MAGIC_AT: usize = 16;
const ATTRIBUTES_AT: usize = 21;
/// Bytes that a record of the oldest format has at least.
const RECORD_OVERHEAD_MIN: i32 = 14;

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

/// What holds for all partitions of a request.
#[derive(Clone, Copy)]
struct Terms {
    acks: i16,
    version: i16,
    now_ms: i64,
}

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let core = request.core;
    let mut items = core.produce_items.take();
    items.clear();
    let acks = collect(request, body, &mut items)?;
    let terms = Terms { acks, version: request.head.version, now_ms: core.broker.clock.now_ms() };
    let mut scratch = core.scratch.borrow_mut();
    for item in &mut items {
        append(&core.broker, item, terms, body, &mut scratch);
    }
    drop(scratch);
    if acks == 0 {
        if items.iter().any(|item| matches!(item.state, State::Queued(_))) {
            return Ok(park_unanswered(items));
        }
        return answer_nothing(&items);
    }
    let waits = |item: &Item| matches!(item.state, State::Queued(_) | State::Flushing(..));
    if items.iter().any(waits) {
        return Ok(park(request.head, body, items, acks));
    }
    let answered = answer(request.head, body, &items, out);
    core.produce_items.replace(items);
    answered.map(|()| Outcome::Answered)
}

/// Finds the partitions of the request and returns its acks.
fn collect(request: &Request<'_>, body: &[u8], items: &mut Vec<Item>) -> Result<i16, CloseConnection> {
    let head = request.head;
    let view = ProduceView::parse(body, head.version).map_err(|error| malformed(head, error))?;
    let broker = request.broker();
    let mut transactional = false;
    for topic in view.topics() {
        for partition in topic.partitions() {
            let found = find(broker, request, topic.topic, partition.index);
            let (index, records) = (partition.index, partition.records);
            transactional |= records.clone().is_some_and(|range| is_transactional(body.get(range)));
            items.push(Item { index, records, partition: found, state: State::Untouched });
        }
    }
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

fn find(
    broker: &Broker,
    request: &Request<'_>,
    topic: TopicKey<'_>,
    index: i32,
) -> Result<Arc<Partition>, ErrorCode> {
    let partition = match topic {
        TopicKey::Name(name) => broker.partitions.partition(name, index)?,
        TopicKey::Id(id) => broker.partitions.partition_by_id(id, index)?,
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
        Err(code) => return item.state = refused(item.index, *code),
    };
    if !(-1..=1).contains(&terms.acks) {
        return item.state = refused(item.index, ErrorCode::INVALID_REQUIRED_ACKS);
    }
    partition.counters.produce_requests.fetch_add(1, Ordering::Relaxed);
    let settings = partition.topic.settings.load();
    if terms.acks == -1 && !partition.is_in_sync(settings.min_insync_replicas) {
        let error_code = ErrorCode::NOT_ENOUGH_REPLICAS;
        partition.counters.produce_failed(error_code, 0);
        let log_start_offset = partition.log.log_start_offset();
        let index = item.index;
        let refused = PartitionProduceResponse {
            index,
            error_code,
            base_offset: -1,
            log_start_offset,
            ..Default::default()
        };
        return item.state = State::Done(Box::new(refused));
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
            return item.state = State::Done(Box::new(refused_batch(item.index, partition, records, error)));
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
        AppendTicket::Done(Err(error)) => State::Done(Box::new(failed(item.index, Some(partition), &error))),
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

fn refused(index: i32, error_code: ErrorCode) -> State {
    let response = PartitionProduceResponse { index, error_code, base_offset: -1, ..Default::default() };
    State::Done(Box::new(response))
}

/// As in Kafka, words come only with errors of single records and of bytes that are no batch at all, and the log
/// start offset only with errors that take a look at the partition to find.
fn refused_batch(
    index: i32,
    partition: &Partition,
    records: &[u8],
    error: ProduceError,
) -> PartitionProduceResponse<'static> {
    let is_one_batch = matches!(next_batch(records), Ok(Some(batch)) if batch.size() == records.len());
    let has_words =
        !error.record_errors.is_empty() || (!is_one_batch && error.code == ErrorCode::CORRUPT_MESSAGE);
    let record_errors = error.record_errors.into_iter().map(|record| BatchIndexAndErrorMessage {
        batch_index: record.batch_index,
        batch_index_error_message: Some(record.message.into()),
    });
    let is_of_batch = matches!(
        error.code,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::CORRUPT_MESSAGE | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
    );
    PartitionProduceResponse {
        index,
        error_code: error.code,
        base_offset: -1,
        log_start_offset: if is_one_batch && !is_of_batch { partition.log.log_start_offset() } else { -1 },
        record_errors: record_errors.collect(),
        error_message: has_words.then(|| unreadable(records).unwrap_or(error.message).into()),
        ..Default::default()
    }
}

/// Kafka's words for bytes that cannot even be told to be a batch: the size and the magic are looked at first.
fn unreadable(records: &[u8]) -> Option<String> {
    let size = i32::from_be_bytes(*records.get(SIZE_AT..)?.first_chunk()?);
    if size < RECORD_OVERHEAD_MIN {
        let minimum = RECORD_OVERHEAD_MIN;
        return Some(format!("Record size {size} is less than the minimum record overhead ({minimum})"));
    }
    let magic = i8::from_be_bytes([*records.get(MAGIC_AT)?]);
    (!(0..=2).contains(&magic)).then(|| format!("Invalid magic found in record: {magic}"))
}

fn failed(
    index: i32,
    partition: Option<&Partition>,
    error: &AppendError,
) -> PartitionProduceResponse<'static> {
    let error_code = error.code();
    if error_code == ErrorCode::KAFKA_STORAGE_ERROR {
        tracing::error!(%error, "an append failed");
    }
    let is_of_producer =
        matches!(error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::INVALID_PRODUCER_EPOCH);
    let log_start_offset =
        partition.filter(|_| is_of_producer).map_or(-1, |partition| partition.log.log_start_offset());
    PartitionProduceResponse { index, error_code, base_offset: -1, log_start_offset, ..Default::default() }
}

fn appended(index: i32, appended: &Appended) -> PartitionProduceResponse<'static> {
    PartitionProduceResponse {
        index,
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time_ms.unwrap_or(-1),
        log_start_offset: appended.log_start_offset,
        ..Default::default()
    }
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
    items: &[Item],
    out: &mut Outbound,
) -> Result<(), CloseConnection> {
    // The same bytes parsed before; only batches have been stamped since.
    let view = ProduceView::parse(body, head.version).map_err(|error| malformed(head, error))?;
    head.answer_with(out, |writer| {
        let mut items = items.iter();
        let topics = view.topics();
        let mut response = ProduceResponseWriter::begin(writer, head.version, topics.len())
            .map_err(|error| head.failed(error))?;
        for topic in topics {
            let partitions = topic.partitions();
            response.topic(topic.topic, partitions.len()).map_err(|error| head.failed(error))?;
            for item in items.by_ref().take(partitions.len()) {
                let written = match &item.state {
                    State::Appended(done) => response.partition(&appended(item.index, done)),
                    State::Done(done) => response.partition(done),
                    State::Untouched | State::Queued(_) | State::Flushing(..) => response
                        .partition(&PartitionProduceResponse { index: item.index, ..Default::default() }),
                };
                written.map_err(|error| head.failed(error))?;
            }
        }
        response.finish(0, &[]).map_err(|error| head.failed(error))
    })
}

/// Some batches were left to another thread: the answer waits for them.
fn park(head: ResponseHead, body: &[u8], items: Vec<Item>, acks: i16) -> Outcome {
    let mut response = ProduceResponse::default();
    let mut shape = Vec::new();
    if let Ok(view) = ProduceView::parse(body, head.version) {
        for topic in view.topics() {
            let (name, topic_id) = match topic.topic {
                TopicKey::Name(name) => (name.to_owned().into(), model::Uuid::ZERO),
                TopicKey::Id(id) => (std::borrow::Cow::default(), id),
            };
            shape.push(topic.partitions().len());
            response.responses.push(TopicProduceResponse { name, topic_id, ..Default::default() });
        }
    }
    let answer = async move {
        let mut items = items.into_iter();
        for (topic, count) in response.responses.iter_mut().zip(shape) {
            for item in items.by_ref().take(count) {
                topic.partition_responses.push(wait(item, acks).await);
            }
        }
        let mut out = Outbound::default();
        head.answer(&mut out, &response).map(|()| out)
    };
    Outcome::Parked(Parked { answer: Box::pin(answer), exclusive: false })
}

/// Nobody waits for an answer, but the connection keeps its place: who is not held back by answers would fill the memory
/// with batches faster than a disk takes them.
fn park_unanswered(items: Vec<Item>) -> Outcome {
    let answer = async move {
        for item in items {
            let code = wait(item, 0).await.error_code;
            if !code.is_none() {
                return Err(CloseConnection(format!("a produce request with acks=0 failed: {code}")));
            }
        }
        Ok(Outbound::default())
    };
    Outcome::Parked(Parked { answer: Box::pin(answer), exclusive: false })
}

async fn wait(item: Item, acks: i16) -> PartitionProduceResponse<'static> {
    let index = item.index;
    let (done, ticket) = match item.state {
        State::Appended(done) => (done, None),
        State::Done(done) => return *done,
        State::Untouched => return PartitionProduceResponse { index, ..Default::default() },
        State::Flushing(done, ticket) => (done, Some(ticket)),
        State::Queued(receiver) => match receiver.await {
            Ok(Ok(done)) => {
                let partition = item.partition.as_ref().ok();
                (done, partition.and_then(|partition| flush(partition, &done, acks)))
            }
            Ok(Err(error)) => return failed(index, item.partition.as_deref().ok(), &error),
            // The thread that had the batch ended: nobody knows whether it was written.
            Err(_) => return unknown_end(index),
        },
    };
    if let Some(ticket) = ticket
        && ticket.await.is_err()
    {
        return unknown_end(index);
    }
    appended(index, &done)
}

/// The answer where nobody knows whether the batch is on disk.
fn unknown_end(index: i32) -> PartitionProduceResponse<'static> {
    let error_code = ErrorCode::KAFKA_STORAGE_ERROR;
    PartitionProduceResponse { index, error_code, base_offset: -1, ..Default::default() }
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

    #[test]
    fn only_bytes_that_are_no_batch_have_words_of_their_own() {
        let whole = batch().build();
        assert_eq!(unreadable(&whole), None);
        assert_eq!(unreadable(&whole[..10]), None);
        let mut magic = whole.clone();
        magic[MAGIC_AT] = 3;
        assert_eq!(unreadable(&magic).as_deref(), Some("Invalid magic found in record: 3"));
        let mut size = whole;
        size[SIZE_AT..SIZE_AT + 4].copy_from_slice(&(-5i32).to_be_bytes());
        let words = "Record size -5 is less than the minimum record overhead (14)";
        assert_eq!(unreadable(&size).as_deref(), Some(words));
    }
}
