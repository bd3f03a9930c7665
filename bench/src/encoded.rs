//! Requests encoded once and sent as they are.

use std::time::SystemTime;

use model::ErrorCode;
use protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use protocol::messages::{
    ApiVersionsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, FetchResponse,
    ProduceResponse,
};
use protocol::{ApiKey, Message, Reader, Writer, encode_request_header, encode_response_header};
use records::BatchBuilder;

/// Newest version that names topics by name.
const PRODUCE_VERSION: i16 = 12;
/// Newest version that names topics by name.
const FETCH_VERSION: i16 = 12;

/// Newest version.
const CREATE_TOPICS_VERSION: i16 = 7;
/// Newest version that names topics without ids beside the names.
const DELETE_TOPICS_VERSION: i16 = 5;

/// A frame with size prefix and header.
fn framed<'m, M: Message<'m>>(api_key: ApiKey, version: i16, message: &M) -> Vec<u8> {
    let mut writer = Writer::new();
    let place = writer.begin_frame();
    encode_request_header(&mut writer, api_key, version, 1, Some("bench")).expect("a header encodes");
    message.encode(&mut writer, version).expect("a request of ours encodes");
    writer.end_frame(place, 0).expect("a frame below 2 GiB");
    writer.into_vec()
}

/// An answer with size prefix and header.
fn framed_answer<'m, M: Message<'m>>(api_key: ApiKey, version: i16, message: &M) -> Vec<u8> {
    let mut writer = Writer::new();
    let place = writer.begin_frame();
    encode_response_header(&mut writer, api_key, version, 1).expect("a header encodes");
    message.encode(&mut writer, version).expect("an answer of ours encodes");
    writer.end_frame(place, 0).expect("a frame below 2 GiB");
    writer.into_vec()
}

/// ApiVersions, the first thing any client asks.
pub fn api_versions() -> Vec<u8> {
    let request =
        ApiVersionsRequest { client_software_name: "bench".into(), client_software_version: "1".into() };
    framed(ApiKey::ApiVersions, 3, &request)
}

/// Checks that the answer to [`api_versions`] is no error; its header has no tags.
pub fn api_versions_answered(answer: &[u8]) -> Result<(), String> {
    match answer.get(4..6) {
        Some([0, 0]) => Ok(()),
        _ => Err("ApiVersions was refused".to_owned()),
    }
}

/// CreateTopics for one topic.
pub fn create_topic(name: &str, partitions: i32) -> Vec<u8> {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only: false };
    framed(ApiKey::CreateTopics, CREATE_TOPICS_VERSION, &request)
}

/// How the broker took [`create_topic`].
pub fn created(answer: &[u8]) -> Result<ErrorCode, String> {
    let response = CreateTopicsResponse::decode(&mut body(answer)?, CREATE_TOPICS_VERSION);
    let response = response.map_err(|error| error.to_string())?;
    response.topics.first().map(|topic| topic.error_code).ok_or_else(|| "an empty answer".to_owned())
}

/// DeleteTopics for one topic.
pub fn delete_topic(name: &str) -> Vec<u8> {
    let request =
        DeleteTopicsRequest { topic_names: vec![name.into()], timeout_ms: 30_000, ..Default::default() };
    framed(ApiKey::DeleteTopics, DELETE_TOPICS_VERSION, &request)
}

