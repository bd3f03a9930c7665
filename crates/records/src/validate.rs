//! The check a broker makes of a produced batch before it may be appended.

use model::limits::DECOMPRESSED_BATCH_SIZE_MAX;
use model::{ErrorCode, TimestampMs};

use crate::attributes::{Attributes, Compression, TimestampType};
use crate::batch::{BatchError, BatchView, next_batch};
use crate::record::{RECORD_SIZE_MIN, skim_record, take_record};
use crate::scratch::Scratch;

mod refusal;

pub use refusal::{ProduceError, RecordError};
use refusal::{Refused, out_of_range, wrong_timestamp_type};

/// How deep produced batches are checked (`record.validation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Header, checksum and every record, decompressed where needed; what Kafka does.
    #[default]
    Full,
    /// Header and checksum only.
    Header,
}

/// What a topic and a request demand of a batch.
#[derive(Debug, Clone)]
pub struct ProduceRules<'a> {
    /// Topic and partition as Kafka names them in messages, such as `orders-0`.
    pub place: &'a str,
    /// Largest batch in bytes (`max.message.bytes`).
    pub batch_size_max: usize,
    /// Whether records need keys (`cleanup.policy` has `compact`).
    pub compacted: bool,
    /// `message.timestamp.type`; with log-append time the producer's timestamps are not judged.
    pub timestamp_type: TimestampType,
    /// How far back a timestamp may lie, in ms (`message.timestamp.before.max.ms`).
    pub timestamp_before_max_ms: i64,
    /// How far ahead a timestamp may lie, in ms (`message.timestamp.after.max.ms`).
    pub timestamp_after_max_ms: i64,
    /// The time of the check.
    pub now_ms: TimestampMs,
    /// Version of the Produce request; zstd needs 7.
    pub produce_version: i16,
    /// How deep to look.
    pub depth: Depth,
    /// Largest decompressed size of a batch's records in bytes.
    pub decompressed_size_max: usize,
}

impl<'a> ProduceRules<'a> {
    /// Kafka's defaults for the partition `place` at `now_ms`.
    pub fn defaults(place: &'a str, now_ms: TimestampMs) -> ProduceRules<'a> {
        ProduceRules {
            place,
            batch_size_max: 1_048_588,
            compacted: false,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            now_ms,
            produce_version: i16::MAX,
            depth: Depth::Full,
            decompressed_size_max: DECOMPRESSED_BATCH_SIZE_MAX,
        }
    }
}

/// What is known of a batch that may be appended. Only a check can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedBatch {
    size: usize,
    attributes: Attributes,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    record_count: i32,
    last_offset_delta: i32,
    max_timestamp: TimestampMs,
    max_timestamp_is_wrong: bool,
}

impl CheckedBatch {
    /// Takes a batch this process built itself, or has read from its own log, on trust.
    pub fn own(batch: &BatchView<'_>) -> CheckedBatch {
        CheckedBatch {
            size: batch.size(),
            attributes: batch.attributes(),
            producer_id: batch.producer_id(),
            producer_epoch: batch.producer_epoch(),
            base_sequence: batch.base_sequence(),
            record_count: batch.record_count(),
            last_offset_delta: batch.last_offset_delta(),
            max_timestamp: batch.max_timestamp(),
            max_timestamp_is_wrong: false,
        }
    }

    /// Bytes of the batch.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Codec, timestamp type and flags.
    pub fn attributes(&self) -> Attributes {
        self.attributes
    }

    /// The codec.
    pub fn compression(&self) -> Compression {
        self.attributes.compression().unwrap_or_default()
    }

    /// Id of the idempotent producer, -1 where there is none.
    pub fn producer_id(&self) -> i64 {
        self.producer_id
    }

    /// Epoch of the idempotent producer, -1 where there is none.
    pub fn producer_epoch(&self) -> i16 {
        self.producer_epoch
    }

    /// Sequence number of the first record, -1 where there is none.
    pub fn base_sequence(&self) -> i32 {
        self.base_sequence
    }

    /// Records in the batch.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Last offset minus base offset.
    pub fn last_offset_delta(&self) -> i32 {
        self.last_offset_delta
    }

    /// Largest timestamp of the records as they are, -1 where there is none.
    pub fn max_timestamp(&self) -> TimestampMs {
        self.max_timestamp
    }

    /// The timestamp that must be written into the header, with create time as its type, where the producer's is not
    /// that of its records or claims to be the broker's.
    pub fn corrected_max_timestamp(&self) -> Option<TimestampMs> {
        self.max_timestamp_is_wrong.then_some(self.max_timestamp)
    }
}

