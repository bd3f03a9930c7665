//! The last appended bytes of a partition, kept in memory while consumers read at its tail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use model::Offset;
use parking_lot::Mutex;
use records::next_entry;

/// Bytes kept at most.
const CAPACITY: usize = 64 * 1024;
/// Appended bytes without any read from memory after which the memory is given back.
const UNREAD_MAX: usize = 4 * CAPACITY;

/// What a cache in use is counted as: the run that grows, and runs that readers have taken from before.
const SHARE: usize = 2 * CAPACITY;
/// Bytes that the tail caches of one log directory may take where nobody says how many.
const MEMORY_MAX_IMPLIED: usize = 64 * 1024 * 1024;

/// Memory that the tail caches of one log directory may take together.
#[derive(Debug)]
pub(crate) struct TailMemory {
    bytes_max: AtomicUsize,
    taken: AtomicUsize,
}

/// Empty and free until a reader arrives at the tail.
#[derive(Debug)]
pub(crate) struct TailCache {
    wanted: AtomicBool,
    /// Read from or asked for since the last trim.
    is_used: AtomicBool,
    hits: AtomicU64,
    tail: Mutex<Tail>,
    memory: Arc<TailMemory>,
}

/// Runs of whole batches: the older ones frozen and shared with readers, the newest still growing.
#[derive(Debug, Default)]
struct Tail {
    frozen: VecDeque<Run>,
    frozen_bytes: usize,
    growing: BytesMut,
    growing_base: Offset,
    end: Offset,
    unread: usize,
}

#[derive(Debug)]
struct Run {
    base: Offset,
    end: Offset,
    bytes: Bytes,
}

impl Default for TailMemory {
    fn default() -> TailMemory {
        TailMemory { bytes_max: AtomicUsize::new(MEMORY_MAX_IMPLIED), taken: AtomicUsize::new(0) }
    }
}

impl TailMemory {
    /// Changes the bound; caches in use stay.
    pub(crate) fn set_bytes_max(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// Bytes counted now.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn take_share(&self) -> bool {
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        let grown = |taken: usize| Some(taken + SHARE).filter(|taken| *taken <= bytes_max);
        // A look first: readers at the tail come often, and a full directory stays full for long.
        self.taken() + SHARE <= bytes_max
            && self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    fn give_share(&self) {
        self.taken.fetch_sub(SHARE, Ordering::Relaxed);
    }
}

impl TailCache {
    /// A cache whose memory counts in `memory`.
    pub(crate) fn new(memory: &Arc<TailMemory>) -> TailCache {
        TailCache {
            wanted: AtomicBool::new(false),
            is_used: AtomicBool::new(false),
            hits: AtomicU64::new(0),
            tail: Mutex::default(),
            memory: Arc::clone(memory),
        }
    }

    /// Takes a copy of appended batches, if a reader wants them. `base` and `end` are their offsets.
    #[inline]
    pub(crate) fn appended(&self, parts: &[&[u8]], base: Offset, end: Offset) {
        if self.wanted.load(Ordering::Relaxed) {
            self.keep(parts, base, end);
        }
    }

    fn keep(&self, parts: &[&[u8]], base: Offset, end: Offset) {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        let mut tail = self.tail.lock();
        if !self.wanted.load(Ordering::Relaxed) {
            // Given back a moment ago.
            return;
        }
        tail.unread += size;
        if size > CAPACITY {
            *tail = Tail::default();
            return;
        }
        if tail.unread > UNREAD_MAX {
            return self.give_back(&mut tail);
        }
        if tail.growing.is_empty() {
            tail.growing_base = base;
        }
        if tail.growing.len() + size > CAPACITY {
            tail.freeze();
            tail.growing_base = base;
        }
        if tail.growing.capacity() - tail.growing.len() < size {
            tail.growing.reserve(CAPACITY);
        }
        for part in parts {
            tail.growing.extend_from_slice(part);
        }
        tail.end = end;
        while tail.frozen_bytes + tail.growing.len() > CAPACITY {
            let Some(run) = tail.frozen.pop_front() else { break };
            tail.frozen_bytes -= run.bytes.len();
        }
    }

