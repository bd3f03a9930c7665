//! Builds v2 batches: for clients, for tests, and for the records the broker writes itself.

use std::borrow::Cow;

use model::{LeaderEpoch, Offset, TimestampMs};

use crate::attributes::{Attributes, Compression, TimestampType};
use crate::batch::{BATCH_HEADER_SIZE, LOG_OVERHEAD, at};
use crate::checksum::crc32c;
use crate::compression::{Codec, compress};
use crate::varint::{put_varint, put_varlong, varlong_size};

/// A header to write: key, and value if there is one.
pub type HeaderRef<'a> = (&'a [u8], Option<&'a [u8]>);

/// Collects records and writes them as one batch.
///
/// Offsets are consecutive from the base unless [`BatchBuilder::record_at`] leaves gaps.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    /// Room for the header and, behind it, the records without compression.
    plain: Vec<u8>,
    head: Head,
    codec: Codec,
    base_timestamp: Option<TimestampMs>,
    max_timestamp: TimestampMs,
    log_append_time: Option<TimestampMs>,
    next_delta: i32,
    count: i32,
}

/// The header fields that do not follow from the records.
#[derive(Debug, Clone, Copy)]
struct Head {
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    attributes: Attributes,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
}

impl Default for BatchBuilder {
    fn default() -> BatchBuilder {
        BatchBuilder::new()
    }
}

impl BatchBuilder {
    /// A batch at offset 0 without codec, producer or flags; its leader epoch is -1, as producers send it.
    pub fn new() -> BatchBuilder {
        BatchBuilder::with_capacity(BATCH_HEADER_SIZE)
    }

    /// The same with memory for a batch of so many bytes before compression.
    pub fn with_capacity(bytes: usize) -> BatchBuilder {
        let mut plain = Vec::with_capacity(bytes.max(BATCH_HEADER_SIZE));
        plain.resize(BATCH_HEADER_SIZE, 0);
        BatchBuilder {
            plain,
            head: Head {
                base_offset: 0,
                leader_epoch: -1,
                attributes: Attributes::default(),
                producer_id: -1,
                producer_epoch: -1,
                base_sequence: -1,
            },
            codec: Codec::default(),
            base_timestamp: None,
            max_timestamp: -1,
            log_append_time: None,
            next_delta: 0,
            count: 0,
        }
    }

    /// Sets the offset of the first record.
    pub fn base_offset(mut self, offset: Offset) -> Self {
        self.head.base_offset = offset;
        self
    }

