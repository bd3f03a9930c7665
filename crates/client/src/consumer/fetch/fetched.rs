//! What an answer brought of one partition, taken batch by batch as the program asks for records.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use protocol::messages::fetch_response::AbortedTransaction;
use records::{
    BatchError, BatchView, Compression, ControlType, Entry, LegacyView, Record, Records as BatchRecords,
    Scratch, TimestampType, next_entry,
};

use crate::consumer::records::{Chunk, Part, Records, Span};
use crate::consumer::settings::Isolation;
use crate::error::Error;

/// Most bytes that one batch may become when it is decompressed: as many as an answer may have.
const PLAIN_BYTES_MAX: usize = i32::MAX as usize;

/// How batches are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) isolation: Isolation,
    pub(crate) checks_crcs: bool,
}

/// Records of one partition that were fetched and not yet taken.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    /// Whose answer it is, to know when all of that answer is taken.
    pub(crate) answer: (i32, u64),
    data: Bytes,
    /// Where in `data` the next batch begins.
    at: usize,
    /// The first offset that is wanted.
    next_offset: i64,
    leader_epoch: i32,
    reading: Reading,
    aborted: Aborted,
    /// What is left of the batch that was begun.
    current: Option<Chunk>,
    /// The offset behind that batch, which may have lost its last records to compaction.
    current_end: i64,
}

/// The transactions that were given up, as far as the batches seen are theirs.
#[derive(Debug, Default)]
struct Aborted {
    /// Those whose first record is still to come, the next one last.
    coming: Vec<AbortedTransaction>,
    producers: HashSet<i64>,
}

impl Fetched {
    /// `next_offset` is the offset that was asked for.
    pub(crate) fn new(
        (topic, partition): (Arc<str>, i32),
        answer: (i32, u64),
        data: Bytes,
        next_offset: i64,
        aborted: Vec<AbortedTransaction>,
        reading: Reading,
    ) -> Fetched {
        let mut coming = aborted;
        coming.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        let aborted = Aborted { coming, producers: HashSet::new() };
        Fetched {
            topic,
            partition,
            answer,
            data,
            at: 0,
            next_offset,
            leader_epoch: -1,
            reading,
            aborted,
            current: None,
            current_end: next_offset,
        }
    }

    /// The offset behind all whole batches that are there: where to fetch on.
    pub(crate) fn end_offset(&self) -> i64 {
        let mut end = self.next_offset;
        let mut rest = self.data.get(self.at..).unwrap_or_default();
        while let Ok(Some(entry)) = next_entry(rest) {
            end = end.max(entry.last_offset().saturating_add(1));
            rest = rest.get(entry.size()..).unwrap_or_default();
        }
        end
    }

