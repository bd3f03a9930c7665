//! The records of one poll: borrowed from the answers that brought them, nothing of them is copied.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use records::{Headers, TimestampType};

/// A record as it was read, borrowed from [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerRecord<'r> {
    /// Its topic.
    pub topic: &'r str,
    /// Its partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
    /// Its time in milliseconds since 1970, -1 where it has none.
    pub timestamp: i64,
    /// Who gave it that time; `None` for formats that have no time.
    pub timestamp_type: Option<TimestampType>,
    /// Epoch of the leader that took it, -1 where that is not known.
    pub leader_epoch: i32,
    /// Its key.
    pub key: Option<&'r [u8]>,
    /// Its value.
    pub value: Option<&'r [u8]>,
    /// Its headers, in order.
    pub headers: Headers<'r>,
}

/// What one poll gave, partition by partition, in each by offset.
#[derive(Debug, Clone, Default)]
pub struct Records {
    chunks: Vec<Chunk>,
    count: usize,
}

/// Records of one partition that lie in one buffer.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) timestamp_type: Option<TimestampType>,
    /// What the spans point into.
    pub(crate) buffer: Bytes,
    pub(crate) spans: Arc<Vec<Span>>,
    /// Those of `spans` that belong to it.
    pub(crate) first: usize,
    pub(crate) end: usize,
}

/// Where a record's parts lie in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Part>,
    pub(crate) value: Option<Part>,
    pub(crate) headers: Part,
    pub(crate) header_count: i32,
}

/// A part of a buffer. No answer is longer than 2 GiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Part {
    start: u32,
    length: u32,
}

impl Part {
    /// Where `part` lies in the buffer it was taken from; an empty one lies anywhere.
    pub(crate) fn of(part: &[u8], buffer: &[u8]) -> Part {
        let start = (part.as_ptr() as usize).wrapping_sub(buffer.as_ptr() as usize);
        let number = |number| u32::try_from(number).unwrap_or_default();
        Part { start: number(start), length: number(part.len()) }
    }

    fn within(self, buffer: &[u8]) -> &[u8] {
        let start = self.start as usize;
        buffer.get(start..start + self.length as usize).unwrap_or_default()
    }
}

impl Chunk {
    fn get(&self, place: usize) -> Option<ConsumerRecord<'_>> {
        let span = self.spans.get(place)?;
        Some(ConsumerRecord {
            topic: &self.topic,
            partition: self.partition,
            offset: span.offset,
            timestamp: span.timestamp,
            timestamp_type: self.timestamp_type,
            leader_epoch: self.leader_epoch,
            key: span.key.map(|key| key.within(&self.buffer)),
            value: span.value.map(|value| value.within(&self.buffer)),
            headers: Headers::checked(span.headers.within(&self.buffer), span.header_count),
        })
    }

    fn iter(&self) -> impl Iterator<Item = ConsumerRecord<'_>> {
        (self.first..self.end).filter_map(|place| self.get(place))
    }
}

impl Records {
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.count += chunk.end - chunk.first;
        self.chunks.push(chunk);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = ConsumerRecord<'_>> {
        self.chunks.iter().flat_map(Chunk::iter)
    }

    /// For each partition the offset behind its last record, as it is committed once all of them are done.
    pub fn next_offsets(&self) -> BTreeMap<(String, i32), i64> {
        let ends = self.chunks.iter().filter_map(|chunk| {
            let last = chunk.spans.get(chunk.end.checked_sub(1)?)?;
            Some(((chunk.topic.to_string(), chunk.partition), last.offset + 1))
        });
        ends.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_again() {
        let buffer = b"a key and a value";
        let part = Part::of(&buffer[2..5], buffer);
        assert_eq!(part.within(buffer), b"key");
        assert_eq!(Part::of(&[], buffer).within(buffer), b"");
        assert_eq!(part.within(b"less"), b"", "nothing is read beyond a buffer");
    }
}
