//! A histogram of durations or sizes with a bounded relative error, fed without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets per power of two: the relative error is at most 1/16.
const SUB_BUCKETS: usize = 8;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Values from 2^36 on (19 hours in microseconds) share the last bucket.
const BUCKETS: usize = (36 - SUB_BITS as usize + 1) * SUB_BUCKETS;

/// Counts of values by size. One core feeds it, any thread may read it.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64; BUCKETS]>,
    sum: AtomicU64,
}

/// What histograms held at one moment, added up.
#[derive(Debug, Clone)]
pub struct Snapshot {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]), sum: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts one value.
    pub fn record(&self, value: u64) {
        self.buckets[bucket_of(value)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Adds what is counted here to `snapshot`.
    pub fn add_to(&self, snapshot: &mut Snapshot) {
        for (total, bucket) in snapshot.buckets.iter_mut().zip(self.buckets.iter()) {
            let counted = bucket.load(Ordering::Relaxed);
            *total += counted;
            snapshot.count += counted;
        }
        snapshot.sum += self.sum.load(Ordering::Relaxed);
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Snapshot { buckets: vec![0; BUCKETS], count: 0, sum: 0 }
    }
}

impl Snapshot {
    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the values.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// A value that the share `quantile` (0 to 1) of the counted ones does not exceed; 0 where none was counted.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let rank = (quantile * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, counted) in self.buckets.iter().enumerate() {
            seen += counted;
            if seen >= rank {
                return middle_of(bucket);
            }
        }
        0
    }
}

fn bucket_of(value: u64) -> usize {
    if value < SUB_BUCKETS as u64 {
        return value as usize;
    }
    let exponent = 63 - value.leading_zeros();
    let sub = (value >> (exponent - SUB_BITS)) as usize - SUB_BUCKETS;
    let bucket = (exponent - SUB_BITS + 1) as usize * SUB_BUCKETS + sub;
    bucket.min(BUCKETS - 1)
}

fn middle_of(bucket: usize) -> u64 {
    if bucket < SUB_BUCKETS {
        return bucket as u64;
    }
    let exponent = (bucket / SUB_BUCKETS) as u32 + SUB_BITS - 1;
    let width = 1u64 << (exponent - SUB_BITS);
    let lowest = (SUB_BUCKETS + bucket % SUB_BUCKETS) as u64 * width;
    lowest + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_near_the_middle_of_its_bucket() {
        for value in (0..40_000u64).chain([1 << 20, (1 << 30) + 12_345, (1 << 35) + 7]) {
            let middle = middle_of(bucket_of(value));
            assert!(middle.abs_diff(value) <= value / 16 + 1, "{value} is counted as {middle}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_several_cores_are_taken_together() {
        let (one, other) = (Histogram::default(), Histogram::default());
        (0..99).for_each(|_| one.record(5));
        other.record(1_000);
        let mut snapshot = Snapshot::default();
        one.add_to(&mut snapshot);
        other.add_to(&mut snapshot);
        assert_eq!((snapshot.count(), snapshot.sum()), (100, 1_495));
        assert_eq!(snapshot.quantile(0.5), 5);
        assert!(snapshot.quantile(0.999).abs_diff(1_000) < 70);
        assert_eq!(Snapshot::default().quantile(0.5), 0);
    }
}
