//! Latencies and what part of them is below which.

use std::time::Duration;

use crate::document::Doc;

/// Latencies that are kept.
const SAMPLES_MAX: u64 = 1_000_000;
const PERCENTILES: [(&str, f64); 4] =
    [("latencyP50Ms", 0.5), ("latencyP95Ms", 0.95), ("latencyP99Ms", 0.99), ("latencyP999Ms", 0.999)];

/// Latencies of every so many records, and the largest of all.
#[derive(Debug)]
pub(super) struct Latencies {
    micros: Vec<u32>,
    every: u64,
    seen: u64,
    micros_max: u32,
}

impl Latencies {
    /// Of so many records.
    pub(super) fn new(records: u64) -> Latencies {
        Latencies { micros: Vec::new(), every: records.div_ceil(SAMPLES_MAX).max(1), seen: 0, micros_max: 0 }
    }

    pub(super) fn add(&mut self, latency: Duration) {
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        self.micros_max = self.micros_max.max(micros);
        if self.seen.is_multiple_of(self.every) {
            self.micros.push(micros);
        }
        self.seen += 1;
    }

    /// Adds them to a document, in milliseconds.
    pub(super) fn describe(mut self, doc: &mut Doc) {
        self.micros.sort_unstable();
        for (name, part) in PERCENTILES {
            // The least latency that this part of all does not exceed.
            let place = ((part * self.micros.len() as f64).ceil() as usize).saturating_sub(1);
            doc.push(name, self.micros.get(place).map(|micros| f64::from(*micros) / 1000.0));
        }
        doc.push("latencyMaxMs", f64::from(self.micros_max) / 1000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::map;

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let mut latencies = Latencies::new(100);
        (1..=100).rev().for_each(|millis| latencies.add(Duration::from_millis(millis)));
        let mut doc = map([]);
        latencies.describe(&mut doc);
        for (name, millis) in
            [("latencyP50Ms", 50.0), ("latencyP95Ms", 95.0), ("latencyP99Ms", 99.0), ("latencyMaxMs", 100.0)]
        {
            assert_eq!(doc.get(name), Some(&Doc::Float(millis)), "{name}");
        }
        let mut doc = map([]);
        Latencies::new(0).describe(&mut doc);
        assert_eq!(doc.get("latencyP50Ms"), Some(&Doc::Null));
    }
}
