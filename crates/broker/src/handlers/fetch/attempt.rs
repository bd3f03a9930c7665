//! One look at what a fetch could be answered with: per partition an error or a slice of its log.

use model::{ErrorCode, LeaderEpoch, Offset};
use partition_log::{AbortedTransaction, LogSlice, ReadError};
use protocol::views::FetchView;

use crate::broker::Broker;
use crate::fetch_sessions::{FetchTarget, TopicKey};
use crate::partitions::Partition;

/// Isolation level of consumers that see only committed transactions.
const READ_COMMITTED: i8 = 1;

/// What a request allows and asks for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes below which the answer waits.
    pub bytes_min: usize,
    /// Bytes of records in the whole answer, but for the first batch.
    pub bytes_max: usize,
    /// Only decided transactions are shown.
    pub read_committed: bool,
}

/// What one partition is answered with.
#[derive(Debug, Default)]
pub struct Read {
    /// Where in the request's partitions it is.
    pub target: usize,
    /// Its error.
    pub error_code: ErrorCode,
    /// Its high watermark, -1 with an error.
    pub high_watermark: Offset,
    /// Its last stable offset, -1 with an error.
    pub last_stable_offset: Offset,
    /// Its log start offset, -1 with an error.
    pub log_start_offset: Offset,
    /// Its records.
    pub slice: Option<LogSlice>,
    /// Aborted transactions among them, for read_committed only.
    pub aborted: Option<Vec<AbortedTransaction>>,
    /// Where the client's log leaves ours (KIP-595): epoch and its end offset here.
    pub diverging: Option<(LeaderEpoch, Offset)>,
}

/// The look; its memory is used again.
#[derive(Debug, Default)]
pub struct Attempt {
    /// The partitions, in the order in which they had their turn.
    pub reads: Vec<Read>,
    bytes: usize,
    has_error: bool,
}

impl Limits {
    /// The limits of a request under the broker's own (`fetch.max.bytes`).
    pub fn of(view: &FetchView<'_>, fetch_bytes_max: usize) -> Limits {
        let bytes = |value: i32| usize::try_from(value).unwrap_or_default();
        let bytes_max = bytes(view.max_bytes).min(fetch_bytes_max);
        let bytes_min = bytes(view.min_bytes).min(bytes_max);
        Limits { bytes_min, bytes_max, read_committed: view.isolation_level == READ_COMMITTED }
    }
}

impl Attempt {
    /// Bytes of records found.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True where there is no reason to wait: enough bytes, an error, or nothing asked for.
    pub fn is_enough(&self, limits: &Limits) -> bool {
        self.bytes >= limits.bytes_min || self.has_error || self.reads.is_empty()
    }

    /// Looks at every partition, beginning with the one whose turn it is.
    pub fn read(&mut self, broker: &Broker, targets: &[FetchTarget], begin_at: usize, limits: &Limits) {
        self.reads.clear();
        (self.bytes, self.has_error) = (0, false);
        for step in 0..targets.len() {
            let place = (begin_at + step) % targets.len();
            let Some(target) = targets.get(place) else { break };
            let mut read = self.read_target(broker, target, limits);
            read.target = place;
            self.bytes += read.slice.as_ref().map_or(0, LogSlice::len);
            self.has_error |= !read.error_code.is_none() || read.diverging.is_some();
            self.reads.push(read);
        }
    }

    fn read_target(&self, broker: &Broker, target: &FetchTarget, limits: &Limits) -> Read {
        let outcome = match &target.partition {
            Some(partition) if !partition.is_gone() => self.read_partition(partition, target, limits),
            _ => match super::found(broker, &target.topic, target.index) {
                Ok(partition) => self.read_partition(&partition, target, limits),
                Err(code) => Err(code),
            },
        };
        outcome.unwrap_or_else(|error_code| Read {
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            ..Read::default()
        })
    }

    fn read_partition(
        &self,
        partition: &Partition,
        target: &FetchTarget,
        limits: &Limits,
    ) -> Result<Read, ErrorCode> {
        if let TopicKey::Id(id) = target.topic
            && partition.topic.id != id
        {
            return Err(ErrorCode::INCONSISTENT_TOPIC_ID);
        }
        partition.check_leader_epoch(target.current_leader_epoch)?;
        let high_watermark = partition.high_watermark();
        let last_stable_offset = partition.last_stable_offset();
        let log = &partition.log;
        let mut read = Read {
            high_watermark,
            last_stable_offset,
            log_start_offset: log.log_start_offset(),
            ..Read::default()
        };
        if target.last_fetched_epoch >= 0 {
            let (epoch, end) = log.end_offset_for_epoch(target.last_fetched_epoch);
            if epoch < target.last_fetched_epoch || end < target.offset {
                read.diverging = Some((epoch, end));
                return Ok(read);
            }
        }
        let until = if limits.read_committed { last_stable_offset } else { high_watermark };
        let bytes_left = limits.bytes_max.saturating_sub(self.bytes);
        let bytes_max = target.bytes_max.min(bytes_left);
        let slice = log.read(target.offset, bytes_max, until, self.bytes == 0).map_err(code_of)?;
        if limits.read_committed {
            read.aborted = Some(log.aborted_transactions(target.offset, until));
        }
        read.slice = (!slice.is_empty()).then_some(slice);
        Ok(read)
    }
}

fn code_of(error: ReadError) -> ErrorCode {
    match error {
        ReadError::OffsetOutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        other => {
            tracing::error!(error = %other, "a read failed");
            ErrorCode::KAFKA_STORAGE_ERROR
        }
    }
}
