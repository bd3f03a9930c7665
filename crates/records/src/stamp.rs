//! What a leader writes into a batch before it appends it, in place.

use model::{LeaderEpoch, Offset, TimestampMs};

use crate::attributes::{Attributes, TimestampType};
use crate::batch::{BATCH_HEADER_SIZE, at};
use crate::builder::{seal_checksum, write_at};

/// Fields a leader assigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchStamp {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Epoch of the leader.
    pub leader_epoch: LeaderEpoch,
    /// Time of the append in ms, for topics with `message.timestamp.type=LogAppendTime`.
    pub log_append_time_ms: Option<TimestampMs>,
    /// The maximum timestamp to write, with create time as its type, where the producer's was not that of its records.
    pub max_timestamp: Option<TimestampMs>,
}

/// Writes the stamp into the v2 batch that `batch` holds exactly.
///
/// Offset and epoch lie outside the checksum, which is computed anew only if a timestamp changes.
#[inline]
pub fn stamp(batch: &mut [u8], stamp: BatchStamp) {
    let Some(head) = batch.first_chunk_mut::<BATCH_HEADER_SIZE>() else { return };
    head[..8].copy_from_slice(&stamp.base_offset.to_be_bytes());
    head[at::LEADER_EPOCH..at::MAGIC].copy_from_slice(&stamp.leader_epoch.to_be_bytes());
    let (kind, timestamp) = match (stamp.log_append_time_ms, stamp.max_timestamp) {
        (Some(time), _) => (TimestampType::LogAppendTime, time),
        (None, Some(time)) => (TimestampType::CreateTime, time),
        (None, None) => return,
    };
    let attributes = Attributes(i16::from_be_bytes([head[at::ATTRIBUTES], head[at::ATTRIBUTES + 1]]));
    write_at(head, at::ATTRIBUTES, attributes.with_timestamp_type(kind).0.to_be_bytes());
    write_at(head, at::MAX_TIMESTAMP, timestamp.to_be_bytes());
    seal_checksum(batch);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, next_batch};

    #[test]
    fn offset_and_epoch_leave_the_checksum_alone() {
        let mut bytes = BatchBuilder::new().record(5, None, Some(b"v")).build();
        let before = next_batch(&bytes).unwrap().unwrap().stored_checksum();
        let assigned = BatchStamp {
            base_offset: 1 << 40,
            leader_epoch: 7,
            log_append_time_ms: None,
            max_timestamp: None,
        };
        stamp(&mut bytes, assigned);
        let batch = next_batch(&bytes).unwrap().unwrap();
        assert_eq!((batch.base_offset(), batch.leader_epoch()), (1 << 40, 7));
        assert_eq!(batch.stored_checksum(), before);
        batch.verify_checksum().unwrap();
    }

    #[test]
    fn log_append_time_is_sealed() {
        let mut bytes = BatchBuilder::new().record(5, None, Some(b"v")).build();
        let assigned =
            BatchStamp { base_offset: 3, leader_epoch: 0, log_append_time_ms: Some(99), max_timestamp: None };
        stamp(&mut bytes, assigned);
        let batch = next_batch(&bytes).unwrap().unwrap();
        batch.verify_checksum().unwrap();
        assert_eq!((batch.timestamp_type(), batch.max_timestamp()), (TimestampType::LogAppendTime, 99));
    }
}
