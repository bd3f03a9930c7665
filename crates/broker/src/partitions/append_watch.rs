//! Appends that are under way, so that a core need not make a write of its own to find out that the disk stands still.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Places for threads; beyond that many, threads share one, and the later append counts.
const PLACES: usize = 32;
/// How often a thread looks at the others, in microseconds: each look fetches what they have just written.
const LOOK_EVERY_US: u64 = 1_000;

/// What the threads of this process append to in one log directory.
#[derive(Debug)]
pub struct AppendWatch {
    started: Instant,
    places: [Place; PLACES],
}

/// When a thread's append began, in microseconds after the watch did, 0 for none. Alone in its cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Place(AtomicU64);

/// An append under way; dropping it ends it.
pub struct WatchedAppend<'w>(&'w Place);

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PLACE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % PLACES;
    static LAST_LOOK_US: Cell<u64> = const { Cell::new(0) };
}

impl AppendWatch {
    /// A watch that begins now.
    pub fn new(now: Instant) -> AppendWatch {
        AppendWatch { started: now, places: Default::default() }
    }

    /// An append of this thread begins.
    pub fn begin(&self, now: Instant) -> WatchedAppend<'_> {
        let place = &self.places[PLACE.with(|place| *place)];
        place.0.store(self.micros(now), Ordering::Relaxed);
        WatchedAppend(place)
    }

    /// How long the append of another thread has taken that is under way for longer than `limit`, if there is one
    /// and it is time to look.
    pub fn stuck(&self, now: Instant, limit: Duration) -> Option<Duration> {
        let now = self.micros(now);
        let is_time = LAST_LOOK_US.with(|last| {
            let is_time = now.saturating_sub(last.get()) >= LOOK_EVERY_US || now < last.get();
            if is_time {
                last.set(now);
            }
            is_time
        });
        if !is_time {
            return None;
        }
        let began = |place: &Place| Some(place.0.load(Ordering::Relaxed)).filter(|began| *began > 0);
        let earliest = self.places.iter().filter_map(began).min()?;
        Some(Duration::from_micros(now.saturating_sub(earliest))).filter(|taken| *taken > limit)
    }

    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_micros() as u64 + 1
    }
}

impl Drop for WatchedAppend<'_> {
    fn drop(&mut self) {
        self.0.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_under_way_for_long_is_seen_until_it_ends() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let limit = Duration::from_millis(2);
        let watch = AppendWatch::new(start);
        assert_eq!(watch.stuck(at(5), limit), None);
        let append = watch.begin(at(10));
        assert_eq!(watch.stuck(at(11), limit), None);
        assert_eq!(watch.stuck(at(15), limit), Some(Duration::from_millis(5)));
        assert_eq!(watch.stuck(at(15), limit), None, "a thread looks once a millisecond");
        drop(append);
        assert_eq!(watch.stuck(at(30), limit), None);
    }
}
