//! Flush, close, delete: what happens to a log besides appends and reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Offset, TimestampMs, Uuid};
use records::{BatchError, BatchView};

use super::PartitionLog;
use crate::error::LogError;
use crate::home::LogHome;
use crate::names;

/// Bytes appended after which a flush also takes a snapshot of the producers, so that recovery stays short.
const SNAPSHOT_EVERY: u64 = 64 << 20;

/// The folder of a deleted log, renamed out of the way; its files go when the caller says so.
#[derive(Debug)]
pub struct DeletedLog {
    /// Where it is now.
    pub folder: PathBuf,
    home: Arc<LogHome>,
}

impl DeletedLog {
    /// A folder that a deletion before a restart left behind.
    pub fn left_behind(folder: PathBuf, home: &Arc<LogHome>) -> DeletedLog {
        DeletedLog { folder, home: Arc::clone(home) }
    }

    /// Removes the folder and all it holds (`file.delete.delay.ms` is the caller's to wait).
    pub fn remove(&self) -> Result<(), LogError> {
        match self.home.disk.remove_dir(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.home.failed("remove", &self.folder, error))
            }
            _ => Ok(()),
        }
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
        // The snapshot comes first, so that it holds no more than what is then known to be on stable storage.
        self.snapshot_now_and_then()?;
        let end = self.log_end_offset();
        let point = self.recovery_point();
        let bytes = self.ends.bytes_since_writeback.load(Ordering::Relaxed);
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
        self.ends.bytes_since_writeback.fetch_sub(bytes, Ordering::Relaxed);
        self.ends.recovery_point.fetch_max(end, Ordering::AcqRel);
        Ok(self.recovery_point())
    }

    /// The recovery point as the checkpoint may tell it: the indexes of what lies before it are on stable storage too,
    /// so that a start after a power cut may go by them.
    pub fn point_for_checkpoint(&self) -> Result<Offset, LogError> {
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
        let home = &self.place.home;
        let folder = self.place.folder();
        self.place.names_synced();
        let sync = |path: &Path| home.disk.sync_dir(path).map_err(|source| home.sync_failed(path, source));
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

    /// Leaves the log as a clean shutdown does: indexes complete, producer state saved, all on stable storage.
    pub fn close(&self) -> Result<Offset, LogError> {
        self.make_folder()?;
        {
            let mut writer = self.writer.lock();
            self.place.home.check_online()?;
            let before = writer.snapshot_offset;
            if writer.next_offset > writer.active.base_offset || self.segment_count() > 1 {
                self.take_snapshot(&mut writer)?;
            }
            if writer.snapshot_offset > before && before >= 0 {
                self.drop_stray_snapshot(before)?;
            }
            for segment in self.segments.load().iter() {
                segment.finish_index()?;
                segment.trim()?;
            }
        }
        let end = self.flush()?;
        for segment in self.segments.load().iter() {
            segment.close_file();
        }
        self.tail.drop_all();
        Ok(end)
    }

    /// Reads the whole log once, in order, each batch checked against its checksum; what `visit` refuses counts as
    /// damage too. The error names file and position.
    pub fn verify(
        &self,
        mut visit: impl FnMut(&BatchView<'_>) -> Result<(), BatchError>,
    ) -> Result<(), LogError> {
        for segment in self.segments.load().iter() {
            segment.scan(0, |position, entry| {
                let checked = entry
                    .verify_checksum()
                    .and_then(|()| entry.as_batch().map_or(Ok(()), |batch| visit(&batch)));
                checked.map_err(|error| segment.damaged(position, &error))
            })?;
        }
        Ok(())
    }

    /// Renames the folder to `<name>.<id>-delete`; open readers go on. Appends must have ended.
    pub fn delete(&self, id: Uuid) -> Result<DeletedLog, LogError> {
        let _no_appends = self.writer.lock();
        let folder = self.place.folder();
        let renamed = folder.with_file_name(names::renamed_folder(&self.name, id, names::DELETED_FOLDER));
        let disk = self.place.disk();
        if !self.place.is_made() {
            // Nothing is there to rename; who is still at it makes the renamed one.
            self.place.set_folder(renamed.clone());
            return Ok(DeletedLog { folder: renamed, home: Arc::clone(&self.place.home) });
        }
        disk.rename(&folder, &renamed).map_err(|source| self.place.home.failed("rename", &folder, source))?;
        self.place.set_folder(renamed.clone());
        if let Some(parent) = renamed.parent() {
            disk.sync_dir(parent).map_err(|source| self.place.home.sync_failed(parent, source))?;
        }
        Ok(DeletedLog { folder: renamed, home: Arc::clone(&self.place.home) })
    }

    /// Age in ms of the oldest record's segment base, for timers that roll idle logs; `None` when empty.
    pub fn active_segment_age_ms(&self, now_ms: TimestampMs) -> Result<Option<i64>, LogError> {
        let writer = self.writer.lock();
        if writer.active.size() == 0 {
            return Ok(None);
        }
        let (since, _) = writer.active.age_base()?;
        Ok(Some(now_ms.saturating_sub(since)))
    }
}
