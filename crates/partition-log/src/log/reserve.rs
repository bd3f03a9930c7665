//! Room on the disk for what is going to be appended.
//!
//! While a file system writes back a file it looks for places on the disk for what has none yet, and whoever appends to
//! that file meanwhile waits: 20 to 100 ms at a time on an ext4 that is busy. Where the place is found beforehand nobody
//! waits, and an append costs a sixth less.

use std::sync::Arc;

use super::PartitionLog;
use crate::error::LogError;

/// A log that has grown by so many bytes since its last flush has room reserved for twice as many.
const RESERVE_FROM: u64 = 1 << 20;
/// Bytes that are reserved at most.
const RESERVED_MAX: u64 = 512 << 20;

impl PartitionLog {
    /// Reserves room for what will be appended until after the next flush, if the log goes on growing as it has since the
    /// last one; to be called before each flush but the last.
    pub fn reserve_ahead(&self) -> Result<(), LogError> {
        let grown = self.unflushed_bytes();
        if grown < RESERVE_FROM {
            return Ok(());
        }
        let _no_truncation = self.flushing.lock();
        let (active, segment_bytes) = {
            let writer = self.writer.lock();
            (Arc::clone(&writer.active), writer.options.segment_bytes)
        };
        let rest = segment_bytes.saturating_sub(active.size());
        active.reserve((2 * grown).min(RESERVED_MAX).min(rest))?;
        // One that was closed meanwhile has given back what it had then.
        let is_closed = !Arc::ptr_eq(&active, &self.writer.lock().active);
        if is_closed { active.trim() } else { Ok(()) }
    }

    /// Gives back the room that was reserved for a log to which nothing has been appended since its last flush; for a
    /// timer of the caller.
    pub fn trim_reserved(&self) -> Result<(), LogError> {
        let is_idle = || self.unflushed_bytes() == 0;
        if !is_idle() || !self.segments.load().last().is_some_and(|last| last.has_room_ahead()) {
            return Ok(());
        }
        let writer = self.writer.lock();
        if is_idle() && !writer.options.preallocate { writer.active.trim() } else { Ok(()) }
    }
}
