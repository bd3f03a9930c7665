//! Control records: what kind one is, and the marker that ends a transaction.

use crate::builder::BatchBuilder;
use crate::record::Record;

/// Kind of a control record, the second field of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// Ends a transaction: its records are void.
    Abort,
    /// Ends a transaction: its records count.
    Commit,
    /// A new leader of a Raft log.
    LeaderChange,
    /// First record of a snapshot.
    SnapshotHeader,
    /// Last record of a snapshot.
    SnapshotFooter,
    /// Version of the Raft protocol in use.
    KraftVersion,
    /// Voters of a Raft log.
    KraftVoters,
    /// A kind this version does not know; readers skip it.
    Unknown(i16),
}

impl ControlType {
    /// The kind of an id.
    pub fn from_id(id: i16) -> ControlType {
        match id {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KraftVersion,
            6 => Self::KraftVoters,
            other => Self::Unknown(other),
        }
    }

    /// The id of the kind.
    pub fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KraftVersion => 5,
            Self::KraftVoters => 6,
            Self::Unknown(id) => id,
        }
    }

    /// The key of a control record of this kind: version 0 and the id.
    pub fn key(self) -> [u8; 4] {
        let [high, low] = self.id().to_be_bytes();
        [0, 0, high, low]
    }

    /// The kind of `record`, read from its key; `None` where the key is no control key.
    pub fn of(record: &Record<'_>) -> Option<ControlType> {
        let [v0, v1, high, low] = *record.key?.first_chunk::<4>()?;
        (i16::from_be_bytes([v0, v1]) >= 0).then(|| Self::from_id(i16::from_be_bytes([high, low])))
    }
}

/// The record that ends a transaction in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Whether the transaction was committed.
    pub committed: bool,
    /// Epoch of the coordinator that decided, so that an older one cannot write after it.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// Reads the marker from a control record; `None` for other kinds and malformed values.
    pub fn of(record: &Record<'_>) -> Option<EndTxnMarker> {
        let committed = match ControlType::of(record)? {
            ControlType::Abort => false,
            ControlType::Commit => true,
            _ => return None,
        };
        let [v0, v1, epoch @ ..] = *record.value?.first_chunk::<6>()?;
        (i16::from_be_bytes([v0, v1]) >= 0)
            .then_some(EndTxnMarker { committed, coordinator_epoch: i32::from_be_bytes(epoch) })
    }

    /// The batch that carries the marker for a producer, at `timestamp` (ms).
    pub fn batch(self, producer_id: i64, producer_epoch: i16, timestamp: i64) -> BatchBuilder {
        let kind = if self.committed { ControlType::Commit } else { ControlType::Abort };
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        BatchBuilder::new().producer(producer_id, producer_epoch, -1).transactional().control().record(
            timestamp,
            Some(&kind.key()),
            Some(&[0, 0, a, b, c, d]),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scratch, next_batch};

    #[test]
    fn markers_read_back() {
        let marker = EndTxnMarker { committed: true, coordinator_epoch: 7 };
        let bytes = marker.batch(9, 1, 1000).build();
        let batch = next_batch(&bytes).unwrap().unwrap();
        assert!(batch.is_control() && batch.is_transactional());
        assert_eq!((batch.base_sequence(), batch.last_sequence()), (-1, -1));
        let mut scratch = Scratch::new();
        let record = scratch.records(&batch, 1000).unwrap().next().unwrap().unwrap();
        assert_eq!(EndTxnMarker::of(&record), Some(marker));
    }

    #[test]
    fn kinds_read_back_by_id() {
        for id in -1..9 {
            assert_eq!(ControlType::from_id(id).id(), id);
        }
    }
}
