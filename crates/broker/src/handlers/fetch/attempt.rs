//! One look at what a fetch could be answered with: per partition an error or a slice of its log.

use std::ops::Range;
use std::sync::Arc;

use model::{ErrorCode, LeaderEpoch, NodeId, Offset};
use partition_log::{AbortedTransaction, LogSlice, PartitionLog, ReadError};
use protocol::views::FetchView;

use super::response::Splices;
use crate::broker::{Broker, KEPT_MAX};
use crate::fetch_sessions::{FetchTarget, TopicKey};
use crate::partitions::Partition;

/// Isolation level of consumers that see only committed transactions.
pub const READ_COMMITTED: i8 = 1;
/// Answers name the leader where it is another from this version on.
const LEADERS_TOLD_SINCE: i16 = 16;

/// Records up to this size are copied into the answer; a file range of its own costs two system calls more.
pub const COPIED_MAX: usize = 8 * 1024;
/// Bytes copied for one answer at most.
const COPIES_MAX: usize = 1024 * 1024;
/// Bytes of memory for copies that are kept from answer to answer.
const COPIES_KEPT_MAX: usize = 64 * 1024;

/// What a request allows and asks for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes below which the answer waits.
    pub bytes_min: usize,
    /// Bytes of records in the whole answer, but for the first batch.
    pub bytes_max: usize,
    /// Only decided transactions are shown.
    pub read_committed: bool,
    /// The broker that asks, negative for others.
    pub replica_id: i32,
    /// Whoever asks the wrong broker is told the leader (KIP-951).
    pub tells_leader: bool,
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
    /// Its records, to be sent from where they are.
    pub slice: Option<LogSlice>,
    /// Its records, where in [`Attempt::copies`] they are.
    pub copied: Option<Range<usize>>,
    /// Its records are not in memory: what to bring there first.
    pub cold: Option<ColdRead>,
    /// Aborted transactions among them, for read_committed only.
    pub aborted: Option<Vec<AbortedTransaction>>,
    /// Where the client's log leaves ours (KIP-595): epoch and its end offset here.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// Whom to ask instead, and its epoch.
    pub leader: Option<(NodeId, LeaderEpoch)>,
}

/// A read that would have to wait for the disk.
#[derive(Debug)]
pub struct ColdRead {
    partition: Arc<Partition>,
    offset: Offset,
    bytes_max: usize,
    until: Offset,
    at_least_one_batch: bool,
}

impl ColdRead {
    /// Brings the records into memory, waiting for the disk; returns how many bytes they are.
    pub fn read_ahead(&self) -> usize {
        let ColdRead { offset, bytes_max, until, at_least_one_batch, .. } = *self;
        let slice = self.partition.log.read(offset, bytes_max, until, at_least_one_batch);
        // What goes wrong here goes wrong again when the fetch is answered, and is told there.
        let Ok(slice) = slice else { return 0 };
        slice.read_ahead().map_or(0, |()| slice.len())
    }
}

/// The look; its memory is used again.
#[derive(Debug, Default)]
pub struct Attempt {
    /// The partitions, in the order in which they had their turn.
    pub reads: Vec<Read>,
    /// For encoding the answer: what is spliced in, and where.
    pub splices: Splices,
    /// Records that are too few to be sent from where they are.
    pub copies: Vec<u8>,
    /// Empty, for the partitions of a request without a session.
    pub spare_targets: Vec<FetchTarget>,
    bytes: usize,
    /// Files that the answer would hold.
    files: usize,
    has_error: bool,
    has_cold: bool,
    is_full: bool,
}

impl Limits {
    /// The limits of a request under the broker's own (`fetch.max.bytes`).
    pub fn of(view: &FetchView<'_>, version: i16, fetch_bytes_max: usize) -> Limits {
        let bytes = |value: i32| usize::try_from(value).unwrap_or_default();
        let bytes_max = bytes(view.max_bytes).min(fetch_bytes_max);
        let bytes_min = bytes(view.min_bytes).min(bytes_max);
        Limits {
            bytes_min,
            bytes_max,
            read_committed: view.isolation_level == READ_COMMITTED,
            replica_id: view.replica.replica_id,
            tells_leader: version >= LEADERS_TOLD_SINCE,
        }
    }
}

