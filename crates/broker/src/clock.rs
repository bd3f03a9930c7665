//! Wall clock and randomness, at the edge: everything deeper gets them as arguments.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::{TimestampMs, Uuid};

/// The broker's source of time and of numbers nobody should guess by accident.
#[derive(Debug)]
pub struct Clock {
    random: AtomicU64,
    jumped_ms: AtomicI64,
    began: Instant,
    began_ms: TimestampMs,
}

impl Clock {
    /// A clock whose random numbers follow from `seed`.
    pub fn new(seed: u64) -> Clock {
        let (random, jumped_ms) = (AtomicU64::new(seed), AtomicI64::new(0));
        Clock { random, jumped_ms, began: Instant::now(), began_ms: wall_ms() }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> TimestampMs {
        wall_ms().saturating_add(self.jumped_ms.load(Ordering::Relaxed))
    }

    /// Milliseconds since 1970 by the clock as it was at the start: they never jump, for whatever has to end in time.
    pub fn steady_ms(&self) -> TimestampMs {
        let since = TimestampMs::try_from(self.began.elapsed().as_millis()).unwrap_or(TimestampMs::MAX);
        self.began_ms.saturating_add(since)
    }

    /// Has the wall clock jump by that many milliseconds, as an administrator or a time server may make it.
    pub fn jump(&self, by_ms: i64) {
        self.jumped_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// The next random number: good for ids of sessions, not for secrets (the mixing function of splitmix64).
    pub fn random_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.random.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random id.
    pub fn random_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.random_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.random_u64().to_be_bytes());
        Uuid(bytes)
    }

    /// A random int32.
    pub fn random_i32(&self) -> i32 {
        (self.random_u64() >> 32) as u32 as i32
    }
}

fn wall_ms() -> TimestampMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimestampMs::try_from(since.as_millis()).unwrap_or(TimestampMs::MAX)
}
