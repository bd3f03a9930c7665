//! Flush, close, delete: what happens to a log besides appends and reads.

use std::path::PathBuf;
use std::sync::Arc;

use model::{Offset, TimestampMs, Uuid};
use records::{BatchError, BatchView};

use super::PartitionLog;
use crate::error::LogError;
use crate::home::LogHome;
use crate::names;

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
    /// Leaves the log as a clean shutdown does: indexes complete, producer state saved, all on stable storage.
    pub fn close(&self) -> Result<Offset, LogError> {
        self.complete()?;
        let end = self.flush()?;
        self.let_go();
        Ok(end)
    }

    /// Writes what a clean shutdown leaves.
    pub(crate) fn complete(&self) -> Result<(), LogError> {
        self.make_folder()?;
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
        Ok(())
    }

    /// Closes files and gives back memory, after the last flush.
    pub(crate) fn let_go(&self) {
        for segment in self.segments.load().iter() {
            segment.close_file();
        }
        self.tail.drop_all();
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

    /// Renames the folder to `<name>.<id>-delete`; open readers go on. Appends must have ended. The caller puts the new
    /// name on stable storage, with those of other logs ([`crate::LogDir::sync_names`]).
    pub fn delete(&self, id: Uuid) -> Result<DeletedLog, LogError> {
        let _no_appends = self.writer.lock();
        let folder = self.place.folder();
        let renamed = folder.with_file_name(names::renamed_folder(&self.name, id, names::DELETED_FOLDER));
        let rename = || match self.place.is_made() {
            true => self.place.disk().rename(&folder, &renamed),
            // Nothing is there to rename; who is still at it makes the renamed one.
            false => Ok(()),
        };
        self.place
            .delete(renamed.clone(), rename)
            .map_err(|source| self.place.home.failed("rename", &folder, source))?;
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