/// How a look goes about it.
#[derive(Clone, Copy)]
struct Manner {
    may_wait: bool,
    from_memory: bool,
    files_max: usize,
}

impl Read {
    /// True where there are records.
    pub fn has_records(&self) -> bool {
        self.slice.is_some() || self.copied.is_some()
    }
}

impl Attempt {
    /// Bytes of records found.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True where there is no reason to wait: enough bytes, an error, or nothing asked for.
    pub fn is_enough(&self, limits: &Limits) -> bool {
        !self.has_cold
            && (self.bytes >= limits.bytes_min || self.has_error || self.is_full || self.reads.is_empty())
    }

    /// True where records have to be brought into memory before they can be sent.
    pub fn is_cold(&self) -> bool {
        self.has_cold
    }

    /// Takes out what has to be brought into memory.
    pub fn take_cold(&mut self) -> Vec<ColdRead> {
        self.has_cold = false;
        self.reads.iter_mut().filter_map(|read| read.cold.take()).collect()
    }

    /// Looks at every partition, beginning with the one whose turn it is. Unless it `may_wait`, it touches nothing
    /// that would have to come from the disk.
    pub fn read(
        &mut self,
        broker: &Broker,
        targets: &[FetchTarget],
        begin_at: usize,
        limits: &Limits,
        may_wait: bool,
    ) {
        self.reads.clear();
        (self.bytes, self.has_error, self.has_cold) = (0, false, false);
        // Where memory is short, records go out from their files, however few.
        let from_memory = broker.budget.is_ample();
        let files_max = broker.file_pins.per_answer();
        let manner = Manner { may_wait, from_memory, files_max };
        self.let_go();
        for step in 0..targets.len() {
            let place = (begin_at + step) % targets.len();
            let Some(target) = targets.get(place) else { break };
            let mut read = self.read_target(broker, target, limits, manner);
            read.target = place;
            self.has_cold |= read.cold.is_some();
            self.bytes += read.slice.as_ref().map_or(0, LogSlice::len);
            self.copy_few(&mut read, manner);
            self.has_error |= !read.error_code.is_none() || read.diverging.is_some();
            self.reads.push(read);
        }
        // What is left for the next answer is no reason to wait with this one.
        self.is_full = self.bytes > 0 && self.files >= files_max;
    }

    /// Leaves nothing but the room that most requests need.
    pub fn empty(&mut self) {
        self.reads.clear();
        self.reads.shrink_to(KEPT_MAX);
        self.let_go();
        self.splices.trim();
        self.spare_targets.clear();
        self.spare_targets.shrink_to(KEPT_MAX);
    }

    /// Lets go of records and files, as before a wait.
    pub fn let_go(&mut self) {
        self.reads.iter_mut().for_each(|read| read.slice = None);
        self.copies.clear();
        self.copies.shrink_to(COPIES_KEPT_MAX);
        self.files = 0;
    }

    /// Takes few records over at once, so that an answer does not hold a file for each of thousands of partitions, and
    /// those of an answer that may hold no file.
    fn copy_few(&mut self, read: &mut Read, manner: Manner) {
        let Some(slice) = read.slice.as_ref().filter(|slice| slice.cached_bytes().is_none()) else { return };
        let start = self.copies.len();
        let is_short_of_room = start + slice.len() > COPIES_MAX || !manner.from_memory;
        if manner.files_max > 0 && (slice.len() > COPIED_MAX || is_short_of_room) {
            self.files += 1;
            return;
        }
        self.copies.resize(start + slice.len(), 0);
        match self.copies.get_mut(start..).map(|target| slice.read_into(target)) {
            Some(Ok(())) => read.copied = Some(start..self.copies.len()),
            outcome => {
                tracing::error!(?outcome, "a read failed");
                read.error_code = ErrorCode::KAFKA_STORAGE_ERROR;
                self.copies.truncate(start);
            }
        }
        read.slice = None;
    }

