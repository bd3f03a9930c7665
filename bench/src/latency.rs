//! Latencies of a run, kept to three digits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart from longer ones.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// How long each of many requests took.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet; all the memory is there.
    pub fn new() -> Latencies {
        Latencies(Histogram::new_with_max(LATENCY_NS_MAX, 3).expect("bounds and digits that are allowed"))
    }

    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_nanos() as u64);
    }

    /// Counts all of another run's, too.
    pub fn add(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// The latency in microseconds that `percent` of the requests stay within; 0 where there are none.
    pub fn us(&self, percent: f64) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.0.value_at_percentile(percent) as f64 / 1e3 }
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_recorded() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.us(50.0), 0.0);
        for us in 1..=1000 {
            latencies.record(Duration::from_micros(us));
        }
        let mut another = Latencies::new();
        another.record(Duration::from_secs(3600));
        latencies.add(&another);
        assert_eq!(latencies.count(), 1001);
        assert!((latencies.us(50.0) - 501.0).abs() < 1.0 && (latencies.us(99.0) - 991.0).abs() < 1.0);
        assert!(latencies.us(100.0) >= 60e6);
    }
}
