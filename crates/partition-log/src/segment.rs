//! One segment: its log file, its indexes, its aborted transactions. Files are opened and read when needed.

use std::fs::File;
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::{Offset, TimestampMs};
use parking_lot::RwLock;

use crate::disk::remove_if_there;
use crate::error::LogError;
use crate::file_handles::HandleSlot;
use crate::index::{SegmentIndex, relative};
use crate::names;
use crate::place::Place;
use crate::scan::{BatchScanner, Step};
use crate::txn_index::AbortedTransaction;

mod aborted;
mod find;
mod indexes;
mod room;

pub(crate) use find::{Found, READ_AT_ONCE};

/// Largest index that is read, four times Kafka's default.
const INDEX_SIZE_MAX: usize = 256 << 20;
const SEGMENT_REMEDY: &str = "restore the partition from a replica or a copy, or remove its recovery point to have the log cut here at the next start";

/// A segment of a log.
#[derive(Debug)]
pub(crate) struct Segment {
    pub base_offset: Offset,
    place: Arc<Place>,
    slot: Arc<HandleSlot>,
    size: AtomicU64,
    exists: AtomicBool,
    /// Up to where the log file has its place on the disk, in bytes; 0 where that is as far as its batches go.
    preallocated: AtomicU64,
    begun_ms: TimestampMs,
    /// What is in memory of the indexes; `None` where nobody has looked yet.
    index: RwLock<Option<Box<SegmentIndex>>>,
    /// Somebody has looked at more of the index than its end since the last [`Segment::trim_index`].
    index_used: AtomicBool,
    aborted: RwLock<Option<Vec<AbortedTransaction>>>,
    txn_index_dirty: AtomicBool,
    /// Entries were written to the index files that are not yet on stable storage.
    index_dirty: AtomicBool,
}

impl Segment {
    /// A segment without files; the first write makes them.
    pub(crate) fn begin(place: &Arc<Place>, base_offset: Offset, now_ms: TimestampMs) -> Arc<Segment> {
        let segment = Segment::existing(place, base_offset, 0, now_ms);
        segment.exists.store(false, Ordering::Relaxed);
        *segment.index.write() = Some(Box::default());
        *segment.aborted.write() = Some(Vec::new());
        segment
    }

    /// A segment whose log file has `size` bytes.
    pub(crate) fn existing(
        place: &Arc<Place>,
        base_offset: Offset,
        size: u64,
        now_ms: TimestampMs,
    ) -> Arc<Segment> {
        Arc::new(Segment {
            base_offset,
            place: Arc::clone(place),
            slot: Arc::default(),
            size: AtomicU64::new(size),
            exists: AtomicBool::new(true),
            preallocated: AtomicU64::new(0),
            begun_ms: now_ms,
            index: RwLock::default(),
            index_used: AtomicBool::new(false),
            aborted: RwLock::new(None),
            txn_index_dirty: AtomicBool::new(false),
            index_dirty: AtomicBool::new(false),
        })
    }

    /// Bytes of whole batches in the log file.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// True once the log file is there.
    pub(crate) fn exists(&self) -> bool {
        self.exists.load(Ordering::Relaxed)
    }

    pub(crate) fn path(&self, ending: &str) -> PathBuf {
        self.place.segment_file(self.base_offset, ending)
    }

    /// The open log file.
    pub(crate) fn file(&self) -> Result<Arc<File>, LogError> {
        self.open_log(false)
    }

    /// The log file by a descriptor of the caller's: a log that nobody uses yet keeps none open.
    pub(crate) fn file_aside(&self) -> Result<File, LogError> {
        let path = self.path(names::LOG);
        self.place.disk().open(&path, false).map_err(LogError::io("open", &path))
    }

    fn file_to_write(&self) -> Result<Arc<File>, LogError> {
        let create = !self.exists();
        if create {
            self.place.make()?;
        }
        let file = self.open_log(create).map_err(|error| match error {
            LogError::Io { action, path, source } => self.place.failed(action, &path, source),
            other => other,
        })?;
        if create {
            self.place.names_changed();
            self.make_room(&file)?;
            self.exists.store(true, Ordering::Relaxed);
        }
        Ok(file)
    }

    fn open_log(&self, create: bool) -> Result<Arc<File>, LogError> {
        if let Some(file) = self.slot.loaded() {
            self.place.home.files.touch(&self.slot);
            return Ok(file);
        }
        let path = self.path(names::LOG);
        let files = &self.place.home.files;
        files.file(&self.slot, self.place.disk(), &path, create).map_err(LogError::io("open", &path))
    }

    /// Makes the log file, empty, where it is missing: its name tells the offset at which the log goes on.
    pub(crate) fn ensure_file(&self) -> Result<(), LogError> {
        if self.exists() { Ok(()) } else { self.file_to_write().map(drop) }
    }

