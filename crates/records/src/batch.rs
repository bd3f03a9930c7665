//! A borrowed view of one v2 batch, and the iteration that finds batches in a run of bytes.

use std::fmt;

use model::{LeaderEpoch, Offset, TimestampMs};

use crate::attributes::{Attributes, Compression, TimestampType};
use crate::checksum::crc32c;
use crate::legacy::LegacyView;

/// Bytes of base offset and length, which come before what the length counts.
pub const LOG_OVERHEAD: usize = 12;
/// Bytes of a v2 batch before its records.
pub const BATCH_HEADER_SIZE: usize = 61;
/// Smallest value of the length field of a v2 batch.
const BATCH_LENGTH_MIN: usize = BATCH_HEADER_SIZE - LOG_OVERHEAD;
/// Smallest length a legacy message can have (v0 without key and value).
const LEGACY_LENGTH_MIN: usize = 14;

pub(crate) mod at {
    //! Positions of the header fields of a v2 batch.
    pub const BASE_OFFSET: usize = 0;
    pub const LENGTH: usize = 8;
    pub const LEADER_EPOCH: usize = 12;
    pub const MAGIC: usize = 16;
    pub const CRC: usize = 17;
    pub const ATTRIBUTES: usize = 21;
    pub const LAST_OFFSET_DELTA: usize = 23;
    pub const BASE_TIMESTAMP: usize = 27;
    pub const MAX_TIMESTAMP: usize = 35;
    pub const PRODUCER_ID: usize = 43;
    pub const PRODUCER_EPOCH: usize = 51;
    pub const BASE_SEQUENCE: usize = 53;
    pub const RECORD_COUNT: usize = 57;
}

/// Why the bytes at some place are not a whole, sound batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchError {
    /// The bytes end before the batch does: a torn tail, or a read that was cut by a size limit.
    Incomplete {
        /// Bytes from the start of the batch that are needed to go on, as far as known.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The length field is smaller than any batch, or negative.
    BadLength(i32),
    /// A format version Kafka does not define, or one that is not accepted at this place.
    BadMagic(i8),
    /// The stored checksum is not that of the bytes.
    BadChecksum {
        /// Checksum in the header.
        stored: u32,
        /// Checksum of the bytes.
        computed: u32,
    },
    /// Fields that contradict each other, or records that do not fit their batch.
    Malformed(&'static str),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { needed, available } => {
                write!(f, "batch is incomplete: {needed} bytes needed, {available} there")
            }
            Self::BadLength(length) => write!(f, "batch length {length} is smaller than any batch"),
            Self::BadMagic(magic) => write!(f, "magic {magic} is not a known batch format"),
            Self::BadChecksum { stored, computed } => {
                write!(f, "record is corrupt (stored crc = {stored}, computed crc = {computed})")
            }
            Self::Malformed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for BatchError {}

/// One whole batch of format v2; its length, magic and place in memory have been checked.
#[derive(Clone, Copy)]
pub struct BatchView<'a> {
    bytes: &'a [u8],
}

/// One entry of a log: a v2 batch, or a message of the formats before it.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// A batch of format v2.
    Batch(BatchView<'a>),
    /// A message of format v0 or v1, possibly a wrapper around compressed ones.
    Legacy(LegacyView<'a>),
}

/// Finds the v2 batch at the start of `bytes`; `None` at the end of the bytes.
///
/// Older formats are refused with [`BatchError::BadMagic`]; see [`next_entry`] for those.
#[inline]
pub fn next_batch(bytes: &[u8]) -> Result<Option<BatchView<'_>>, BatchError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    match entry_size_and_magic(bytes)? {
        (size, 2) => whole(bytes, size).map(|bytes| Some(BatchView { bytes })),
        (_, magic) => Err(BatchError::BadMagic(magic)),
    }
}

/// Finds the entry of any format at the start of `bytes`; `None` at the end of the bytes.
pub fn next_entry(bytes: &[u8]) -> Result<Option<Entry<'_>>, BatchError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (size, magic) = entry_size_and_magic(bytes)?;
    let bytes = whole(bytes, size)?;
    if magic == 2 {
        return Ok(Some(Entry::Batch(BatchView { bytes })));
    }
    LegacyView::new(bytes).map(|view| Some(Entry::Legacy(view)))
}