/// Checks the records of one partition of a Produce request, which must be exactly one v2 batch.
///
/// Answers with the error code, message and record errors that Kafka's broker gives.
pub fn validate_produce(
    bytes: &[u8],
    rules: &ProduceRules<'_>,
    scratch: &mut Scratch,
) -> Result<CheckedBatch, ProduceError> {
    let batch = only_batch(bytes, rules)?;
    check_header(&batch, rules)?;
    let mut checked = CheckedBatch::own(&batch);
    if rules.depth == Depth::Header {
        return Ok(checked);
    }
    let plain = scratch.plain(&batch, rules.decompressed_size_max).map_err(ProduceError::decompression)?;
    let found = match walk(plain, &batch, rules) {
        Ok(found) if !found.refused => found,
        Ok(_) => return Err(refused_records(plain, &batch, rules)),
        Err(error) => return Err(ProduceError::new(ErrorCode::INVALID_RECORD, error.to_string())),
    };
    checked.max_timestamp = found.max_timestamp;
    let claims_append_time = batch.timestamp_type() == TimestampType::LogAppendTime;
    checked.max_timestamp_is_wrong = rules.timestamp_type == TimestampType::CreateTime
        && (claims_append_time || found.max_timestamp != batch.max_timestamp());
    Ok(checked)
}

fn only_batch<'a>(bytes: &'a [u8], rules: &ProduceRules<'_>) -> Result<BatchView<'a>, ProduceError> {
    let version = rules.produce_version;
    let invalid = |message: String| ProduceError::new(ErrorCode::INVALID_RECORD, message);
    let batch = match next_batch(bytes) {
        Ok(Some(batch)) => batch,
        Ok(None) | Err(BatchError::Incomplete { .. }) => {
            return Err(invalid(format!(
                "Produce requests with version {version} must have at least one record batch per partition"
            )));
        }
        Err(BatchError::BadMagic(0 | 1)) => {
            return Err(invalid(format!(
                "Produce requests with version {version} are only allowed to contain record batches with magic version 2"
            )));
        }
        Err(error) => return Err(ProduceError::new(ErrorCode::CORRUPT_MESSAGE, error.to_string())),
    };
    if batch.attributes().compression() == Some(Compression::Zstd) && version < 7 {
        return Err(ProduceError::new(
            ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
            format!("Produce requests with version {version} are not allowed to use ZStandard compression"),
        ));
    }
    if bytes.len() > batch.size() {
        return Err(invalid(format!(
            "Produce requests with version {version} are only allowed to contain exactly one record batch per partition"
        )));
    }
    Ok(batch)
}

fn check_header(batch: &BatchView<'_>, rules: &ProduceRules<'_>) -> Result<(), ProduceError> {
    let place = rules.place;
    let invalid = |message: String| Err(ProduceError::new(ErrorCode::INVALID_RECORD, message));
    let (base, last, count) = (batch.base_offset(), batch.last_offset(), batch.record_count());
    if base != 0 {
        return invalid(format!(
            "The baseOffset of the record batch in the append to {place} should be 0, but it is {base}"
        ));
    }
    if batch.size() > rules.batch_size_max {
        return Err(ProduceError::new(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!(
                "The record batch size in the append to {place} is {} bytes which exceeds the maximum configured value of {}).",
                batch.size(),
                rules.batch_size_max
            ),
        ));
    }
    if batch.verify_checksum().is_err() {
        let stored = batch.stored_checksum();
        let message = format!("Record is corrupt (stored crc = {stored}) in topic partition {place}.");
        return Err(ProduceError::new(ErrorCode::CORRUPT_MESSAGE, message));
    }
    if last < base {
        return invalid(format!(
            "Batch has an invalid offset range: [{base}, {last}] in topic partition {place}"
        ));
    }
    if count <= 0 {
        return invalid(format!(
            "Invalid reported count for record batch: {count} in topic partition {place}"
        ));
    }
    if last - base + 1 != i64::from(count) {
        return invalid(format!(
            "Inconsistent batch offset range [{base}, {last}] and count of records {count} in topic partition {place}"
        ));
    }
    if batch.is_control() {
        return invalid(format!(
            "Clients are not allowed to write control records in topic partition {place}"
        ));
    }
    if batch.has_producer_id() && batch.base_sequence() < 0 {
        return invalid(format!(
            "Invalid sequence number {} in record batch with producerId {} in topic partition {place}",
            batch.base_sequence(),
            batch.producer_id()
        ));
    }
    if batch.compression().is_err() {
        let id = batch.attributes().0 & 7;
        return Err(ProduceError::new(
            ErrorCode::UNKNOWN_SERVER_ERROR,
            format!("Unknown compression type id: {id}"),
        ));
    }
    Ok(())
}