    /// Writes batches at the end of the log file; they count once [`Segment::grow`] says so.
    pub(crate) fn write(&self, parts: &mut [IoSlice<'_>]) -> Result<(), LogError> {
        let file = self.file_to_write()?;
        let position = self.size.load(Ordering::Relaxed);
        let Err(source) = self.place.disk().write_at(&file, parts, position) else { return Ok(()) };
        let path = self.path(names::LOG);
        let error = self.place.failed("write", &path, source);
        if error.is_no_space() {
            // What was written of the batch must not be found behind the next one; what was reserved goes too.
            self.preallocated.store(0, Ordering::Relaxed);
            self.place
                .disk()
                .set_size(&file, position)
                .map_err(|source| self.place.sync_failed(&path, source))?;
        }
        Err(error)
    }

    /// Makes `bytes` more of the file visible to readers.
    pub(crate) fn grow(&self, bytes: u64) {
        let size = self.size.load(Ordering::Relaxed) + bytes;
        self.size.store(size, Ordering::Release);
    }

    /// Reads `size` bytes at `position`.
    pub(crate) fn read_range(&self, position: u64, size: u64) -> Result<Vec<u8>, LogError> {
        let file = self.file()?;
        let mut bytes = vec![0; size as usize];
        let read = self
            .place
            .disk()
            .read_at(&file, &mut bytes, position)
            .map_err(LogError::io("read", &self.path(names::LOG)))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Visits every entry from `position` to the end, unsound ones being an error.
    pub(crate) fn scan(
        &self,
        position: u64,
        visit: impl FnMut(u64, &records::Entry<'_>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        self.scan_until(position, Offset::MAX, visit)
    }

    /// As [`Segment::scan`] of what comes before `until`: nobody looks at what stands there.
    pub(crate) fn scan_until(
        &self,
        position: u64,
        until: Offset,
        mut visit: impl FnMut(u64, &records::Entry<'_>) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        if position >= self.size() {
            return Ok(());
        }
        let file = self.file()?;
        let path = self.path(names::LOG);
        let mut scanner = BatchScanner::new(self.place.disk(), &file, &path, position, self.size());
        loop {
            let at = scanner.position();
            match scanner.step()? {
                Step::Entry(at, entry) => {
                    visit(at, &entry)?;
                    if entry.last_offset() >= until.saturating_sub(1) {
                        return Ok(());
                    }
                }
                Step::End => return Ok(()),
                Step::Broken(error) => return Err(self.damaged(at, &error)),
            }
        }
    }

    pub(crate) fn damaged(&self, position: u64, reason: &records::BatchError) -> LogError {
        LogError::Corrupt {
            path: self.path(names::LOG),
            position,
            reason: reason.to_string(),
            remedy: SEGMENT_REMEDY,
        }
    }

    /// The error for a batch that belongs to another segment.
    pub(crate) fn strange(&self, position: u64) -> LogError {
        self.damaged(position, &records::BatchError::Malformed("batch offsets do not belong to the segment"))
    }

    /// Writes the index entries that the files lack; everything of the segment counts as being on stable storage, for a
    /// sync of the whole file system follows.
    pub(crate) fn begin_flush(&self) -> Result<(), LogError> {
        if self.lacks_index_entries() {
            self.write_index()?;
        }
        self.txn_index_dirty.store(false, Ordering::Release);
        self.index_dirty.store(false, Ordering::Release);
        Ok(())
    }

    fn lacks_index_entries(&self) -> bool {
        self.index.read().as_deref().is_some_and(SegmentIndex::has_unwritten)
    }

    /// Puts the log file, and the aborted transactions if there are new ones, on stable storage.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        if !self.exists() {
            return Ok(());
        }
        let home = &self.place.home;
        let sync = |path: PathBuf, file: &File| {
            home.disk.sync(file).map_err(|source| self.place.sync_failed(&path, source))
        };
        let file = self.file()?;
        sync(self.path(names::LOG), &file)?;
        if self.lacks_index_entries() {
            self.write_index()?;
        }
        if self.txn_index_dirty.swap(false, Ordering::AcqRel) {
            let path = self.path(names::TXN_INDEX);
            let file = home.disk.open(&path, true).map_err(LogError::io("open", &path))?;
            sync(path, &file)?;
        }
        Ok(())
    }

    /// The time from which the segment's age counts: its first batch's timestamp, else when it was begun.
    pub(crate) fn age_base(&self) -> Result<(TimestampMs, bool), LogError> {
        if self.size() == 0 {
            return Ok((self.begun_ms, false));
        }
        let known = self.with_tail(|index| index.first_timestamp)?;
        let first = match known {
            Some(first) => first,
            None => {
                let first = self.find(0, Offset::MIN)?.map_or(-1, |found| found.max_timestamp);
                self.with_tail_mut(|index| index.first_timestamp = Some(first))?;
                first
            }
        };
        Ok(if first >= 0 { (first, true) } else { (self.begun_ms, false) })
    }

    /// Cuts the log file to `size` bytes; `next_offset` is the offset that now comes next.
    pub(crate) fn cut(&self, size: u64, next_offset: Offset) -> Result<(), LogError> {
        let relative = relative(self.base_offset, next_offset).unwrap_or(u32::MAX);
        self.with_index_mut(|index| index.cut(size, relative))?;
        self.size.store(size, Ordering::Release);
        if !self.exists() {
            return Ok(());
        }
        let home = &self.place.home;
        let path = self.path(names::LOG);
        let file = self.file()?;
        self.preallocated.store(0, Ordering::Relaxed);
        home.disk.set_size(&file, size).map_err(|source| self.place.failed("cut", &path, source))?;
        self.write_index()?;
        self.recall_largest(size)
    }

    /// Removes the segment's files; whoever reads them goes on reading.
    pub(crate) fn remove_files(&self) -> Result<(), LogError> {
        self.slot.close();
        self.place.names_changed();
        for ending in [names::LOG, names::OFFSET_INDEX, names::TIME_INDEX, names::TXN_INDEX] {
            let path = self.path(ending);
            remove_if_there(self.place.disk(), &path)
                .map_err(|source| self.place.failed("remove", &path, source))?;
        }
        Ok(())
    }

    /// Lets the open file go.
    pub(crate) fn close_file(&self) {
        self.slot.close();
    }
}
