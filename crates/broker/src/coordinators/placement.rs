//! Which partition of `__consumer_offsets` a group belongs to.

/// The partition of `count` that holds `group`: the hash that Java gives its name, as in Kafka; `None` where there are
/// no partitions.
pub fn partition_of(group: &str, count: usize) -> Option<usize> {
    let hash =
        group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // The one number without a positive twin counts as 0.
    let positive = hash.checked_abs().unwrap_or_default();
    usize::try_from(positive).ok()?.checked_rem(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_where_kafka_looks_for_them() {
        // By Utils.abs(name.hashCode()) % 50 in Java.
        assert_eq!(partition_of("", 50), Some(0));
        assert_eq!(partition_of("a", 50), Some(97 % 50));
        assert_eq!(partition_of("ab", 50), Some((97 * 31 + 98) % 50));
        // Strings whose hash is the least int.
        assert_eq!(partition_of("polygenelubricants", 50), Some(0));
        assert_eq!(partition_of("group", 0), None);
    }
}
