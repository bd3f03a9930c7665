//! Finds batches in a segment by offset, reading no more than their headers.

use std::fs::File;
use std::io;

use model::{Offset, TimestampMs};
use records::{BATCH_HEADER_SIZE, BatchError, Entry, LOG_OVERHEAD, entry_size_and_magic, next_entry};

use super::Segment;
use crate::error::LogError;
use crate::index::relative;
use crate::names;

/// Bytes read at a time: about what lies between two index entries.
const WINDOW: usize = 4608;
/// A segment of so many bytes is read whole with one call: its index finds nothing sooner.
pub(crate) const READ_AT_ONCE: u64 = WINDOW as u64;
/// Distance in bytes of the looks whether a range is in memory: the kernel's usual read-ahead.
const LOOK_EVERY: u64 = 128 * 1024;
/// Such looks at most. In a longer range they lie further apart: most of it is sent later, when what memory holds is not
/// what it holds now, and hundreds of looks for each answer would keep the others of a core waiting.
const LOOKS_MAX: u64 = 16;

/// A batch of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub position: u64,
    pub size: u64,
    pub base_offset: Offset,
    pub last_offset: Offset,
    pub max_timestamp: TimestampMs,
}

impl Segment {
    /// The first batch that ends at or after `offset`; `None` where the segment ends before.
    pub(crate) fn find_offset(&self, offset: Offset) -> Result<Option<Found>, LogError> {
        let entry = match relative(self.base_offset, offset) {
            Some(relative) => self.entry_before(relative)?,
            None => None,
        };
        let Some(entry) = entry else { return self.find(0, offset) };
        match self.find(u64::from(entry.position), Offset::MIN) {
            Ok(Some(at)) if at.last_offset == self.base_offset + i64::from(entry.relative) => {
                self.find(at.position, offset)
            }
            Err(error @ LogError::Io { .. }) => Err(error),
            // The index tells of a batch that is not there: it is made anew, which says where the log is damaged if it is.
            _ => {
                self.renew_index()?;
                self.find(0, offset)
            }
        }
    }

    /// As [`Segment::find_offset`] from what is in memory already; an error that says
    /// [`LogError::would_wait`] where that is not enough.
    pub(crate) fn find_offset_now(&self, offset: Offset) -> Result<Option<Found>, LogError> {
        let from = match relative(self.base_offset, offset) {
            Some(relative) => self.position_in_memory(relative).ok_or_else(|| self.waits())?,
            None => 0,
        };
        self.walk(from, offset, false)
    }

    /// As [`Segment::find_offset`], walking from `position`, where a batch must begin.
    pub(crate) fn find(&self, position: u64, offset: Offset) -> Result<Option<Found>, LogError> {
        self.walk(position, offset, true)
    }

    /// As [`Segment::find`] by a descriptor of the caller's.
    pub(crate) fn find_in(
        &self,
        file: &File,
        position: u64,
        offset: Offset,
    ) -> Result<Option<Found>, LogError> {
        self.walk_in(file, position, offset, true)
    }

    /// True where `len` bytes from `position` are in memory, as far as a few looks can tell: at the last byte,
    /// and as often as the kernel reads ahead, or less often in a long range.
    pub(crate) fn is_in_memory(&self, file: &File, position: u64, len: u64) -> bool {
        let Some(last) = len.checked_sub(1) else { return true };
        let is_there = |at: u64| self.place.disk().read_at_now(file, &mut [0], position + at).is_ok();
        let step = LOOK_EVERY.max(len.div_ceil(LOOKS_MAX));
        is_there(last) && (step..last).step_by(step as usize).all(is_there)
    }

    /// The error that says that the disk would have to be waited for.
    pub(crate) fn waits(&self) -> LogError {
        LogError::io("read", &self.path(names::LOG))(io::ErrorKind::WouldBlock.into())
    }

    fn walk(&self, position: u64, offset: Offset, may_wait: bool) -> Result<Option<Found>, LogError> {
        if position >= self.size() {
            return Ok(None);
        }
        self.walk_in(&*self.file()?, position, offset, may_wait)
    }

    fn walk_in(
        &self,
        file: &File,
        mut position: u64,
        offset: Offset,
        may_wait: bool,
    ) -> Result<Option<Found>, LogError> {
        let end = self.size();
        let mut window = [0u8; WINDOW];
        let mut filled = 0;
        let mut window_at = position;
        let mut next_offset = self.base_offset;
        while position < end {
            let wanted = BATCH_HEADER_SIZE.min((end - position) as usize);
            let mut from = (position - window_at) as usize;
            if from + wanted > filled {
                let length = WINDOW.min((end - position) as usize);
                let target = window.get_mut(..length).unwrap_or_default();
                let disk = self.place.disk();
                let read = if may_wait {
                    disk.read_at(file, target, position)
                } else {
                    disk.read_at_now(file, target, position)
                };
                filled = read.map_err(|source| LogError::io("read", &self.path(names::LOG))(source))?;
                (window_at, from) = (position, 0);
                if !may_wait && filled < wanted {
                    return Err(self.waits());
                }
            }
            let bytes = window.get(from..filled).unwrap_or_default();
            let found = head(bytes, position).map_err(|error| self.damaged(position, &error))?;
            let is_behind = found.base_offset < next_offset;
            if position + found.size > end || is_behind {
                return Err(self.damaged(position, &BatchError::Malformed("batch does not fit its segment")));
            }
            if found.last_offset >= offset {
                return Ok(Some(found));
            }
            next_offset = found.last_offset + 1;
            position += found.size;
        }
        Ok(None)
    }
}

fn head(bytes: &[u8], position: u64) -> Result<Found, BatchError> {
    let (size, magic) = entry_size_and_magic(bytes)?;
    let short = BatchError::Incomplete { needed: size, available: bytes.len() };
    let base_offset = bytes.first_chunk().copied().map(i64::from_be_bytes).ok_or(short.clone())?;
    let mut found =
        Found { position, size: size as u64, base_offset, last_offset: base_offset, max_timestamp: -1 };
    if magic == 2 {
        let field = |at: usize| bytes.get(at..);
        let delta =
            field(23).and_then(<[u8]>::first_chunk).copied().map(i32::from_be_bytes).ok_or(short.clone())?;
        found.max_timestamp =
            field(35).and_then(<[u8]>::first_chunk).copied().map(i64::from_be_bytes).ok_or(short)?;
        found.last_offset = base_offset
            .checked_add(i64::from(delta))
            .filter(|last| *last >= base_offset)
            .ok_or(BatchError::Malformed("batch ends before it begins"))?;
    } else if let Ok(Some(Entry::Legacy(message))) = next_entry(bytes) {
        found.max_timestamp = message.timestamp();
    } else if magic == 1 {
        // A message longer than the window: its timestamp stands after length, checksum, magic and attributes.
        let at = LOG_OVERHEAD + 6;
        found.max_timestamp =
            bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(-1, i64::from_be_bytes);
    }
    Ok(found)
}
