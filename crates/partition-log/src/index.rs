//! Sparse offset and time index of one segment: in memory, and in Kafka's two files.

use std::fs::File;
use std::io::{self, IoSlice};

use model::{Offset, TimestampMs};

use crate::disk::{Disk, end_at};

/// Bytes of an entry of the offset index.
pub(crate) const OFFSET_ENTRY_SIZE: usize = 8;
/// Bytes of an entry of the time index.
pub(crate) const TIME_ENTRY_SIZE: usize = 12;

/// Entries that stay in memory though the files hold them: letting go of so few is not worth reading them again.
const FEW_ENTRIES: usize = 32;

/// Last offset of a batch, relative to the segment's base, and where the batch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetEntry {
    pub relative: u32,
    pub position: u32,
}

/// Largest timestamp so far and the relative offset of its batch's last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub timestamp: TimestampMs,
    pub relative: u32,
}

/// Entries of both indexes, or the last of them where the files hold the others; what is not yet in the files is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct SegmentIndex {
    pub offsets: Vec<OffsetEntry>,
    pub times: Vec<TimeEntry>,
    /// Entries of the files, those that have left the memory among them.
    offsets_written: usize,
    times_written: usize,
    /// Entries that are only in the files.
    offsets_dropped: usize,
    times_dropped: usize,
    bytes_since_entry: u64,
    /// Largest timestamp of the segment, -1 where there is none, and the relative offset of its batch's end.
    pub largest: Option<TimeEntry>,
    /// Timestamp of the segment's first batch, once known.
    pub first_timestamp: Option<TimestampMs>,
}

