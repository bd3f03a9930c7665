//! Counts of threads, which change by a factor of two at most at a time, as in Kafka.

use crate::layers::Layers;

const POOLS: &[&str] = &[
    "background.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];
const CLEANER: &str = "log.cleaner.threads";

/// Kafka's sentence where a count would change too much between the two.
pub(super) fn refusal(before: &Layers<'_>, after: &Layers<'_>) -> Option<String> {
    let of_pools = POOLS.iter().find_map(|key| {
        let (old, new) = (before.integer(key), after.integer(key));
        let bound = if new < old / 2 {
            "should be at least half"
        } else if new > old * 2 {
            "should not be greater than double"
        } else {
            return None;
        };
        Some(format!(
            "Dynamic thread count update validation failed for {key}={new}, value {bound} the current value {old}"
        ))
    });
    of_pools.or_else(|| of_cleaner(before.integer(CLEANER), after.integer(CLEANER)))
}

fn of_cleaner(old: i64, new: i64) -> Option<String> {
    let bound = if new == old {
        return None;
    } else if new < 1 {
        return Some("Log cleaner threads should be at least 1".to_owned());
    } else if new < old / 2 {
        "reduced to less than half"
    } else if new > old * 2 {
        "increased to more than double"
    } else {
        return None;
    };
    Some(format!("Log cleaner threads cannot be {bound} the current value {old}"))
}
