//! The epochs of a log: noted as leaders begin and records come, cut with the log, kept in their file.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{LeaderEpoch, Offset};

use super::{PartitionLog, Writer};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::names;
use crate::place::Place;
use crate::segment::Segment;

impl PartitionLog {
    /// Notes that a leader of `epoch` begins at the end of the log, as Kafka does on becoming leader.
    pub fn assign_leader_epoch(&self, epoch: LeaderEpoch) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        let start_offset = writer.next_offset;
        self.note_epoch(&mut writer, epoch, start_offset)
    }

    pub(super) fn note_epoch(
        &self,
        writer: &mut Writer,
        epoch: LeaderEpoch,
        start: Offset,
    ) -> Result<(), LogError> {
        if epoch <= writer.latest_epoch && writer.stale_epochs.is_none() {
            return Ok(());
        }
        let mut epochs = self.epochs.write();
        if epochs.assign(epoch, start) {
            writer.latest_epoch = epoch;
        }
        if !self.place.is_made() {
            // The file comes with the folder.
            return Ok(());
        }
        if writer.stale_epochs.take().is_some_and(|in_file| in_file == *epochs) {
            return Ok(());
        }
        self.write_epochs(&epochs)
    }

    pub(super) fn write_epochs(&self, epochs: &Epochs) -> Result<(), LogError> {
        let path = self.place.file(names::EPOCH_CHECKPOINT);
        epochs
            .write(self.place.disk(), &path)
            .map_err(|source| self.place.home.failed("write", &path, source))?;
        self.ends.epochs_dirty.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn truncate_epochs(
        &self,
        writer: &mut Writer,
        change: impl FnOnce(&mut Epochs) -> bool,
    ) -> Result<(), LogError> {
        let mut epochs = self.epochs.write();
        if !change(&mut epochs) {
            return Ok(());
        }
        writer.latest_epoch = epochs.latest().unwrap_or(-1);
        if !self.place.is_made() {
            return Ok(());
        }
        writer.stale_epochs = None;
        self.write_epochs(&epochs)
    }

    /// Puts the file of epochs on stable storage: without it an epoch that began before the recovery point would be lost.
    pub(super) fn sync_epochs(&self) -> Result<(), LogError> {
        if !self.ends.epochs_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // The file replaced another one, so that its name is new as well.
        self.place.names_changed();
        self.place.home.sync_if_there(&self.place.file(names::EPOCH_CHECKPOINT))
    }
}

/// The epochs of the checkpoint, within the log, and those that only the scanned batches know; and what the file has,
/// where that is something else and the next epoch or record writes it anew.
pub(super) fn load_epochs(
    place: &Place,
    segments: &[Arc<Segment>],
    scanned: &[(LeaderEpoch, Offset)],
    log_start: Offset,
    log_end: Offset,
) -> Result<(Epochs, Option<Epochs>), LogError> {
    let path = place.file(names::EPOCH_CHECKPOINT);
    let in_file = match Epochs::read(place.disk(), &path) {
        Err(LogError::Corrupt { .. }) => None,
        outcome => outcome?,
    };
    let mut epochs = match &in_file {
        Some(epochs) => epochs.clone(),
        // The batches tell them as well; every other damage of the file is mended so too.
        None => epochs_of_batches(segments)?,
    };
    epochs.truncate_end(log_end);
    let mut changed = epochs.truncate_start(log_start);
    for &(epoch, offset) in scanned {
        changed |= epochs.found(epoch, offset);
    }
    if changed {
        epochs.write(place.disk(), &path).map_err(|source| place.home.failed("write", &path, source))?;
        return Ok((epochs, None));
    }
    let stale = Some(in_file.unwrap_or_default()).filter(|in_file| *in_file != epochs);
    Ok((epochs, stale))
}

/// The epochs that the batches themselves tell, for a log that has lost its checkpoint.
fn epochs_of_batches(segments: &[Arc<Segment>]) -> Result<Epochs, LogError> {
    let mut epochs = Epochs::default();
    for segment in segments {
        segment.scan(0, |_, entry| {
            epochs.assign(entry.leader_epoch(), entry.base_offset());
            Ok(())
        })?;
    }
    Ok(epochs)
}