/// Size in bytes and magic of the entry at the start of `bytes`, of which only the first 17 need be there.
pub fn entry_size_and_magic(bytes: &[u8]) -> Result<(usize, i8), BatchError> {
    let Some(head) = bytes.first_chunk::<{ at::MAGIC + 1 }>() else {
        return Err(BatchError::Incomplete { needed: at::MAGIC + 1, available: bytes.len() });
    };
    let length = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    let size = usize::try_from(length).map_err(|_| BatchError::BadLength(length))?;
    if size < LEGACY_LENGTH_MIN {
        return Err(BatchError::BadLength(length));
    }
    let magic = head[at::MAGIC] as i8;
    match magic {
        0 | 1 => {}
        2 if size < BATCH_LENGTH_MIN => return Err(BatchError::BadLength(length)),
        2 => {}
        other => return Err(BatchError::BadMagic(other)),
    }
    Ok((size + LOG_OVERHEAD, magic))
}

fn whole(bytes: &[u8], size: usize) -> Result<&[u8], BatchError> {
    bytes.get(..size).ok_or(BatchError::Incomplete { needed: size, available: bytes.len() })
}

/// Iterates over the v2 batches of `bytes`; stops after the first error.
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches { rest: bytes }
}

/// See [`batches`].
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = next_batch(self.rest).transpose()?;
        self.rest = match &found {
            Ok(batch) => self.rest.get(batch.size()..).unwrap_or_default(),
            Err(_) => &[],
        };
        Some(found)
    }
}

impl<'a> BatchView<'a> {
    fn field<const N: usize>(&self, position: usize) -> [u8; N] {
        self.bytes.get(position..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
    }

    /// The whole batch.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The records, compressed or not.
    pub fn records_bytes(&self) -> &'a [u8] {
        self.bytes.get(BATCH_HEADER_SIZE..).unwrap_or_default()
    }

    /// Offset of the first record the batch was written with.
    pub fn base_offset(&self) -> Offset {
        i64::from_be_bytes(self.field(0))
    }

    /// Offset of the last record the batch was written with.
    pub fn last_offset(&self) -> Offset {
        self.base_offset().saturating_add(i64::from(self.last_offset_delta()))
    }

    /// Offset after the last one.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().saturating_add(1)
    }

    /// Epoch of the leader that appended the batch.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        i32::from_be_bytes(self.field(at::LEADER_EPOCH))
    }

    /// Checksum stored in the header.
    pub fn stored_checksum(&self) -> u32 {
        u32::from_be_bytes(self.field(at::CRC))
    }

    /// Codec, timestamp type and flags.
    pub fn attributes(&self) -> Attributes {
        Attributes(i16::from_be_bytes(self.field(at::ATTRIBUTES)))
    }

    /// The codec, or an error for an id Kafka does not define.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        self.attributes().compression().ok_or(BatchError::Malformed("unknown compression codec id"))
    }

    /// Who set the timestamps.
    pub fn timestamp_type(&self) -> TimestampType {
        self.attributes().timestamp_type()
    }

    /// Last offset minus base offset.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.field(at::LAST_OFFSET_DELTA))
    }

    /// Timestamp that the records' deltas count from, or the delete horizon where the attributes say so.
    pub fn base_timestamp(&self) -> TimestampMs {
        i64::from_be_bytes(self.field(at::BASE_TIMESTAMP))
    }

    /// Largest timestamp of the records; with log-append time, the time of the append.
    pub fn max_timestamp(&self) -> TimestampMs {
        i64::from_be_bytes(self.field(at::MAX_TIMESTAMP))
    }

    /// Id of the idempotent producer, -1 where there is none.
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(self.field(at::PRODUCER_ID))
    }

    /// True for a batch of an idempotent or transactional producer.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id() >= 0
    }

    /// Epoch of the idempotent producer, -1 where there is none.
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(self.field(at::PRODUCER_EPOCH))
    }

    /// Sequence number of the first record, -1 where there is none.
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(self.field(at::BASE_SEQUENCE))
    }

    /// Sequence number of the last record, -1 where there is none; wraps from 2147483647 to 0.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence() < 0 {
            -1
        } else {
            add_sequence(self.base_sequence(), self.last_offset_delta())
        }
    }

    /// Records in the batch; less than the offsets it spans once compacted.
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(self.field(at::RECORD_COUNT))
    }

    /// True where the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes().is_transactional()
    }

    /// True where the batch holds control records.
    pub fn is_control(&self) -> bool {
        self.attributes().is_control()
    }

    /// Compares the stored checksum with that of the bytes.
    pub fn verify_checksum(&self) -> Result<(), BatchError> {
        let computed = crc32c(self.bytes.get(at::ATTRIBUTES..).unwrap_or_default());
        let stored = self.stored_checksum();
        if stored == computed { Ok(()) } else { Err(BatchError::BadChecksum { stored, computed }) }
    }
}

