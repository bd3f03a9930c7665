//! Whether appends to a log directory may be made on a core, or would hold up its connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// An append that took longer makes the directory slow by itself. A thread that has to wait for a processor on a busy
/// machine loses a few milliseconds, which says nothing about the disk.
const STALL: Duration = Duration::from_millis(20);
/// Appends that took longer are added up.
const LATE: Duration = Duration::from_millis(2);
/// Late appends that took more than `LATE_MAX` together within this time make the directory slow.
const LATE_WITHIN: Duration = Duration::from_millis(100);
/// See [`LATE_WITHIN`].
const LATE_MAX: Duration = Duration::from_millis(50);
/// How long a directory stays slow after its last stall where little is appended.
const SLOW_FOR: Duration = Duration::from_millis(500);
/// Quick appends in a row after which a directory is no longer slow: the way over a side thread costs twice as much.
const QUICK_AGAIN: u64 = 256;

/// What the appends of late say about a directory.
#[derive(Debug)]
pub struct Slowness {
    started: Instant,
    /// Milliseconds after `started` until which the directory counts as slow; 0 while it is quick.
    slow_until_ms: AtomicU64,
    slow_appends: AtomicU64,
    /// Quick appends since the last late one.
    quick_in_a_row: AtomicU64,
    /// When the adding up began, and the sum.
    late: Mutex<(Instant, Duration)>,
}

impl Slowness {
    /// A directory of which nothing is known yet.
    pub fn new(now: Instant) -> Slowness {
        Slowness {
            started: now,
            slow_until_ms: AtomicU64::new(0),
            slow_appends: AtomicU64::new(0),
            quick_in_a_row: AtomicU64::new(0),
            late: Mutex::new((now, Duration::ZERO)),
        }
    }

    /// True while appends are to be made by a thread that may wait.
    pub fn is_slow(&self, now: Instant) -> bool {
        let until = self.slow_until_ms.load(Ordering::Relaxed);
        until != 0 && now.saturating_duration_since(self.started).as_millis() < u128::from(until)
    }

    /// Takes note of an append that ended at `now` after `took`.
    pub fn observe(&self, now: Instant, took: Duration) {
        if took > LATE {
            self.slow_appends.fetch_add(1, Ordering::Relaxed);
            self.quick_in_a_row.store(0, Ordering::Relaxed);
            if took > STALL || self.late_for(now, took) > LATE_MAX {
                let until = now.saturating_duration_since(self.started) + SLOW_FOR;
                self.slow_until_ms.store(until.as_millis() as u64, Ordering::Relaxed);
            }
        } else if self.slow_until_ms.load(Ordering::Relaxed) != 0
            && self.quick_in_a_row.fetch_add(1, Ordering::Relaxed) >= QUICK_AGAIN
        {
            self.slow_until_ms.store(0, Ordering::Relaxed);
        }
    }

    /// Appends that were late since the start.
    pub fn slow_appends(&self) -> u64 {
        self.slow_appends.load(Ordering::Relaxed)
    }

    /// How long the late appends have taken since the adding up began, this one included.
    fn late_for(&self, now: Instant, took: Duration) -> Duration {
        let mut late = self.late.lock();
        if now.saturating_duration_since(late.0) > LATE_WITHIN {
            *late = (now, Duration::ZERO);
        }
        late.1 += took;
        late.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_micros(20);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_stall_makes_a_directory_slow_for_a_time_or_until_many_appends_were_quick() {
        let start = Instant::now();
        let slowness = Slowness::new(start);
        assert!(!slowness.is_slow(start));
        slowness.observe(start + ms(30), ms(25));
        assert!(slowness.is_slow(start + ms(529)) && !slowness.is_slow(start + ms(530)));
        let quick = |count| (0..count).for_each(|_| slowness.observe(start + ms(31), QUICK));
        quick(200);
        slowness.observe(start + ms(32), ms(3));
        quick(200);
        assert!(slowness.is_slow(start + ms(33)), "a late one begins the count anew");
        quick(100);
        assert!(!slowness.is_slow(start + ms(33)));
        assert_eq!(slowness.slow_appends(), 2);
    }

    #[test]
    fn late_appends_make_a_directory_slow_where_they_come_close_together() {
        let start = Instant::now();
        let slowness = Slowness::new(start);
        // Now and then: a busy machine.
        (0..100).for_each(|n| slowness.observe(start + ms(n * 20), ms(5)));
        assert!(!slowness.is_slow(start + ms(2_000)));
        // One after the other: the disk.
        (0..22).for_each(|n| slowness.observe(start + ms(3_000 + n * 5), ms(5)));
        assert!(slowness.is_slow(start + ms(3_111)));
    }
}