/// What a walk over the records found.
struct Walked {
    max_timestamp: TimestampMs,
    refused: bool,
}

/// Which timestamps records may have.
struct AllowedTimes {
    judged: bool,
    stamped: bool,
    earliest: TimestampMs,
    latest: TimestampMs,
}

impl AllowedTimes {
    fn of(rules: &ProduceRules<'_>, stamped: bool) -> AllowedTimes {
        AllowedTimes {
            judged: rules.timestamp_type == TimestampType::CreateTime,
            stamped,
            earliest: rules.now_ms.saturating_sub(rules.timestamp_before_max_ms),
            latest: rules.now_ms.saturating_add(rules.timestamp_after_max_ms),
        }
    }

    /// True where the range decides; elsewhere all that is asked is that the producer did not stamp for the broker.
    fn decides_by_range(&self, timestamp: TimestampMs) -> bool {
        self.judged && timestamp != -1
    }

    fn allow(&self, timestamp: TimestampMs) -> bool {
        if self.decides_by_range(timestamp) {
            (self.earliest..=self.latest).contains(&timestamp)
        } else {
            !self.stamped
        }
    }
}

fn timestamp_of(batch: &BatchView<'_>, stamped: bool, delta: i64) -> TimestampMs {
    if stamped { batch.max_timestamp() } else { batch.base_timestamp().wrapping_add(delta) }
}

/// Walks the records once, without allocating: structure, offsets, largest timestamp, whether any is refused.
fn walk(plain: &[u8], batch: &BatchView<'_>, rules: &ProduceRules<'_>) -> Result<Walked, BatchError> {
    let count = batch.record_count();
    if plain.len() / RECORD_SIZE_MIN < count as usize {
        return Err(BatchError::Malformed("batch announces more records than its bytes can hold"));
    }
    let stamped = batch.timestamp_type() == TimestampType::LogAppendTime;
    let times = AllowedTimes::of(rules, stamped);
    let mut rest = plain;
    let mut max_timestamp = -1;
    let mut refused = false;
    for expected in 0..count {
        let before = rest;
        let Some(record) = skim_record(&mut rest) else {
            return Err(damage(before));
        };
        if record.offset_delta != expected {
            return Err(BatchError::Malformed(
                "record offsets in the batch are not consecutive from its base",
            ));
        }
        let timestamp = timestamp_of(batch, stamped, record.timestamp_delta);
        max_timestamp = max_timestamp.max(timestamp);
        refused |= !times.allow(timestamp) | (rules.compacted && !record.has_key);
    }
    if !rest.is_empty() {
        return Err(BatchError::Malformed("Incorrect declared batch size, records still remaining in file"));
    }
    Ok(Walked { max_timestamp, refused })
}

/// What is wrong with the record at the start of `input`.
#[cold]
fn damage(mut input: &[u8]) -> BatchError {
    take_record(&mut input).err().unwrap_or(BatchError::Malformed("record is malformed"))
}

/// The second walk, made only for a batch that is refused, to say which records and why.
fn refused_records(plain: &[u8], batch: &BatchView<'_>, rules: &ProduceRules<'_>) -> ProduceError {
    let stamped = batch.timestamp_type() == TimestampType::LogAppendTime;
    let times = AllowedTimes::of(rules, stamped);
    let compressed = batch.attributes().compression() != Some(Compression::None);
    let mut refused = Refused::default();
    let mut rest = plain;
    for index in 0..batch.record_count() {
        let Ok(record) = take_record(&mut rest) else { break };
        let timestamp = timestamp_of(batch, stamped, record.timestamp_delta);
        if rules.compacted && record.key.is_none() {
            let place = rules.place;
            refused.key(
                index,
                format!("Compacted topic cannot accept message without key in topic partition {place}"),
            );
        } else if times.allow(timestamp) {
            continue;
        } else if times.decides_by_range(timestamp) {
            refused.timestamp(index, out_of_range(timestamp, i64::from(index), times.earliest, times.latest));
        } else {
            refused.timestamp(index, wrong_timestamp_type(i64::from(index), timestamp, &record, compressed));
        }
    }
    refused.into_error()
}

#[cfg(test)]
mod tests;