impl SegmentIndex {
    /// Takes note of a batch: `relative` is its last offset, `position` where it begins.
    pub(crate) fn note(
        &mut self,
        relative: u32,
        position: u64,
        size: u64,
        max_timestamp: TimestampMs,
        interval: u64,
    ) {
        if position == 0 {
            self.first_timestamp = Some(max_timestamp);
        }
        if max_timestamp > self.largest.map_or(-1, |largest| largest.timestamp) {
            self.largest = Some(TimeEntry { timestamp: max_timestamp, relative });
        }
        if self.bytes_since_entry > interval {
            self.offsets.push(OffsetEntry { relative, position: position as u32 });
            self.note_largest();
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += size;
    }

    /// Adds the largest timestamp to the time index, as roll and close do.
    pub(crate) fn note_largest(&mut self) {
        let Some(largest) = self.largest else { return };
        if self
            .times
            .last()
            .is_none_or(|last| largest.timestamp > last.timestamp && largest.relative >= last.relative)
        {
            self.times.push(largest);
        }
    }

    /// The last indexed batch that ends at or before `relative`.
    pub(crate) fn entry_before(&self, relative: u32) -> Option<OffsetEntry> {
        let after = self.offsets.partition_point(|entry| entry.relative <= relative);
        after.checked_sub(1).and_then(|place| self.offsets.get(place)).copied()
    }

    /// Position of the last indexed batch that ends at or before `relative`; 0 where none does.
    pub(crate) fn position_before(&self, relative: u32) -> u64 {
        self.entry_before(relative).map_or(0, |entry| u64::from(entry.position))
    }

    /// Relative offset from which to look for the first record at or after `timestamp`.
    pub(crate) fn relative_before(&self, timestamp: TimestampMs) -> u32 {
        let after = self.times.partition_point(|entry| entry.timestamp < timestamp);
        after.checked_sub(1).and_then(|place| self.times.get(place)).map_or(0, |entry| entry.relative)
    }

    /// True where either file would exceed `bytes_max`.
    pub(crate) fn is_full(&self, bytes_max: u64) -> bool {
        let entries_max = (bytes_max / OFFSET_ENTRY_SIZE as u64) as usize;
        let times_max = (bytes_max / TIME_ENTRY_SIZE as u64) as usize;
        self.offsets_len() >= entries_max.max(1) || self.times_len() >= times_max.saturating_sub(1).max(1)
    }

    fn offsets_len(&self) -> usize {
        self.offsets_dropped + self.offsets.len()
    }

    fn times_len(&self) -> usize {
        self.times_dropped + self.times.len()
    }

    /// True where no entry is in the files alone.
    pub(crate) fn is_whole(&self) -> bool {
        self.offsets_dropped == 0 && self.times_dropped == 0
    }

    /// True where what stays in memory in any case tells where to look for `relative`.
    pub(crate) fn tail_holds(&self, relative: u32) -> bool {
        let first_kept = (self.offsets_written - self.offsets_dropped).saturating_sub(1);
        (self.offsets_written == 0 && self.is_whole())
            || self.offsets.get(first_kept).is_some_and(|entry| entry.relative <= relative)
    }

    /// Lets go of what the files hold, but for the last entry of each, with which the next is compared.
    pub(crate) fn drop_written(&mut self) {
        let offsets = (self.offsets_written - self.offsets_dropped).saturating_sub(1);
        let times = (self.times_written - self.times_dropped).saturating_sub(1);
        if offsets + times < FEW_ENTRIES {
            return;
        }
        self.offsets.drain(..offsets);
        self.times.drain(..times);
        self.offsets_dropped += offsets;
        self.times_dropped += times;
    }

    /// Gives back the room that no entry takes.
    pub(crate) fn shrink(&mut self) {
        self.offsets.shrink_to_fit();
        self.times.shrink_to_fit();
    }

    /// Takes the entries that `self` has only in the files from `files`, what those hold; false where that is
    /// something else.
    pub(crate) fn complete_with(&mut self, mut files: SegmentIndex) -> bool {
        if files.offsets.len() != self.offsets_written || files.times.len() != self.times_written {
            return false;
        }
        let unwritten = |written: usize, dropped: usize| written - dropped;
        let offsets = self.offsets.split_off(unwritten(self.offsets_written, self.offsets_dropped));
        let times = self.times.split_off(unwritten(self.times_written, self.times_dropped));
        files.offsets.extend(offsets);
        files.times.extend(times);
        (self.offsets, self.times) = (files.offsets, files.times);
        (self.offsets_dropped, self.times_dropped) = (0, 0);
        true
    }

    /// As if made from the batches anew: `walked` has the entries, and no file has one.
    pub(crate) fn replace_with(&mut self, walked: SegmentIndex) {
        (self.offsets, self.times) = (walked.offsets, walked.times);
        (self.offsets_dropped, self.times_dropped) = (0, 0);
        self.forget_files();
    }

    /// Forgets entries of batches at or after `position`, whose first offset is `relative` from the base. For a whole index.
    pub(crate) fn cut(&mut self, position: u64, relative: u32) {
        self.offsets.truncate(self.offsets.partition_point(|entry| u64::from(entry.position) < position));
        self.times.truncate(self.times.partition_point(|entry| entry.relative < relative));
        self.offsets_written = self.offsets_written.min(self.offsets.len());
        self.times_written = self.times_written.min(self.times.len());
        self.bytes_since_entry = 0;
        self.largest = self.times.last().copied();
        if position == 0 {
            self.first_timestamp = None;
        }
    }

    /// Bytes of memory that the entries take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.offsets.capacity() * size_of::<OffsetEntry>() + self.times.capacity() * size_of::<TimeEntry>()
    }

