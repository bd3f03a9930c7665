//! Batches, Produce requests and their answers.

use std::time::SystemTime;

use protocol::ApiKey;
use protocol::messages::ProduceResponse;
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use records::BatchBuilder;

use super::{body, framed, framed_answer};

/// Newest version that names topics by name.
const VERSION: i16 = 12;
/// Bytes of an answer from the partition's index to its base offset.
const INDEX_AND_ERROR_BYTES: usize = 4 + 2;

/// Produce of one batch to one partition, as a frame to be sent again and again.
#[derive(Debug, Clone)]
pub struct Produce {
    /// The request with its size.
    pub frame: Vec<u8>,
    /// Bytes of record batches in it.
    pub batch_bytes: usize,
    /// What a broker without anything to say answers, without its size.
    plain_answer: Vec<u8>,
    base_offset_at: usize,
}

impl Produce {
    /// To partition 0.
    pub fn new(topic: &str, acks: i16, batch: &[u8]) -> Produce {
        Produce::to_partition(topic, 0, acks, batch)
    }

    /// To a partition.
    pub fn to_partition(topic: &str, partition: i32, acks: i16, batch: &[u8]) -> Produce {
        Produce {
            frame: framed_request(topic, acks, vec![(partition, batch)]),
            batch_bytes: batch.len(),
            plain_answer: answer_frame(topic, partition)[4..].to_vec(),
            // Header with tags, the array of topics, a name below 128 bytes, the array of partitions.
            base_offset_at: 4 + 1 + 1 + 1 + topic.len() + 1 + INDEX_AND_ERROR_BYTES,
        }
    }

    /// Base offset of an answer; any error is one.
    pub fn base_offset(&self, answer: &[u8]) -> Result<i64, String> {
        // Up to and with the error code it has to be what success looks like; then the offset is where it must be.
        let before = self.plain_answer.get(..self.base_offset_at);
        if answer.len() == self.plain_answer.len()
            && let Some(offset) = answer.get(self.base_offset_at..).and_then(<[u8]>::first_chunk)
            && answer.get(..self.base_offset_at) == before
        {
            return Ok(i64::from_be_bytes(*offset));
        }
        decoded_offset(answer)
    }

    /// What a broker answers, for a server that does nothing.
    pub fn answer(&self) -> Vec<u8> {
        [&(self.plain_answer.len() as u32).to_be_bytes()[..], &self.plain_answer].concat()
    }
}

/// Produce of the same batch to several partitions in one request.
pub fn to_many(topic: &str, partitions: std::ops::Range<i32>, batch: &[u8]) -> Vec<u8> {
    framed_request(topic, 1, partitions.map(|partition| (partition, batch)).collect())
}

/// Checks that no partition failed; returns how many there are.
pub fn all_taken(answer: &[u8]) -> Result<usize, String> {
    let response = ProduceResponse::decode(&mut body(answer)?, VERSION).map_err(|error| error.to_string())?;
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    match partitions.find(|partition| !partition.error_code.is_none()) {
        Some(failed) => Err(format!("produce to partition {} failed: {}", failed.index, failed.error_code)),
        None => Ok(response.responses.iter().map(|topic| topic.partition_responses.len()).sum()),
    }
}

/// A batch of nearly `batch_bytes`, its header aside, made of records of `record_bytes`.
pub fn batch(batch_bytes: usize, record_bytes: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    // Records of 1970 would be past their retention at once.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // A record has at most 11 bytes around its value while offset deltas stay below 2^20.
    let count = (batch_bytes / (record_bytes + 11)).max(1);
    for number in 0..count {
        let value: Vec<u8> = (0..record_bytes).map(|at| (at * 31 + number * 7) as u8).collect();
        builder.push(now.as_millis() as i64, None, Some(&value), &[]);
    }
    builder.build()
}

fn framed_request(topic: &str, acks: i16, batches: Vec<(i32, &[u8])>) -> Vec<u8> {
    let partition = |(index, batch): (i32, &'_ [u8])| PartitionProduceData {
        index,
        records: Some(batch.to_vec().into()),
    };
    let partition_data = batches.into_iter().map(partition).collect();
    let topic = TopicProduceData { name: topic.into(), partition_data, ..Default::default() };
    let request =
        ProduceRequest { transactional_id: None, acks, timeout_ms: 30_000, topic_data: vec![topic] };
    framed(ApiKey::Produce, VERSION, &request)
}

fn answer_frame(topic: &str, partition: i32) -> Vec<u8> {
    let partition = PartitionProduceResponse { index: partition, base_offset: 0, ..Default::default() };
    let topic = TopicProduceResponse {
        name: topic.into(),
        partition_responses: vec![partition],
        ..Default::default()
    };
    let response = ProduceResponse { responses: vec![topic], ..Default::default() };
    framed_answer(ApiKey::Produce, VERSION, &response)
}

fn decoded_offset(answer: &[u8]) -> Result<i64, String> {
    let response = ProduceResponse::decode(&mut body(answer)?, VERSION).map_err(|error| error.to_string())?;
    let topic = response.responses.first();
    let partition = topic.and_then(|topic| topic.partition_responses.first()).ok_or("an empty answer")?;
    if partition.error_code.is_none() {
        Ok(partition.base_offset)
    } else {
        Err(format!("produce failed: {}", partition.error_code))
    }
}

#[cfg(test)]
mod tests {
    use model::ErrorCode;

    use super::*;

    #[test]
    fn a_batch_stays_within_what_brokers_accept_by_default() {
        for record_bytes in [100, 1 << 10] {
            for batch_bytes in [16 << 10, 1 << 20] {
                let size = batch(batch_bytes, record_bytes).len();
                // `message.max.bytes` of both products.
                assert!(size <= 1_048_588 && size > batch_bytes * 9 / 10, "{record_bytes} {size}");
            }
        }
    }

    fn answer_with(error_code: ErrorCode, base_offset: i64, message: Option<&'static str>) -> Vec<u8> {
        let partition = PartitionProduceResponse {
            index: 3,
            error_code,
            base_offset,
            error_message: message.map(Into::into),
            ..Default::default()
        };
        let topic = TopicProduceResponse {
            name: "topic".into(),
            partition_responses: vec![partition],
            ..Default::default()
        };
        let response = ProduceResponse { responses: vec![topic], ..Default::default() };
        framed_answer(ApiKey::Produce, VERSION, &response)[4..].to_vec()
    }

    #[test]
    fn the_offset_is_found_in_a_plain_answer_and_errors_are_told() {
        let produce = Produce::to_partition("topic", 3, 1, &batch(10, 10));
        let plain = answer_with(ErrorCode::NONE, 77_000_000_000, None);
        assert_eq!(produce.base_offset(&plain), Ok(77_000_000_000));
        assert_eq!(plain.len(), produce.plain_answer.len());
        // Longer than the plain answer: decoded.
        let wordy = answer_with(ErrorCode::NONE, 5, Some("words"));
        assert_eq!(produce.base_offset(&wordy), Ok(5));
        for message in [None, Some("no")] {
            let failed = answer_with(ErrorCode::NOT_LEADER_OR_FOLLOWER, 0, message);
            assert!(produce.base_offset(&failed).unwrap_err().contains("failed"));
        }
        assert!(produce.base_offset(&plain[..10]).is_err());
    }

    #[test]
    fn an_answer_for_many_partitions_tells_the_one_that_failed() {
        assert_eq!(all_taken(&answer_with(ErrorCode::NONE, 0, None)), Ok(1));
        assert!(all_taken(&answer_with(ErrorCode::NOT_LEADER_OR_FOLLOWER, 0, None)).is_err());
    }
}
