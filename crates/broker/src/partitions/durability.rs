//! What readers may see of a partition with `flush.policy=durable`.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use model::Offset;

/// Whether records have to be on stable storage before they are shown, and those that are not yet.
#[derive(Debug)]
pub struct Durability {
    is_on: AtomicBool,
    /// End of what was shown before the policy was switched on; it stays visible.
    shown_before: AtomicI64,
    /// Bytes appended since the last flush began, which nobody who waits for bytes has been told of.
    hidden_bytes: AtomicUsize,
}

impl Durability {
    /// As the policy is when the partition is opened.
    pub fn new(is_on: bool) -> Durability {
        Durability {
            is_on: AtomicBool::new(is_on),
            shown_before: AtomicI64::new(-1),
            hidden_bytes: AtomicUsize::new(0),
        }
    }

    /// True where records wait for stable storage.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// From now on records wait; those below `end` have been seen.
    pub fn switch_on(&self, end: Offset) {
        self.shown_before.store(end, Ordering::Release);
        self.is_on.store(true, Ordering::Release);
    }

    /// From now on every record is shown at once.
    pub fn switch_off(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// The end of what may be shown of a log that ends at `end` and is on stable storage up to `flushed`.
    pub fn shown(&self, end: Offset, flushed: Offset) -> Offset {
        if !self.is_on() {
            return end;
        }
        end.min(flushed.max(self.shown_before.load(Ordering::Acquire)))
    }

    /// Counts bytes appended that are not shown yet.
    pub fn hide(&self, bytes: usize) {
        self.hidden_bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Takes the count before a flush that will show them all.
    pub fn take_hidden(&self) -> usize {
        self.hidden_bytes.swap(0, Ordering::AcqRel)
    }
}
