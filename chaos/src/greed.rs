//! Frames that ask for much, ready to be sent many times, and the descriptors to send them from.

use protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::{FetchRequest, ProduceRequest};
use protocol::{ApiKey, Message, Writer, encode_request_header};
use records::BatchBuilder;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::load::now_ms;

const VERSION: i16 = 12;

/// Lets this process hold that many connections.
pub fn allow_descriptors(count: usize) -> Result<(), String> {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = count as u64;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    limit.current = Some(limit.maximum.map_or(wanted, |maximum| wanted.min(maximum)));
    setrlimit(Resource::Nofile, limit).map_err(|errno| format!("cannot open {count} connections: {errno}"))
}

/// A fetch of all partitions of a topic from their start.
pub fn fetch_frame(topic: &str, partitions: i32, bytes_max: i32) -> Result<Vec<u8>, String> {
    let wanted =
        |partition| FetchPartition { partition, partition_max_bytes: bytes_max, ..FetchPartition::default() };
    let topic = FetchTopic {
        topic: topic.into(),
        partitions: (0..partitions).map(wanted).collect(),
        ..FetchTopic::default()
    };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: bytes_max,
        session_epoch: -1,
        topics: vec![topic],
        ..FetchRequest::default()
    };
    frame(ApiKey::Fetch, &request)
}

/// Produce of one record to partition 0 of a topic.
pub fn produce_frame(topic: &str, acks: i16, record_bytes: usize) -> Result<Vec<u8>, String> {
    let batch = BatchBuilder::new().record(now_ms(), None, Some(&vec![3; record_bytes])).build();
    let data = PartitionProduceData { index: 0, records: Some(batch.as_slice().into()) };
    let topic =
        TopicProduceData { name: topic.into(), partition_data: vec![data], ..TopicProduceData::default() };
    let request =
        ProduceRequest { transactional_id: None, acks, timeout_ms: 30_000, topic_data: vec![topic] };
    frame(ApiKey::Produce, &request)
}

fn frame<'m, M: Message<'m>>(api_key: ApiKey, request: &M) -> Result<Vec<u8>, String> {
    let mut writer = Writer::new();
    let place = writer.begin_frame();
    let wrong = |error: protocol::EncodeError| error.to_string();
    encode_request_header(&mut writer, api_key, VERSION, 1, Some("greedy")).map_err(wrong)?;
    request.encode(&mut writer, VERSION).map_err(wrong)?;
    writer.end_frame(place, 0).map_err(wrong)?;
    Ok(writer.into_vec())
}
