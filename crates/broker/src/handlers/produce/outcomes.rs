//! What each partition of a Produce request is answered, with the details that Kafka tells and no others.

use model::ErrorCode;
use partition_log::{AppendError, Appended};
use protocol::messages::produce_response::{BatchIndexAndErrorMessage, PartitionProduceResponse};
use records::{ProduceError, next_batch};

use crate::partitions::Partition;

/// Where a batch has its size and its format.
const SIZE_AT: usize = 8;
const MAGIC_AT: usize = 16;
/// Bytes that a record of the oldest format has at least.
const RECORD_OVERHEAD_MIN: i32 = 14;

/// Refused before the partition was looked at.
pub fn refused(index: i32, error_code: ErrorCode) -> PartitionProduceResponse<'static> {
    PartitionProduceResponse { index, error_code, base_offset: -1, ..Default::default() }
}

/// Refused for want of replicas in sync.
pub fn not_enough_replicas(index: i32, partition: &Partition) -> PartitionProduceResponse<'static> {
    let log_start_offset = partition.log.log_start_offset();
    PartitionProduceResponse { log_start_offset, ..refused(index, ErrorCode::NOT_ENOUGH_REPLICAS) }
}

/// Nobody knows whether the batch is on disk.
pub fn unknown_end(index: i32) -> PartitionProduceResponse<'static> {
    refused(index, ErrorCode::KAFKA_STORAGE_ERROR)
}

/// A batch that does not pass the checks.
///
/// As in Kafka, words come only with errors of single records and of bytes that are no batch at all, and the log
/// start offset only with errors that take a look at the partition to find.
pub fn refused_batch(
    index: i32,
    partition: &Partition,
    records: &[u8],
    error: ProduceError,
) -> PartitionProduceResponse<'static> {
    let is_one_batch = matches!(next_batch(records), Ok(Some(batch)) if batch.size() == records.len());
    let has_words =
        !error.record_errors.is_empty() || (!is_one_batch && error.code == ErrorCode::CORRUPT_MESSAGE);
    let record_errors = error.record_errors.into_iter().map(|record| BatchIndexAndErrorMessage {
        batch_index: record.batch_index,
        batch_index_error_message: Some(record.message.into()),
    });
    let is_of_batch = matches!(
        error.code,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::CORRUPT_MESSAGE | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
    );
    PartitionProduceResponse {
        log_start_offset: if is_one_batch && !is_of_batch { partition.log.log_start_offset() } else { -1 },
        record_errors: record_errors.collect(),
        error_message: has_words.then(|| unreadable(records).unwrap_or(error.message).into()),
        ..refused(index, error.code)
    }
}

/// Kafka's words for bytes that cannot even be told to be a batch: the size and the magic are looked at first.
fn unreadable(records: &[u8]) -> Option<String> {
    let size = i32::from_be_bytes(*records.get(SIZE_AT..)?.first_chunk()?);
    if size < RECORD_OVERHEAD_MIN {
        let minimum = RECORD_OVERHEAD_MIN;
        return Some(format!("Record size {size} is less than the minimum record overhead ({minimum})"));
    }
    let magic = i8::from_be_bytes([*records.get(MAGIC_AT)?]);
    (!(0..=2).contains(&magic)).then(|| format!("Invalid magic found in record: {magic}"))
}

/// A batch that the log did not take.
pub fn failed(
    index: i32,
    partition: Option<&Partition>,
    error: &AppendError,
) -> PartitionProduceResponse<'static> {
    let error_code = error.code();
    if error_code == ErrorCode::KAFKA_STORAGE_ERROR {
        tracing::error!(%error, "an append failed");
    }
    let is_of_producer =
        matches!(error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::INVALID_PRODUCER_EPOCH);
    let log_start_offset =
        partition.filter(|_| is_of_producer).map_or(-1, |partition| partition.log.log_start_offset());
    PartitionProduceResponse { log_start_offset, ..refused(index, error_code) }
}

/// A batch that the log took.
pub fn appended(index: i32, appended: &Appended) -> PartitionProduceResponse<'static> {
    PartitionProduceResponse {
        index,
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time_ms.unwrap_or(-1),
        log_start_offset: appended.log_start_offset,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use records::BatchBuilder;

    use super::*;

    #[test]
    fn only_bytes_that_are_no_batch_have_words_of_their_own() {
        let whole = BatchBuilder::new().record(1, None, Some(b"v")).build();
        assert_eq!(unreadable(&whole), None);
        assert_eq!(unreadable(&whole[..10]), None);
        let mut magic = whole.clone();
        magic[MAGIC_AT] = 3;
        assert_eq!(unreadable(&magic).as_deref(), Some("Invalid magic found in record: 3"));
        let mut size = whole;
        size[SIZE_AT..SIZE_AT + 4].copy_from_slice(&(-5i32).to_be_bytes());
        let words = "Record size -5 is less than the minimum record overhead (14)";
        assert_eq!(unreadable(&size).as_deref(), Some(words));
    }
}