/// Adds to a producer's sequence number; they wrap from 2147483647 to 0.
pub fn add_sequence(sequence: i32, increment: i32) -> i32 {
    ((i64::from(sequence) + i64::from(increment)) & i64::from(i32::MAX)) as i32
}

impl fmt::Debug for BatchView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchView")
            .field("base_offset", &self.base_offset())
            .field("last_offset", &self.last_offset())
            .field("size", &self.size())
            .field("leader_epoch", &self.leader_epoch())
            .field("attributes", &self.attributes())
            .field("record_count", &self.record_count())
            .field("producer_id", &self.producer_id())
            .field("base_sequence", &self.base_sequence())
            .finish()
    }
}

impl<'a> Entry<'a> {
    /// Bytes of the whole entry.
    pub fn size(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.size(),
            Self::Legacy(message) => message.size(),
        }
    }

    /// Offset the entry begins at; for a compressed legacy wrapper, that of its last record.
    pub fn base_offset(&self) -> Offset {
        match self {
            Self::Batch(batch) => batch.base_offset(),
            Self::Legacy(message) => message.offset(),
        }
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> Offset {
        match self {
            Self::Batch(batch) => batch.last_offset(),
            Self::Legacy(message) => message.offset(),
        }
    }

    /// Largest timestamp of the records, -1 where the format has none.
    pub fn max_timestamp(&self) -> TimestampMs {
        match self {
            Self::Batch(batch) => batch.max_timestamp(),
            Self::Legacy(message) => message.timestamp(),
        }
    }

    /// Epoch of the leader that appended the entry, -1 where the format has none.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        match self {
            Self::Batch(batch) => batch.leader_epoch(),
            Self::Legacy(_) => -1,
        }
    }

    /// The v2 batch, if it is one.
    pub fn as_batch(&self) -> Option<BatchView<'a>> {
        match self {
            Self::Batch(batch) => Some(*batch),
            Self::Legacy(_) => None,
        }
    }

    /// Compares the stored checksum with that of the bytes.
    pub fn verify_checksum(&self) -> Result<(), BatchError> {
        match self {
            Self::Batch(batch) => batch.verify_checksum(),
            Self::Legacy(message) => message.verify_checksum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::BatchBuilder;

    fn two_batches() -> Vec<u8> {
        let mut bytes = BatchBuilder::new().record(1, Some(b"k"), Some(b"v")).build();
        bytes.extend(BatchBuilder::new().base_offset(1).record(2, None, Some(b"w")).build());
        bytes
    }

    #[test]
    fn batches_follow_each_other() {
        let bytes = two_batches();
        let offsets: Vec<_> = batches(&bytes).map(|batch| batch.unwrap().base_offset()).collect();
        assert_eq!(offsets, [0, 1]);
    }

    #[test]
    fn a_cut_tail_is_incomplete_not_corrupt() {
        let bytes = two_batches();
        let first = next_batch(&bytes).unwrap().unwrap().size();
        for end in 1..first {
            assert!(matches!(next_batch(&bytes[..end]), Err(BatchError::Incomplete { .. })), "{end}");
        }
        assert!(next_batch(&[]).unwrap().is_none());
    }

    #[test]
    fn lengths_and_magics_out_of_range_are_named() {
        let mut bytes = two_batches();
        bytes[8..12].copy_from_slice(&48i32.to_be_bytes());
        assert_eq!(next_batch(&bytes).unwrap_err(), BatchError::BadLength(48));
        bytes[8..12].copy_from_slice(&(-1i32).to_be_bytes());
        assert_eq!(next_batch(&bytes).unwrap_err(), BatchError::BadLength(-1));
        bytes = two_batches();
        bytes[16] = 3;
        assert_eq!(next_batch(&bytes).unwrap_err(), BatchError::BadMagic(3));
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(add_sequence(i32::MAX, 1), 0);
        assert_eq!(add_sequence(i32::MAX - 1, 3), 1);
        assert_eq!(add_sequence(5, 2), 7);
    }
}
