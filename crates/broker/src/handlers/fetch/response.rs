//! The answer to a fetch: everything but the record bytes is encoded; those follow from memory or from files.

use std::borrow::Cow;

use bytes::Bytes;
use protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchResponse, LeaderIdAndEpoch, PartitionData,
};
use protocol::views::{Cut, FetchResponseHead, FetchResponseWriter, TopicKey as WireTopic};
use protocol::{EncodeError, Writer, encode_response_header};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use transport::{FilePins, FileRange, Outbound};

use super::attempt::{Attempt, COPIED_MAX, Read};
use super::{Plan, Targets};
use crate::broker::{Broker, KEPT_MAX};
use crate::connection_loop::CloseConnection;
use crate::fetch_sessions::{FetchTarget, NO_SESSION, TopicKey};

/// Where record bytes are spliced into an answer, and which; empty between answers, for the next one to use.
#[derive(Debug, Default)]
pub struct Splices {
    cuts: Vec<Cut>,
    sources: Vec<Source>,
}

impl Splices {
    /// Keeps no more room than most answers need.
    pub fn trim(&mut self) {
        self.cuts.shrink_to(KEPT_MAX);
        self.sources.shrink_to(KEPT_MAX);
    }
}

/// Where what an answer tells is found.
struct Places<'a> {
    targets: &'a [FetchTarget],
    copies: &'a [u8],
    pins: &'a Arc<FilePins>,
}

#[derive(Debug)]
enum Source {
    File(FileRange),
    Shared(Bytes),
}

/// Writes the answer and keeps in the session what was answered.
pub fn write(
    broker: &Broker,
    plan: &Plan,
    attempt: &mut Attempt,
    out: &mut Outbound,
) -> Result<(), CloseConnection> {
    let throttle_ms = plan.throttle(broker, attempt.bytes());
    if throttle_ms > 0 {
        return write_throttled(broker, plan, throttle_ms, attempt, out);
    }
    let pins = &broker.file_pins;
    let outcome = match &plan.targets {
        Targets::Once(targets) => encode(plan, NO_SESSION, targets, attempt, pins, out),
        Targets::Full(session) => {
            let mut session = session.lock();
            let id = session.id;
            remember(&mut session.targets, &mut attempt.reads, false);
            encode(plan, id, &session.targets, attempt, pins, out)
        }
        Targets::Incremental(session) => {
            let mut session = session.lock();
            let id = session.id;
            remember(&mut session.targets, &mut attempt.reads, true);
            if let Some(last) = attempt.reads.iter().rev().find(|read| read.has_records()) {
                session.begin_at = (last.target + 1) % session.targets.len().max(1);
            }
            encode(plan, id, &session.targets, attempt, pins, out)
        }
    };
    outcome.map_err(|error| plan.head.failed(error))
}

/// Answers a client that has to wait: with nothing, as if nothing had come (KIP-219). A session that would begin does not.
fn write_throttled(
    broker: &Broker,
    plan: &Plan,
    throttle_time_ms: i32,
    attempt: &mut Attempt,
    out: &mut Outbound,
) -> Result<(), CloseConnection> {
    attempt.let_go();
    let session_id = match &plan.targets {
        Targets::Once(_) => NO_SESSION,
        Targets::Full(session) => {
            let id = session.lock().id;
            broker.fetch_sessions.end(id);
            NO_SESSION
        }
        Targets::Incremental(session) => session.lock().id,
    };
    plan.head.answer(out, &FetchResponse { throttle_time_ms, session_id, ..FetchResponse::default() })
}

/// Takes note of what each partition is answered with; where `only_news`, drops the partitions without any.
fn remember(targets: &mut [FetchTarget], reads: &mut Vec<Read>, only_news: bool) {
    reads.retain(|read| {
        let Some(target) = targets.get_mut(read.target) else { return false };
        let is_news = read.has_records()
            || !read.error_code.is_none()
            || read.diverging.is_some()
            || target.answered_high_watermark != read.high_watermark
            || target.answered_log_start != read.log_start_offset;
        // After an error the partition is answered again, whatever its watermark then.
        target.answered_high_watermark = if read.error_code.is_none() { read.high_watermark } else { -1 };
        target.answered_log_start = read.log_start_offset;
        is_news || !only_news
    });
}

