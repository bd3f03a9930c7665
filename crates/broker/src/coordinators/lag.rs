//! How far groups are behind, in records and in seconds.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use coordinator::GroupProgress;
use model::{Offset, PartitionIndex, TimestampMs};
use records::{Entry, Scratch, next_entry};

use super::rebalance_log::RebalanceCounts;
use crate::broker::Broker;
use crate::partitions::Partition;

/// Bytes that one batch may unpack to while one record of it is looked for.
const UNPACKED_MAX: usize = 64 << 20;

/// How far a group is behind in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLag {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub index: PartitionIndex,
    /// The next record that the group wants.
    pub offset: Offset,
    /// Records that it has not read, `None` where the partition is not led here.
    pub records: Option<i64>,
    /// Age of the first of them in milliseconds, by its own timestamp; 0 where there is none.
    pub age_ms: Option<i64>,
}

/// A group with all that it has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLag {
    /// The group; its offsets are among `partitions`.
    pub group: GroupProgress,
    /// By topic and partition.
    pub partitions: Vec<PartitionLag>,
    /// How often it was rebalanced.
    pub rebalances: RebalanceCounts,
}

/// The next unread record of a partition, and its timestamp: as long as nobody commits it stays the same.
type Unread = HashMap<(Arc<str>, PartitionIndex, Offset), TimestampMs>;

/// Timestamps of the last look.
#[derive(Debug, Default)]
pub(crate) struct LagMemory(parking_lot::Mutex<Unread>);

impl Broker {
    /// How far the groups of this broker are behind, by their ids. Reads the batch of the next unread record of each
    /// partition, unless it has not changed since the last call: for a thread that may wait for the disk.
    pub fn group_lags(&self) -> Vec<GroupLag> {
        let now_ms = self.clock.now_ms();
        let mut known = self.groups.lag_memory.0.lock();
        let before = std::mem::take(&mut *known);
        let mut scratch = Scratch::new();
        let mut lags = Vec::new();
        for shard in self.groups.shards() {
            // One that is being loaded shows its groups in a moment.
            let groups = shard.look(|shard| shard.progress()).unwrap_or_default();
            let counts = shard.rebalance_counts(&groups);
            for (mut group, rebalances) in groups.into_iter().zip(counts) {
                let mut partitions = Vec::with_capacity(group.offsets.len());
                for (topic, index, offset) in std::mem::take(&mut group.offsets) {
                    let place = (topic, index, offset);
                    let timestamp = before.get(&place).copied();
                    let lag = self.lag_at(&place, timestamp, now_ms, &mut scratch);
                    if let Some((_, Some(timestamp))) = lag {
                        known.insert(place.clone(), timestamp);
                    }
                    let (topic, index, offset) = place;
                    let records = lag.map(|(records, _)| records);
                    let age_ms = lag.map(|(_, timestamp)| timestamp.map_or(0, |time| (now_ms - time).max(0)));
                    partitions.push(PartitionLag { topic, index, offset, records, age_ms });
                }
                lags.push(GroupLag { group, partitions, rebalances });
            }
        }
        lags.sort_by(|one, other| one.group.group.cmp(&other.group.group));
        lags
    }

    /// Records behind, and the timestamp of the first of them.
    fn lag_at(
        &self,
        (topic, index, offset): &(Arc<str>, PartitionIndex, Offset),
        known: Option<TimestampMs>,
        now_ms: TimestampMs,
        scratch: &mut Scratch,
    ) -> Option<(i64, Option<TimestampMs>)> {
        let partition = self.partitions.partition(topic, *index).ok()?;
        // What was deleted before it was read cannot be read any more.
        let next = (*offset).max(partition.log.log_start_offset());
        let behind = (partition.high_watermark() - next).max(0);
        if behind == 0 {
            return Some((0, None));
        }
        let timestamp = known.or_else(|| timestamp_at(&partition, next, scratch)).unwrap_or(now_ms);
        Some((behind, Some(timestamp)))
    }
}

/// The timestamp of the first record at or after `offset`.
fn timestamp_at(partition: &Partition, offset: Offset, scratch: &mut Scratch) -> Option<TimestampMs> {
    let slice = partition.log.read(offset, 1, partition.high_watermark(), true).ok()?;
    let bytes = slice.to_vec().ok()?;
    match next_entry(&bytes).ok()?? {
        Entry::Batch(batch) => {
            let mut records = scratch.records(&batch, UNPACKED_MAX).ok()?;
            records
                .find_map(|record| record.ok().filter(|record| record.offset >= offset))
                .map(|record| record.timestamp)
        }
        Entry::Legacy(message) => {
            let mut found = None;
            let look = &mut |record: records::Record<'_>| match record.offset >= offset {
                true => {
                    found = Some(record.timestamp);
                    ControlFlow::Break(())
                }
                false => ControlFlow::Continue(()),
            };
            message.for_each(UNPACKED_MAX, look).ok()?;
            found
        }
    }
}