    /// The offset behind what was taken.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Epoch of the leader that took the last record that was taken; -1 before there is one.
    pub(crate) fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// Takes up to `most` records; false once nothing is left.
    pub(crate) fn take(
        &mut self,
        most: usize,
        scratch: &mut Scratch,
        taken: &mut Records,
    ) -> Result<bool, Error> {
        let mut room = most;
        while room > 0 {
            if let Some(chunk) = &mut self.current {
                let end = chunk.end.min(chunk.first + room);
                let part = Chunk { end, ..chunk.clone() };
                room -= end - chunk.first;
                chunk.first = end;
                if let Some(last) = end.checked_sub(1).and_then(|place| chunk.spans.get(place)) {
                    self.next_offset = last.offset + 1;
                    self.leader_epoch = chunk.leader_epoch;
                }
                if part.first < part.end {
                    taken.push(part);
                }
                if chunk.first < chunk.end {
                    return Ok(true);
                }
                self.current = None;
                self.next_offset = self.current_end;
            }
            if !self.next_batch(scratch).map_err(|error| self.corrupt(&error))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn corrupt(&self, error: &BatchError) -> Error {
        let (topic, partition, offset) = (&self.topic, self.partition, self.next_offset);
        Error::Malformed(format!(
            "Encountered corrupt message when fetching offset {offset} for topic-partition {topic}-{partition}: {error}"
        ))
    }

    /// Goes on to the next batch; false where there is none.
    fn next_batch(&mut self, scratch: &mut Scratch) -> Result<bool, BatchError> {
        let data = self.data.clone();
        let rest = data.get(self.at..).unwrap_or_default();
        let entry = match next_entry(rest) {
            Ok(Some(entry)) => entry,
            // An answer may end within a batch.
            Ok(None) | Err(BatchError::Incomplete { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        if entry.last_offset() >= self.next_offset {
            if self.reading.checks_crcs {
                entry.verify_checksum()?;
            }
            match entry {
                Entry::Batch(batch) => self.begin(&batch, &data, scratch)?,
                Entry::Legacy(message) => self.begin_legacy(&message)?,
            }
            self.current_end = entry.last_offset().saturating_add(1);
            if self.current.is_none() {
                self.next_offset = self.current_end;
            }
        }
        self.at += entry.size();
        Ok(true)
    }

    fn begin(
        &mut self,
        batch: &BatchView<'_>,
        data: &Bytes,
        scratch: &mut Scratch,
    ) -> Result<(), BatchError> {
        if self.reading.isolation == Isolation::ReadCommitted && self.aborted.hides(batch, scratch)? {
            return Ok(());
        }
        if batch.is_control() {
            return Ok(());
        }
        let buffer = if batch.compression()? == Compression::None {
            data.clone()
        } else {
            let plain = scratch.plain(batch, PLAIN_BYTES_MAX);
            Bytes::copy_from_slice(plain.map_err(|error| BatchError::Malformed(error.as_str()))?)
        };
        let plain =
            if batch.compression()? == Compression::None { batch.records_bytes() } else { &buffer[..] };
        let count = usize::try_from(batch.record_count()).unwrap_or_default();
        // A count is believed only as far as there are bytes for it.
        let mut spans = Vec::with_capacity(count.min(plain.len() / RECORD_BYTES_MIN));
        for record in BatchRecords::new(batch, plain) {
            let record = record?;
            if record.offset >= self.next_offset {
                spans.push(Span::of(&record, &buffer));
            }
        }
        self.start(spans, buffer, batch.leader_epoch(), Some(batch.timestamp_type()));
        Ok(())
    }

    fn begin_legacy(&mut self, message: &LegacyView<'_>) -> Result<(), BatchError> {
        let mut copy = Vec::new();
        let mut places = Vec::new();
        let wanted = self.next_offset;
        message.for_each(PLAIN_BYTES_MAX, &mut |record| {
            if record.offset >= wanted {
                let mut place = |part: Option<&[u8]>| {
                    let start = copy.len();
                    copy.extend_from_slice(part?);
                    Some(start..copy.len())
                };
                places.push((record.offset, record.timestamp, place(record.key), place(record.value)));
            }
            ControlFlow::Continue(())
        })?;
        let part = |range: Option<std::ops::Range<usize>>| {
            Some(Part::of(copy.get(range?).unwrap_or_default(), &copy))
        };
        let spans = places.into_iter().map(|(offset, timestamp, key, value)| Span {
            offset,
            timestamp,
            key: part(key),
            value: part(value),
            headers: Part::default(),
            header_count: 0,
        });
        let kind = (message.magic() > 0).then(|| message.attributes().timestamp_type());
        let spans = spans.collect();
        self.start(spans, Bytes::from(copy), -1, kind);
        Ok(())
    }

    fn start(
        &mut self,
        spans: Vec<Span>,
        buffer: Bytes,
        leader_epoch: i32,
        timestamp_type: Option<TimestampType>,
    ) {
        if spans.is_empty() {
            return;
        }
        let end = spans.len();
        self.current = Some(Chunk {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
            leader_epoch,
            timestamp_type,
            buffer,
            spans: Arc::new(spans),
            first: 0,
            end,
        });
    }
}

/// Fewest bytes of a record: its length, attributes, two deltas, key, value and the count of headers.
const RECORD_BYTES_MIN: usize = 7;

impl Span {
    fn of(record: &Record<'_>, buffer: &[u8]) -> Span {
        let (headers, header_count) = record.headers.raw();
        Span {
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(|key| Part::of(key, buffer)),
            value: record.value.map(|value| Part::of(value, buffer)),
            headers: Part::of(headers, buffer),
            header_count,
        }
    }
}

impl Aborted {
    /// True where a batch is of a transaction that was given up.
    fn hides(&mut self, batch: &BatchView<'_>, scratch: &mut Scratch) -> Result<bool, BatchError> {
        while let Some(transaction) = self.coming.pop_if(|next| next.first_offset <= batch.last_offset()) {
            self.producers.insert(transaction.producer_id);
        }
        if !batch.has_producer_id() || !batch.is_transactional() {
            return Ok(false);
        }
        if batch.is_control() {
            let marker = scratch.records(batch, PLAIN_BYTES_MAX)?.next().transpose()?;
            if marker.and_then(|marker| ControlType::of(&marker)) == Some(ControlType::Abort) {
                self.producers.remove(&batch.producer_id());
            }
            return Ok(true);
        }
        Ok(self.producers.contains(&batch.producer_id()))
    }
}

#[cfg(test)]
mod tests {
    use records::{BatchBuilder, EndTxnMarker};

    use super::*;

    const ALL: Reading = Reading { isolation: Isolation::ReadUncommitted, checks_crcs: true };
    const COMMITTED: Reading = Reading { isolation: Isolation::ReadCommitted, checks_crcs: true };

    fn batch(base: i64, values: &[&str]) -> BatchBuilder {
        values.iter().fold(BatchBuilder::new().base_offset(base), |builder, value| {
            builder.record(1000, None, Some(value.as_bytes()))
        })
    }

    fn fetched(data: Vec<u8>, from: i64, aborted: &[(i64, i64)], reading: Reading) -> Fetched {
        let transaction =
            |&(producer_id, first_offset): &(i64, i64)| AbortedTransaction { producer_id, first_offset };
        let aborted = aborted.iter().map(transaction).collect();
        Fetched::new(("t".into(), 0), (1, 1), data.into(), from, aborted, reading)
    }

    fn take(fetched: &mut Fetched, most: usize) -> (Vec<String>, bool) {
        let mut taken = Records::default();
        let is_more = fetched.take(most, &mut Scratch::new(), &mut taken).unwrap();
        let value = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        (taken.iter().map(|record| format!("{}:{}", record.offset, value(record.value))).collect(), is_more)
    }

    #[test]
    fn batches_are_taken_in_parts_from_the_wanted_offset_on() {
        let mut data = batch(10, &["a", "b", "c"]).build();
        data.extend(batch(13, &["d", "e"]).compression(Compression::Zstd).build());
        data.extend_from_slice(&batch(15, &["cut"]).build()[..40]);
        let mut fetched = fetched(data, 11, &[], ALL);
        assert_eq!(fetched.end_offset(), 15);
        assert_eq!(take(&mut fetched, 1), (vec!["11:b".to_owned()], true));
        assert_eq!(fetched.next_offset(), 12);
        assert_eq!(take(&mut fetched, 2).0, ["12:c", "13:d"]);
        assert_eq!(take(&mut fetched, 9), (vec!["14:e".to_owned()], false));
        assert_eq!(fetched.next_offset(), 15);
    }

    #[test]
    fn records_of_transactions_that_were_given_up_are_hidden_from_those_who_want_committed_ones() {
        let writer = |base, value, id| batch(base, &[value]).producer(id, 0, 0).transactional().build();
        let end = |base, id, committed| {
            EndTxnMarker { committed, coordinator_epoch: 0 }.batch(id, 0, 1000).base_offset(base).build()
        };
        let data = [
            writer(0, "kept", 7),
            writer(1, "void", 8),
            end(2, 8, false),
            writer(3, "new", 8),
            end(4, 8, true),
            end(5, 7, true),
        ]
        .concat();
        let mut committed = fetched(data.clone(), 0, &[(8, 1)], COMMITTED);
        assert_eq!(take(&mut committed, 9), (vec!["0:kept".to_owned(), "3:new".to_owned()], false));
        assert_eq!(committed.next_offset(), 6, "markers are passed");
        let mut all = fetched(data, 0, &[(8, 1)], ALL);
        assert_eq!(take(&mut all, 9).0, ["0:kept", "1:void", "3:new"]);
    }

    #[test]
    fn a_wrong_checksum_is_told_with_its_place() {
        let mut data = batch(3, &["a"]).build();
        *data.last_mut().unwrap() ^= 1;
        let error =
            fetched(data, 3, &[], ALL).take(1, &mut Scratch::new(), &mut Records::default()).unwrap_err();
        assert!(error.to_string().contains("fetching offset 3 for topic-partition t-0: record is corrupt"));
    }
}
