//! The offset and time index of a segment: loaded or rebuilt when asked for, kept up, written.

use std::sync::atomic::Ordering;

use model::{Offset, TimestampMs};

use super::{INDEX_SIZE_MAX, Segment};
use crate::disk::read_whole;
use crate::error::LogError;
use crate::index::{OffsetEntry, SegmentIndex, TimeEntry, relative};
use crate::names;

/// Distance of entries where an index is rebuilt.
const REBUILD_INTERVAL: u64 = 4096;
/// Entries that may wait in memory before they are written beside an append.
const UNWRITTEN_MAX: usize = 2048;

impl Segment {
    /// Takes note of a batch at `position` in both indexes.
    pub(crate) fn note(
        &self,
        last_offset: Offset,
        position: u64,
        size: u64,
        max_timestamp: TimestampMs,
        interval: u64,
    ) -> Result<(), LogError> {
        let Some(relative) = relative(self.base_offset, last_offset) else { return Ok(()) };
        let many = self.with_tail_mut(|index| {
            index.note(relative, position, size, max_timestamp, interval);
            index.unwritten_count() > UNWRITTEN_MAX
        })?;
        if !many {
            return Ok(());
        }
        match self.write_index() {
            // Entries can wait for room on the disk: they are in memory.
            Err(error) if !error.is_no_space() => Err(error),
            _ => {
                // The room is for the next ones.
                if !self.index_used.load(Ordering::Relaxed) {
                    self.let_go(SegmentIndex::drop_written);
                }
                Ok(())
            }
        }
    }

    /// Looks at the whole index, reading or rebuilding it first where needed.
    pub(crate) fn with_index<R>(&self, look: impl FnOnce(&SegmentIndex) -> R) -> Result<R, LogError> {
        self.note_index_use();
        if let Some(index) = self.index.read().as_deref()
            && index.is_whole()
        {
            return Ok(look(index));
        }
        self.with_index_mut(|index| look(index))
    }

    /// As [`Segment::with_index`], to change it.
    pub(crate) fn with_index_mut<R>(
        &self,
        change: impl FnOnce(&mut SegmentIndex) -> R,
    ) -> Result<R, LogError> {
        self.note_index_use();
        let mut place = self.index.write();
        let index = self.begun(&mut place)?;
        if !index.is_whole() {
            self.complete(index)?;
        }
        Ok(change(index))
    }

    /// Looks at what is in memory of the index, of which the last entries are: its sums always, those before maybe.
    pub(crate) fn with_tail<R>(&self, look: impl FnOnce(&SegmentIndex) -> R) -> Result<R, LogError> {
        if let Some(index) = self.index.read().as_deref() {
            return Ok(look(index));
        }
        self.with_tail_mut(|index| look(index))
    }

    /// As [`Segment::with_tail`], to change it.
    pub(crate) fn with_tail_mut<R>(
        &self,
        change: impl FnOnce(&mut SegmentIndex) -> R,
    ) -> Result<R, LogError> {
        self.begun(&mut self.index.write()).map(change)
    }

