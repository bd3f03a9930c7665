//! How long to wait before the next try: longer each time, and never quite as long as others wait (KIP-580).

use std::time::Duration;

/// Each wait is that many times the one before.
const GROWTH: u32 = 2;
/// By how much of itself a wait is longer or shorter at most.
const JITTER: f64 = 0.2;

/// Waits between a least and a greatest time.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    initial: Duration,
    greatest: Duration,
}

impl Backoff {
    /// Begins at `initial` and does not go beyond `greatest`, apart from the jitter.
    pub fn new(initial: Duration, greatest: Duration) -> Backoff {
        Backoff { initial, greatest }
    }

    /// The wait after so many failures in a row.
    pub fn after(&self, failures: u32) -> Duration {
        self.at(failures, random_fraction())
    }

    /// `fraction` is between 0 and 1.
    fn at(&self, failures: u32, fraction: f64) -> Duration {
        // With a greatest wait below the first one, as some settings have it, there is no growth.
        let greatest = self.greatest.max(self.initial);
        let growth = GROWTH.saturating_pow(failures.saturating_sub(1).min(31));
        let wait = self.initial.saturating_mul(growth).min(greatest);
        wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * fraction)
    }
}

/// A number between 0 and 1 that nobody can foretell.
pub(crate) fn random_fraction() -> f64 {
    // Without any randomness of the system everybody waits equally long, which is no reason to fail.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_greatest_and_lie_around_it() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(1000));
        let millis = |failures, fraction| backoff.at(failures, fraction).as_millis();
        assert_eq!(
            [1, 2, 3, 4, 5, 99].map(|failures| millis(failures, 0.5)),
            [100, 200, 400, 800, 1000, 1000]
        );
        assert_eq!([millis(1, 0.0), millis(1, 1.0), millis(9, 1.0)], [80, 120, 1200]);
        for _ in 0..100 {
            assert!((80..=120).contains(&backoff.after(1).as_millis()));
        }
        let fixed = Backoff::new(Duration::from_millis(100), Duration::from_millis(50));
        assert_eq!(fixed.at(7, 0.5).as_millis(), 100);
    }
}
