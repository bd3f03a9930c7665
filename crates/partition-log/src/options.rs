//! Settings of one log as plain numbers; whoever knows the topic's configuration fills them.

/// Settings of a log, replaceable while it runs. Names are those of the topic settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// `segment.bytes`: a segment that would grow beyond is closed and the next begun.
    pub segment_bytes: u64,
    /// `segment.ms`: age in ms at which a segment is closed though it is not full.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: how much earlier than `segment_ms` a segment may be closed, spread over partitions.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: size of an index at which its segment is closed.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: bytes of log between two index entries.
    pub index_interval_bytes: u64,
    /// `preallocate`: a segment's file has `segment_bytes` from its beginning until it is closed.
    pub preallocate: bool,
    /// A segment is put on stable storage before the next one begins: for logs in which offsets may be missing, as
    /// compaction leaves them, so that a hole after a power cut would not be told from that.
    pub sync_before_roll: bool,
    /// `flush.messages`: records after which [`crate::Appended::flush_due`] asks for a flush.
    pub flush_messages: i64,
    /// `producer.id.expiration.ms`: age at which an idle producer is forgotten.
    pub producer_id_expiration_ms: i64,
    /// `message.timestamp.type=LogAppendTime`: records get the time of their append.
    pub log_append_time: bool,
}

impl LogOptions {
    /// Bytes that the file of a segment begins with.
    pub(crate) fn preallocated_bytes(&self) -> u64 {
        if self.preallocate { self.segment_bytes } else { 0 }
    }
}

impl Default for LogOptions {
    /// Kafka's defaults.
    fn default() -> LogOptions {
        LogOptions {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3_600_000,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            preallocate: false,
            sync_before_roll: false,
            flush_messages: i64::MAX,
            producer_id_expiration_ms: 86_400_000,
            log_append_time: false,
        }
    }
}