    /// True where the files lack entries.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.offsets_written < self.offsets_len() || self.times_written < self.times_len()
    }

    /// True where nothing is in the files, which may not be there then.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.offsets_written == 0 && self.times_written == 0
    }

    /// Entries that the offset file lacks.
    pub(crate) fn unwritten_count(&self) -> usize {
        self.offsets_len() - self.offsets_written
    }

    /// Counts all entries as not written, for files that are to be replaced.
    pub(crate) fn forget_files(&mut self) {
        (self.offsets_written, self.times_written) = (0, 0);
    }

    /// Writes what the files lack and cuts them to the entries there are.
    pub(crate) fn write(&mut self, disk: &dyn Disk, offset_file: &File, time_file: &File) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(self.offsets.len().max(self.times.len()) * TIME_ENTRY_SIZE);
        for entry in self.offsets.iter().skip(self.offsets_written - self.offsets_dropped) {
            bytes.extend_from_slice(&entry.relative.to_be_bytes());
            bytes.extend_from_slice(&entry.position.to_be_bytes());
        }
        let start = (self.offsets_written * OFFSET_ENTRY_SIZE) as u64;
        disk.write_at(offset_file, &mut [IoSlice::new(&bytes)], start)?;
        end_at(disk, offset_file, start + bytes.len() as u64)?;
        bytes.clear();
        for entry in self.times.iter().skip(self.times_written - self.times_dropped) {
            bytes.extend_from_slice(&entry.timestamp.to_be_bytes());
            bytes.extend_from_slice(&entry.relative.to_be_bytes());
        }
        let start = (self.times_written * TIME_ENTRY_SIZE) as u64;
        disk.write_at(time_file, &mut [IoSlice::new(&bytes)], start)?;
        end_at(disk, time_file, start + bytes.len() as u64)?;
        (self.offsets_written, self.times_written) = (self.offsets_len(), self.times_len());
        Ok(())
    }

    /// Reads both files' contents; `None` where they are no sound index of a segment of `segment_size` bytes.
    ///
    /// Zeros at the end, which Kafka leaves in the files of an active segment, are no entries.
    pub(crate) fn parse(offset_file: &[u8], time_file: &[u8], segment_size: u64) -> Option<SegmentIndex> {
        if !offset_file.len().is_multiple_of(OFFSET_ENTRY_SIZE)
            || !time_file.len().is_multiple_of(TIME_ENTRY_SIZE)
        {
            return None;
        }
        let mut index = SegmentIndex::default();
        let mut padded = false;
        for entry in offset_file.as_chunks::<OFFSET_ENTRY_SIZE>().0 {
            let [r0, r1, r2, r3, p0, p1, p2, p3] = *entry;
            let entry = OffsetEntry {
                relative: u32::from_be_bytes([r0, r1, r2, r3]),
                position: u32::from_be_bytes([p0, p1, p2, p3]),
            };
            if entry.position == 0 && entry.relative == 0 {
                padded = true;
                continue;
            }
            let ascends = index
                .offsets
                .last()
                .is_none_or(|last| entry.relative > last.relative && entry.position > last.position);
            if padded || !ascends || u64::from(entry.position) >= segment_size {
                return None;
            }
            index.offsets.push(entry);
        }
        padded = false;
        for entry in time_file.as_chunks::<TIME_ENTRY_SIZE>().0 {
            let (timestamp, relative) = entry.split_first_chunk::<8>()?;
            let entry = TimeEntry {
                timestamp: i64::from_be_bytes(*timestamp),
                relative: u32::from_be_bytes(*relative.first_chunk::<4>()?),
            };
            let ascends =
                |last: &TimeEntry| entry.timestamp > last.timestamp && entry.relative >= last.relative;
            if entry.timestamp == 0
                && entry.relative == 0
                && index.times.last().is_some_and(|last| !ascends(last))
            {
                padded = true;
                continue;
            }
            if padded || !index.times.last().is_none_or(ascends) {
                return None;
            }
            index.times.push(entry);
        }
        // An empty file of zeros reads as one entry at time 0 and offset 0, which says nothing false.
        (index.offsets_written, index.times_written) = (index.offsets.len(), index.times.len());
        index.largest = index.times.last().copied();
        Some(index)
    }
}

