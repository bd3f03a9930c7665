//! "Did you mean": the known key nearest to a mistyped one.

/// The known key within a third of the length of `typed` in edits, the nearest first.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance_max = (typed.chars().count() / 3).clamp(1, 5);
    known
        .map(|key| (edit_distance(typed, key), key))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, key)| key)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
fn edit_distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().take(200).collect();
    let other: Vec<char> = other.chars().collect();
    let mut before_previous = vec![0; other.len() + 1];
    let mut previous: Vec<usize> = (0..=other.len()).collect();
    for (row, left) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, right) in other.iter().enumerate() {
            let replaced = previous[column] + usize::from(left != right);
            let mut best = replaced.min(previous[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && one[row - 1] == *right && *left == other[column - 1];
            if swapped {
                best = best.min(before_previous[column - 1] + 1);
            }
            current.push(best);
        }
        before_previous = std::mem::replace(&mut previous, current);
    }
    previous[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_keys_are_found_and_far_ones_are_not() {
        let known = ["log.retention.ms", "log.retention.hours", "node.id"];
        assert_eq!(nearest("log.retenton.ms", known.into_iter()), Some("log.retention.ms"));
        assert_eq!(nearest("nodeid", known.into_iter()), Some("node.id"));
        assert_eq!(nearest("completely.else", known.into_iter()), None);
    }

    #[test]
    fn distance_counts_edits() {
        for (one, other, distance) in [("", "", 0), ("ab", "ba", 1), ("kitten", "sitting", 3), ("a", "", 1)] {
            assert_eq!(edit_distance(one, other), distance);
        }
    }
}
