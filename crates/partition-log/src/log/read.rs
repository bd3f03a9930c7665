//! Reads: which bytes of which file, or of memory, hold the records from an offset on.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use model::Offset;

use super::PartitionLog;
use crate::error::{LogError, ReadError};
use crate::names;
use crate::place::Place;
use crate::segment::{Found, Segment};
use crate::txn_index::AbortedTransaction;

/// Times a read looks again when its segment was removed meanwhile.
const ATTEMPTS: usize = 4;
/// Bytes read at a time to bring a range into memory.
const READ_AHEAD_STEP: usize = 256 * 1024;

/// Record bytes of a partition: a range of a file, or a piece of the tail cache. Keeps its file open.
#[derive(Debug, Clone)]
pub struct LogSlice {
    source: Source,
    base_offset: Offset,
}

#[derive(Debug, Clone)]
enum Source {
    Empty,
    Memory(Bytes),
    File { file: Arc<File>, position: u64, len: usize, place: Arc<Place> },
}

/// What a reader asks for.
struct Wanted {
    start_offset: Offset,
    bytes_max: usize,
    until: Offset,
    at_least_one: bool,
}

/// How a read may go about it.
#[derive(Clone, Copy)]
struct Manner {
    /// The tail cache may answer.
    from_memory: bool,
    /// The disk may be waited for.
    may_wait: bool,
}

impl Manner {
    fn find(self, segment: &Segment, offset: Offset) -> Result<Option<Found>, LogError> {
        if self.may_wait { segment.find_offset(offset) } else { segment.find_offset_now(offset) }
    }
}

impl LogSlice {
    fn empty(base_offset: Offset) -> LogSlice {
        LogSlice { source: Source::Empty, base_offset }
    }

