//! How fast something comes, averaged over the last windows as Kafka's quotas average it.

use std::collections::VecDeque;

/// What is averaged over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// How many, the one under way included (`quota.window.num`).
    pub count: usize,
    /// How long one is, in milliseconds (`quota.window.size.seconds`).
    pub size_ms: i64,
}

/// Amounts per second over the last windows.
#[derive(Debug)]
pub struct Rate {
    windows: Windows,
    /// The oldest first. One more than there are windows, as the oldest may lie partly within them.
    samples: VecDeque<Sample>,
}

#[derive(Debug)]
struct Sample {
    began_ms: i64,
    last_ms: i64,
    amount: f64,
}

impl Windows {
    /// The time that all windows cover, in milliseconds.
    pub fn span_ms(self) -> i64 {
        self.size_ms.saturating_mul(i64::try_from(self.count).unwrap_or(i64::MAX))
    }

    /// Whole windows, without the one under way.
    pub fn whole(self) -> i64 {
        i64::try_from(self.count).unwrap_or(i64::MAX).saturating_sub(1)
    }
}

impl Rate {
    /// Nothing has come yet.
    pub fn new(windows: Windows) -> Rate {
        Rate { windows, samples: VecDeque::new() }
    }

    /// Counts what came at `now_ms`; a negative amount takes back what was counted.
    pub fn record(&mut self, amount: f64, now_ms: i64) {
        let current = self.samples.back_mut();
        let current = current.filter(|sample| now_ms - sample.began_ms < self.windows.size_ms);
        if let Some(sample) = current {
            sample.amount += amount;
            sample.last_ms = now_ms;
            return;
        }
        if self.samples.len() > self.windows.count {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { began_ms: now_ms, last_ms: now_ms, amount });
    }

    /// Milliseconds in which nothing may come for the rate to sink to `limit`; 0 where it is not above.
    pub fn throttle_ms(&mut self, limit: f64, now_ms: i64) -> i32 {
        let window_ms = self.window_ms(now_ms);
        let amount: f64 = self.samples.iter().map(|sample| sample.amount).sum();
        let rate = amount / (window_ms as f64 / 1000.0);
        if rate <= limit {
            return 0;
        }
        // A number that is too large ends at the largest.
        ((rate - limit) / limit * window_ms as f64).round() as i32
    }

    /// True where nothing of what came counts any more.
    pub fn is_idle(&mut self, now_ms: i64) -> bool {
        self.forget(now_ms);
        self.samples.is_empty()
    }

    /// The time since the oldest window began, at least that of the whole windows: without it the first amounts would
    /// make for a very high rate.
    fn window_ms(&mut self, now_ms: i64) -> i64 {
        self.forget(now_ms);
        let oldest_ms = self.samples.iter().map(|sample| sample.began_ms).min().unwrap_or(now_ms);
        let elapsed_ms = now_ms - oldest_ms;
        let missing = self.windows.whole() - elapsed_ms / self.windows.size_ms;
        (elapsed_ms + missing.max(0) * self.windows.size_ms).max(1)
    }

    fn forget(&mut self, now_ms: i64) {
        let span_ms = self.windows.span_ms();
        while self.samples.front().is_some_and(|oldest| now_ms - oldest.last_ms >= span_ms) {
            self.samples.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size_ms: 1000 };

    #[test]
    fn a_burst_is_waited_for_until_the_average_is_within_the_limit() {
        let mut rate = Rate::new(WINDOWS);
        rate.record(1000.0, 0);
        // 1000 in 10 s are 100 a second.
        assert_eq!(rate.throttle_ms(100.0, 0), 0);
        rate.record(500.0, 0);
        assert_eq!(rate.throttle_ms(100.0, 0), 5000);
        // Half a second later the window is longer.
        assert_eq!(rate.throttle_ms(100.0, 500), 4500);
        assert_eq!(rate.throttle_ms(100.0, 5000), 5000);
    }

    #[test]
    fn what_is_taken_back_does_not_count() {
        let mut rate = Rate::new(WINDOWS);
        rate.record(5000.0, 10);
        rate.record(-5000.0, 10);
        assert_eq!(rate.throttle_ms(1.0, 10), 0);
    }

    #[test]
    fn what_came_before_all_windows_is_forgotten() {
        let mut rate = Rate::new(WINDOWS);
        rate.record(5000.0, 0);
        assert!(!rate.is_idle(10_999));
        assert!(rate.throttle_ms(1.0, 10_999) > 0);
        assert!(rate.is_idle(11_000));
        assert_eq!(rate.throttle_ms(1.0, 11_000), 0);
    }

    #[test]
    fn no_more_samples_are_kept_than_windows_need() {
        let mut rate = Rate::new(WINDOWS);
        (0..100).for_each(|second| rate.record(10.0, second * 1000));
        assert_eq!(rate.samples.len(), 12);
        assert_eq!(rate.throttle_ms(11.0, 99_000), 0);
        assert!(rate.throttle_ms(10.0, 99_000) > 0);
    }

    #[test]
    fn one_window_is_enough() {
        let mut rate = Rate::new(Windows { count: 1, size_ms: 1000 });
        rate.record(1.0, 0);
        assert_eq!(rate.throttle_ms(1.0, 0), 999);
        assert_eq!(rate.throttle_ms(1.0, 500), 500);
    }
}
