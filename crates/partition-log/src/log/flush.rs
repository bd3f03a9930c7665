//! Putting a log on stable storage, by itself or together with the others of its directory.

use std::path::Path;
use std::sync::atomic::Ordering;

use model::Offset;
use parking_lot::MutexGuard;

use super::PartitionLog;
use crate::error::LogError;

/// Bytes appended after which a flush also takes a snapshot of the producers, so that recovery stays short.
const SNAPSHOT_EVERY: u64 = 64 << 20;
/// A flush that is done once the file system has been synced: all that it covers has been written by now.
#[derive(Debug)]
pub(crate) struct BegunFlush<'l> {
    log: &'l PartitionLog,
    covered: Covered,
    _one_at_a_time: MutexGuard<'l, ()>,
}

/// What a flush covers.
#[derive(Debug, Clone, Copy)]
struct Covered {
    end: Offset,
    bytes: u64,
}

impl BegunFlush<'_> {
    /// The file system was synced.
    pub(crate) fn end(self) {
        self.log.flushed(self.covered);
    }
}

impl PartitionLog {
    /// Puts all that has been appended on stable storage, without holding up appends; returns the new recovery
    /// point, for the checkpoint. A failure takes the log directory offline.
    pub fn flush(&self) -> Result<Offset, LogError> {
        let _one_at_a_time = self.flushing.lock();
        self.place.home.check_online()?;
        if !self.place.is_made() {
            return Ok(self.recovery_point());
        }
        let covered = self.cover()?;
        let point = self.recovery_point();
        let segments = self.segments.load_full();
        for (place, segment) in segments.iter().enumerate() {
            let ends_at = segments.get(place + 1).map_or(Offset::MAX, |next| next.base_offset);
            if ends_at > point {
                segment.sync()?;
            }
        }
        self.place.sync_metadata()?;
        self.sync_epochs()?;
        if self.place.has_new_names() {
            self.sync_folder()?;
        }
        self.flushed(covered);
        Ok(self.recovery_point())
    }

    /// The snapshot comes first, so that it holds no more than what is then known to be on stable storage.
    fn cover(&self) -> Result<Covered, LogError> {
        self.snapshot_now_and_then()?;
        let end = self.log_end_offset();
        Ok(Covered { end, bytes: self.unflushed_bytes() })
    }

    fn flushed(&self, covered: Covered) {
        self.ends.unflushed_bytes.fetch_sub(covered.bytes, Ordering::Relaxed);
        self.ends.recovery_point.fetch_max(covered.end, Ordering::AcqRel);
    }

    /// Begins a flush that a sync of the whole file system completes. Whatever else has to be synced counts as synced
    /// from now on, so that what changes meanwhile is noticed; nobody else flushes or truncates before the end.
    pub(crate) fn begin_flush(&self) -> Result<BegunFlush<'_>, LogError> {
        let one_at_a_time = self.flushing.lock();
        self.place.home.check_online()?;
        let covered = self.cover()?;
        if self.place.is_made() {
            self.write_new_epochs()?;
            for segment in self.segments.load().iter() {
                segment.begin_flush()?;
            }
            self.ends.epochs_dirty.store(false, Ordering::Release);
            self.ends.parent_dirty.store(false, Ordering::Release);
            self.place.all_synced();
        }
        Ok(BegunFlush { log: self, covered, _one_at_a_time: one_at_a_time })
    }

    /// The recovery point as the checkpoint may tell it: the indexes of what lies before it are on stable storage too,
    /// so that a start after a power cut may go by them.
    pub fn point_for_checkpoint(&self) -> Result<Offset, LogError> {
        let _no_flush = self.flushing.lock();
        let point = self.recovery_point();
        if !self.place.is_made() {
            return Ok(point);
        }
        for segment in self.segments.load().iter().filter(|segment| segment.base_offset < point) {
            segment.sync_index()?;
        }
        if self.place.has_new_names() {
            self.sync_folder()?;
        }
        Ok(point)
    }

    /// Puts the names in the folder, and where it is new the folder's own, on stable storage.
    pub(super) fn sync_folder(&self) -> Result<(), LogError> {
        let folder = self.place.folder();
        self.place.names_synced();
        let sync = |path: &Path| {
            self.place.disk().sync_dir(path).map_err(|source| self.place.sync_failed(path, source))
        };
        if let Some(parent) = folder.parent()
            && self.ends.parent_dirty.swap(false, Ordering::AcqRel)
        {
            sync(parent)?;
        }
        sync(&folder)
    }

    fn snapshot_now_and_then(&self) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        writer.records_since_flush = 0;
        if writer.bytes_since_snapshot < SNAPSHOT_EVERY {
            return Ok(());
        }
        let before = writer.snapshot_offset;
        self.take_snapshot(&mut writer)?;
        self.drop_stray_snapshot(before)
    }
}