    fn read_target(&self, broker: &Broker, target: &FetchTarget, limits: &Limits, manner: Manner) -> Read {
        let read_counted = |partition: &Arc<Partition>| {
            let outcome = self.read_partition(partition, target, limits, manner);
            partition.counters.fetched(outcome.as_ref().err().copied().unwrap_or(ErrorCode::NONE));
            outcome
        };
        let outcome = match &target.partition {
            Some(partition) if !partition.is_gone() => read_counted(partition),
            _ => super::found(broker, &target.topic, target.index)
                .map_err(|code| code_of_deleted(broker, target).unwrap_or(code))
                .and_then(|partition| read_counted(&partition)),
        };
        outcome.unwrap_or_else(|error_code| Read {
            error_code,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            // As Kafka: where there is no partition to ask, the list is empty; where reading failed, it is null.
            aborted: is_unknown(error_code).then(Vec::new),
            leader: match &target.partition {
                Some(partition) if limits.tells_leader && error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER => {
                    Some((broker.options.node_id, partition.leader_epoch()))
                }
                _ => None,
            },
            ..Read::default()
        })
    }

    fn read_partition(
        &self,
        partition: &Arc<Partition>,
        target: &FetchTarget,
        limits: &Limits,
        manner: Manner,
    ) -> Result<Read, ErrorCode> {
        if let TopicKey::Id(id) = target.topic
            && partition.topic.id != id
        {
            return Err(ErrorCode::INCONSISTENT_TOPIC_ID);
        }
        partition.check_leader_epoch(target.current_leader_epoch)?;
        if limits.replica_id >= 0 {
            // Every partition has one replica, so that nobody can be its follower.
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
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
            let known = partition.end_offset_for_epoch(target.last_fetched_epoch);
            // A client that has seen epochs unknown here cannot be told where its log leaves ours.
            let (epoch, end) = known.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
            if epoch < target.last_fetched_epoch || end < target.offset {
                read.diverging = Some((epoch, end));
                return Ok(read);
            }
        }
        let until = if limits.read_committed { last_stable_offset } else { high_watermark };
        let bytes_left = limits.bytes_max.saturating_sub(self.bytes);
        let copied_max = if manner.files_max == 0 { COPIED_MAX } else { usize::MAX };
        let bytes_max = target.bytes_max.min(bytes_left).min(copied_max);
        let (offset, is_first) = (target.offset, self.bytes == 0);
        let is_inside = (log.log_start_offset()..=log.log_end_offset()).contains(&offset);
        if is_inside && !is_first && (bytes_max == 0 || self.files >= manner.files_max) {
            return with_aborted(read, log, offset, until, limits);
        }
        let found = if manner.may_wait {
            log.read(offset, bytes_max, until, is_first).map(Some)
        } else {
            log.read_now(offset, bytes_max, until, is_first, manner.from_memory)
        };
        match found.map_err(code_of)? {
            Some(slice) => read.slice = (!slice.is_empty()).then_some(slice),
            None => {
                let partition = Arc::clone(partition);
                let at_least_one_batch = is_first;
                read.cold = Some(ColdRead { partition, offset, bytes_max, until, at_least_one_batch });
                return Ok(read);
            }
        }
        with_aborted(read, log, offset, until, limits)
    }
}

/// Adds what a reader of decided transactions has to skip.
fn with_aborted(
    mut read: Read,
    log: &PartitionLog,
    offset: Offset,
    until: Offset,
    limits: &Limits,
) -> Result<Read, ErrorCode> {
    if limits.read_committed {
        let aborted = log.try_aborted_transactions(offset, until);
        read.aborted = Some(aborted.map_err(|error| code_of(error.into()))?);
    }
    Ok(read)
}

/// What becomes of a topic's id that was known before: as Kafka, which knows its name by then.
fn code_of_deleted(broker: &Broker, target: &FetchTarget) -> Option<ErrorCode> {
    let (TopicKey::Id(_), Some(partition)) = (&target.topic, &target.partition) else { return None };
    let again = broker.partitions.partition(partition.topic.name.as_str(), target.index);
    Some(again.map_or_else(|code| code, |_| ErrorCode::INCONSISTENT_TOPIC_ID))
}

fn is_unknown(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
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
