//! Opening a folder: leftovers cleared, the end found, what is not known to be sound checked and cut.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

use model::{LeaderEpoch, Offset, TimestampMs};
use records::{BatchError, Entry};

use super::{Ends, NONE, PartitionLog, Writer, producer_load};
use crate::disk::{DirEntry, remove_if_there};
use crate::epochs::Epochs;
use crate::error::LogError;
use crate::home::LogHome;
use crate::index::relative;
use crate::names;
use crate::options::LogOptions;
use crate::place::Place;
use crate::scan::{BatchScanner, Step};
use crate::segment::Segment;

/// What is known of a log from the log directory's checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecoveryStart {
    /// True where the directory was closed cleanly: the files are trusted.
    pub clean_shutdown: bool,
    /// Offset up to which the log was on stable storage (`recovery-point-offset-checkpoint`): damage before it is an
    /// error. `Offset::MAX` where that is not known and only the last segment may be cut.
    pub recovery_point: Offset,
    /// First offset that may be read (`log-start-offset-checkpoint`).
    pub log_start_offset: Offset,
}

/// What opening a log found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecoveryReport {
    /// Bytes of log whose checksums were verified.
    pub scanned_bytes: u64,
    /// Bytes cut off behind the last sound batch, removed segments included.
    pub cut_bytes: u64,
    /// Why they were cut, with file and position.
    pub cut_reason: Option<String>,
    /// Segments removed behind the cut.
    pub removed_segments: usize,
}

struct Opening<'a> {
    place: &'a Arc<Place>,
    segments: Vec<Arc<Segment>>,
    report: RecoveryReport,
    /// Epochs of the batches that were scanned.
    epochs: Vec<(LeaderEpoch, Offset)>,
    /// Offset up to which aborted transactions and snapshots of producers are taken over.
    trusted_end: Offset,
    /// First offset that may be read, as far as it is known before the end is found.
    log_start: Offset,
    /// Offsets are missing from there on within what was scanned, as after a compaction.
    is_sparse: bool,
}

impl PartitionLog {
    /// Opens the log in `folder`, made where it is missing. An empty folder is a valid empty log.
    pub fn open(
        home: &Arc<LogHome>,
        folder: &Path,
        options: Arc<LogOptions>,
        recovery: RecoveryStart,
        now_ms: TimestampMs,
    ) -> Result<PartitionLog, LogError> {
        let place = Place::new(folder, home);
        let entries = clear_leftovers(&place, folder)?;
        let mut opening = Opening {
            place: &place,
            segments: find_segments(&place, &entries, now_ms)?,
            report: RecoveryReport::default(),
            epochs: Vec::new(),
            trusted_end: Offset::MAX,
            log_start: recovery.log_start_offset,
            is_sparse: options.sync_before_roll,
        };
        let first = opening.segments.first().map(|segment| segment.base_offset);
        let mut log_start = recovery.log_start_offset.max(first.unwrap_or(0));
        let mut log_end = opening.find_end(&recovery, log_start)?;
        if log_start > log_end {
            // Everything below the start was deleted before the crash.
            for segment in opening.segments.drain(..) {
                segment.remove_files()?;
            }
            log_end = log_start;
            opening.trusted_end = Offset::MIN;
        }
        if opening.segments.is_empty() {
            log_end = log_end.max(log_start);
            let begun = Segment::begin(&place, log_end, now_ms);
            if log_end > 0 {
                // Should the checkpoint of log starts be lost, the file's name keeps the offset.
                begun.ensure_file()?;
            }
            opening.segments.push(begun);
        }
        log_start = log_start.min(log_end);
        opening.finish(&entries, options, &recovery, (log_start, log_end), now_ms)
    }
}

