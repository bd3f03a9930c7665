//! Messages of formats v0 and v1, which old segments still hold: read only.

use std::ops::ControlFlow;

use model::{Offset, TimestampMs};

use crate::attributes::{Attributes, Compression, TimestampType};
use crate::batch::{BatchError, Entry, next_entry};
use crate::checksum::crc32;
use crate::compression::{Decoders, DecompressError};
use crate::record::{Headers, Record};

const CRC_AT: usize = 12;
const MAGIC_AT: usize = 16;
const ATTRIBUTES_AT: usize = 17;
const BODY_AT: usize = 18;
const CUT: BatchError = BatchError::Malformed("legacy message is cut short");

/// One message of format v0 or v1; its key and value lie within its bytes.
#[derive(Debug, Clone, Copy)]
pub struct LegacyView<'a> {
    bytes: &'a [u8],
    timestamp: TimestampMs,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl<'a> LegacyView<'a> {
    /// Reads the message that `bytes` holds exactly; its magic has been seen to be 0 or 1.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<LegacyView<'a>, BatchError> {
        let mut rest = bytes.get(BODY_AT..).ok_or(CUT)?;
        let mut timestamp = -1;
        if bytes.get(MAGIC_AT) == Some(&1) {
            let (head, after) = rest.split_first_chunk::<8>().ok_or(CUT)?;
            timestamp = i64::from_be_bytes(*head);
            rest = after;
        }
        let key = take_bytes(&mut rest)?;
        let value = take_bytes(&mut rest)?;
        if !rest.is_empty() {
            return Err(BatchError::Malformed("legacy message is longer than its fields"));
        }
        Ok(LegacyView { bytes, timestamp, key, value })
    }

    /// Bytes of the whole message.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The whole message.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Offset of the message; of a compressed wrapper, that of the last message inside.
    pub fn offset(&self) -> Offset {
        self.bytes.first_chunk().copied().map_or(-1, i64::from_be_bytes)
    }

    /// Format version, 0 or 1.
    pub fn magic(&self) -> i8 {
        self.bytes.get(MAGIC_AT).map_or(0, |&byte| byte as i8)
    }

    /// Timestamp, -1 in format 0; of a compressed wrapper, the largest inside.
    pub fn timestamp(&self) -> TimestampMs {
        self.timestamp
    }

    /// Codec and timestamp type, laid out as in v2.
    pub fn attributes(&self) -> Attributes {
        Attributes(self.bytes.get(ATTRIBUTES_AT).map_or(0, |&byte| i16::from(byte)))
    }

    /// The checksum that stands in the message.
    pub fn stored_checksum(&self) -> u32 {
        self.bytes.get(CRC_AT..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_be_bytes)
    }

    /// Compares the stored checksum with that of the bytes.
    pub fn verify_checksum(&self) -> Result<(), BatchError> {
        let stored = self.stored_checksum();
        let computed = crc32(self.bytes.get(MAGIC_AT..).unwrap_or_default());
        if stored == computed { Ok(()) } else { Err(BatchError::BadChecksum { stored, computed }) }
    }

    /// Calls `visit` with each record in order: itself, or those inside if it is a compressed wrapper.
    pub fn for_each(
        &self,
        bound: usize,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), BatchError> {
        self.for_each_message(bound, &mut |record, _| visit(record))
    }

    /// The same with the message that holds each record.
    pub fn for_each_message(
        &self,
        bound: usize,
        visit: &mut dyn FnMut(Record<'_>, &LegacyView<'_>) -> ControlFlow<()>,
    ) -> Result<(), BatchError> {
        match self.attributes().compression() {
            Some(Compression::None) => {
                let _ = visit(self.as_record(self.offset(), self.timestamp), self);
                Ok(())
            }
            Some(codec) => self.for_each_inside(codec, bound, visit),
            None => Err(BatchError::Malformed(DecompressError::UnknownCodec.as_str())),
        }
    }

    fn for_each_inside(
        &self,
        codec: Compression,
        bound: usize,
        visit: &mut dyn FnMut(Record<'_>, &LegacyView<'_>) -> ControlFlow<()>,
    ) -> Result<(), BatchError> {
        let input = self.value.ok_or(BatchError::Malformed("compressed legacy message has no value"))?;
        let mut plain = Vec::new();
        let outcome = if codec == Compression::Lz4 && self.magic() == 0 {
            Decoders::decompress_lz4_v0(input, &mut plain, bound)
        } else {
            Decoders::default().decompress(codec, input, &mut plain, bound)
        };
        outcome.map_err(|error| BatchError::Malformed(error.as_str()))?;
        let shift = self.inner_offset_shift(&plain)?;
        let stamped = self.attributes().timestamp_type() == TimestampType::LogAppendTime;
        let mut rest = &plain[..];
        while let Some(inner) = next_inner(&mut rest, self.magic())? {
            let timestamp = if stamped { self.timestamp } else { inner.timestamp };
            let record = inner.as_record(inner.offset().wrapping_add(shift), timestamp);
            if visit(record, &inner).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// In format 1 inner offsets count from 0 and the wrapper has the absolute offset of the last.
    fn inner_offset_shift(&self, plain: &[u8]) -> Result<i64, BatchError> {
        let mut rest = plain;
        let mut last = None;
        while let Some(inner) = next_inner(&mut rest, self.magic())? {
            last = Some(inner.offset());
        }
        let last = last.ok_or(BatchError::Malformed("compressed legacy message holds no messages"))?;
        Ok(if self.magic() == 0 { 0 } else { self.offset().wrapping_sub(last) })
    }

    fn as_record(&self, offset: Offset, timestamp: TimestampMs) -> Record<'a> {
        Record { offset, timestamp, key: self.key, value: self.value, headers: Headers::default() }
    }
}

fn next_inner<'a>(rest: &mut &'a [u8], magic: i8) -> Result<Option<LegacyView<'a>>, BatchError> {
    match next_entry(rest)? {
        None => Ok(None),
        Some(Entry::Legacy(inner))
            if inner.magic() == magic && inner.attributes().compression() == Some(Compression::None) =>
        {
            *rest = rest.get(inner.size()..).unwrap_or_default();
            Ok(Some(inner))
        }
        Some(_) => Err(BatchError::Malformed("compressed legacy message holds another format inside")),
    }
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, BatchError> {
    let (length, rest) = input.split_first_chunk::<4>().ok_or(CUT)?;
    let length = i32::from_be_bytes(*length);
    if length == -1 {
        *input = rest;
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| BatchError::BadLength(length))?;
    let (taken, rest) = rest.split_at_checked(length).ok_or(CUT)?;
    *input = rest;
    Ok(Some(taken))
}
