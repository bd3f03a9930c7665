//! Records inside a v2 batch: borrowed, walked in order, every length checked.

use model::{Offset, TimestampMs};

use crate::attributes::TimestampType;
use crate::batch::{BatchError, BatchView};
use crate::varint::{take_varint, take_varlong};

/// Fewest bytes a record can take: length, attributes, two deltas, key, value, header count.
pub const RECORD_SIZE_MIN: usize = 7;

/// One record, borrowed from its batch or from the buffer it was decompressed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the partition.
    pub offset: Offset,
    /// Time the producer or the broker gave it, -1 where there is none.
    pub timestamp: TimestampMs,
    /// The key, where there is one.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: Headers<'a>,
}

/// The headers of a record, already checked; iterate by value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    rest: &'a [u8],
    count: i32,
}

impl<'a> Headers<'a> {
    /// The bytes of the headers that are left and how many they are, to be kept for [`Headers::checked`].
    pub fn raw(&self) -> (&'a [u8], i32) {
        (self.rest, self.count)
    }

    /// Headers out of what [`Headers::raw`] gave; others end at the first that is none.
    pub fn checked(bytes: &'a [u8], count: i32) -> Headers<'a> {
        Headers { rest: bytes, count }
    }

    /// How many headers are left to iterate over.
    pub fn len(&self) -> usize {
        usize::try_from(self.count).unwrap_or_default()
    }

    /// True where there is no header.
    pub fn is_empty(&self) -> bool {
        self.count <= 0
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.count <= 0 {
            return None;
        }
        self.count -= 1;
        let key = take_bytes(&mut self.rest).ok()??;
        let value = take_bytes(&mut self.rest).ok()?;
        Some((key, value))
    }
}

const CUT: BatchError = BatchError::Malformed("record is cut short");
const NEGATIVE: BatchError = BatchError::Malformed("record holds a negative length");
const TRAILING: BatchError = BatchError::Malformed("record is longer than its fields");

/// A record as the batch holds it: deltas not yet added to the bases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRecord<'a> {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// Takes one record off the front of `input`, checking every length in it.
#[inline]
pub(crate) fn take_record<'a>(input: &mut &'a [u8]) -> Result<RawRecord<'a>, BatchError> {
    let length = take_varint(input).ok_or(CUT)?;
    let length = usize::try_from(length).map_err(|_| NEGATIVE)?;
    let (mut body, rest) = input.split_at_checked(length).ok_or(CUT)?;
    *input = rest;
    let (_unused_attributes, after) = body.split_first().ok_or(CUT)?;
    body = after;
    let timestamp_delta = take_varlong(&mut body).ok_or(CUT)?;
    let offset_delta = take_varint(&mut body).ok_or(CUT)?;
    let key = take_bytes(&mut body)?;
    let value = take_bytes(&mut body)?;
    let count = take_varint(&mut body).ok_or(CUT)?;
    if count < 0 {
        return Err(NEGATIVE);
    }
    let headers = Headers { rest: body, count };
    if count == 0 {
        if !body.is_empty() {
            return Err(TRAILING);
        }
    } else {
        check_headers(body, count)?;
    }
    Ok(RawRecord { timestamp_delta, offset_delta, key, value, headers })
}

/// What the produce check must know of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Skimmed {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub has_key: bool,
}

/// As [`take_record`] for the check of many records: looks at every length, makes nothing. `None` where
/// [`take_record`] gives an error, which then says what is wrong.
#[inline]
pub(crate) fn skim_record(input: &mut &[u8]) -> Option<Skimmed> {
    let length = usize::try_from(take_varint(input)?).ok()?;
    let (mut body, rest) = input.split_at_checked(length)?;
    *input = rest;
    body = body.get(1..)?;
    let timestamp_delta = take_varlong(&mut body)?;
    let offset_delta = take_varint(&mut body)?;
    let has_key = skip_bytes(&mut body)?;
    skip_bytes(&mut body)?;
    match body {
        [0] => {}
        _ => skim_headers(body)?,
    }
    Some(Skimmed { timestamp_delta, offset_delta, has_key })
}

#[cold]
fn skim_headers(mut body: &[u8]) -> Option<()> {
    let count = take_varint(&mut body).filter(|count| *count >= 0)?;
    check_headers(body, count).ok()
}

/// Skips a nullable field; true where it is not null.
#[inline]
fn skip_bytes(input: &mut &[u8]) -> Option<bool> {
    let length = take_varint(input)?;
    if length < 0 {
        return (length == -1).then_some(false);
    }
    *input = input.get(length as usize..)?;
    Some(true)
}

fn check_headers(mut body: &[u8], count: i32) -> Result<(), BatchError> {
    for _ in 0..count {
        if take_bytes(&mut body)?.is_none() {
            return Err(BatchError::Malformed("header has no key"));
        }
        take_bytes(&mut body)?;
    }
    if body.is_empty() { Ok(()) } else { Err(TRAILING) }
}

#[inline]
fn take_bytes<'a>(input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, BatchError> {
    let length = take_varint(input).ok_or(CUT)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| NEGATIVE)?;
    let (taken, rest) = input.split_at_checked(length).ok_or(CUT)?;
    *input = rest;
    Ok(Some(taken))
}

/// The records of one batch in order; the last item may be an error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: i32,
    base_offset: Offset,
    base_timestamp: TimestampMs,
    log_append_time: Option<TimestampMs>,
}

impl<'a> Records<'a> {
    /// Iterates over `plain`, the uncompressed records of `batch`.
    pub fn new(batch: &BatchView<'_>, plain: &'a [u8]) -> Records<'a> {
        let stamped = batch.timestamp_type() == TimestampType::LogAppendTime;
        Records {
            rest: plain,
            left: batch.record_count(),
            base_offset: batch.base_offset(),
            base_timestamp: batch.base_timestamp(),
            log_append_time: stamped.then(|| batch.max_timestamp()),
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            let trailing = !self.rest.is_empty();
            self.rest = &[];
            return trailing
                .then_some(Err(BatchError::Malformed("bytes follow the last record of the batch")));
        }
        match take_record(&mut self.rest) {
            Ok(raw) => {
                self.left -= 1;
                let own_time = self.base_timestamp.wrapping_add(raw.timestamp_delta);
                Some(Ok(Record {
                    offset: self.base_offset.wrapping_add(i64::from(raw.offset_delta)),
                    timestamp: self.log_append_time.unwrap_or(own_time),
                    key: raw.key,
                    value: raw.value,
                    headers: raw.headers,
                }))
            }
            Err(error) => {
                self.left = 0;
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}
