//! What passed through the topics of this broker and how their logs stand, for whoever publishes it.

use std::sync::atomic::Ordering;

use crate::broker::Broker;
use crate::partitions::Partition;

/// One topic since the broker started.
#[derive(Debug, Clone)]
pub struct TopicTraffic {
    /// Its name.
    pub name: String,
    /// Records appended.
    pub messages_in: u64,
    /// Bytes of batches appended.
    pub bytes_in: u64,
    /// Bytes of batches fetched.
    pub bytes_out: u64,
    /// Its partitions here.
    pub partitions: Vec<PartitionTraffic>,
}

/// The log of one partition.
#[derive(Debug, Clone, Copy)]
pub struct PartitionTraffic {
    /// Its number.
    pub index: i32,
    /// Bytes of its segments.
    pub size_bytes: i64,
    /// First offset that may be read.
    pub log_start_offset: i64,
    /// Offset that the next record will get.
    pub log_end_offset: i64,
    /// Number of segments.
    pub segments: i64,
}

impl Broker {
    /// Every topic here, by name.
    pub fn traffic(&self) -> Vec<TopicTraffic> {
        let topics = self.partitions.topics();
        let shown = topics.iter().map(|topic| {
            let partitions = topic.partitions();
            let sum =
                |count: fn(&Partition) -> u64| partitions.iter().map(|partition| count(partition)).sum();
            TopicTraffic {
                name: topic.name.to_string(),
                messages_in: sum(|partition| partition.counters.messages_in.load(Ordering::Relaxed)),
                bytes_in: sum(|partition| partition.counters.bytes_in.load(Ordering::Relaxed)),
                bytes_out: sum(|partition| partition.counters.bytes_out.load(Ordering::Relaxed)),
                partitions: partitions.iter().map(|partition| partition_traffic(partition)).collect(),
            }
        });
        shown.collect()
    }

    /// Fetch sessions, the partitions they hold, and how many sessions gave way to others.
    pub fn fetch_session_counts(&self) -> (usize, usize, u64) {
        self.fetch_sessions.counts()
    }
}

fn partition_traffic(partition: &Partition) -> PartitionTraffic {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    PartitionTraffic {
        index: partition.index,
        size_bytes: number(partition.log.size_bytes()),
        log_start_offset: partition.log.log_start_offset(),
        log_end_offset: partition.log.log_end_offset(),
        segments: number(partition.log.segment_count() as u64),
    }
}
