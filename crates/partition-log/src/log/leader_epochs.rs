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
        self.assign_epoch(&mut writer, epoch, start_offset);
        Ok(())
    }

    /// The file follows once a record is there: a start forgets an epoch without any.
    fn assign_epoch(&self, writer: &mut Writer, epoch: LeaderEpoch, start: Offset) {
        if epoch <= writer.latest_epoch {
            return;
        }
        let mut epochs = self.epochs.write();
        if writer.stale_epochs.is_none() {
            writer.stale_epochs = Some(epochs.clone());
        }
        if epochs.assign(epoch, start) {
            writer.latest_epoch = epoch;
        }
    }

    /// Takes note of the epoch of a record at `start`.
    pub(super) fn note_epoch(&self, writer: &mut Writer, epoch: LeaderEpoch, start: Offset) {
        self.assign_epoch(writer, epoch, start);
        if let Some(in_file) = writer.stale_epochs.take()
            && in_file != *self.epochs.read()
        {
            self.ends.epochs_unwritten.store(true, Ordering::Release);
        }
    }

    pub(super) fn write_epochs(&self, epochs: &Epochs) -> Result<(), LogError> {
        let path = self.place.file(names::EPOCH_CHECKPOINT);
        epochs.write(self.place.disk(), &path).map_err(|source| self.place.failed("write", &path, source))?;
        self.ends.epochs_dirty.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes the file of epochs where it lacks one that has records.
    pub(super) fn write_new_epochs(&self) -> Result<(), LogError> {
        if !self.ends.epochs_unwritten.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let epochs = self.epochs.read().clone();
        self.write_epochs(&epochs).inspect_err(|_| self.ends.epochs_unwritten.store(true, Ordering::Release))
    }

    /// Changes the epochs as the log's end or start changes; the file follows with the next flush, and a start before that
    /// makes the same change.
    pub(super) fn truncate_epochs(&self, writer: &mut Writer, change: impl FnOnce(&mut Epochs) -> bool) {
        let mut epochs = self.epochs.write();
        if !change(&mut epochs) {
            return;
        }
        writer.latest_epoch = epochs.latest().unwrap_or(-1);
        if self.place.is_made() {
            writer.stale_epochs = None;
            self.ends.epochs_unwritten.store(true, Ordering::Release);
        }
    }

    /// Puts the file of epochs on stable storage: without it an epoch that began before the recovery point would be lost.
    pub(super) fn sync_epochs(&self) -> Result<(), LogError> {
        self.write_new_epochs()?;
        if !self.ends.epochs_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // The file replaced another one, so that its name is new as well.
        self.place.names_changed();
        self.place.home.sync_if_there(&self.place.file(names::EPOCH_CHECKPOINT))
    }
}

/// The epochs of the checkpoint, within the log, and those that only the scanned batches know; what the file has, where
/// that is something else and the next record has it written anew; and true where it must be written in any case.
pub(super) fn load_epochs(
    place: &Place,
    unscanned: &[Arc<Segment>],
    scanned: &[(LeaderEpoch, Offset)],
    log_start: Offset,
    log_end: Offset,
) -> Result<(Epochs, Option<Epochs>, bool), LogError> {
    let path = place.file(names::EPOCH_CHECKPOINT);
    let in_file = match Epochs::read(place.disk(), &path) {
        Err(LogError::Corrupt { .. }) => None,
        outcome => outcome?,
    };
    let mut epochs = match &in_file {
        Some(epochs) => epochs.clone(),
        // The batches tell them as well; every other damage of the file is mended so too.
        None => epochs_of_batches(unscanned)?,
    };
    epochs.truncate_end(log_end);
    let mut changed = epochs.truncate_start(log_start);
    for &(epoch, offset) in scanned {
        changed |= epochs.found(epoch, offset);
    }
    if changed || (in_file.is_none() && epochs.latest().is_some()) {
        return Ok((epochs, None, true));
    }
    let stale = Some(in_file.unwrap_or_default()).filter(|in_file| *in_file != epochs);
    Ok((epochs, stale, false))
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