fn encode(
    plan: &Plan,
    session_id: i32,
    targets: &[FetchTarget],
    attempt: &mut Attempt,
    pins: &Arc<FilePins>,
    out: &mut Outbound,
) -> Result<(), EncodeError> {
    let head = plan.head;
    let Attempt { reads, splices, copies, .. } = attempt;
    let places = Places { targets, copies, pins };
    let before = out.buffer().len();
    let mut writer = Writer::from(std::mem::take(out.buffer()));
    let place = writer.begin_frame();
    let encoded = encode_response_header(&mut writer, head.api_key, head.version, head.correlation_id)
        .and_then(|()| encode_body(head.version, session_id, &places, reads, &mut writer, splices))
        .and_then(|spliced_bytes| writer.end_frame(place, spliced_bytes));
    if encoded.is_err() {
        writer.truncate(before);
    }
    *out.buffer() = writer.into_vec();
    for (cut, source) in splices.cuts.drain(..).zip(splices.sources.drain(..)) {
        match source {
            _ if encoded.is_err() => {}
            Source::File(range) => out.push_file_at(cut.position, range),
            Source::Shared(bytes) => out.push_shared_at(cut.position, bytes),
        }
    }
    encoded
}

fn encode_body(
    version: i16,
    session_id: i32,
    places: &Places<'_>,
    reads: &mut [Read],
    writer: &mut Writer,
    splices: &mut Splices,
) -> Result<usize, EncodeError> {
    let head = FetchResponseHead { session_id, ..FetchResponseHead::default() };
    let targets = places.targets;
    let same_topic = |one: &Read, other: &Read| targets[one.target].topic == targets[other.target].topic;
    let topic_count = reads.chunk_by(same_topic).count();
    let Splices { cuts, sources } = splices;
    let mut response = FetchResponseWriter::begin(writer, cuts, version, head, topic_count)?;
    for reads in reads.chunk_by_mut(same_topic) {
        let Some(target) = reads.first().and_then(|read| targets.get(read.target)) else { continue };
        response.topic(wire_key(&target.topic), reads.len())?;
        for read in reads {
            let Some(target) = targets.get(read.target) else { continue };
            encode_partition(&mut response, target, read, places, sources)?;
        }
    }
    response.finish(&[])
}

fn encode_partition(
    response: &mut FetchResponseWriter<'_>,
    target: &FetchTarget,
    read: &mut Read,
    places: &Places<'_>,
    sources: &mut Vec<Source>,
) -> Result<(), EncodeError> {
    let mut data = PartitionData {
        partition_index: target.index,
        error_code: read.error_code,
        high_watermark: read.high_watermark,
        last_stable_offset: read.last_stable_offset,
        log_start_offset: read.log_start_offset,
        aborted_transactions: read.aborted.take().map(|aborted| {
            let shown = |one: partition_log::AbortedTransaction| AbortedTransaction {
                producer_id: one.producer_id,
                first_offset: one.first_offset,
            };
            aborted.into_iter().map(shown).collect()
        }),
        records: Some(Cow::Borrowed(&[])),
        ..PartitionData::default()
    };
    if let Some((epoch, end_offset)) = read.diverging {
        data.diverging_epoch = EpochEndOffset { epoch, end_offset };
    }
    if let Some((leader_id, leader_epoch)) = read.leader {
        data.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch };
    }
    let count = |bytes: usize| {
        if let Some(partition) = &target.partition {
            partition.counters.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    };
    if let Some(copied) = read.copied.take().and_then(|copied| places.copies.get(copied)) {
        count(copied.len());
        return response.partition_inline(&data, copied);
    }
    let Some(slice) = read.slice.take() else { return response.partition(&data, Some(0)) };
    count(slice.len());
    if let Some(bytes) = slice.cached_bytes() {
        if bytes.len() <= COPIED_MAX {
            return response.partition_inline(&data, bytes);
        }
        sources.push(Source::Shared(bytes.clone()));
        return response.partition(&data, Some(slice.len()));
    }
    match slice.file() {
        Some(file) => {
            let (pin, position, len) = (places.pins.pin(), slice.position(), slice.len());
            sources.push(Source::File(FileRange { pin, file, position, len }));
            response.partition(&data, Some(len))
        }
        None => response.partition(&data, Some(0)),
    }
}

fn wire_key(topic: &TopicKey) -> WireTopic<'_> {
    match topic {
        TopicKey::Name(name) => WireTopic::Name(name),
        TopicKey::Id(id) => WireTopic::Id(*id),
    }
}