    /// Sets the leader epoch in the header.
    pub fn leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.head.leader_epoch = epoch;
        self
    }

    /// Compresses the records.
    pub fn compression(mut self, codec: impl Into<Codec>) -> Self {
        self.codec = codec.into();
        self
    }

    /// Makes it a batch of an idempotent producer.
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.set_producer(id, epoch, base_sequence);
        self
    }

    /// The same, for a batch that has records already.
    pub fn set_producer(&mut self, id: i64, epoch: i16, base_sequence: i32) {
        self.head.producer_id = id;
        self.head.producer_epoch = epoch;
        self.head.base_sequence = base_sequence;
    }

    /// Makes it part of a transaction.
    pub fn transactional(mut self) -> Self {
        self.head.attributes = self.head.attributes.with_transactional(true);
        self
    }

    /// Makes it a batch of control records.
    pub fn control(mut self) -> Self {
        self.head.attributes = self.head.attributes.with_control(true);
        self
    }

    /// Gives every record the broker's time, as topics with `message.timestamp.type=LogAppendTime` do.
    pub fn log_append_time(mut self, time_ms: TimestampMs) -> Self {
        self.head.attributes = self.head.attributes.with_timestamp_type(TimestampType::LogAppendTime);
        self.log_append_time = Some(time_ms);
        self
    }

    /// Adds a record without headers.
    pub fn record(mut self, timestamp: TimestampMs, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        self.push(timestamp, key, value, &[]);
        self
    }

    /// Adds a record with headers.
    pub fn push(
        &mut self,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderRef<'_>],
    ) {
        self.push_at(self.next_delta, timestamp, key, value, headers);
    }

    /// Adds a record at `offset_delta` past the base offset, which must not go back.
    pub fn push_at(
        &mut self,
        offset_delta: i32,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[HeaderRef<'_>],
    ) {
        let base = *self.base_timestamp.get_or_insert(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(base);
        let size = 1
            + varlong_size(timestamp_delta)
            + varlong_size(i64::from(offset_delta))
            + field_size(key)
            + field_size(value)
            + varlong_size(headers.len() as i64)
            + headers.iter().map(|(key, value)| field_size(Some(key)) + field_size(*value)).sum::<usize>();
        let out = &mut self.plain;
        put_varlong(out, size as i64);
        out.push(0);
        put_varlong(out, timestamp_delta);
        put_varint(out, offset_delta);
        put_field(out, key);
        put_field(out, value);
        put_varlong(out, headers.len() as i64);
        for (key, value) in headers {
            put_field(out, Some(key));
            put_field(out, *value);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.next_delta = offset_delta.saturating_add(1);
        self.count += 1;
    }

    /// Records so far.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// True before the first record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes the batch has without compression.
    pub fn plain_size(&self) -> usize {
        self.plain.len()
    }

    /// Writes the batch into a buffer of its own.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.plain_size());
        self.build_into(&mut out);
        out
    }

    /// Appends the batch to `out`.
    pub fn build_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        if self.codec.compression == Compression::None {
            out.extend_from_slice(&self.plain);
        } else {
            out.resize(start + BATCH_HEADER_SIZE, 0);
            compress(self.codec, self.plain.get(BATCH_HEADER_SIZE..).unwrap_or_default(), out);
        }
        if let Some(batch) = out.get_mut(start..) {
            put_header(batch, self.header());
        }
    }

    /// The batch, in the builder's own memory where it is not compressed. More records may follow it.
    pub fn sealed(&mut self) -> Cow<'_, [u8]> {
        if self.codec.compression != Compression::None {
            return self.build().into();
        }
        let header = self.header();
        put_header(&mut self.plain, header);
        Cow::Borrowed(&self.plain)
    }

    /// The header without what follows from the bytes of the batch: its length and its checksum.
    fn header(&self) -> [u8; BATCH_HEADER_SIZE] {
        let head = &self.head;
        let attributes = head.attributes.with_compression(self.codec.compression);
        let max_timestamp = self.log_append_time.unwrap_or(self.max_timestamp);
        let mut header = [0; BATCH_HEADER_SIZE];
        write_at(&mut header, at::BASE_OFFSET, head.base_offset.to_be_bytes());
        write_at(&mut header, at::LEADER_EPOCH, head.leader_epoch.to_be_bytes());
        write_at(&mut header, at::MAGIC, [2]);
        write_at(&mut header, at::ATTRIBUTES, attributes.0.to_be_bytes());
        write_at(&mut header, at::LAST_OFFSET_DELTA, (self.next_delta - 1).to_be_bytes());
        write_at(&mut header, at::BASE_TIMESTAMP, self.base_timestamp.unwrap_or(-1).to_be_bytes());
        write_at(&mut header, at::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
        write_at(&mut header, at::PRODUCER_ID, head.producer_id.to_be_bytes());
        write_at(&mut header, at::PRODUCER_EPOCH, head.producer_epoch.to_be_bytes());
        write_at(&mut header, at::BASE_SEQUENCE, head.base_sequence.to_be_bytes());
        write_at(&mut header, at::RECORD_COUNT, self.count.to_be_bytes());
        header
    }
}

fn put_header(batch: &mut [u8], header: [u8; BATCH_HEADER_SIZE]) {
    write_at(batch, 0, header);
    seal(batch);
}

/// Writes the length and checksum of the batch that `batch` holds exactly.
pub(crate) fn seal(batch: &mut [u8]) {
    let length = batch.len().saturating_sub(LOG_OVERHEAD) as u32;
    write_at(batch, at::LENGTH, length.to_be_bytes());
    seal_checksum(batch);
}

/// Writes the checksum of the batch that `batch` holds exactly.
pub(crate) fn seal_checksum(batch: &mut [u8]) {
    let checksum = crc32c(batch.get(at::ATTRIBUTES..).unwrap_or_default());
    write_at(batch, at::CRC, checksum.to_be_bytes());
}

/// Overwrites the field at `position`; does nothing where the batch is too short to have it.
pub(crate) fn write_at<const N: usize>(batch: &mut [u8], position: usize, value: [u8; N]) {
    if let Some(field) = batch.get_mut(position..position + N) {
        field.copy_from_slice(&value);
    }
}

fn field_size(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varlong_size(bytes.len() as i64) + bytes.len())
}

fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => put_varint(out, -1),
        Some(bytes) => {
            put_varlong(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}
