//! Finding the end of a log: what is not known to be sound is checked, and cut where it is not.

use std::sync::Arc;

use model::{LeaderEpoch, Offset};
use records::{BatchError, Entry};

use super::open::{Opening, RecoveryStart};
use super::producer_load;
use crate::error::LogError;
use crate::index::relative;
use crate::names;
use crate::scan::{BatchScanner, Step};
use crate::segment::{READ_AT_ONCE, Segment};

impl Opening<'_> {
    /// Finds the end of the log, having checked and cut whatever is not known to be sound.
    pub(super) fn find_end(
        &mut self,
        recovery: &RecoveryStart,
        log_start: Offset,
    ) -> Result<Offset, LogError> {
        let Some(last) = self.segments.last().cloned() else { return Ok(log_start) };
        if recovery.clean_shutdown
            && let Some(end) = end_of(&last)?
        {
            return Ok(end);
        }
        if self.is_restarted(&last)? {
            for old in self.segments.drain(..self.segments.len() - 1) {
                old.remove_files()?;
            }
            self.sync_folder()?;
            self.trusted_end = last.base_offset;
            return Ok(last.base_offset);
        }
        let point = if recovery.clean_shutdown { last.base_offset } else { recovery.recovery_point };
        // One that ends at the recovery point may have been closed after it: its index may lack the last entries.
        let first = self.segments.partition_point(|segment| segment.base_offset < point).saturating_sub(1);
        let mut end = self.segments.get(first).map_or(log_start, |segment| segment.base_offset);
        self.trusted_end = point.max(end);
        let mut place = first;
        while let Some(segment) = self.segments.get(place).cloned() {
            place += 1;
            let (next, broken) = self.recover(&segment, point)?;
            end = next;
            if let Some((position, reason)) = broken {
                if end < recovery.recovery_point && recovery.recovery_point != Offset::MAX {
                    // It was on stable storage: this is no torn tail.
                    return Err(segment.damaged(position, &reason));
                }
                self.cut(&segment, position, &reason, end, place)?;
                break;
            }
            if let Some(later) = self.segments.get(place)
                && self.does_not_follow(later, end)
            {
                let reason = BatchError::Malformed("the next segment does not begin where this one ends");
                self.cut(&segment, segment.size(), &reason, end, place)?;
                break;
            }
        }
        Ok(end)
    }

    /// True where the last segment is empty and begins within what comes before it: a crash has stopped
    /// [`PartitionLog::truncate_to`](super::PartitionLog::truncate_to) as it began anew there.
    fn is_restarted(&self, last: &Segment) -> Result<bool, LogError> {
        let Some(before) = self.segments.len().checked_sub(2).and_then(|place| self.segments.get(place))
        else {
            return Ok(false);
        };
        Ok(last.size() == 0 && end_of(before)?.is_some_and(|end| end > last.base_offset))
    }

    fn sync_folder(&self) -> Result<(), LogError> {
        let folder = self.place.folder();
        let synced = self.place.disk().sync_dir(&folder);
        synced.map_err(|source| self.place.sync_failed(&folder, source))
    }

    /// True where a power cut has kept a segment and lost what came before it, or kept what a truncation had removed.
    fn does_not_follow(&self, later: &Segment, end: Offset) -> bool {
        later.base_offset < end || (later.base_offset > end.max(self.log_start) && !self.is_sparse)
    }

    /// Checks a segment from the last indexed batch below `point`, rebuilding its indexes on the way.
    ///
    /// Returns the offset after its last sound batch, and where and why it stops being sound.
    fn recover(
        &mut self,
        segment: &Arc<Segment>,
        point: Offset,
    ) -> Result<(Offset, Option<(u64, BatchError)>), LogError> {
        let base = segment.base_offset;
        let (from, start) = trusted_place(segment, point)?;
        let cut = relative(base, start).unwrap_or(0);
        if from == 0 {
            // Nothing of an index is trusted, and a log with a torn tail would not let one be rebuilt.
            segment.with_index_mut_or_empty(|index| index.cut(from, cut));
        } else {
            segment.with_index_mut(|index| index.cut(from, cut))?;
        }
        let mut next = start;
        let is_first = self.segments.first().is_some_and(|first| first.base_offset == base);
        self.is_scanned_whole |= is_first && from == 0;
        self.load_producers(start)?;
        segment.cut_aborted(self.trusted_end.max(base))?;
        if segment.size() == 0 {
            // A truncation that was stopped in its midst leaves the transactions of records that are gone.
            segment.cut_aborted(base)?;
            return Ok((next, None));
        }
        let file = segment.file_aside()?;
        segment.trim_found(&file)?;
        let path = segment.path(names::LOG);
        let size = segment.size();
        let mut scanner = BatchScanner::new(self.place.disk(), &file, &path, from, size);
        let broken = loop {
            let at = scanner.position();
            match scanner.step()? {
                Step::End => break None,
                Step::Broken(error) => break Some((at, error)),
                Step::Entry(position, entry) => {
                    if let Err(error) = check(&entry, base, next) {
                        break Some((position, error));
                    }
                    if entry.leader_epoch() >= 0 {
                        note_epoch(&mut self.epochs, entry.leader_epoch(), entry.base_offset());
                    }
                    self.is_sparse |= is_sparse(&entry, position, next.max(self.log_start));
                    let (last, bytes) = (entry.last_offset(), entry.size() as u64);
                    segment.note(last, position, bytes, entry.max_timestamp(), 4096)?;
                    if let Some(producers) = &mut self.producers {
                        producer_load::note_entry(producers, &entry, segment)?;
                    }
                    next = last + 1;
                }
            }
        };
        self.report.scanned_bytes += scanner.position() - from;
        if self.trusted_end > next {
            // The end lies before what the checkpoint told: entries past it are of records that are gone.
            segment.cut_aborted(next)?;
        }
        Ok((next, broken))
    }

    /// Before the scan, once: what is read then also tells what producers did.
    fn load_producers(&mut self, start: Offset) -> Result<(), LogError> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let bounds = (self.log_start, start);
        match producer_load::load(self.place, &self.segments, &self.snapshots, self.trusted_end, bounds) {
            Ok(loaded) => self.producers = Some(loaded),
            // The scan says whether the log can be mended; they are loaded afterwards then.
            Err(LogError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn cut(
        &mut self,
        segment: &Arc<Segment>,
        position: u64,
        reason: &BatchError,
        end: Offset,
        behind: usize,
    ) -> Result<(), LogError> {
        let damage = segment.damaged(position, reason);
        self.report.cut_bytes += segment.size() - position;
        segment.cut(position, end)?;
        for later in self.segments.drain(behind..) {
            self.report.cut_bytes += later.size();
            self.report.removed_segments += 1;
            later.remove_files()?;
        }
        // Else a second power cut might bring back what was cut, behind what is written from now on.
        segment.sync()?;
        self.sync_folder()?;
        self.report.cut_reason = Some(damage.to_string());
        Ok(())
    }
}

/// True where offsets are missing before the entry at `position` or in it. Old messages do not tell.
fn is_sparse(entry: &Entry<'_>, position: u64, next: Offset) -> bool {
    let Some(batch) = entry.as_batch() else { return true };
    (position > 0 && batch.base_offset() > next) || batch.record_count() != batch.last_offset_delta() + 1
}

/// Whether an entry may stand where it does.
fn check(entry: &Entry<'_>, base: Offset, next: Offset) -> Result<(), BatchError> {
    entry.verify_checksum()?;
    if entry.last_offset() < next || entry.base_offset() < base || entry.last_offset() < entry.base_offset() {
        return Err(BatchError::Malformed("batch offsets do not follow those before"));
    }
    if let Entry::Batch(batch) = entry
        && batch.base_offset() < next
    {
        return Err(BatchError::Malformed("batch offsets overlap those before"));
    }
    if relative(base, entry.last_offset()).is_none() {
        return Err(BatchError::Malformed("batch offsets do not belong to the segment"));
    }
    Ok(())
}

fn note_epoch(epochs: &mut Vec<(LeaderEpoch, Offset)>, epoch: LeaderEpoch, offset: Offset) {
    if epochs.last().is_none_or(|(last, _)| epoch > *last) {
        epochs.push((epoch, offset));
    }
}

/// Position and first offset of the last indexed batch that ends below `point`, if a batch of that offset begins there;
/// else those of the segment's beginning.
fn trusted_place(segment: &Segment, point: Offset) -> Result<(u64, Offset), LogError> {
    let beginning = (0, segment.base_offset);
    let Some(relative_point) = relative(segment.base_offset, point) else { return Ok(beginning) };
    if point <= segment.base_offset
        || segment.size() == 0
        || is_first_batch(segment, point.saturating_sub(1))?
    {
        return Ok(beginning);
    }
    let indexed = match segment.with_index(|index| {
        let after = index.offsets.partition_point(|entry| entry.relative < relative_point);
        after.checked_sub(1).and_then(|place| index.offsets.get(place)).copied()
    }) {
        Ok(indexed) => indexed,
        // Neither index nor log can be walked: the recovery scan says where the damage is.
        Err(LogError::Corrupt { .. }) => {
            segment.with_index_mut_or_empty(|_| ());
            None
        }
        Err(error) => return Err(error),
    };
    let Some(entry) = indexed else { return Ok(beginning) };
    let position = u64::from(entry.position);
    match segment.find(position, Offset::MIN) {
        Ok(Some(found)) if found.last_offset == segment.base_offset + i64::from(entry.relative) => {
            Ok((position, found.base_offset))
        }
        Ok(_) | Err(LogError::Corrupt { .. }) => Ok(beginning),
        Err(error) => Err(error),
    }
}

/// True where the first batch holds `offset`, as in the many logs that have one batch: their indexes tell nothing.
fn is_first_batch(segment: &Segment, offset: Offset) -> Result<bool, LogError> {
    if segment.size() > READ_AT_ONCE {
        return Ok(false);
    }
    match segment.find_in(&segment.file_aside()?, 0, offset) {
        Ok(found) => Ok(found.is_some_and(|found| found.position == 0)),
        Err(LogError::Corrupt { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The offset after the last batch of a cleanly closed segment; `None` where it does not end with a batch.
pub(super) fn end_of(segment: &Segment) -> Result<Option<Offset>, LogError> {
    if segment.size() == 0 {
        return Ok(Some(segment.base_offset));
    }
    let mut position = match last_indexed(segment) {
        Ok(position) => position,
        Err(LogError::Corrupt { .. }) => {
            segment.with_index_mut_or_empty(|_| ());
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let file = segment.file_aside()?;
    let mut end = None;
    loop {
        match segment.find_in(&file, position, Offset::MIN) {
            Ok(Some(found)) => {
                end = Some(found.last_offset + 1);
                position = found.position + found.size;
            }
            Ok(None) => return Ok(end),
            Err(LogError::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Position of the last batch that the index knows.
fn last_indexed(segment: &Segment) -> Result<u64, LogError> {
    if segment.size() <= READ_AT_ONCE {
        return Ok(0);
    }
    segment.with_index(|index| index.offsets.last().map_or(0, |entry| u64::from(entry.position)))
}