    /// Bytes in the slice. The last batch may be cut by the limit of the read; clients expect that.
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Empty => 0,
            Source::Memory(bytes) => bytes.len(),
            Source::File { len, .. } => *len,
        }
    }

    /// True where there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Base offset of the first batch, which may lie before the offset asked for.
    pub fn base_offset(&self) -> Offset {
        self.base_offset
    }

    /// The bytes, where the tail cache has them.
    pub fn cached(&self) -> Option<&[u8]> {
        self.cached_bytes().map(|bytes| &bytes[..])
    }

    /// The bytes, shared, where the tail cache has them.
    pub fn cached_bytes(&self) -> Option<&Bytes> {
        match &self.source {
            Source::Memory(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The file to send from; `None` where the slice is empty or in memory.
    pub fn file(&self) -> Option<Arc<File>> {
        match &self.source {
            Source::File { file, .. } => Some(Arc::clone(file)),
            _ => None,
        }
    }

    /// Where in the file the bytes begin; 0 where there is no file.
    pub fn position(&self) -> u64 {
        match &self.source {
            Source::File { position, .. } => *position,
            _ => 0,
        }
    }

    /// Copies the bytes into `target`, which must be as long as the slice.
    pub fn read_into(&self, target: &mut [u8]) -> Result<(), LogError> {
        match &self.source {
            Source::Empty => {}
            Source::Memory(bytes) => {
                if let Some(target) = target.get_mut(..bytes.len()) {
                    target.copy_from_slice(bytes);
                }
            }
            Source::File { file, position, place, .. } => {
                let path = place.folder();
                let wanted = target.len();
                let read =
                    place.disk().read_at(file, target, *position).map_err(LogError::io("read", &path))?;
                if read < wanted {
                    return Err(LogError::io("read", &path)(std::io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
        Ok(())
    }

    /// Has the system bring the bytes into memory, waiting for the disk: for a thread that may.
    pub fn read_ahead(&self) -> Result<(), LogError> {
        let Source::File { file, position, len, place } = &self.source else { return Ok(()) };
        let mut buffer = vec![0; READ_AHEAD_STEP.min(*len)];
        for from in (0..*len).step_by(READ_AHEAD_STEP) {
            let step = READ_AHEAD_STEP.min(len - from);
            let target = buffer.get_mut(..step).unwrap_or_default();
            let read = place.disk().read_at(file, target, position + from as u64);
            read.map_err(LogError::io("read", &place.folder()))?;
        }
        Ok(())
    }

    /// The bytes in a buffer of their own.
    pub fn to_vec(&self) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; self.len()];
        self.read_into(&mut bytes)?;
        Ok(bytes)
    }
}

impl PartitionLog {
    /// Batches from the one that holds `start_offset`, up to `bytes_max` bytes, of records below `until`.
    ///
    /// `until` is the high watermark, last stable offset or log end; it is taken to be a batch boundary. Where
    /// `at_least_one_batch`, the first batch is given whole even above `bytes_max`; else a first batch that does
    /// not fit gives an empty slice.
    pub fn read(
        &self,
        start_offset: Offset,
        bytes_max: usize,
        until: Offset,
        at_least_one_batch: bool,
    ) -> Result<LogSlice, ReadError> {
        let wanted = Wanted { start_offset, bytes_max, until, at_least_one: at_least_one_batch };
        self.read_again(&wanted, Manner { from_memory: true, may_wait: true })
    }

    /// As [`PartitionLog::read`], but `None` where that would have to wait for the disk, now or when the slice is
    /// sent, as far as can be told. Unless `from_memory`, the tail cache is passed by and the slice is one of a
    /// file, which takes no memory.
    pub fn read_now(
        &self,
        start_offset: Offset,
        bytes_max: usize,
        until: Offset,
        at_least_one_batch: bool,
        from_memory: bool,
    ) -> Result<Option<LogSlice>, ReadError> {
        let wanted = Wanted { start_offset, bytes_max, until, at_least_one: at_least_one_batch };
        match self.read_again(&wanted, Manner { from_memory, may_wait: false }) {
            Ok(slice) => Ok(Some(slice)),
            Err(ReadError::Storage(error)) if error.would_wait() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_again(&self, wanted: &Wanted, manner: Manner) -> Result<LogSlice, ReadError> {
        for attempt in 1.. {
            match self.read_once(wanted, manner) {
                // Its segment was removed between the look at the list and the opening of the file.
                Err(ReadError::Storage(error)) if error.is_not_found() && attempt < ATTEMPTS => {}
                outcome => return outcome,
            }
        }
        Ok(LogSlice::empty(wanted.start_offset))
    }

    fn read_once(&self, wanted: &Wanted, manner: Manner) -> Result<LogSlice, ReadError> {
        let log_end = self.log_end_offset();
        let wanted = &Wanted { until: wanted.until.min(log_end), ..*wanted };
        let Wanted { start_offset, bytes_max, until, at_least_one } = *wanted;
        let log_start = self.log_start_offset();
        if start_offset < log_start || start_offset > log_end {
            return Err(ReadError::OffsetOutOfRange { log_start, log_end });
        }
        if self.is_offline() {
            self.place.home.check_online()?;
        }
        if start_offset == log_end {
            self.tail.want();
        }
        if start_offset >= until {
            return Ok(LogSlice::empty(start_offset));
        }
        if manner.from_memory
            && let Some((bytes, base_offset)) = self.tail.read(start_offset, until, bytes_max, at_least_one)
        {
            return Ok(LogSlice { source: Source::Memory(bytes), base_offset });
        }
        let segments = self.segments.load();
        let holder =
            segments.partition_point(|segment| segment.base_offset <= start_offset).saturating_sub(1);
        for (segment, later) in segments.get(holder..).unwrap_or_default().iter().zip(holder + 1..) {
            let Some(found) = manner.find(segment, start_offset)? else { continue };
            if segments.get(later).is_some_and(|later| found.last_offset >= later.base_offset) {
                return Err(segment.strange(found.position).into());
            }
            if found.base_offset >= until {
                break;
            }
            return Ok(self.slice(segment, &found, wanted, manner)?);
        }
        Ok(LogSlice::empty(start_offset))
    }

    fn slice(
        &self,
        segment: &Arc<Segment>,
        found: &Found,
        wanted: &Wanted,
        manner: Manner,
    ) -> Result<LogSlice, LogError> {
        let Wanted { bytes_max, until, at_least_one, .. } = *wanted;
        let mut end = segment.size();
        if until < self.log_end_offset()
            && let Some(beyond) = manner.find(segment, until)?
        {
            end = end.min(beyond.position);
        }
        let first = found.size;
        let available = end.saturating_sub(found.position);
        let bytes_max = if at_least_one { (bytes_max as u64).max(first) } else { bytes_max as u64 };
        let len = available.min(bytes_max);
        if len < first {
            return Ok(LogSlice::empty(found.base_offset));
        }
        if found.position + len == segment.size() && segment.base_offset == self.active_base() {
            self.tail.want();
        }
        let file = segment.file()?;
        if !manner.may_wait && !segment.is_in_memory(&file, found.position, len) {
            return Err(segment.waits());
        }
        let (position, place) = (found.position, Arc::clone(&self.place));
        let source = Source::File { file, position, len: len as usize, place };
        Ok(LogSlice { source, base_offset: found.base_offset })
    }

    fn active_base(&self) -> Offset {
        self.segments.load().last().map_or(0, |segment| segment.base_offset)
    }

    /// Aborted transactions that a read_committed reader of the offsets `from` until `until` must skip, by first
    /// offset. A damaged index is an error in [`PartitionLog::try_aborted_transactions`] and nothing here.
    pub fn aborted_transactions(&self, from: Offset, until: Offset) -> Vec<AbortedTransaction> {
        self.try_aborted_transactions(from, until).unwrap_or_default()
    }

    /// As [`PartitionLog::aborted_transactions`], with the failure told.
    pub fn try_aborted_transactions(
        &self,
        from: Offset,
        until: Offset,
    ) -> Result<Vec<AbortedTransaction>, LogError> {
        let segments = self.segments.load();
        let holder = segments.partition_point(|segment| segment.base_offset <= from).saturating_sub(1);
        let mut found: Vec<AbortedTransaction> = Vec::new();
        for segment in segments.get(holder..).unwrap_or_default() {
            let complete = segment.with_aborted(|aborted| {
                found.extend(aborted.iter().filter(|entry| entry.concerns(from, until)));
                aborted.iter().any(|entry| entry.last_stable_offset >= until)
            })?;
            if complete {
                break;
            }
        }
        found.sort_by_key(|entry| entry.first_offset);
        Ok(found)
    }

    /// Path of the log file of the active segment, for messages.
    pub fn active_file(&self) -> std::path::PathBuf {
        self.place.segment_file(self.active_base(), names::LOG)
    }
}
