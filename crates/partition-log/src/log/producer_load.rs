//! Producer state from the newest snapshot and the batches after it, and the snapshots themselves.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Offset, TimestampMs};
use records::{BatchView, Entry};

use super::producer_fields::{marker_of, producer_batch};
use super::{NONE, PartitionLog, Writer};
use crate::disk::{read_whole, remove_if_there, write_checked_file};
use crate::error::LogError;
use crate::names;
use crate::place::Place;
use crate::producers::{Producers, SNAPSHOT_SIZE_MAX};
use crate::segment::Segment;

/// Loads the state as it was at `end`. `snapshots` are the offsets of the files there are, ascending; those
/// past `newest` and those that cannot be used are removed.
pub(super) fn load(
    place: &Place,
    segments: &[Arc<Segment>],
    snapshots: &[Offset],
    newest: Offset,
    (log_start, end): (Offset, Offset),
) -> Result<Producers, LogError> {
    let mut producers = Producers::empty(log_start);
    // What lies between an older snapshot and the first segment cannot be replayed any more.
    let oldest = segments.first().map_or(log_start, |segment| segment.base_offset);
    for &offset in snapshots.iter().rev() {
        let path = place.segment_file(offset, names::SNAPSHOT);
        if (oldest..=newest).contains(&offset) {
            let bytes =
                read_whole(place.disk(), &path, SNAPSHOT_SIZE_MAX).map_err(LogError::io("read", &path))?;
            if let Ok(found) = Producers::decode(bytes.as_deref().unwrap_or_default(), offset) {
                producers = found;
                break;
            }
        }
        remove_if_there(place.disk(), &path).map_err(LogError::io("remove", &path))?;
    }
    replay(segments, &mut producers, end)?;
    Ok(producers)
}

fn replay(segments: &[Arc<Segment>], producers: &mut Producers, end: Offset) -> Result<(), LogError> {
    let from = producers.end_offset;
    let holder = segments.partition_point(|segment| segment.base_offset <= from).saturating_sub(1);
    for segment in segments.get(holder..).unwrap_or_default() {
        if producers.end_offset >= end || segment.base_offset >= end {
            break;
        }
        let Some(found) = segment.find_offset(producers.end_offset)? else { continue };
        if found.base_offset >= end {
            break;
        }
        segment.scan_until(found.position, end, |_, entry| {
            let Some(batch) = entry.as_batch() else { return Ok(()) };
            if batch.base_offset() >= from && batch.base_offset() < end {
                note(producers, &batch, segment)?;
            }
            Ok(())
        })?;
    }
    producers.end_offset = producers.end_offset.max(end);
    Ok(())
}

/// Takes note of an entry found in a scan, unless the state holds it already.
pub(super) fn note_entry(
    producers: &mut Producers,
    entry: &Entry<'_>,
    segment: &Segment,
) -> Result<(), LogError> {
    match entry.as_batch() {
        Some(batch) if batch.base_offset() >= producers.end_offset => note(producers, &batch, segment),
        _ => Ok(()),
    }
}

/// Takes note of a batch that is in the log already.
fn note(producers: &mut Producers, batch: &BatchView<'_>, segment: &Segment) -> Result<(), LogError> {
    if !batch.has_producer_id() {
        return Ok(());
    }
    if !batch.is_control() {
        producers.appended(&producer_batch(batch), batch.last_offset(), batch.max_timestamp());
        return Ok(());
    }
    let Some(marker) = marker_of(batch) else { return Ok(()) };
    let (id, epoch) = (batch.producer_id(), batch.producer_epoch());
    match producers.ended(id, epoch, marker, batch.base_offset(), batch.max_timestamp()) {
        Some(aborted) => segment.add_aborted(aborted),
        None => Ok(()),
    }
}

impl PartitionLog {
    /// Writes the producer state as of the end of the log, unless the newest snapshot is as new.
    pub(super) fn take_snapshot(&self, writer: &mut Writer) -> Result<(), LogError> {
        let offset = writer.next_offset;
        if offset <= writer.snapshot_offset {
            return Ok(());
        }
        let path = self.place.segment_file(offset, names::SNAPSHOT);
        write_checked_file(self.place.disk(), &path, &writer.producers.encode())
            .map_err(|source| self.place.failed("write", &path, source))?;
        writer.snapshot_offset = offset;
        writer.bytes_since_snapshot = 0;
        Ok(())
    }

    /// Removes the snapshot at `offset` if no segment begins there: one taken between two rolls.
    pub(super) fn drop_stray_snapshot(&self, offset: Offset) -> Result<(), LogError> {
        if self.segments.load().iter().any(|segment| segment.base_offset == offset) {
            return Ok(());
        }
        let path = self.place.segment_file(offset, names::SNAPSHOT);
        remove_if_there(self.place.disk(), &path).map_err(|source| self.place.failed("remove", &path, source))
    }

    /// Loads the producer state anew for a log that now ends at `end`.
    pub(super) fn reload_producers(
        &self,
        writer: &mut Writer,
        end: Offset,
        now_ms: TimestampMs,
    ) -> Result<(), LogError> {
        let snapshots = self.snapshot_offsets()?;
        let segments = self.segments.load();
        let mut producers = load(&self.place, &segments, &snapshots, end, (self.log_start_offset(), end))?;
        producers.expire(now_ms, writer.options.producer_id_expiration_ms);
        self.ends.first_undecided.store(producers.first_undecided().unwrap_or(NONE), Ordering::Release);
        writer.producers = producers;
        writer.snapshot_offset = snapshots.into_iter().rfind(|offset| *offset <= end).unwrap_or(NONE);
        Ok(())
    }

    /// Offsets of the snapshot files there are, ascending.
    pub(super) fn snapshot_offsets(&self) -> Result<Vec<Offset>, LogError> {
        let folder = self.place.folder();
        let entries = match self.place.disk().list(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(LogError::io("list", &folder)(error)),
        };
        let mut offsets: Vec<Offset> = entries
            .iter()
            .filter_map(|entry| names::parse_segment_file(&entry.name))
            .filter(|(_, ending)| *ending == names::SNAPSHOT)
            .map(|(offset, _)| offset)
            .collect();
        offsets.sort_unstable();
        Ok(offsets)
    }
}
