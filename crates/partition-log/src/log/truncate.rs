//! Removing records: from the end (truncation), from the start (deletion), or all of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Offset, TimestampMs};

use super::recover::end_of;
use super::{PartitionLog, Writer};
use crate::disk::remove_if_there;
use crate::error::LogError;
use crate::names;
use crate::segment::Segment;

impl PartitionLog {
    /// Makes the end of the last batch that ends at or before `offset` the end of the log, on stable storage when it
    /// returns. Does nothing at or past the end.
    ///
    /// The recovery point goes back with the end; its checkpoint must be written before the next append, for a start would
    /// take what is then written below the old one to be on stable storage.
    pub fn truncate_to(&self, offset: Offset, now_ms: TimestampMs) -> Result<(), LogError> {
        // A flush under way would take the recovery point to the old end.
        let _no_flush = self.flushing.lock();
        let mut writer = self.writer.lock();
        self.place.home.check_online()?;
        if offset >= writer.next_offset {
            return Ok(());
        }
        if offset < self.log_start_offset() {
            return self.restart_at(&mut writer, offset, now_ms);
        }
        self.tail.drop_all();
        // Readers see nothing of what goes; where the end lies exactly is known once it is gone.
        self.ends.log_end.store(offset, Ordering::Release);
        let segments = self.segments.load_full();
        let kept = segments.partition_point(|segment| segment.base_offset < offset).max(1);
        let (kept, removed) = segments.split_at_checked(kept).unwrap_or((&segments, &[]));
        self.segments.store(Arc::new(kept.to_vec()));
        for segment in removed.iter().rev() {
            segment.remove_files()?;
        }
        if !removed.is_empty() {
            // A start that went by the old recovery point must not find them behind a segment that was cut.
            self.sync_folder()?;
        }
        let mut end = offset;
        if let Some(active) = kept.last() {
            let found = active.find_offset(offset)?;
            if found.is_some_and(|found| found.base_offset < self.log_start_offset()) {
                return self.restart_within(&mut writer, now_ms);
            }
            if let Some(found) = found {
                active.cut(found.position, offset)?;
            }
            // The records go before the transactions that hold them: these must not be missing where those are not.
            active.sync()?;
            active.cut_aborted(offset)?;
            writer.active = Arc::clone(active);
            end = end_of(active)?.unwrap_or(active.base_offset).min(offset);
        }
        self.ends.log_end.store(end, Ordering::Release);
        self.ends.recovery_point.fetch_min(end, Ordering::AcqRel);
        writer.next_offset = end;
        self.truncate_epochs(&mut writer, |epochs| epochs.truncate_end(end));
        self.reload_producers(&mut writer, end, now_ms)?;
        self.settle_cut(&writer)
    }

    /// Puts a cut on stable storage. What is appended next would otherwise be mixed, after a power cut, with what was
    /// there before.
    fn settle_cut(&self, writer: &Writer) -> Result<(), LogError> {
        writer.active.sync()?;
        self.sync_epochs()?;
        self.sync_folder()
    }

    /// Removes everything and begins anew at `offset`, as a follower far behind its leader does.
    pub fn truncate_fully(&self, offset: Offset, now_ms: TimestampMs) -> Result<(), LogError> {
        let _no_flush = self.flushing.lock();
        let mut writer = self.writer.lock();
        self.place.home.check_online()?;
        self.restart_at(&mut writer, offset, now_ms)
    }

    fn restart_at(&self, writer: &mut Writer, offset: Offset, now_ms: TimestampMs) -> Result<(), LogError> {
        let (begun, removed) = self.begin_again(writer, offset, now_ms);
        for segment in removed.iter().rev() {
            segment.remove_files()?;
        }
        // Should the checkpoint of log starts be older, the file's name keeps the offset.
        begun.ensure_file()?;
        self.settle_restart(writer, now_ms)
    }

    /// Begins anew at the log start, which lies within the last batch: nothing is left to read, and cutting that batch would
    /// leave a log that ends below its start.
    ///
    /// Until the old segments are gone the new one, empty and within the last of them, tells a start that it is all there is.
    fn restart_within(&self, writer: &mut Writer, now_ms: TimestampMs) -> Result<(), LogError> {
        let (begun, removed) = self.begin_again(writer, self.log_start_offset(), now_ms);
        begun.ensure_file()?;
        begun.sync()?;
        self.sync_folder()?;
        // The one that is marked goes last.
        for segment in removed.iter() {
            segment.remove_files()?;
            self.sync_folder()?;
        }
        self.settle_restart(writer, now_ms)
    }

    /// Makes an empty segment at `offset` all that readers and appends see; its file is not there yet, and those of the
    /// segments that are returned beside it still are.
    fn begin_again(
        &self,
        writer: &mut Writer,
        offset: Offset,
        now_ms: TimestampMs,
    ) -> (Arc<Segment>, Arc<Vec<Arc<Segment>>>) {
        self.tail.drop_all();
        let begun = Segment::begin(&self.place, offset, now_ms);
        begun.preallocate(writer.options.preallocated_bytes());
        let removed = self.segments.swap(Arc::new(vec![Arc::clone(&begun)]));
        self.ends.log_start.store(offset, Ordering::Release);
        self.ends.log_end.store(offset, Ordering::Release);
        self.ends.recovery_point.store(offset, Ordering::Release);
        writer.active = Arc::clone(&begun);
        writer.next_offset = offset;
        (begun, removed)
    }

    fn settle_restart(&self, writer: &mut Writer, now_ms: TimestampMs) -> Result<(), LogError> {
        self.truncate_epochs(writer, |epochs| epochs.truncate_end(Offset::MIN));
        self.remove_snapshots(|_| true)?;
        self.reload_producers(writer, writer.next_offset, now_ms)?;
        self.settle_cut(writer)
    }

    /// Moves the first readable offset up to `offset`, at most to the end; segments wholly below it are removed.
    ///
    /// The recovery point stays, below the new start as well: a crash may bring the old start back, and with it records
    /// that never reached the disk.
    pub fn advance_log_start(&self, offset: Offset) -> Result<(), LogError> {
        let mut writer = self.writer.lock();
        self.place.home.check_online()?;
        let offset = offset.min(writer.next_offset);
        if offset <= self.log_start_offset() {
            return Ok(());
        }
        self.ends.log_start.store(offset, Ordering::Release);
        let segments = self.segments.load_full();
        // A segment ends where the next begins; the active one stays.
        let below =
            segments.windows(2).take_while(|pair| pair.get(1).is_some_and(|next| next.base_offset <= offset));
        let (removed, kept) = segments.split_at_checked(below.count()).unwrap_or((&[], &segments));
        if !removed.is_empty() {
            // What stays must keep the offset by its name, even where it holds no record yet.
            writer.active.ensure_file()?;
            self.segments.store(Arc::new(kept.to_vec()));
        }
        for segment in removed {
            segment.remove_files()?;
        }
        let first = kept.first().map_or(offset, |segment| segment.base_offset);
        if !removed.is_empty() {
            self.remove_snapshots(|snapshot| snapshot < first)?;
        }
        self.truncate_epochs(&mut writer, |epochs| epochs.truncate_start(offset));
        Ok(())
    }

    fn remove_snapshots(&self, which: impl Fn(Offset) -> bool) -> Result<(), LogError> {
        for offset in self.snapshot_offsets()?.into_iter().filter(|offset| which(*offset)) {
            let path = self.place.segment_file(offset, names::SNAPSHOT);
            remove_if_there(self.place.disk(), &path)
                .map_err(|source| self.place.failed("remove", &path, source))?;
        }
        Ok(())
    }
}
