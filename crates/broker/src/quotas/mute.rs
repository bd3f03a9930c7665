//! A connection that is not read from for a while.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Until when nothing more is taken from a connection (KIP-219). Shared by the connection and its requests.
#[derive(Debug, Clone, Default)]
pub struct Mute(Rc<Cell<Option<Instant>>>);

impl Mute {
    /// Takes nothing for that many milliseconds from now, or for as long as was said before where that is longer.
    pub fn extend(&self, throttle_ms: i32) {
        let Ok(wait_ms) = u64::try_from(throttle_ms) else { return };
        let until = Instant::now() + Duration::from_millis(wait_ms);
        if wait_ms > 0 && self.0.get().is_none_or(|known| known < until) {
            self.0.set(Some(until));
        }
    }

    /// Until when; `None` where the connection may be read from.
    #[inline]
    pub fn until(&self) -> Option<Instant> {
        let until = self.0.get()?;
        if until <= Instant::now() {
            self.0.set(None);
            return None;
        }
        Some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_counts() {
        let mute = Mute::default();
        assert_eq!(mute.until(), None);
        mute.extend(0);
        mute.extend(-1);
        assert_eq!(mute.until(), None);
        let of_request = mute.clone();
        of_request.extend(3_600_000);
        let long = mute.until();
        mute.extend(1);
        assert!(long.is_some());
        assert_eq!((mute.until(), of_request.until()), (long, long));
    }

    #[test]
    fn it_ends() {
        let mute = Mute::default();
        mute.extend(1);
        while mute.until().is_some() {
            std::thread::yield_now();
        }
    }
}
