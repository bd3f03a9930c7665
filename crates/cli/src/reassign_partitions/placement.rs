//! Where `--generate` proposes to put the replicas of a topic: in turns on all brokers, and on as many racks as there are.

use std::collections::BTreeMap;

use crate::failure::Failure;

/// A broker and its rack, where racks count.
pub(super) type Located = (i32, Option<String>);

/// Where the turns begin: the first broker of the first partition, and how far its next replica is from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) first: usize,
    pub(super) shift: usize,
}

/// The brokers of each partition.
pub(super) fn place(
    brokers: &[Located],
    partitions: usize,
    factor: usize,
    start: Start,
) -> Result<Vec<Vec<i32>>, Failure> {
    let refused = |sentence: String| {
        Failure::of_class("org.apache.kafka.common.errors.InvalidReplicationFactorException", sentence)
    };
    if brokers.is_empty() {
        let sentence = "All brokers are currently fenced, or have all their log directories cordoned.";
        return Err(refused(sentence.to_owned()));
    }
    if factor > brokers.len() {
        let count = brokers.len();
        return Err(refused(format!(
            "The target replication factor of {factor} cannot be reached because only {count} broker(s) are registered."
        )));
    }
    let ring = alternating(brokers);
    let racks = distinct(ring.iter().map(|(_, rack)| rack));
    let mut placed = Vec::new();
    for partition in 0..partitions {
        // A shift more for each turn, so that replicas of the same broker do not always go to the same others.
        let shift = start.shift + partition / ring.len();
        let first = (partition + start.first) % ring.len();
        let others = ring.len().saturating_sub(1).max(1);
        let next = |step: usize| &ring[(first + 1 + (shift * racks + step) % others) % ring.len()];
        let mut chosen: Vec<&Located> = vec![&ring[first]];
        let mut step = 0;
        while chosen.len() < factor {
            let (broker, rack) = next(step);
            step += 1;
            let has_rack = chosen.iter().any(|(_, known)| known == rack);
            let all_racks = distinct(chosen.iter().map(|(_, rack)| rack)) == racks;
            if chosen.iter().all(|(known, _)| known != broker) && (!has_rack || all_racks) {
                chosen.push(next(step - 1));
            }
        }
        placed.push(chosen.into_iter().map(|(broker, _)| *broker).collect());
    }
    Ok(placed)
}

fn distinct<'r>(racks: impl Iterator<Item = &'r Option<String>>) -> usize {
    racks.collect::<std::collections::BTreeSet<_>>().len()
}

/// The brokers with those of different racks in turns.
fn alternating(brokers: &[Located]) -> Vec<Located> {
    let mut racks: BTreeMap<&Option<String>, Vec<i32>> = BTreeMap::new();
    for (broker, rack) in brokers {
        racks.entry(rack).or_default().push(*broker);
    }
    racks.values_mut().for_each(|brokers| brokers.sort_unstable());
    let longest = racks.values().map(Vec::len).max().unwrap_or_default();
    let turns = (0..longest).flat_map(|turn| {
        racks.iter().filter_map(move |(rack, brokers)| Some((*brokers.get(turn)?, (*rack).clone())))
    });
    turns.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(brokers: &[(i32, &str)]) -> Vec<Located> {
        brokers.iter().map(|(broker, rack)| (*broker, Some((*rack).to_owned()))).collect()
    }

    #[test]
    fn brokers_take_turns() {
        let brokers: Vec<Located> = (0..5).map(|broker| (broker, None)).collect();
        let placed = place(&brokers, 10, 3, Start { first: 0, shift: 0 }).unwrap();
        assert_eq!(placed[0], [0, 1, 2]);
        assert_eq!(placed[4], [4, 0, 1]);
        for broker in 0..5 {
            assert_eq!(placed.iter().filter(|replicas| replicas.contains(&broker)).count(), 6, "{broker}");
        }
    }

    #[test]
    fn replicas_are_on_different_racks() {
        let brokers = located(&[(0, "a"), (1, "b"), (2, "c"), (3, "c"), (4, "b"), (5, "a")]);
        for first in 0..6 {
            for shift in 0..5 {
                for replicas in place(&brokers, 12, 3, Start { first, shift }).unwrap() {
                    let racks = replicas.iter().map(|id| &brokers[usize::try_from(*id).unwrap()].1);
                    assert_eq!(distinct(racks), 3, "{replicas:?}");
                }
            }
        }
        // More replicas than racks: each broker once.
        let placed = place(&brokers, 1, 6, Start { first: 2, shift: 3 }).unwrap();
        let mut all = placed[0].clone();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn too_few_brokers_are_told() {
        let start = Start { first: 0, shift: 0 };
        assert!(place(&[], 1, 1, start).unwrap_err().message().starts_with("All brokers"));
        let failure = place(&[(1, None)], 1, 2, start).unwrap_err();
        assert!(failure.message().contains("factor of 2 cannot be reached because only 1"));
    }
}
