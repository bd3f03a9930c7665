//! Lookups by time (ListOffsets).

use std::ops::ControlFlow;

use model::limits::DECOMPRESSED_BATCH_SIZE_MAX;
use model::{Offset, TimestampMs};
use records::{Entry, Scratch};

use super::PartitionLog;
use crate::error::LogError;
use crate::segment::Segment;

/// A record found by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundOffset {
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp_ms: TimestampMs,
}

impl PartitionLog {
    /// The first record, in offset order, whose timestamp is at least `timestamp_ms`.
    pub fn offset_for_timestamp(&self, timestamp_ms: TimestampMs) -> Result<Option<FoundOffset>, LogError> {
        let log_start = self.log_start_offset();
        for segment in self.segments.load().iter() {
            let largest = segment.largest_timestamp()?.map_or(-1, |(timestamp, _)| timestamp);
            if largest < timestamp_ms {
                continue;
            }
            if let Some(found) = find_in(segment, timestamp_ms, log_start)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp, the first of them where several share it.
    pub fn max_timestamp_offset(&self) -> Result<Option<FoundOffset>, LogError> {
        let mut largest = None;
        for segment in self.segments.load().iter() {
            if let Some((timestamp, _)) = segment.largest_timestamp()?
                && largest.is_none_or(|largest| timestamp > largest)
            {
                largest = Some(timestamp);
            }
        }
        match largest {
            Some(timestamp) => self.offset_for_timestamp(timestamp),
            None => Ok(None),
        }
    }
}

fn find_in(
    segment: &Segment,
    timestamp: TimestampMs,
    log_start: Offset,
) -> Result<Option<FoundOffset>, LogError> {
    let position = segment.with_index(|index| index.position_before(index.relative_before(timestamp)))?;
    let mut found = None;
    let mut scratch = Scratch::new();
    let mut from = position;
    // One batch at a time, so that nothing after the one that answers is read.
    while let Some(batch) = segment.find(from, Offset::MIN)? {
        from = batch.position + batch.size;
        if batch.max_timestamp < timestamp || batch.last_offset < log_start {
            continue;
        }
        let bytes = segment.read_range(batch.position, batch.size)?;
        let entry = records::next_entry(&bytes).map_err(|error| segment.damaged(batch.position, &error))?;
        let Some(entry) = entry else { break };
        let visited = visit(&entry, &mut scratch, &mut |offset, time| {
            if time >= timestamp && offset >= log_start {
                found = Some(FoundOffset { offset, timestamp_ms: time });
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        visited.map_err(|error| segment.damaged(batch.position, &error))?;
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}

fn visit(
    entry: &Entry<'_>,
    scratch: &mut Scratch,
    look: &mut dyn FnMut(Offset, TimestampMs) -> ControlFlow<()>,
) -> Result<(), records::BatchError> {
    match entry {
        Entry::Legacy(message) => {
            message.for_each(DECOMPRESSED_BATCH_SIZE_MAX, &mut |record| look(record.offset, record.timestamp))
        }
        Entry::Batch(batch) => {
            for record in scratch.records(batch, DECOMPRESSED_BATCH_SIZE_MAX)? {
                let record = record?;
                if look(record.offset, record.timestamp).is_break() {
                    break;
                }
            }
            Ok(())
        }
    }
}
