//! The broker's settings in the form its parts need them. The only place that reads `config` for the data path.

use std::sync::Arc;
use std::time::Duration;

use config::{BrokerConfig, CompressionConfig, Layers, StaticSettings, TopicConfig};
use model::{NodeId, Uuid};
use partition_log::LogOptions;
use records::{Codec, Compression, Depth};
use transport::MemoryBudget;

/// Free buffers that one core keeps at most, in bytes.
const POOLED_BYTES_PER_CORE_MAX: usize = 32 * 1024 * 1024;

/// The part of the memory budget that one core may keep in free buffers: one in this many.
const POOLED_SHARE: usize = 8;

/// The part of the memory budget that the tails of partitions may take: one in this many.
const TAIL_SHARE: usize = 4;

/// How the broker runs; fixed at its start.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// `node.id`.
    pub node_id: NodeId,
    /// The cluster's id.
    pub cluster_id: String,
    /// Drawn at each start, so that the controller can tell two lives of a broker apart.
    pub incarnation_id: Uuid,
    /// Static settings, for DescribeConfigs.
    pub settings: StaticSettings,
    /// The same, typed.
    pub config: BrokerConfig,
    /// Free buffers that one core keeps at most, in bytes.
    pub pooled_bytes_per_core_max: usize,
}

impl BrokerOptions {
    /// Options of the node that `config` describes.
    pub fn new(
        settings: StaticSettings,
        config: BrokerConfig,
        cluster_id: String,
        incarnation_id: Uuid,
    ) -> BrokerOptions {
        let mut options = BrokerOptions {
            node_id: config.node_id,
            cluster_id,
            incarnation_id,
            settings,
            config,
            pooled_bytes_per_core_max: POOLED_BYTES_PER_CORE_MAX,
        };
        // Free memory is kept for speed, but not out of proportion to what may be in use.
        let share = options.memory_bound().0 / POOLED_SHARE;
        options.pooled_bytes_per_core_max = share.min(POOLED_BYTES_PER_CORE_MAX);
        options
    }

    /// Largest frame taken, in bytes (`socket.request.max.bytes`).
    pub fn request_bytes_max(&self) -> usize {
        usize::try_from(self.config.network.request_bytes_max).unwrap_or_default()
    }

    /// How long a connection may stay silent (`connections.max.idle.ms`); negative means for ever.
    pub fn connection_idle_max(&self) -> Duration {
        const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);
        u64::try_from(self.config.network.idle_ms_max).map_or(FOR_EVER, Duration::from_millis)
    }

    /// Most bytes of records in one fetch (`fetch.max.bytes`).
    pub fn fetch_bytes_max(&self) -> usize {
        usize::try_from(self.config.logs.fetch_bytes_max).unwrap_or_default()
    }

    /// The bound on memory that requests and answers in flight may take together, as the broker counts it.
    pub fn memory_budget(&self) -> Arc<MemoryBudget> {
        let (bytes, setting) = self.memory_bound();
        MemoryBudget::new(bytes, setting)
    }

    /// Most bytes in which all partitions together keep their last batches for readers: a part of
    /// `memory.budget.bytes`.
    pub fn tail_memory_max(&self) -> usize {
        self.budget_bytes() / TAIL_SHARE
    }

    /// The bound on requests and answers and the setting it comes from: `queued.max.request.bytes` where it is
    /// given, else what others leave of `memory.budget.bytes`.
    fn memory_bound(&self) -> (usize, &'static str) {
        match self.config.network.queued_request_bytes_max {
            Some(bytes) => (usize::try_from(bytes).unwrap_or(usize::MAX), "queued.max.request.bytes"),
            None => (self.budget_bytes() - self.tail_memory_max(), "memory.budget.bytes"),
        }
    }

    fn budget_bytes(&self) -> usize {
        usize::try_from(self.config.own.memory_budget_bytes).unwrap_or(usize::MAX)
    }
}

/// What holds for the partitions of one topic.
#[derive(Debug, Clone)]
pub struct TopicSettings {
    /// For the log.
    pub log: Arc<LogOptions>,
    /// `max.message.bytes`.
    pub batch_bytes_max: usize,
    /// `cleanup.policy` has `compact`: records need keys.
    pub compacts: bool,
    /// `cleanup.policy` has `delete`: records may be deleted from the start.
    pub deletes: bool,
    /// Codec to store under, `None` for the producer's.
    pub codec: Option<Codec>,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `flush.policy=durable`: records count once they are on stable storage.
    pub is_durable: bool,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `record.validation`.
    pub depth: Depth,
    /// `flush.ms`; `None` where time alone never asks for a flush.
    pub flush_after: Option<Duration>,
}

impl TopicSettings {
    /// The settings of a topic on this broker, whose own settings now are `layers`.
    pub fn new(topic: &TopicConfig, layers: &Layers<'_>, broker: &BrokerOptions) -> TopicSettings {
        let (segment, messages) = (&topic.segment, &topic.messages);
        let bytes = |value: i32| u64::try_from(value).unwrap_or_default();
        let log = LogOptions {
            segment_bytes: bytes(segment.bytes),
            segment_ms: segment.ms,
            segment_jitter_ms: segment.jitter_ms,
            segment_index_bytes: bytes(segment.index_bytes),
            index_interval_bytes: bytes(segment.index_interval_bytes),
            preallocate: segment.preallocate,
            sync_before_roll: topic.cleanup.compact,
            flush_messages: topic.flush_messages,
            producer_id_expiration_ms: i64::from(layers.int("producer.id.expiration.ms")),
            log_append_time: messages.log_append_time,
        };
        let fully = broker.config.own.validates_records_fully;
        TopicSettings {
            log: Arc::new(log),
            batch_bytes_max: usize::try_from(messages.max_bytes).unwrap_or_default(),
            compacts: topic.cleanup.compact,
            deletes: topic.cleanup.delete,
            codec: codec(&topic.compression),
            timestamp_before_max_ms: messages.timestamp_before_max_ms,
            timestamp_after_max_ms: messages.timestamp_after_max_ms,
            is_durable: topic.is_durable,
            min_insync_replicas: topic.min_insync_replicas,
            depth: if fully { Depth::Full } else { Depth::Header },
            flush_after: u64::try_from(topic.flush_ms)
                .ok()
                .filter(|ms| *ms < i64::MAX as u64)
                .map(Duration::from_millis),
        }
    }
}

/// The codec of `compression.type`, at its level.
fn codec(compression: &CompressionConfig) -> Option<Codec> {
    let (compression, level) = match compression.kind.as_str() {
        "uncompressed" => (Compression::None, None),
        "gzip" => (Compression::Gzip, Some(compression.gzip_level)),
        "snappy" => (Compression::Snappy, None),
        "lz4" => (Compression::Lz4, Some(compression.lz4_level)),
        "zstd" => (Compression::Zstd, Some(compression.zstd_level)),
        _ => return None,
    };
    Some(Codec { compression, level })
}
