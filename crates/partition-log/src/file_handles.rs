//! A bounded set of open segment files, shared by every partition of a process.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::disk::Disk;

/// Files let go at most to open one where the process has no descriptor left: others may be quicker to take it.
const WAYS_MADE_MAX: usize = 64;

/// The open files of a process. Above its capacity the ones not used lately are let go; a file that
/// somebody still reads stays open until the last reader drops it, and counts until then.
#[derive(Debug)]
pub struct FileHandles {
    capacity: usize,
    clock: Mutex<VecDeque<Weak<HandleSlot>>>,
}

/// Place for the open file of one segment.
#[derive(Debug, Default)]
pub(crate) struct HandleSlot {
    file: ArcSwapOption<File>,
    used: AtomicBool,
}

impl FileHandles {
    /// Keeps at most about `capacity` files open.
    pub fn new(capacity: usize) -> FileHandles {
        FileHandles { capacity: capacity.max(1), clock: Mutex::new(VecDeque::new()) }
    }

    /// Files held open now.
    pub fn open_count(&self) -> usize {
        let clock = self.clock.lock();
        clock.iter().filter_map(Weak::upgrade).filter(|slot| slot.file.load().is_some()).count()
    }

    /// The file of `slot`, opened at `path` where it is not open.
    pub(crate) fn file(
        &self,
        slot: &Arc<HandleSlot>,
        disk: &dyn Disk,
        path: &Path,
        create: bool,
    ) -> io::Result<Arc<File>> {
        if let Some(file) = slot.file.load_full() {
            self.touch(slot);
            return Ok(file);
        }
        // The set's lock is held over the opening, so that a segment is never opened twice at once.
        let mut clock = self.clock.lock();
        if let Some(file) = slot.file.load_full() {
            return Ok(file);
        }
        Self::make_room(&mut clock, self.capacity);
        let file = Arc::new(Self::open(&mut clock, disk, path, create)?);
        slot.file.store(Some(Arc::clone(&file)));
        slot.used.store(true, Ordering::Relaxed);
        clock.push_back(Arc::downgrade(slot));
        Ok(file)
    }

    /// Opens a file; where the process has no descriptor left, files of the set make way one after the other.
    fn open(
        clock: &mut VecDeque<Weak<HandleSlot>>,
        disk: &dyn Disk,
        path: &Path,
        create: bool,
    ) -> io::Result<File> {
        for _ in 0..WAYS_MADE_MAX {
            match disk.open(path, create) {
                Err(error) if is_out_of_descriptors(&error) && !clock.is_empty() => {
                    let one_less = clock.len();
                    Self::make_room(clock, one_less);
                }
                outcome => return outcome,
            }
        }
        disk.open(path, create)
    }

    /// Files kept open at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Notes that the open file of `slot` has been used.
    #[inline]
    pub(crate) fn touch(&self, slot: &HandleSlot) {
        // A store that changes nothing would still move the cache line between cores.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
    }

    /// Second chance: a file used since the hand last passed goes to the back, the first other one is closed. To let go of
    /// one that a reader holds would free no descriptor.
    fn make_room(clock: &mut VecDeque<Weak<HandleSlot>>, capacity: usize) {
        let mut turns = clock.len() * 2;
        while clock.len() >= capacity && turns > 0 {
            turns -= 1;
            let Some(weak) = clock.pop_front() else { return };
            let Some(slot) = weak.upgrade() else { continue };
            let file = slot.file.load();
            let Some(file) = file.as_ref() else { continue };
            if slot.used.swap(false, Ordering::Relaxed) || Arc::strong_count(file) > 1 {
                clock.push_back(weak);
            } else {
                slot.file.store(None);
            }
        }
    }
}

/// True where the process or the machine may open no further file.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let out = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    out.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl HandleSlot {
    /// The file if it is open.
    pub(crate) fn loaded(&self) -> Option<Arc<File>> {
        self.file.load_full()
    }

    /// Lets the file go, as for a segment that is being removed.
    pub(crate) fn close(&self) {
        self.file.store(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn the_set_stays_within_its_capacity() {
        let folder = tempfile::tempdir().unwrap();
        let handles = FileHandles::new(4);
        let slots: Vec<_> = (0..20).map(|_| Arc::new(HandleSlot::default())).collect();
        for (number, slot) in slots.iter().enumerate() {
            let path = folder.path().join(number.to_string());
            handles.file(slot, &RealDisk, &path, true).unwrap();
            assert!(handles.open_count() <= 4);
        }
        assert_eq!(handles.open_count(), 4);
    }

    #[test]
    fn a_file_that_is_read_counts_and_makes_no_way() {
        let folder = tempfile::tempdir().unwrap();
        let handles = FileHandles::new(4);
        let open = |slot: &Arc<HandleSlot>, name: &str| {
            handles.file(slot, &RealDisk, &folder.path().join(name), true).unwrap()
        };
        let held_slots: Vec<_> = (0..3).map(|_| Arc::new(HandleSlot::default())).collect();
        let held: Vec<_> =
            held_slots.iter().enumerate().map(|(number, slot)| open(slot, &number.to_string())).collect();
        let others: Vec<_> = (3..20).map(|_| Arc::new(HandleSlot::default())).collect();
        for (number, slot) in others.iter().enumerate() {
            open(slot, &(number + 3).to_string());
            assert_eq!(handles.open_count(), 4);
        }
        assert!(held_slots.iter().all(|slot| slot.loaded().is_some()));
        drop(held);
        for (number, slot) in others.iter().enumerate() {
            open(slot, &(number + 3).to_string());
        }
        assert!(held_slots.iter().all(|slot| slot.loaded().is_none()));
    }
}
