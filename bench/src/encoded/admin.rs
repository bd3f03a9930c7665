//! What is asked around a measurement: versions, topics and their partitions.

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::{
    ApiVersionsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, ListOffsetsResponse,
    MetadataRequest, MetadataResponse,
};

use super::{body, framed};

/// Newest version.
const CREATE_TOPICS_VERSION: i16 = 7;
/// Newest version that names topics without ids beside the names.
const DELETE_TOPICS_VERSION: i16 = 5;
const LIST_OFFSETS_VERSION: i16 = 7;
const METADATA_VERSION: i16 = 12;
/// The timestamp that asks for the end of a partition.
const LATEST: i64 = -1;

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

/// CreateTopics for one topic with these settings.
pub fn create_topic(name: &str, partitions: i32, settings: &[(&str, &str)]) -> Vec<u8> {
    let configs = settings.iter();
    let configs = configs
        .map(|(name, value)| CreatableTopicConfig { name: (*name).into(), value: Some((*value).into()) });
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: configs.collect(),
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

/// Metadata of one topic.
pub fn metadata(name: &str) -> Vec<u8> {
    let topic = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    framed(ApiKey::Metadata, METADATA_VERSION, &request)
}

/// How many partitions of the topic have a leader.
pub fn led(answer: &[u8]) -> Result<usize, String> {
    let response = MetadataResponse::decode(&mut body(answer)?, METADATA_VERSION);
    let response = response.map_err(|error| error.to_string())?;
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(partitions.filter(|partition| partition.error_code.is_none() && partition.leader_id >= 0).count())
}

/// ListOffsets for the ends of the first `partitions` of a topic.
pub fn ends_of(topic: &str, partitions: i32) -> Vec<u8> {
    let partition = |partition_index| ListOffsetsPartition {
        partition_index,
        current_leader_epoch: -1,
        timestamp: LATEST,
    };
    let topic = ListOffsetsTopic { name: topic.into(), partitions: (0..partitions).map(partition).collect() };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    framed(ApiKey::ListOffsets, LIST_OFFSETS_VERSION, &request)
}

/// Sum of the ends of all partitions, and how many partitions answered with an error.
pub fn ends(answer: &[u8]) -> Result<(i64, usize), String> {
    let response = ListOffsetsResponse::decode(&mut body(answer)?, LIST_OFFSETS_VERSION);
    let response = response.map_err(|error| error.to_string())?;
    let (mut sum, mut failed) = (0, 0);
    for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
        if partition.error_code.is_none() {
            sum += partition.offset;
        } else {
            failed += 1;
        }
    }
    Ok((sum, failed))
}