    /// Batches from the one that holds `start`, up to `bytes_max` and below `until`; `None` if they are not here.
    ///
    /// A single batch above `bytes_max` is given where `at_least_one`.
    pub(crate) fn read(
        &self,
        start: Offset,
        until: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Option<(Bytes, Offset)> {
        if !self.wanted.load(Ordering::Relaxed) {
            return None;
        }
        let mut tail = self.tail.lock();
        if !tail.growing.is_empty() && start >= tail.growing_base && start < tail.end {
            tail.freeze();
        }
        let place = tail.frozen.iter().position(|run| start >= run.base && start < run.end)?;
        let found = tail.frozen.get(place)?;
        let (bytes, base) = if found.end < until.min(tail.end) && found.bytes.len() < bytes_max {
            // Other readers have cut the tail into pieces; this one is further behind and gets them together.
            select(&tail.joined(place), start, until, bytes_max, at_least_one)?
        } else {
            select(&found.bytes, start, until, bytes_max, at_least_one)?
        };
        tail.unread = 0;
        self.is_used.store(true, Ordering::Relaxed);
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some((bytes, base))
    }

    /// A reader has come to the end of the log: from now on appended batches are kept, if there is memory for it.
    pub(crate) fn want(&self) {
        if !self.wanted.load(Ordering::Relaxed) {
            self.begin();
        } else if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    fn begin(&self) {
        let mut tail = self.tail.lock();
        if !self.wanted.load(Ordering::Relaxed) && self.memory.take_share() {
            tail.unread = 0;
            self.is_used.store(true, Ordering::Relaxed);
            self.wanted.store(true, Ordering::Relaxed);
        }
    }

    fn give_back(&self, tail: &mut Tail) {
        *tail = Tail::default();
        if self.wanted.swap(false, Ordering::Relaxed) {
            self.memory.give_share();
        }
    }

    /// Gives the memory back, until the next reader at the tail.
    pub(crate) fn drop_all(&self) {
        self.give_back(&mut self.tail.lock());
    }

    /// Gives the memory back if no reader has come since the last call.
    pub(crate) fn trim(&self) {
        if self.wanted.load(Ordering::Relaxed) && !self.is_used.swap(false, Ordering::Relaxed) {
            self.drop_all();
        }
    }

    /// Reads served from here since the log was opened.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl Drop for TailCache {
    fn drop(&mut self) {
        self.drop_all();
    }
}

impl Tail {
    /// The runs from that place on, the growing one included, in one piece.
    fn joined(&self, place: usize) -> Bytes {
        let runs = self.frozen.iter().skip(place).map(|run| &run.bytes[..]);
        let mut joined = Vec::with_capacity(CAPACITY);
        runs.chain([&self.growing[..]]).for_each(|bytes| joined.extend_from_slice(bytes));
        joined.into()
    }

    fn freeze(&mut self) {
        if self.growing.is_empty() {
            return;
        }
        let bytes = self.growing.split().freeze();
        self.frozen_bytes += bytes.len();
        self.frozen.push_back(Run { base: self.growing_base, end: self.end, bytes });
        self.growing_base = self.end;
    }
}

fn select(
    run: &Bytes,
    start: Offset,
    until: Offset,
    bytes_max: usize,
    at_least_one: bool,
) -> Option<(Bytes, Offset)> {
    let mut position = 0;
    let mut from = None;
    let mut base = start;
    while let Ok(Some(entry)) = next_entry(run.get(position..)?) {
        let end = position + entry.size();
        if entry.base_offset() >= until {
            break;
        }
        let first = match from {
            None if entry.last_offset() < start => None,
            None => {
                base = entry.base_offset();
                Some(position)
            }
            some => some,
        };
        if let Some(first) = first {
            let is_first = from.is_none();
            if end - first > bytes_max && !(is_first && at_least_one) {
                break;
            }
            from = Some(first);
        }
        position = end;
    }
    Some((run.slice(from?..position), base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::BatchBuilder;

    fn batch(base: Offset) -> Vec<u8> {
        BatchBuilder::new().base_offset(base).record(0, None, Some(&[1; 1000])).record(0, None, None).build()
    }

    #[test]
    fn nothing_is_kept_before_a_reader_comes() {
        let cache = TailCache::new(&Arc::default());
        cache.appended(&[&batch(0)], 0, 2);
        assert!(cache.read(0, 2, 10_000, true).is_none());
    }

    #[test]
    fn readers_get_whole_batches_within_their_bounds() {
        let cache = TailCache::new(&Arc::default());
        cache.want();
        let all: Vec<Vec<u8>> = (0..5).map(|n| batch(n * 2)).collect();
        let size = all[0].len();
        for (n, bytes) in all.iter().enumerate() {
            cache.appended(&[bytes], n as i64 * 2, n as i64 * 2 + 2);
        }
        let read = |start, until, max, one| {
            cache.read(start, until, max, one).map(|(bytes, base)| (bytes.len() / size, base))
        };
        assert_eq!(read(0, 10, 1 << 20, false), Some((5, 0)));
        assert_eq!(read(3, 10, 1 << 20, false), Some((4, 2)));
        assert_eq!(read(3, 8, 1 << 20, false), Some((3, 2)));
        assert_eq!(read(3, 10, 2 * size + 5, false), Some((2, 2)));
        assert_eq!(read(3, 10, 5, true), Some((1, 2)));
        assert_eq!(read(3, 10, 5, false), None);
        assert_eq!(read(10, 12, 5, true), None);
        assert_eq!(cache.hits(), 5);
    }

    #[test]
    fn a_reader_behind_others_gets_all_there_is() {
        let cache = TailCache::new(&Arc::default());
        cache.want();
        let size = batch(0).len();
        for n in 0..3 {
            cache.appended(&[&batch(n * 2)], n * 2, n * 2 + 2);
            if n < 2 {
                cache.read(n * 2, n * 2 + 2, 1 << 20, true).unwrap();
            }
        }
        let read =
            |start, until, max| cache.read(start, until, max, true).map(|(bytes, base)| (bytes.len(), base));
        assert_eq!(read(0, 6, 1 << 20), Some((3 * size, 0)));
        assert_eq!(read(3, 6, 1 << 20), Some((2 * size, 2)));
        assert_eq!(read(0, 4, 1 << 20), Some((2 * size, 0)));
        assert_eq!(read(0, 6, 2 * size + 1), Some((2 * size, 0)));
        assert_eq!(read(0, 6, 1), Some((size, 0)));
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let cache = TailCache::new(&Arc::default());
        cache.want();
        let size = batch(0).len();
        for n in 0..200 {
            cache.appended(&[&batch(n * 2)], n * 2, n * 2 + 2);
            cache.read(n * 2, n * 2 + 2, 1 << 20, true).unwrap();
            let tail = cache.tail.lock();
            assert!(tail.frozen_bytes + tail.growing.len() <= CAPACITY);
        }
        assert!(cache.read(0, 400, 1 << 20, true).is_none());
        for n in 0..=(UNREAD_MAX / size) as i64 {
            cache.appended(&[&batch(n)], n, n + 2);
        }
        assert!(!cache.wanted.load(Ordering::Relaxed));
        assert_eq!(cache.tail.lock().growing.capacity(), 0);
    }
    #[test]
    fn caches_beyond_the_memory_of_all_are_refused_until_others_give_it_back() {
        let memory = Arc::new(TailMemory::default());
        memory.set_bytes_max(2 * SHARE + 1);
        let caches: Vec<TailCache> = (0..3).map(|_| TailCache::new(&memory)).collect();
        let keeps = |cache: &TailCache| {
            cache.want();
            cache.appended(&[&batch(0)], 0, 2);
            cache.read(0, 2, 10_000, true).is_some()
        };
        assert_eq!(caches.iter().map(keeps).collect::<Vec<_>>(), [true, true, false]);
        // Who is read from stays, who is not gives way.
        caches.iter().for_each(TailCache::trim);
        assert!(keeps(&caches[0]));
        caches.iter().for_each(TailCache::trim);
        assert_eq!(memory.taken(), SHARE);
        assert!(keeps(&caches[2]));
        drop(caches);
        assert_eq!(memory.taken(), 0);
    }
}
