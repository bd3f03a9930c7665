//! Which leader epoch began at which offset (`leader-epoch-checkpoint`, KIP-101).

use std::path::Path;

use model::{LeaderEpoch, Offset};

use crate::checkpoint::{malformed, parse_lines, read_text, to_text};
use crate::disk::{Disk, replace_file_unsynced};
use crate::error::LogError;

/// An epoch and the offset of its first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Offset at which it begins.
    pub start_offset: Offset,
}

/// The epochs of a log, ascending in epoch and offset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Epochs {
    starts: Vec<EpochStart>,
}

impl Epochs {
    /// Reads the checkpoint; `None` where there is none, or an empty one, which a power cut may leave of a new one.
    pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<Epochs>, LogError> {
        let mut epochs = Epochs::default();
        let Some(text) = read_text(disk, path)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        let lines = parse_lines(path, &text)?;
        for (number, line) in lines.iter().enumerate() {
            let mut words = line.split_ascii_whitespace().map(str::parse::<i64>);
            let entry = match (words.next(), words.next(), words.next()) {
                (Some(Ok(epoch)), Some(Ok(start_offset)), None) => {
                    i32::try_from(epoch).ok().map(|epoch| EpochStart { epoch, start_offset })
                }
                _ => None,
            };
            let EpochStart { epoch, start_offset } =
                entry.ok_or_else(|| malformed(path, number + 2, line))?;
            epochs.assign(epoch, start_offset);
        }
        Ok(Some(epochs))
    }

    pub(crate) fn write(&self, disk: &dyn Disk, path: &Path) -> std::io::Result<()> {
        let lines = self.starts.iter().map(|start| format!("{} {}", start.epoch, start.start_offset));
        replace_file_unsynced(disk, path, to_text(self.starts.len(), lines).as_bytes())
    }

    /// Notes that `epoch` begins at `start_offset`; true where that is news.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) -> bool {
        if epoch < 0 || self.latest().is_some_and(|latest| epoch <= latest) {
            return false;
        }
        // An epoch without records gives way to the next one at the same offset.
        self.starts.truncate(self.starts.partition_point(|start| start.start_offset < start_offset));
        self.starts.push(EpochStart { epoch, start_offset });
        true
    }

    /// Notes that a record of `epoch` stands at `offset`, whatever the file told; true where that is news.
    pub(crate) fn found(&mut self, epoch: LeaderEpoch, offset: Offset) -> bool {
        let begins_later = |start: &EpochStart| start.epoch == epoch && start.start_offset > offset;
        if self.starts.iter().any(begins_later) {
            self.truncate_end(offset);
        }
        self.assign(epoch, offset)
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.starts.last().map(|start| start.epoch)
    }

    /// The epoch that the record at `offset` was written in.
    pub(crate) fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.starts.partition_point(|start| start.start_offset <= offset);
        self.starts.get(after.checked_sub(1)?).map(|start| start.epoch)
    }

    /// The largest epoch not above `epoch`, and where it ends: Kafka's OffsetForLeaderEpoch; -1, -1 if unknown.
    pub(crate) fn end_offset(&self, epoch: LeaderEpoch, log_end: Offset) -> (LeaderEpoch, Offset) {
        if epoch < 0 {
            return (-1, -1);
        }
        if self.latest() == Some(epoch) {
            return (epoch, log_end);
        }
        let higher = self.starts.partition_point(|start| start.epoch <= epoch);
        let Some(next) = self.starts.get(higher) else { return (-1, -1) };
        match higher.checked_sub(1).and_then(|place| self.starts.get(place)) {
            Some(floor) => (floor.epoch, next.start_offset),
            None => (epoch, next.start_offset),
        }
    }

    /// Forgets epochs that begin at or after `end`; true where something changed.
    pub(crate) fn truncate_end(&mut self, end: Offset) -> bool {
        let before = self.starts.len();
        self.starts.retain(|start| start.start_offset < end);
        before != self.starts.len()
    }

    /// Forgets epochs that end at or before `start`; the one that holds it begins there. True on change.
    pub(crate) fn truncate_start(&mut self, start: Offset) -> bool {
        let covered = self.starts.partition_point(|entry| entry.start_offset <= start);
        let Some(holder) = covered.checked_sub(1) else { return false };
        let Some(entry) = self.starts.get_mut(holder) else { return false };
        let changed = holder > 0 || entry.start_offset != start;
        entry.start_offset = start;
        self.starts.drain(..holder);
        changed
    }

    pub(crate) fn starts(&self) -> &[EpochStart] {
        &self.starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(list: &[(i32, i64)]) -> Epochs {
        let mut epochs = Epochs::default();
        for &(epoch, start) in list {
            epochs.assign(epoch, start);
        }
        epochs
    }

    #[test]
    fn ends_follow_kafkas_rules() {
        let epochs = epochs(&[(2, 10), (4, 20), (7, 30)]);
        let cases = [
            (-1, (-1, -1)),
            (1, (1, 10)),
            (2, (2, 20)),
            (3, (2, 20)),
            (5, (4, 30)),
            (7, (7, 99)),
            (8, (-1, -1)),
        ];
        for (asked, answer) in cases {
            assert_eq!(epochs.end_offset(asked, 99), answer, "{asked}");
        }
        assert_eq!(epochs.epoch_at(9), None);
        assert_eq!(epochs.epoch_at(29), Some(4));
    }

    #[test]
    fn an_epoch_without_records_gives_way() {
        assert_eq!(epochs(&[(0, 0), (1, 5), (2, 5)]), epochs(&[(0, 0), (2, 5)]));
        assert!(!epochs(&[(3, 0)]).assign(3, 9));
    }

    #[test]
    fn a_record_tells_better_than_the_file_where_its_epoch_begins() {
        let mut known = epochs(&[(0, 0), (3, 10)]);
        assert!(known.found(3, 8) && !known.found(3, 9));
        assert_eq!(known, epochs(&[(0, 0), (3, 8)]));
    }

    #[test]
    fn truncation_keeps_what_still_holds_records() {
        let mut both = epochs(&[(0, 0), (1, 10), (2, 20)]);
        assert!(both.truncate_start(15));
        assert!(both.truncate_end(20));
        assert_eq!(both.starts(), [EpochStart { epoch: 1, start_offset: 15 }]);
        assert!(!both.truncate_start(15) && !both.truncate_end(20));
    }

    #[test]
    fn the_file_is_kafkas() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leader-epoch-checkpoint");
        let disk = crate::disk::RealDisk;
        let written = epochs(&[(0, 0), (3, 17)]);
        written.write(&disk, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n2\n0 0\n3 17\n");
        assert_eq!(Epochs::read(&disk, &path).unwrap(), Some(written));
    }
}
