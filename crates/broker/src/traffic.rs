//! What passed through the topics of this broker and how their logs stand, for whoever publishes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use telemetry::RequestMetrics;
use transport::{SocketCounters, SocketCounts};

use crate::broker::Broker;
use crate::partitions::{Partition, PartitionCounters};

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
    /// Bytes of batches refused because they are too large.
    pub bytes_rejected: u64,
    /// Times its partitions were produced to, refused batches included.
    pub produce_requests: u64,
    /// Batches refused or not written.
    pub failed_produce_requests: u64,
    /// Times its partitions were fetched from.
    pub fetch_requests: u64,
    /// Fetches answered with an error.
    pub failed_fetch_requests: u64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
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

/// What one core counts; sums are made when somebody asks.
#[derive(Debug, Default)]
pub struct CoreCounters {
    /// Requests and their times.
    pub requests: RequestMetrics,
    /// System calls and bytes of its sockets.
    pub sockets: Arc<SocketCounters>,
    /// Fetches that waited for bytes.
    pub(crate) parked_fetches: AtomicU64,
    /// Times a parked fetch was woken, whether or not it could be answered then.
    pub(crate) fetch_wakes: AtomicU64,
    /// Reads handed to a side thread because their bytes were not in memory.
    pub(crate) cold_reads: AtomicU64,
}

/// How the data path went, over all cores and partitions since the broker started.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataPathCounts {
    /// System calls and bytes of the sockets.
    pub sockets: SocketCounts,
    /// Fetches that waited for bytes.
    pub parked_fetches: u64,
    /// Places at partitions where fetches wait now.
    pub waiting_fetches: u64,
    /// Times a parked fetch was woken.
    pub fetch_wakes: u64,
    /// Reads handed to a side thread because their bytes were not in memory.
    pub cold_reads: u64,
    /// Reads answered from the tail of a partition kept in memory.
    pub tail_cache_hits: u64,
    /// Memory in which tails are kept now, in bytes.
    pub tail_cache_bytes: u64,
    /// Memory in which indexes of segments are kept now, in bytes.
    pub index_bytes: u64,
    /// Batches that found the append lock taken or the disk slow, and were left to another thread.
    pub queued_appends: u64,
    /// Appends that took long enough to make their log directory count as slow.
    pub slow_appends: u64,
    /// Flushes of partitions that somebody waited for or whose `flush.ms` was over.
    pub flushes: u64,
}

impl Broker {
    /// How the data path went so far.
    pub fn data_path_counts(&self) -> DataPathCounts {
        let mut counts = DataPathCounts::default();
        for core in &self.core_counters {
            counts.sockets = counts.sockets + core.sockets.counts();
            counts.parked_fetches += core.parked_fetches.load(Ordering::Relaxed);
            counts.fetch_wakes += core.fetch_wakes.load(Ordering::Relaxed);
            counts.cold_reads += core.cold_reads.load(Ordering::Relaxed);
        }
        for partition in self.partitions.partitions() {
            counts.tail_cache_hits += partition.log.tail_cache_hits();
            counts.index_bytes += partition.log.index_bytes() as u64;
            counts.waiting_fetches += partition.waits.len() as u64;
            counts.queued_appends += partition.counters.queued_appends.load(Ordering::Relaxed);
        }
        counts.slow_appends = self.log_dirs.iter().map(|log_dir| log_dir.slow_appends()).sum();
        counts.tail_cache_bytes =
            self.log_dirs.iter().map(|log_dir| log_dir.home.tail_memory_bytes() as u64).sum();
        counts.flushes = self.log_dirs.iter().map(|log_dir| log_dir.flusher.flushes()).sum();
        counts
    }

    /// Every topic here, by name.
    pub fn traffic(&self) -> Vec<TopicTraffic> {
        let topics = self.partitions.topics();
        let shown = topics.iter().map(|topic| {
            let partitions = topic.partitions();
            let sum = |count: fn(&PartitionCounters) -> &AtomicU64| {
                partitions.iter().map(|partition| count(&partition.counters).load(Ordering::Relaxed)).sum()
            };
            TopicTraffic {
                name: topic.name.to_string(),
                messages_in: sum(|counters| &counters.messages_in),
                bytes_in: sum(|counters| &counters.bytes_in),
                bytes_out: sum(|counters| &counters.bytes_out),
                bytes_rejected: sum(|counters| &counters.bytes_rejected),
                produce_requests: sum(|counters| &counters.produce_requests),
                failed_produce_requests: sum(|counters| &counters.failed_produce_requests),
                fetch_requests: sum(|counters| &counters.fetch_requests),
                failed_fetch_requests: sum(|counters| &counters.failed_fetch_requests),
                min_insync_replicas: topic.settings.load().min_insync_replicas,
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