impl Opening<'_> {
    fn finish(
        self,
        entries: &[DirEntry],
        options: Arc<LogOptions>,
        recovery: &RecoveryStart,
        (log_start, log_end): (Offset, Offset),
        now_ms: TimestampMs,
    ) -> Result<PartitionLog, LogError> {
        let Opening { place, segments, report, epochs: scanned, trusted_end, .. } = self;
        let (epochs, stale_epochs) = load_epochs(place, &segments, &scanned, log_start, log_end)?;
        let snapshots = of_kind(entries, names::SNAPSHOT);
        let newest = trusted_end.min(log_end);
        let mut producers = producer_load::load(place, &segments, &snapshots, newest, (log_start, log_end))?;
        producers.expire(now_ms, options.producer_id_expiration_ms);
        let snapshot_offset = snapshots.into_iter().rfind(|offset| *offset <= newest).unwrap_or(NONE);
        let recovery_point = if recovery.clean_shutdown && report.cut_reason.is_none() {
            log_end
        } else {
            recovery.recovery_point.clamp(log_start, log_end)
        };
        let ends = Ends {
            log_start: AtomicI64::new(log_start),
            log_end: AtomicI64::new(log_end),
            first_undecided: AtomicI64::new(producers.first_undecided().unwrap_or(NONE)),
            recovery_point: AtomicI64::new(recovery_point),
            // What was scanned may never have reached the disk: the next write-back takes it along.
            bytes_since_writeback: AtomicU64::new(report.scanned_bytes.saturating_sub(report.cut_bytes)),
            parent_dirty: AtomicBool::new(!recovery.clean_shutdown || entries.is_empty()),
            epochs_dirty: AtomicBool::new(true),
        };
        let active =
            segments.last().map(Arc::clone).unwrap_or_else(|| Segment::begin(place, log_end, now_ms));
        if !active.exists() {
            active.preallocate(options.preallocated_bytes());
        }
        let writer = Writer {
            options,
            active,
            next_offset: log_end,
            latest_epoch: epochs.latest().unwrap_or(-1),
            stale_epochs,
            producers,
            snapshot_offset,
            bytes_since_snapshot: 0,
            records_since_flush: 0,
        };
        Ok(PartitionLog::of(place, segments, ends, epochs, report, writer))
    }

    /// Finds the end of the log, having checked and cut whatever is not known to be sound.
    fn find_end(&mut self, recovery: &RecoveryStart, log_start: Offset) -> Result<Offset, LogError> {
        let Some(last) = self.segments.last().cloned() else { return Ok(log_start) };
        if recovery.clean_shutdown
            && let Some(end) = end_of(&last)?
        {
            return Ok(end);
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
        let from = trusted_position(segment, point)?;
        let start =
            if from == 0 { base } else { segment.find(from, Offset::MIN)?.map_or(base, |f| f.base_offset) };
        let cut = relative(base, start).unwrap_or(0);
        if from == 0 {
            // Nothing of an index is trusted, and a log with a torn tail would not let one be rebuilt.
            segment.with_index_mut_or_empty(|index| index.cut(from, cut));
        } else {
            segment.with_index_mut(|index| index.cut(from, cut))?;
        }
        let mut next = start;
        segment.cut_aborted(self.trusted_end.max(base))?;
        if segment.size() == 0 {
            // A truncation that was stopped in its midst leaves the transactions of records that are gone.
            segment.cut_aborted(base)?;
            return Ok((next, None));
        }
        let file = segment.file()?;
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
        let folder = self.place.folder();
        let synced = self.place.disk().sync_dir(&folder);
        synced.map_err(|source| self.place.home.sync_failed(&folder, source))?;
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

/// Position of the last indexed batch that ends below `point`, if a batch of that offset begins there; else 0.
fn trusted_position(segment: &Segment, point: Offset) -> Result<u64, LogError> {
    let Some(relative_point) = relative(segment.base_offset, point) else { return Ok(0) };
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
    let Some(entry) = indexed else { return Ok(0) };
    let position = u64::from(entry.position);
    match segment.find(position, Offset::MIN) {
        Ok(Some(found)) if found.last_offset == segment.base_offset + i64::from(entry.relative) => {
            Ok(position)
        }
        Ok(_) | Err(LogError::Corrupt { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

/// The offset after the last batch of a cleanly closed segment; `None` where it does not end with a batch.
pub(super) fn end_of(segment: &Segment) -> Result<Option<Offset>, LogError> {
    if segment.size() == 0 {
        return Ok(Some(segment.base_offset));
    }
    let from =
        match segment.with_index(|index| index.offsets.last().map_or(0, |entry| u64::from(entry.position))) {
            Ok(from) => from,
            Err(LogError::Corrupt { .. }) => {
                segment.with_index_mut_or_empty(|_| ());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
    let mut end = None;
    let mut position = from;
    loop {
        match segment.find(position, Offset::MIN) {
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

/// Removes what an interrupted deletion or replacement left, finishes an interrupted swap, lists what remains.
fn clear_leftovers(place: &Place, folder: &Path) -> Result<Vec<DirEntry>, LogError> {
    let disk = place.disk();
    let entries = match disk.list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            disk.create_dir(folder).map_err(LogError::io("create", folder))?;
            return Ok(Vec::new());
        }
        listed => listed.map_err(LogError::io("list", folder))?,
    };
    let (mut swapped, mut has_leftovers) = (Vec::new(), false);
    for entry in &entries {
        let path = folder.join(&entry.name);
        if [names::DELETED, names::CLEANED, names::TEMPORARY]
            .iter()
            .any(|suffix| entry.name.ends_with(suffix))
        {
            has_leftovers = true;
            remove_if_there(disk, &path).map_err(LogError::io("remove", &path))?;
        } else if let Some(plain) = entry.name.strip_suffix(names::SWAP) {
            swapped.push((path, plain.to_owned(), entry.size));
        }
    }
    if swapped.is_empty() && !has_leftovers {
        return Ok(entries);
    }
    for (path, plain, size) in swapped {
        match names::parse_segment_file(&plain) {
            Some((base, names::LOG)) => finish_swap(place, folder, &path, base, size)?,
            // Indexes are rebuilt from the log file that takes the place.
            _ => remove_if_there(disk, &path).map_err(LogError::io("remove", &path))?,
        }
    }
    disk.list(folder).map_err(LogError::io("list", folder))
}

/// Puts a compacted segment in the place of those whose offsets it covers.
fn finish_swap(place: &Place, folder: &Path, path: &Path, base: Offset, size: u64) -> Result<(), LogError> {
    let disk = place.disk();
    let file = disk.open(path, false).map_err(LogError::io("open", path))?;
    let mut scanner = BatchScanner::new(disk, &file, path, 0, size);
    let mut last = base;
    while let Step::Entry(_, entry) = scanner.step()? {
        last = last.max(entry.last_offset());
    }
    for entry in disk.list(folder).map_err(LogError::io("list", folder))? {
        let Some((offset, ending)) = names::parse_segment_file(&entry.name) else { continue };
        let covered = (base..=last).contains(&offset);
        if covered && [names::LOG, names::OFFSET_INDEX, names::TIME_INDEX].contains(&ending) {
            let covered = folder.join(&entry.name);
            remove_if_there(disk, &covered).map_err(LogError::io("remove", &covered))?;
        }
    }
    disk.rename(path, &place.segment_file(base, names::LOG)).map_err(LogError::io("rename", path))
}

fn of_kind(entries: &[DirEntry], kind: &str) -> Vec<Offset> {
    let mut offsets: Vec<Offset> = entries
        .iter()
        .filter(|entry| !entry.is_dir)
        .filter_map(|entry| names::parse_segment_file(&entry.name))
        .filter(|(_, ending)| *ending == kind)
        .map(|(offset, _)| offset)
        .collect();
    offsets.sort_unstable();
    offsets
}

/// The segments there are; index files without a log are removed.
fn find_segments(
    place: &Arc<Place>,
    entries: &[DirEntry],
    now_ms: TimestampMs,
) -> Result<Vec<Arc<Segment>>, LogError> {
    let bases = of_kind(entries, names::LOG);
    for kind in [names::OFFSET_INDEX, names::TIME_INDEX, names::TXN_INDEX] {
        for offset in of_kind(entries, kind) {
            if bases.binary_search(&offset).is_err() {
                let path = place.segment_file(offset, kind);
                remove_if_there(place.disk(), &path).map_err(LogError::io("remove", &path))?;
            }
        }
    }
    let mut segments = Vec::with_capacity(bases.len());
    for entry in entries {
        if let Some((base, names::LOG)) = names::parse_segment_file(&entry.name) {
            segments.push(Segment::existing(place, base, entry.size, now_ms));
        }
    }
    segments.sort_by_key(|segment| segment.base_offset);
    Ok(segments)
}

/// The epochs of the checkpoint, within the log, and those that only the scanned batches know; and what the file has,
/// where that is something else and the next epoch or record writes it anew.
fn load_epochs(
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