/// `offset` relative to `base`, if it can be.
pub(crate) fn relative(base: Offset, offset: Offset) -> Option<u32> {
    let relative = offset.checked_sub(base)?;
    (0..=i64::from(i32::MAX)).contains(&relative).then_some(relative as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> SegmentIndex {
        let mut index = SegmentIndex::default();
        for batch in 0..10u32 {
            index.note(batch * 10 + 9, u64::from(batch) * 5000, 5000, i64::from(batch) * 100, 4096);
        }
        index
    }

    #[test]
    fn entries_come_every_interval_with_the_last_offset_of_their_batch() {
        let index = filled();
        assert_eq!(index.offsets.len(), 9);
        assert_eq!(index.offsets[0], OffsetEntry { relative: 19, position: 5000 });
        assert_eq!(index.position_before(18), 0);
        assert_eq!(index.position_before(19), 5000);
        assert_eq!(index.position_before(1000), 45000);
        assert_eq!(index.relative_before(100), 0);
        assert_eq!(index.relative_before(101), 19);
        assert_eq!(index.first_timestamp, Some(0));
    }

    #[test]
    fn files_read_back_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let disk = crate::disk::RealDisk;
        let offset_file = disk.open(&folder.path().join("index"), true).unwrap();
        let time_file = disk.open(&folder.path().join("timeindex"), true).unwrap();
        let mut index = filled();
        index.note_largest();
        index.write(&disk, &offset_file, &time_file).unwrap();
        assert!(!index.has_unwritten());
        let mut offsets = std::fs::read(folder.path().join("index")).unwrap();
        let mut times = std::fs::read(folder.path().join("timeindex")).unwrap();
        let read = SegmentIndex::parse(&offsets, &times, 50_000).unwrap();
        assert_eq!((&read.offsets, &read.times), (&index.offsets, &index.times));
        offsets.extend([0; 80]);
        times.extend([0; 120]);
        let padded = SegmentIndex::parse(&offsets, &times, 50_000).unwrap();
        assert_eq!((&padded.offsets, &padded.times), (&index.offsets, &index.times));
        assert!(SegmentIndex::parse(&offsets[..7], &[], 50_000).is_none());
        assert!(SegmentIndex::parse(&offsets, &times, 45_000).is_none());
        offsets[4..8].copy_from_slice(&40_000u32.to_be_bytes());
        assert!(SegmentIndex::parse(&offsets, &times, 50_000).is_none());
    }

    #[test]
    fn what_the_files_hold_leaves_the_memory_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let disk = crate::disk::RealDisk;
        let offset_file = disk.open(&folder.path().join("index"), true).unwrap();
        let time_file = disk.open(&folder.path().join("timeindex"), true).unwrap();
        let (mut index, mut whole) = (SegmentIndex::default(), SegmentIndex::default());
        for batch in 0..200u32 {
            for index in [&mut index, &mut whole] {
                index.note(batch * 10 + 9, u64::from(batch) * 5000, 5000, i64::from(batch) * 100, 4096);
            }
            if batch == 100 {
                assert!(index.tail_holds(0));
                index.write(&disk, &offset_file, &time_file).unwrap();
                index.drop_written();
            }
        }
        assert!(!index.is_whole());
        assert!(!index.tail_holds(1008) && index.tail_holds(1009));
        for relative in [1009, 1010, 1500, 3000] {
            assert_eq!(index.entry_before(relative), whole.entry_before(relative));
        }
        assert_eq!(index.largest, whole.largest);
        index.write(&disk, &offset_file, &time_file).unwrap();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let files = SegmentIndex::parse(&read("index"), &read("timeindex"), 1_000_000).unwrap();
        assert_eq!((&files.offsets, &files.times), (&whole.offsets, &whole.times));
        index.drop_written();
        assert_eq!((index.offsets.len(), index.times.len()), (1, 1));
        assert!(!index.complete_with(SegmentIndex::default()), "files that lack entries are noticed");
        assert!(index.complete_with(files) && index.is_whole() && !index.has_unwritten());
        assert_eq!((index.offsets, index.times), (whole.offsets, whole.times));
    }

    #[test]
    fn a_cut_forgets_later_batches() {
        let mut index = filled();
        index.cut(20_000, 40);
        assert_eq!(index.offsets.last(), Some(&OffsetEntry { relative: 39, position: 15_000 }));
        assert_eq!(index.largest, Some(TimeEntry { timestamp: 300, relative: 39 }));
    }
}
