//! When a segment is closed and the next begun.

use std::sync::Arc;

use model::{Offset, TimestampMs};

use super::append::AppendGuard;
use super::{PartitionLog, Writer};
use crate::error::LogError;
use crate::segment::Segment;

impl PartitionLog {
    /// Closes the active segment and begins the next; for `segment.ms` on idle logs and for tests.
    pub fn roll(&self, now_ms: TimestampMs) -> Result<(), LogError> {
        self.lock_append().roll(now_ms)
    }

    pub(super) fn begin_segment(
        &self,
        writer: &mut Writer,
        base_offset: Offset,
        now_ms: TimestampMs,
    ) -> Result<(), LogError> {
        writer.active.finish_index()?;
        writer.active.trim()?;
        if writer.options.sync_before_roll {
            writer.active.sync()?;
        }
        if writer.active.size() == 0 {
            // A segment without records has no files worth keeping and gives way.
            writer.active.remove_files()?;
        }
        self.take_snapshot(writer)?;
        let begun = Segment::begin(&self.place, base_offset, now_ms);
        begun.preallocate(writer.options.preallocated_bytes());
        let mut segments: Vec<Arc<Segment>> = self.segments.load().as_ref().clone();
        segments.retain(|segment| segment.size() > 0 && segment.base_offset < base_offset);
        segments.push(Arc::clone(&begun));
        self.segments.store(Arc::new(segments));
        writer.active = begun;
        self.place.names_changed();
        Ok(())
    }

    fn spread_jitter_ms(&self, base_offset: Offset, jitter_ms: i64) -> i64 {
        if jitter_ms <= 0 {
            return 0;
        }
        let seed = records::crc32c(self.name.as_bytes()) ^ (base_offset as u32);
        i64::from(seed.wrapping_mul(0x9e37_79b9)) % jitter_ms
    }

    pub(super) fn should_roll(
        &self,
        writer: &Writer,
        size: u64,
        last_offset: Offset,
        max_timestamp: TimestampMs,
        now_ms: TimestampMs,
    ) -> Result<bool, LogError> {
        let active = &writer.active;
        let options = &writer.options;
        let filled = active.size();
        if last_offset - active.base_offset > i64::from(i32::MAX) {
            return Ok(true);
        }
        if filled == 0 {
            return Ok(false);
        }
        if filled + size > options.segment_bytes
            || active.with_tail(|index| index.is_full(options.segment_index_bytes))?
        {
            return Ok(true);
        }
        let (since, is_record_time) = active.age_base()?;
        let age_ms = if is_record_time { max_timestamp } else { now_ms }.saturating_sub(since);
        let jitter_ms =
            self.spread_jitter_ms(active.base_offset, options.segment_jitter_ms.min(options.segment_ms));
        Ok(age_ms > options.segment_ms - jitter_ms)
    }
}

impl AppendGuard<'_> {
    /// Closes the active segment and begins the next at the end of the log, unless it is empty.
    pub fn roll(&mut self, now_ms: TimestampMs) -> Result<(), LogError> {
        if self.writer.active.size() == 0 {
            return Ok(());
        }
        let base_offset = self.writer.next_offset;
        self.log.begin_segment(&mut self.writer, base_offset, now_ms)
    }
}
