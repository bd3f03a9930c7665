//! Walks the batches of a segment file in order, whole, and says where they stop being sound.

use std::fs::File;
use std::path::Path;

use records::{BatchError, Entry, entry_size_and_magic, next_entry};

use crate::disk::Disk;
use crate::error::LogError;

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;
/// Bytes of an entry from which its size can be told.
const HEAD: usize = 17;

/// A walk over `file` from a position to an end.
pub(crate) struct BatchScanner<'a> {
    disk: &'a dyn Disk,
    file: &'a File,
    path: &'a Path,
    position: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// One step of the walk.
#[derive(Debug)]
pub(crate) enum Step<'s> {
    /// An entry at a position; its checksum has not been looked at.
    Entry(u64, Entry<'s>),
    /// All bytes have been walked.
    End,
    /// What stands at the position is no entry.
    Broken(BatchError),
}

impl<'a> BatchScanner<'a> {
    /// Begins at `position`, where an entry must begin; stops at `end`.
    pub(crate) fn new(disk: &'a dyn Disk, file: &'a File, path: &'a Path, position: u64, end: u64) -> Self {
        BatchScanner { disk, file, path, position, end, window: Vec::new(), window_at: position }
    }

    /// Where the next step begins.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next entry.
    pub(crate) fn step(&mut self) -> Result<Step<'_>, LogError> {
        let left = self.end.saturating_sub(self.position);
        if left == 0 {
            return Ok(Step::End);
        }
        self.fill(HEAD)?;
        let size = match entry_size_and_magic(self.ahead()) {
            Ok((size, _)) if size as u64 > left => {
                return Ok(Step::Broken(BatchError::Incomplete { needed: size, available: left as usize }));
            }
            Ok((size, _)) => size,
            Err(error) => return Ok(Step::Broken(error)),
        };
        self.fill(size)?;
        let at = self.position;
        let from = (at - self.window_at) as usize;
        let bytes = self.window.get(from..from + size).unwrap_or_default();
        match next_entry(bytes) {
            Ok(Some(entry)) => {
                self.position += size as u64;
                Ok(Step::Entry(at, entry))
            }
            Ok(None) => Ok(Step::Broken(BatchError::Incomplete { needed: size, available: 0 })),
            Err(error) => Ok(Step::Broken(error)),
        }
    }

    fn ahead(&self) -> &[u8] {
        self.window.get((self.position - self.window_at) as usize..).unwrap_or_default()
    }

    /// Has at least `wanted` bytes from the position in the window, as far as the file goes.
    fn fill(&mut self, wanted: usize) -> Result<(), LogError> {
        if self.ahead().len() >= wanted {
            return Ok(());
        }
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        self.window.resize(wanted.max(CHUNK).min(left), 0);
        self.window_at = self.position;
        let read = self
            .disk
            .read_at(self.file, &mut self.window, self.position)
            .map_err(LogError::io("read", self.path))?;
        self.window.truncate(read);
        Ok(())
    }
}
