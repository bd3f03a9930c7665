//! The partitions that a consumer reads, and how far it has come in each.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::settings::OffsetReset;
use crate::offsets::CommittedOffset;
pub(crate) use crate::offsets::Key;

/// A place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The next offset that the program is given.
    pub(crate) offset: i64,
    /// Epoch of the leader that took the record before it, -1 where that is not known.
    pub(crate) leader_epoch: i32,
}

impl Position {
    /// As it is committed.
    pub(crate) fn committed(self) -> CommittedOffset {
        CommittedOffset { leader_epoch: self.leader_epoch, ..CommittedOffset::at(self.offset) }
    }
}

/// Whether it is known where to read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// What was committed last has to be asked for.
    Committed,
    /// It begins where a reset says.
    Reset(OffsetReset),
    /// It is known.
    At(Position),
}

/// One partition that is read.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) place: Place,
    /// The next offset to be fetched, ahead of the position by what waits to be taken.
    pub(crate) fetch_offset: i64,
    pub(crate) is_paused: bool,
    /// True while the place is being asked for.
    pub(crate) is_asked: bool,
    /// Nothing is asked for it before that.
    pub(crate) not_before: Option<Instant>,
    /// A broker nearer than the leader, and until when it counts (KIP-392).
    pub(crate) preferred: Option<(i32, Instant)>,
    /// Offsets of the last answer: behind the last record that all may read, behind the last that is decided, and of the
    /// first one.
    pub(crate) ends: Option<Ends>,
}

/// Offsets that an answer told of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
    pub(crate) log_start: i64,
}

impl Partition {
    fn new(place: Place) -> Partition {
        Partition {
            place,
            fetch_offset: -1,
            is_paused: false,
            is_asked: false,
            not_before: None,
            preferred: None,
            ends: None,
        }
    }

    pub(crate) fn position(&self) -> Option<Position> {
        match self.place {
            Place::At(position) => Some(position),
            Place::Committed | Place::Reset(_) => None,
        }
    }

    /// Reads on from there; what was fetched before is of no use.
    pub(crate) fn seek(&mut self, position: Position) {
        self.place = Place::At(position);
        self.fetch_offset = position.offset;
        self.is_asked = false;
        self.not_before = None;
        self.preferred = None;
    }

    /// Forgets the position until a reset has found one.
    pub(crate) fn reset(&mut self, to: OffsetReset) {
        self.place = Place::Reset(to);
        self.is_asked = false;
        self.preferred = None;
    }

    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        !self.is_asked && self.not_before.is_none_or(|time| time <= now)
    }
}

/// All partitions that are read, ascending by topic and number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assignment {
    topics: BTreeMap<Arc<str>, BTreeMap<i32, Partition>>,
}

impl Assignment {
    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&Partition> {
        self.topics.get(topic)?.get(&partition)
    }

    pub(crate) fn get_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        self.topics.get_mut(topic)?.get_mut(&partition)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32, &Partition)> {
        self.topics.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(number, partition)| (topic, *number, partition))
        })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, i32, &mut Partition)> {
        self.topics.iter_mut().flat_map(|(topic, partitions)| {
            partitions.iter_mut().map(move |(number, partition)| (topic, *number, partition))
        })
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.topics.keys()
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.iter().map(|(topic, number, _)| (Arc::clone(topic), number)).collect()
    }

    /// Adds what is not there yet, each beginning at `place`.
    pub(crate) fn add(&mut self, keys: &[Key], place: Place) {
        for (topic, number) in keys {
            let partitions = self.topics.entry(Arc::clone(topic)).or_default();
            partitions.entry(*number).or_insert_with(|| Partition::new(place));
        }
    }

    pub(crate) fn remove(&mut self, keys: &[Key]) {
        for (topic, number) in keys {
            if let Some(partitions) = self.topics.get_mut(topic) {
                partitions.remove(number);
            }
        }
        self.topics.retain(|_, partitions| !partitions.is_empty());
    }

    /// Positions of those that have one, as they are committed.
    pub(crate) fn positions(&self) -> Vec<(Key, Position)> {
        let positions = self.iter().filter_map(|(topic, number, partition)| {
            Some(((Arc::clone(topic), number), partition.position()?))
        });
        positions.collect()
    }
}

/// What of `first` is not in `second`; both ascend.
pub(crate) fn without(first: &[Key], second: &[Key]) -> Vec<Key> {
    first.iter().filter(|key| second.binary_search(key).is_err()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_come_and_go_and_keep_their_place() {
        let key = |topic: &str, number| (Arc::<str>::from(topic), number);
        let mut assignment = Assignment::default();
        assignment.add(&[key("b", 0), key("a", 1)], Place::Committed);
        assignment.get_mut("a", 1).unwrap().seek(Position { offset: 7, leader_epoch: 2 });
        assignment.add(&[key("a", 1), key("a", 0)], Place::Committed);
        assert_eq!(assignment.keys(), [key("a", 0), key("a", 1), key("b", 0)]);
        assert_eq!(assignment.positions(), [(key("a", 1), Position { offset: 7, leader_epoch: 2 })]);
        assignment.remove(&[key("b", 0), key("a", 0), key("c", 3)]);
        assert_eq!(assignment.keys(), [key("a", 1)]);
        assert_eq!(without(&[key("a", 0), key("a", 1)], &assignment.keys()), [key("a", 0)]);
    }
}