/// How the broker took [`delete_topic`].
pub fn deleted(answer: &[u8]) -> Result<ErrorCode, String> {
    let response = DeleteTopicsResponse::decode(&mut body(answer)?, DELETE_TOPICS_VERSION);
    let response = response.map_err(|error| error.to_string())?;
    response.responses.first().map(|topic| topic.error_code).ok_or_else(|| "an empty answer".to_owned())
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

/// Produce of one batch to partition 0.
pub fn produce(topic: &str, acks: i16, batch: &[u8]) -> Vec<u8> {
    let partition = PartitionProduceData { index: 0, records: Some(batch.into()) };
    let topic =
        TopicProduceData { name: topic.into(), partition_data: vec![partition], ..Default::default() };
    let request =
        ProduceRequest { transactional_id: None, acks, timeout_ms: 30_000, topic_data: vec![topic] };
    framed(ApiKey::Produce, PRODUCE_VERSION, &request)
}

/// Base offset of a produce answer; any error is one.
pub fn produced_offset(answer: &[u8]) -> Result<i64, String> {
    let mut reader = body(answer)?;
    let response =
        ProduceResponse::decode(&mut reader, PRODUCE_VERSION).map_err(|error| error.to_string())?;
    let topic = response.responses.first();
    let partition = topic.and_then(|topic| topic.partition_responses.first()).ok_or("an empty answer")?;
    if partition.error_code.is_none() {
        Ok(partition.base_offset)
    } else {
        Err(format!("produce failed: {}", partition.error_code))
    }
}

/// What a broker answers to [`produce`], for a server that does nothing.
pub fn produce_answer(topic: &str) -> Vec<u8> {
    let partition = PartitionProduceResponse { index: 0, base_offset: 0, ..Default::default() };
    let topic = TopicProduceResponse {
        name: topic.into(),
        partition_responses: vec![partition],
        ..Default::default()
    };
    let response = ProduceResponse { responses: vec![topic], ..Default::default() };
    framed_answer(ApiKey::Produce, PRODUCE_VERSION, &response)
}

/// What a broker answers to [`fetch`], for a server that does nothing.
pub fn fetch_answer(topic: &str, records: &[u8]) -> Vec<u8> {
    let partition = PartitionData { records: Some(records.into()), ..Default::default() };
    let topic =
        FetchableTopicResponse { topic: topic.into(), partitions: vec![partition], ..Default::default() };
    let response = FetchResponse { responses: vec![topic], ..Default::default() };
    framed_answer(ApiKey::Fetch, FETCH_VERSION, &response)
}

/// Fetch of partition 0 from `offset`, outside of sessions.
pub fn fetch(topic: &str, offset: i64, bytes_max: i32) -> Vec<u8> {
    let partition = FetchPartition {
        partition: 0,
        fetch_offset: offset,
        partition_max_bytes: bytes_max,
        ..FetchPartition::default()
    };
    let topic = FetchTopic { topic: topic.into(), partitions: vec![partition], ..FetchTopic::default() };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 50 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..FetchRequest::default()
    };
    framed(ApiKey::Fetch, FETCH_VERSION, &request)
}

/// Bytes of records in a fetch answer and the offset behind its last whole batch; `None` where there is none.
pub fn fetched(answer: &[u8]) -> Result<Option<(usize, i64)>, String> {
    let mut reader = body(answer)?;
    let response = FetchResponse::decode(&mut reader, FETCH_VERSION).map_err(|error| error.to_string())?;
    if !response.error_code.is_none() {
        return Err(format!("fetch failed: {}", response.error_code));
    }
    let topic = response.responses.first();
    let partition = topic.and_then(|topic| topic.partitions.first()).ok_or("an empty answer")?;
    if !partition.error_code.is_none() {
        return Err(format!("fetch failed: {}", partition.error_code));
    }
    let bytes = partition.records.as_deref().unwrap_or_default();
    let last = records::batches(bytes).map_while(Result::ok).last();
    Ok(last.map(|batch| (bytes.len(), batch.next_offset())))
}

/// The body behind a flexible response header.
fn body(answer: &[u8]) -> Result<Reader<'_>, String> {
    let mut reader = Reader::new(answer);
    reader.i32().map_err(|error| error.to_string())?;
    reader.skip_tags().map_err(|error| error.to_string())?;
    Ok(reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_answer_tells_its_bytes_and_the_offset_behind_its_last_whole_batch() {
        // Ten records.
        let first = batch(1010, 90);
        let mut second = BatchBuilder::new().base_offset(10).record(0, None, Some(b"x")).build();
        let whole = fetch_answer("t", &[first.as_slice(), &second].concat());
        assert_eq!(fetched(&whole[4..]), Ok(Some((first.len() + second.len(), 11))));
        second.pop();
        let cut = fetch_answer("t", &[first.as_slice(), &second].concat());
        assert_eq!(fetched(&cut[4..]), Ok(Some((first.len() + second.len(), 10))));
        assert_eq!(fetched(&fetch_answer("t", &[])[4..]), Ok(None));
    }

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
}
