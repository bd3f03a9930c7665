//! The offset and time index of a segment: loaded or rebuilt when asked for, kept up, written.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use model::{Offset, TimestampMs};

use super::{INDEX_SIZE_MAX, Segment};
use crate::disk::read_whole;
use crate::error::LogError;
use crate::index::{SegmentIndex, TimeEntry, relative};
use crate::names;

/// Distance of entries where an index is rebuilt.
const REBUILD_INTERVAL: u64 = 4096;
/// Entries that may wait in memory before they are written beside an append.
const UNWRITTEN_MAX: usize = 4096;

/// What is in memory of a segment's index.
#[derive(Debug, Default)]
pub(super) enum Kept {
    /// Nothing: nobody has looked yet.
    #[default]
    Nothing,
    /// The largest timestamp, which a search by time asks every segment for.
    Largest(Option<TimeEntry>),
    /// All of it.
    All(Box<SegmentIndex>),
}

impl Kept {
    pub(super) fn all(&self) -> Option<&SegmentIndex> {
        match self {
            Kept::All(index) => Some(index),
            Kept::Nothing | Kept::Largest(_) => None,
        }
    }

    fn all_mut(&mut self) -> Option<&mut SegmentIndex> {
        match self {
            Kept::All(index) => Some(index),
            Kept::Nothing | Kept::Largest(_) => None,
        }
    }

    /// All of it, after `load` where it is not there.
    fn all_or<E>(&mut self, load: impl Fn() -> Result<SegmentIndex, E>) -> Result<&mut SegmentIndex, E> {
        loop {
            match self {
                Kept::All(index) => return Ok(index),
                Kept::Nothing | Kept::Largest(_) => *self = Kept::All(Box::new(load()?)),
            }
        }
    }
}

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
        self.with_index_mut(|index| {
            index.note(relative, position, size, max_timestamp, interval);
            index.unwritten_count() > UNWRITTEN_MAX
        })
        .and_then(|many| match many.then(|| self.write_index()) {
            // Entries can wait for room on the disk: they are in memory.
            Some(Err(error)) if !error.is_no_space() => Err(error),
            _ => Ok(()),
        })
    }

    /// Looks at the index, reading or rebuilding it first where needed.
    pub(crate) fn with_index<R>(&self, look: impl FnOnce(&SegmentIndex) -> R) -> Result<R, LogError> {
        if let Some(index) = self.index.read().all() {
            self.note_index_use();
            return Ok(look(index));
        }
        self.with_index_mut(|index| look(index))
    }

    pub(crate) fn with_index_mut<R>(
        &self,
        change: impl FnOnce(&mut SegmentIndex) -> R,
    ) -> Result<R, LogError> {
        let mut kept = self.index.write();
        self.note_index_use();
        kept.all_or(|| self.load_index()).map(change)
    }

    /// Only the first look writes to memory that all cores share.
    pub(super) fn note_index_use(&self) {
        if !self.index_used.load(Ordering::Relaxed) {
            self.index_used.store(true, Ordering::Relaxed);
        }
    }

    /// Lets go of an index that its files hold and nobody has looked at since the last call. For segments that are closed:
    /// the whole of a log's indexes takes some MiB of memory for each GiB.
    pub(crate) fn trim_index(&self) {
        if self.index_used.swap(false, Ordering::Relaxed) {
            return;
        }
        // Whoever has it now uses it.
        let Some(mut index) = self.index.try_write() else { return };
        if let Some(all) = index.all()
            && !all.has_unwritten()
        {
            *index = Kept::Largest(all.largest);
        }
    }

    /// Bytes of memory that the index takes, 0 where it is not in memory.
    pub(crate) fn index_bytes(&self) -> usize {
        self.index.read().all().map_or(0, SegmentIndex::memory_bytes)
    }

    /// Begins an empty index where none can be loaded.
    pub(crate) fn with_index_mut_or_empty<R>(&self, change: impl FnOnce(&mut SegmentIndex) -> R) -> R {
        let mut kept = self.index.write();
        let Ok(index) = kept.all_or(|| Ok::<_, Infallible>(SegmentIndex::default()));
        change(index)
    }

    fn load_index(&self) -> Result<SegmentIndex, LogError> {
        let size = self.size();
        if size == 0 {
            return Ok(SegmentIndex::default());
        }
        let read = |ending| {
            let path = self.path(ending);
            read_whole(self.place.disk(), &path, INDEX_SIZE_MAX).map_err(LogError::io("read", &path))
        };
        let files = (read(names::OFFSET_INDEX)?, read(names::TIME_INDEX)?);
        if let (Some(offsets), Some(times)) = files
            && let Some(index) = SegmentIndex::parse(&offsets, &times, size)
        {
            return Ok(index);
        }
        self.rebuild_index()
    }

    /// Walks the whole segment; what is found is written with the next flush.
    fn rebuild_index(&self) -> Result<SegmentIndex, LogError> {
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
        let renewed = self.rebuild_index()?;
        *self.index.write() = Kept::All(Box::new(renewed));
        Ok(())
    }

    /// Writes index entries that the files lack.
    pub(crate) fn write_index(&self) -> Result<(), LogError> {
        let mut place = self.index.write();
        let Some(index) = place.all_mut() else { return Ok(()) };
        if !self.exists() {
            return Ok(());
        }
        let home = &self.place.home;
        if index.is_unwritten() {
            self.place.names_changed();
        }
        let write = |ending| {
            let path = self.path(ending);
            home.disk.open(&path, true).map_err(|source| home.failed("open", &path, source))
        };
        let (offset_file, time_file) = (write(names::OFFSET_INDEX)?, write(names::TIME_INDEX)?);
        let path = self.path(names::OFFSET_INDEX);
        index
            .write(self.place.disk(), &offset_file, &time_file)
            .map_err(|source| home.failed("write", &path, source))?;
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
        if self.index.read().all().is_none() {
            return Ok(());
        }
        self.with_index_mut(SegmentIndex::note_largest)?;
        self.write_index()
    }

    /// Largest timestamp of the segment and the offset of its batch's end.
    pub(crate) fn largest_timestamp(&self) -> Result<Option<(TimestampMs, Offset)>, LogError> {
        let base = self.base_offset;
        let shown = |largest: TimeEntry| (largest.timestamp, base + i64::from(largest.relative));
        if let Kept::Largest(largest) = &*self.index.read() {
            return Ok(largest.map(shown));
        }
        self.with_index(|index| index.largest.map(shown))
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
