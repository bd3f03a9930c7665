//! How fast connections may come.

use std::time::{Duration, Instant};

/// Spreads connections over time: as many as one second allows may come at once, the next wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct ConnectionRate {
    /// Between two connections; zero where any rate will do.
    interval: Duration,
    /// When the next connection would be due if all had come evenly.
    due: Option<Instant>,
}

impl ConnectionRate {
    /// At most `per_second` connections a second; 0 stops them nearly, as one a second is the least.
    pub fn set(&mut self, per_second: u32) {
        let interval = if per_second == i32::MAX as u32 || per_second == u32::MAX {
            Duration::ZERO
        } else {
            Duration::from_secs(1) / per_second.max(1)
        };
        if interval != self.interval {
            *self = ConnectionRate { interval, due: None };
        }
    }

    /// Counts a connection that came at `now` and tells how long it has to wait.
    pub fn delay(&mut self, now: Instant) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let due = self.due.filter(|due| *due > now).unwrap_or(now);
        self.due = Some(due + self.interval);
        // A second's worth is not held back.
        let ahead = due.duration_since(now) + self.interval;
        ahead.saturating_sub(Duration::from_secs(1))
    }
}
