//! What can go wrong: each error names the file, the place in it, the cause, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use model::{ErrorCode, LeaderEpoch, Offset};
use records::BatchError;

/// A failure of the disk, or of what stands on it.
#[derive(Debug)]
pub enum LogError {
    /// An operation on a file or folder failed.
    Io {
        /// What was tried, such as `write` or `open`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file holds something else than it should.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Byte at which the damage begins.
        position: u64,
        /// What is wrong.
        reason: String,
        /// What the operator can do.
        remedy: &'static str,
    },
    /// The log directory went offline after an earlier failure.
    Offline(String),
    /// Another process uses the log directory; the sentence is Kafka's.
    Locked(PathBuf),
}

impl LogError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
        let path = path.to_owned();
        move |source| LogError::Io { action, path, source }
    }

    /// The protocol's code for it.
    pub fn code(&self) -> ErrorCode {
        ErrorCode::KAFKA_STORAGE_ERROR
    }

    /// True where a file or folder was missing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// True where a read that must not wait would have had to.
    pub(crate) fn would_wait(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
    }

    /// True where the disk is full.
    pub fn is_no_space(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, source } => write!(f, "cannot {action} {}: {source}", path.display()),
            Self::Corrupt { path, position, reason, remedy } => {
                write!(f, "{} is damaged at byte {position}: {reason}; {remedy}", path.display())
            }
            Self::Offline(reason) => write!(
                f,
                "the log directory is offline since an earlier failure ({reason}); repair the disk and restart"
            ),
            Self::Locked(path) => write!(
                f,
                "Failed to acquire lock on file .lock in {}. A Kafka instance in another process or thread is using this directory; stop it or name another in log.dirs",
                path.display()
            ),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why a batch was not appended.
#[derive(Debug)]
pub enum AppendError {
    /// The disk is full; what was written of the batch has been cut off, and appends may be tried again.
    NoSpace(LogError),
    /// The disk failed, or failed before; the log directory is offline.
    Storage(LogError),
    /// The batch is larger than a segment may be.
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// `segment.bytes`.
        segment_bytes: u64,
    },
    /// The producer skipped or repeated sequence numbers.
    OutOfOrderSequence {
        /// The producer.
        producer_id: i64,
        /// Sequence number of the batch.
        sequence: i32,
        /// Sequence number of the last batch before it, -1 where there is none.
        last_sequence: i32,
    },
    /// The producer's epoch has been superseded.
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// Epoch of the batch.
        epoch: i16,
        /// The current epoch.
        current: i16,
    },
    /// A plain batch inside an open transaction of the same producer.
    InvalidTransactionState {
        /// The producer.
        producer_id: i64,
    },
    /// A marker of a coordinator that has been superseded.
    CoordinatorFenced {
        /// The producer.
        producer_id: i64,
        /// Epoch of the marker's coordinator.
        epoch: i32,
        /// The current epoch.
        current: i32,
    },
    /// A batch's leader epoch is older than the log's latest.
    StaleLeaderEpoch {
        /// Epoch of the batch.
        epoch: LeaderEpoch,
        /// Latest epoch of the log.
        latest: LeaderEpoch,
    },
    /// A follower was given offsets that do not follow the log's end.
    OffsetsNotIncreasing {
        /// First offset of the batch.
        offset: Offset,
        /// End of the log.
        log_end: Offset,
    },
    /// Bytes that are no sound batches.
    InvalidBatch(BatchError),
}

impl AppendError {
    /// The protocol's code for it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoSpace(_) | Self::Storage(_) => ErrorCode::KAFKA_STORAGE_ERROR,
            Self::TooLarge { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            Self::OutOfOrderSequence { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            Self::InvalidProducerEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
            Self::InvalidTransactionState { .. } => ErrorCode::INVALID_TXN_STATE,
            Self::CoordinatorFenced { .. } => ErrorCode::TRANSACTION_COORDINATOR_FENCED,
            Self::StaleLeaderEpoch { .. } => ErrorCode::NOT_LEADER_OR_FOLLOWER,
            Self::OffsetsNotIncreasing { .. } => ErrorCode::UNKNOWN_SERVER_ERROR,
            Self::InvalidBatch(_) => ErrorCode::CORRUPT_MESSAGE,
        }
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSpace(error) => write!(f, "the disk is full: {error}; make room, appends then resume"),
            Self::Storage(error) => error.fmt(f),
            Self::TooLarge { size, segment_bytes } => write!(
                f,
                "message batch size is {size} bytes, which exceeds the maximum configured segment size of {segment_bytes}"
            ),
            Self::OutOfOrderSequence { producer_id, sequence, last_sequence } => write!(
                f,
                "out of order sequence number for producer {producer_id}: {sequence} (incoming seq. number), {last_sequence} (current end sequence number)"
            ),
            Self::InvalidProducerEpoch { producer_id, epoch, current } => write!(
                f,
                "epoch {epoch} of producer {producer_id} is smaller than the last seen epoch {current}"
            ),
            Self::InvalidTransactionState { producer_id } => {
                write!(f, "expected transactional write from producer {producer_id}")
            }
            Self::CoordinatorFenced { producer_id, epoch, current } => write!(
                f,
                "coordinator epoch {epoch} in a marker for producer {producer_id} is smaller than the last seen epoch {current}"
            ),
            Self::StaleLeaderEpoch { epoch, latest } => {
                write!(f, "leader epoch {epoch} is older than the log's latest epoch {latest}")
            }
            Self::OffsetsNotIncreasing { offset, log_end } => {
                write!(f, "batch begins at offset {offset}, before the end of the log at {log_end}")
            }
            Self::InvalidBatch(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

/// Why records were not read.
#[derive(Debug)]
pub enum ReadError {
    /// The offset is outside what the log holds.
    OffsetOutOfRange {
        /// First offset there is.
        log_start: Offset,
        /// Offset after the last there is.
        log_end: Offset,
    },
    /// The disk failed, or what stands on it is damaged.
    Storage(LogError),
}

impl ReadError {
    /// The protocol's code for it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
            Self::Storage(error) => error.code(),
        }
    }
}

impl From<LogError> for ReadError {
    fn from(error: LogError) -> ReadError {
        ReadError::Storage(error)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OffsetOutOfRange { log_start, log_end } => {
                write!(f, "offset out of range: the log holds offsets {log_start} to {log_end} (exclusive)")
            }
            Self::Storage(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}
