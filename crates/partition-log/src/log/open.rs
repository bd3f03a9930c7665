//! Opening a folder: leftovers cleared, the end found, what is not known to be sound checked and cut.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

use model::{LeaderEpoch, Offset, TimestampMs};

use super::folder::{clear_leftovers, find_segments, of_kind};
use super::leader_epochs::load_epochs;
use super::{Ends, NONE, PartitionLog, Writer, producer_load};
use crate::disk::DirEntry;
use crate::error::LogError;
use crate::home::LogHome;
use crate::names;
use crate::options::LogOptions;
use crate::place::Place;
use crate::producers::Producers;
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

pub(super) struct Opening<'a> {
    pub(super) place: &'a Arc<Place>,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) report: RecoveryReport,
    /// Epochs of the batches that were scanned.
    pub(super) epochs: Vec<(LeaderEpoch, Offset)>,
    /// Offset up to which aborted transactions and snapshots of producers are taken over.
    pub(super) trusted_end: Offset,
    /// First offset that may be read, as far as it is known before the end is found.
    pub(super) log_start: Offset,
    /// Snapshots of producers there are, ascending.
    pub(super) snapshots: Vec<Offset>,
    /// The first segment to be scanned has been reached.
    pub(super) has_begun: bool,
    /// What producers have done, as far as the scan has come.
    pub(super) producers: Option<Producers>,
    /// The scan began with the first batch of the log.
    pub(super) is_scanned_whole: bool,
    /// Offsets are missing from there on within what was scanned, as after a compaction.
    pub(super) is_sparse: bool,
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
            snapshots: of_kind(&entries, names::SNAPSHOT),
            has_begun: false,
            producers: None,
            is_scanned_whole: false,
            is_sparse: options.sync_before_roll,
        };
        let first = opening.segments.first().map(|segment| segment.base_offset);
        let mut log_start = recovery.log_start_offset.max(first.unwrap_or(0));
        let mut log_end = opening.find_end(&recovery, log_start)?;
        log_start = log_start.max(opening.segments.first().map_or(0, |segment| segment.base_offset));
        if log_start > log_end {
            // Everything below the start was deleted before the crash.
            for segment in opening.segments.drain(..) {
                segment.remove_files()?;
            }
            log_end = log_start;
            opening.trusted_end = Offset::MIN;
            opening.producers = None;
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
        let Opening {
            place,
            segments,
            report,
            epochs: scanned,
            trusted_end,
            snapshots,
            producers,
            is_scanned_whole,
            ..
        } = self;
        let unscanned = if is_scanned_whole { &[] } else { segments.as_slice() };
        let (epochs, stale_epochs, lacks_epochs) =
            load_epochs(place, unscanned, &scanned, log_start, log_end)?;
        let newest = trusted_end.min(log_end);
        let mut producers = match producers {
            // A snapshot of more than there is now may have been its base.
            Some(known) if known.end_offset <= log_end => known,
            _ => producer_load::load(place, &segments, &snapshots, newest, (log_start, log_end))?,
        };
        producers.end_offset = log_end;
        producers.expire(now_ms, options.producer_id_expiration_ms);
        let snapshot_offset = snapshots.into_iter().rfind(|offset| *offset <= newest).unwrap_or(NONE);
        let recovery_point = if recovery.clean_shutdown && report.cut_reason.is_none() {
            log_end
        } else {
            recovery.recovery_point.clamp(log_start, log_end)
        };
        // What was scanned may never have reached the disk: the next write-back takes it along.
        let scanned_bytes = report.scanned_bytes.saturating_sub(report.cut_bytes);
        let unflushed_bytes = if recovery_point < log_end { scanned_bytes } else { 0 };
        let ends = Ends {
            log_start: AtomicI64::new(log_start),
            log_end: AtomicI64::new(log_end),
            first_undecided: AtomicI64::new(producers.first_undecided().unwrap_or(NONE)),
            recovery_point: AtomicI64::new(recovery_point),
            unflushed_bytes: AtomicU64::new(unflushed_bytes),
            parent_dirty: AtomicBool::new(!recovery.clean_shutdown || entries.is_empty()),
            epochs_dirty: AtomicBool::new(true),
            epochs_unwritten: AtomicBool::new(lacks_epochs),
        };
        // Whoever uses it opens it again.
        segments.iter().for_each(|segment| segment.close_file());
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
}
