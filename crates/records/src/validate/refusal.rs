//! What a refused batch answers: code, message, and which records were at fault.

use std::fmt;

use model::{ErrorCode, Offset, TimestampMs};

use crate::compression::DecompressError;
use crate::record::RawRecord;

/// Records named in the message of an error at most, as Kafka does.
const NAMED_IN_MESSAGE_MAX: usize = 3;

/// One record at fault (`record_errors` of the Produce response, KIP-467).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Index of the record within its batch.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: String,
}

/// Why a batch is refused, as the Produce response tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceError {
    /// The partition's error code.
    pub code: ErrorCode,
    /// The partition's error message.
    pub message: String,
    /// The records at fault, where single ones are.
    pub record_errors: Vec<RecordError>,
}

impl ProduceError {
    pub(super) fn new(code: ErrorCode, message: String) -> ProduceError {
        ProduceError { code, message, record_errors: Vec::new() }
    }

    pub(super) fn decompression(error: DecompressError) -> ProduceError {
        let code = match error {
            DecompressError::TooLarge => ErrorCode::MESSAGE_TOO_LARGE,
            // What Kafka answers; a retriable code would have the client send the same bytes for ever.
            DecompressError::Corrupt(_) | DecompressError::UnknownCodec => ErrorCode::UNKNOWN_SERVER_ERROR,
        };
        ProduceError::new(code, error.to_string())
    }
}

impl fmt::Display for ProduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ProduceError {}

/// Collects the records at fault; a wrong timestamp decides the code of the whole.
#[derive(Default)]
pub(super) struct Refused {
    errors: Vec<RecordError>,
    any_timestamp: bool,
}

impl Refused {
    pub(super) fn key(&mut self, batch_index: i32, message: String) {
        self.errors.push(RecordError { batch_index, message });
    }

    pub(super) fn timestamp(&mut self, batch_index: i32, message: String) {
        self.any_timestamp = true;
        self.errors.push(RecordError { batch_index, message });
    }

    pub(super) fn into_error(self) -> ProduceError {
        let (code, message) = if self.any_timestamp {
            let message = "One or more records have been rejected due to invalid timestamp".to_owned();
            (ErrorCode::INVALID_TIMESTAMP, message)
        } else {
            let named: Vec<String> = self
                .errors
                .iter()
                .take(NAMED_IN_MESSAGE_MAX)
                .map(|error| {
                    format!("RecordError(batchIndex={}, message='{}')", error.batch_index, error.message)
                })
                .collect();
            let message = format!(
                "One or more records have been rejected due to {} record errors in total, and only showing the first three errors at most: [{}]",
                self.errors.len(),
                named.join(", ")
            );
            (ErrorCode::INVALID_RECORD, message)
        };
        ProduceError { code, message, record_errors: self.errors }
    }
}

pub(super) fn out_of_range(
    timestamp: TimestampMs,
    offset: Offset,
    earliest: TimestampMs,
    latest: TimestampMs,
) -> String {
    format!(
        "Timestamp {timestamp} of message with offset {offset} is out of range. The timestamp should be within [{earliest}, {latest}]"
    )
}

/// Kafka prints the record in two ways: compressed ones are only skimmed, and null shows as -1 there, 0 elsewhere.
pub(super) fn wrong_timestamp_type(
    offset: Offset,
    timestamp: TimestampMs,
    record: &RawRecord<'_>,
    compressed: bool,
) -> String {
    let (kind, null) = if compressed { ("PartialDefaultRecord", -1) } else { ("DefaultRecord", 0) };
    let size = |field: Option<&[u8]>| field.map_or(null, |bytes| bytes.len() as i64);
    format!(
        "Invalid timestamp type in message {kind}(offset={offset}, timestamp={timestamp}, key={} bytes, value={} bytes). Producer should not set timestamp type to LogAppendTime.",
        size(record.key),
        size(record.value)
    )
}
