//! Room that a segment has on the disk before it is filled: `preallocate`, and what a flush reserves for what comes next.

use std::fs::File;
use std::sync::atomic::Ordering;

use super::Segment;
use crate::error::LogError;
use crate::names;

/// What a file may have on the disk beyond its bytes without anybody giving it back.
const SLACK: u64 = 1 << 20;

impl Segment {
    /// Has the log file made with `bytes` at once (`preallocate`), until [`Segment::trim`].
    pub(crate) fn preallocate(&self, bytes: u64) {
        self.preallocated.store(bytes, Ordering::Relaxed);
    }

    /// Sees to it that the next `bytes` of the log file have their place on the disk, its size left as it is. A write to
    /// such a place need not wait while the file system finds places for what is written back. Where that cannot be had
    /// they are written as ever.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<(), LogError> {
        let (size, reserved) = (self.size(), self.preallocated.load(Ordering::Relaxed));
        if !self.exists() || reserved > size + bytes / 4 * 3 {
            return Ok(());
        }
        let (from, until) = (size.max(reserved), size + bytes);
        if from < until && self.place.disk().reserve(&*self.file()?, from, until - from).is_ok() {
            self.preallocated.fetch_max(until, Ordering::Relaxed);
        }
        Ok(())
    }

    /// True where it may have more room than it fills.
    pub(crate) fn has_room_ahead(&self) -> bool {
        self.preallocated.load(Ordering::Relaxed) > self.size()
    }

    /// Gives back what was preallocated or reserved and not filled. Nobody may be writing.
    pub(crate) fn trim(&self) -> Result<(), LogError> {
        let size = self.size();
        if self.preallocated.swap(0, Ordering::Relaxed) <= size || !self.exists() {
            return Ok(());
        }
        let failed = |source| self.place.failed("cut", &self.path(names::LOG), source);
        self.place.disk().set_size(&*self.file()?, size).map_err(failed)
    }

    /// Gives back what a run before this one reserved and did not live to give back.
    pub(crate) fn trim_found(&self, file: &File) -> Result<(), LogError> {
        let path = self.path(names::LOG);
        let size = self.size();
        let taken = self.place.disk().allocated(file).map_err(LogError::io("read", &path))?;
        if taken <= size + SLACK {
            return Ok(());
        }
        self.place.disk().set_size(file, size).map_err(|source| self.place.failed("cut", &path, source))
    }

    /// In a log file that has just been made.
    pub(super) fn make_room(&self, file: &File) -> Result<(), LogError> {
        let bytes = self.preallocated.load(Ordering::Relaxed);
        if bytes == 0 {
            return Ok(());
        }
        let failed = |source| self.place.failed("extend", &self.path(names::LOG), source);
        self.place.disk().set_size(file, bytes).map_err(failed)
    }
}