    fn begun<'a>(&self, place: &'a mut Option<Box<SegmentIndex>>) -> Result<&'a mut SegmentIndex, LogError> {
        if place.is_none() {
            *place = Some(Box::new(self.load_index()?));
        }
        Ok(place.get_or_insert_default())
    }

    /// Brings back what is only in the files.
    fn complete(&self, index: &mut SegmentIndex) -> Result<(), LogError> {
        // An entry may be there of a batch that counts only in a moment.
        if self.read_index(u64::MAX)?.is_none_or(|files| !index.complete_with(files)) {
            index.replace_with(self.walk_index()?);
        }
        Ok(())
    }

    /// Where the last indexed batch begins that ends at or before `relative`, from what is in memory; `None` where that
    /// does not tell.
    pub(super) fn position_in_memory(&self, relative: u32) -> Option<u64> {
        let place = self.index.read();
        let index = place.as_deref()?;
        let is_at_tail = index.tail_holds(relative);
        if !is_at_tail {
            self.note_index_use();
        }
        (is_at_tail || index.is_whole()).then(|| index.position_before(relative))
    }

    /// The last indexed batch that ends at or before `relative`.
    pub(super) fn entry_before(&self, relative: u32) -> Result<Option<OffsetEntry>, LogError> {
        if let Some(index) = self.index.read().as_deref()
            && index.tail_holds(relative)
        {
            return Ok(index.entry_before(relative));
        }
        self.with_index(|index| index.entry_before(relative))
    }

    /// Only the first look writes to memory that all cores share.
    fn note_index_use(&self) {
        if !self.index_used.load(Ordering::Relaxed) {
            self.index_used.store(true, Ordering::Relaxed);
        }
    }

    /// Lets go of what its files hold of an index that nobody has looked at since the last call: the whole of a log's
    /// indexes takes some MiB of memory for each GiB.
    pub(crate) fn trim_index(&self) {
        if !self.index_used.swap(false, Ordering::Relaxed) {
            self.let_go(|index| {
                index.drop_written();
                index.shrink();
            });
        }
    }

    fn let_go(&self, from: impl FnOnce(&mut SegmentIndex)) {
        // Whoever has it now uses it.
        let Some(mut place) = self.index.try_write() else { return };
        if let Some(index) = place.as_deref_mut() {
            from(index);
        }
    }

    /// Bytes of memory that the index takes, 0 where it is not in memory.
    pub(crate) fn index_bytes(&self) -> usize {
        self.index.read().as_deref().map_or(0, SegmentIndex::memory_bytes)
    }

    /// Begins an empty index where none can be loaded.
    pub(crate) fn with_index_mut_or_empty<R>(&self, change: impl FnOnce(&mut SegmentIndex) -> R) -> R {
        change(self.index.write().get_or_insert_default())
    }

    fn load_index(&self) -> Result<SegmentIndex, LogError> {
        if self.size() == 0 {
            return Ok(SegmentIndex::default());
        }
        match self.read_index(self.size())? {
            Some(index) => Ok(index),
            None => self.walk_index(),
        }
    }

    /// What the two files hold; `None` where that is no sound index of `size` bytes of log.
    fn read_index(&self, size: u64) -> Result<Option<SegmentIndex>, LogError> {
        let read = |ending| {
            let path = self.path(ending);
            read_whole(self.place.disk(), &path, INDEX_SIZE_MAX).map_err(LogError::io("read", &path))
        };
        let files = (read(names::OFFSET_INDEX)?, read(names::TIME_INDEX)?);
        let (Some(offsets), Some(times)) = files else { return Ok(None) };
        Ok(SegmentIndex::parse(&offsets, &times, size))
    }

    /// Makes an index from the whole segment's batches; what is found is written with the next flush.
    fn walk_index(&self) -> Result<SegmentIndex, LogError> {
        let mut index = SegmentIndex::default();
        let base_offset = self.base_offset;
        self.scan(0, |position, entry| {
            if let Some(relative) = relative(base_offset, entry.last_offset()) {
                index.note(relative, position, entry.size() as u64, entry.max_timestamp(), REBUILD_INTERVAL);
            }
            Ok(())
        })?;
        index.forget_files();
        Ok(index)
    }

    /// Replaces an index that is not the log's; the files follow with the next flush.
    pub(super) fn renew_index(&self) -> Result<(), LogError> {
        let renewed = self.walk_index()?;
        *self.index.write() = Some(Box::new(renewed));
        Ok(())
    }

    /// Writes index entries that the files lack.
    pub(crate) fn write_index(&self) -> Result<(), LogError> {
        let mut place = self.index.write();
        let Some(index) = place.as_deref_mut() else { return Ok(()) };
        if !self.exists() {
            return Ok(());
        }
        let home = &self.place.home;
        if index.is_unwritten() {
            self.place.names_changed();
        }
        let write = |ending| {
            let path = self.path(ending);
            home.disk.open(&path, true).map_err(|source| self.place.failed("open", &path, source))
        };
        let (offset_file, time_file) = (write(names::OFFSET_INDEX)?, write(names::TIME_INDEX)?);
        let path = self.path(names::OFFSET_INDEX);
        index
            .write(self.place.disk(), &offset_file, &time_file)
            .map_err(|source| self.place.failed("write", &path, source))?;
        self.index_dirty.store(true, Ordering::Release);
        Ok(())
    }

    /// Puts the index files on stable storage, where they have changed.
    pub(crate) fn sync_index(&self) -> Result<(), LogError> {
        if !self.index_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        self.place.home.sync_if_there(&self.path(names::OFFSET_INDEX))?;
        self.place.home.sync_if_there(&self.path(names::TIME_INDEX))
    }

    /// Completes both index files, as when the segment is closed.
    pub(crate) fn finish_index(&self) -> Result<(), LogError> {
        let Some(()) = self.index.write().as_deref_mut().map(SegmentIndex::note_largest) else {
            return Ok(());
        };
        self.write_index()
    }

    /// Largest timestamp of the segment and the offset of its batch's end.
    pub(crate) fn largest_timestamp(&self) -> Result<Option<(TimestampMs, Offset)>, LogError> {
        let base = self.base_offset;
        let shown = |largest: TimeEntry| (largest.timestamp, base + i64::from(largest.relative));
        self.with_tail(|index| index.largest.map(shown))
    }

    /// After a cut the largest timestamp may lie behind the last index entry: look there.
    pub(super) fn recall_largest(&self, size: u64) -> Result<(), LogError> {
        let from =
            self.with_index(|index| index.offsets.last().map_or(0, |entry| u64::from(entry.position)))?;
        if from >= size {
            return Ok(());
        }
        let mut largest = self.with_index(|index| index.largest)?;
        self.scan(from, |_, entry| {
            if entry.max_timestamp() > largest.map_or(-1, |largest| largest.timestamp)
                && let Some(relative) = relative(self.base_offset, entry.last_offset())
            {
                largest = Some(TimeEntry { timestamp: entry.max_timestamp(), relative });
            }
            Ok(())
        })?;
        self.with_index_mut(|index| index.largest = largest)
    }
}
