//! What members of groups ask, and what they are told.

use std::collections::BTreeSet;

use model::{ErrorCode, Uuid};
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use protocol::{ApiKey, Writer};

use super::{body, framed};

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const LEAVE: i16 = 5;
const CONSUMER_HEARTBEAT: i16 = 1;
/// Newest versions that name topics.
const COMMIT: i16 = 9;
const FETCH_OFFSETS: i16 = 9;
const FIND: i16 = 4;
/// Nobody is to be lost in a measurement: the greatest that servers take by default.
const SESSION_MS: i32 = 1_800_000;
const REBALANCE_MS: i32 = 60_000;
const CONSUMER: &str = "consumer";
const ASSIGNOR: &str = "roundrobin";

/// What JoinGroup was answered with.
#[derive(Debug, Clone)]
pub struct Joined {
    pub error_code: ErrorCode,
    pub member_id: String,
    pub generation: i32,
    /// All members, where it was the leader who asked.
    pub members: Vec<String>,
}

/// What ConsumerGroupHeartbeat was answered with.
#[derive(Debug, Clone)]
pub struct Beaten {
    pub error_code: ErrorCode,
    pub epoch: i32,
    pub interval_ms: i32,
    /// All that it has, where that has changed.
    pub assigned: Option<BTreeSet<(Uuid, i32)>>,
}

/// Where the coordinator is; the first who asks has the internal topic made.
pub fn find_coordinator(group: &str) -> Vec<u8> {
    let request = FindCoordinatorRequest { coordinator_keys: vec![group.into()], ..Default::default() };
    framed(ApiKey::FindCoordinator, FIND, &request)
}

pub fn coordinator_found(answer: &[u8]) -> Result<ErrorCode, String> {
    let found =
        FindCoordinatorResponse::decode(&mut body(answer)?, FIND).map_err(|error| error.to_string())?;
    found.coordinators.first().map(|one| one.error_code).ok_or_else(|| "an empty answer".to_owned())
}

pub fn join(group: &str, member_id: &str, topic: &str) -> Vec<u8> {
    let metadata = subscription(topic).into();
    let request = JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        member_id: member_id.into(),
        protocol_type: CONSUMER.into(),
        protocols: vec![JoinGroupRequestProtocol { name: ASSIGNOR.into(), metadata }],
        ..Default::default()
    };
    framed(ApiKey::JoinGroup, JOIN, &request)
}

pub fn joined(answer: &[u8]) -> Result<Joined, String> {
    let answer = JoinGroupResponse::decode(&mut body(answer)?, JOIN).map_err(|error| error.to_string())?;
    Ok(Joined {
        error_code: answer.error_code,
        member_id: answer.member_id.into_owned(),
        generation: answer.generation_id,
        members: answer.members.into_iter().map(|member| member.member_id.into_owned()).collect(),
    })
}

/// With the assignments of all members, where the leader asks.
pub fn sync(group: &str, member_id: &str, generation: i32, assignments: &[(String, Vec<u8>)]) -> Vec<u8> {
    let assignments = assignments.iter().map(|(member_id, assignment)| SyncGroupRequestAssignment {
        member_id: member_id.into(),
        assignment: assignment.as_slice().into(),
    });
    let request = SyncGroupRequest {
        group_id: group.into(),
        generation_id: generation,
        member_id: member_id.into(),
        protocol_type: Some(CONSUMER.into()),
        protocol_name: Some(ASSIGNOR.into()),
        assignments: assignments.collect(),
        ..Default::default()
    };
    framed(ApiKey::SyncGroup, SYNC, &request)
}

pub fn synced(answer: &[u8]) -> Result<ErrorCode, String> {
    let answer = SyncGroupResponse::decode(&mut body(answer)?, SYNC).map_err(|error| error.to_string())?;
    Ok(answer.error_code)
}

pub fn heartbeat(group: &str, member_id: &str, generation: i32) -> Vec<u8> {
    let request = HeartbeatRequest {
        group_id: group.into(),
        generation_id: generation,
        member_id: member_id.into(),
        ..Default::default()
    };
    framed(ApiKey::Heartbeat, HEARTBEAT, &request)
}

pub fn heartbeat_answered(answer: &[u8]) -> Result<ErrorCode, String> {
    let answer =
        HeartbeatResponse::decode(&mut body(answer)?, HEARTBEAT).map_err(|error| error.to_string())?;
    Ok(answer.error_code)
}

pub fn leave(group: &str, member_id: &str) -> Vec<u8> {
    let members = vec![MemberIdentity { member_id: member_id.into(), ..Default::default() }];
    let request = LeaveGroupRequest { group_id: group.into(), members, ..Default::default() };
    framed(ApiKey::LeaveGroup, LEAVE, &request)
}

/// A member of the consumer protocol: all that it has to say where it joins (epoch 0), what it has where that has changed.
pub fn consumer_heartbeat(
    group: &str,
    member_id: &str,
    epoch: i32,
    topic: &str,
    owned: Option<&BTreeSet<(Uuid, i32)>>,
) -> Vec<u8> {
    let joins = epoch == 0;
    let owned = owned.map(|owned| {
        let mut topics: Vec<TopicPartitions> = Vec::new();
        for (topic_id, index) in owned {
            match topics.last_mut().filter(|last| last.topic_id == *topic_id) {
                Some(last) => last.partitions.push(*index),
                None => topics.push(TopicPartitions { topic_id: *topic_id, partitions: vec![*index] }),
            }
        }
        topics
    });
    let request = ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: member_id.into(),
        member_epoch: epoch,
        rebalance_timeout_ms: if joins { REBALANCE_MS } else { -1 },
        subscribed_topic_names: joins.then(|| vec![topic.into()]),
        topic_partitions: if joins { Some(Vec::new()) } else { owned },
        ..Default::default()
    };
    framed(ApiKey::ConsumerGroupHeartbeat, CONSUMER_HEARTBEAT, &request)
}

pub fn consumer_heartbeat_answered(answer: &[u8]) -> Result<Beaten, String> {
    let answer = ConsumerGroupHeartbeatResponse::decode(&mut body(answer)?, CONSUMER_HEARTBEAT)
        .map_err(|error| error.to_string())?;
    let assigned = answer.assignment.map(|assignment| {
        let topics = assignment.topic_partitions.into_iter();
        topics
            .flat_map(|topic| topic.partitions.into_iter().map(move |index| (topic.topic_id, index)))
            .collect()
    });
    Ok(Beaten {
        error_code: answer.error_code,
        epoch: answer.member_epoch,
        interval_ms: answer.heartbeat_interval_ms,
        assigned,
    })
}

/// Offsets of so many partitions from 0 on, by a group without members.
pub fn commit(group: &str, topic: &str, partitions: i32) -> Vec<u8> {
    commit_of(group, topic, (0..partitions).map(|index| (index, 1)))
}

/// An offset of one partition, by a group without members.
pub fn commit_one(group: &str, topic: &str, partition: i32, offset: i64) -> Vec<u8> {
    commit_of(group, topic, std::iter::once((partition, offset)))
}

fn commit_of(group: &str, topic: &str, offsets: impl Iterator<Item = (i32, i64)>) -> Vec<u8> {
    let partition = |(partition_index, committed_offset)| OffsetCommitRequestPartition {
        partition_index,
        committed_offset,
        committed_leader_epoch: -1,
        committed_metadata: Some("".into()),
    };
    let topic = OffsetCommitRequestTopic {
        name: topic.into(),
        partitions: offsets.map(partition).collect(),
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    framed(ApiKey::OffsetCommit, COMMIT, &request)
}

/// Checks that nothing was refused.
pub fn committed(answer: &[u8]) -> Result<(), String> {
    let answer =
        OffsetCommitResponse::decode(&mut body(answer)?, COMMIT).map_err(|error| error.to_string())?;
    let failed =
        answer.topics.iter().flat_map(|topic| &topic.partitions).find(|one| !one.error_code.is_none());
    failed.map_or(Ok(()), |one| Err(format!("a commit was refused: {}", one.error_code)))
}

/// What a group has committed in so many partitions from 0 on of each topic.
pub fn fetch_offsets(group: &str, topics: &[String], partitions: i32) -> Vec<u8> {
    let topics = topics.iter().map(|name| OffsetFetchRequestTopics {
        name: name.into(),
        partition_indexes: (0..partitions).collect(),
        ..Default::default()
    });
    let asked = OffsetFetchRequestGroup {
        group_id: group.into(),
        topics: Some(topics.collect()),
        member_epoch: -1,
        ..Default::default()
    };
    let request = OffsetFetchRequest { groups: vec![asked], ..Default::default() };
    framed(ApiKey::OffsetFetch, FETCH_OFFSETS, &request)
}

/// How many partitions have an offset.
pub fn offsets_fetched(answer: &[u8]) -> Result<usize, String> {
    let offsets = offsets_told(answer)?.map_err(|error| format!("offsets were refused: {error}"))?;
    Ok(offsets.into_iter().filter(|offset| *offset >= 0).count())
}

/// The offsets in the order in which they were asked for, or why the group tells none.
pub fn offsets_told(answer: &[u8]) -> Result<Result<Vec<i64>, ErrorCode>, String> {
    let answer =
        OffsetFetchResponse::decode(&mut body(answer)?, FETCH_OFFSETS).map_err(|error| error.to_string())?;
    let group = answer.groups.first().ok_or("an empty answer")?;
    if !group.error_code.is_none() {
        return Ok(Err(group.error_code));
    }
    let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
    Ok(Ok(partitions.map(|partition| partition.committed_offset).collect()))
}

/// Kafka's ConsumerProtocolSubscription, version 0: its topics, and no data of the user's.
fn subscription(topic: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.i16(0);
    writer.i32(1);
    writer.string(false, topic).expect("a short name");
    writer.i32(-1);
    writer.into_vec()
}

/// Kafka's ConsumerProtocolAssignment, version 0.
pub fn assignment(topic: &str, partitions: &[i32]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.i16(0);
    writer.i32(1);
    writer.string(false, topic).expect("a short name");
    writer.i32(i32::try_from(partitions.len()).unwrap_or(i32::MAX));
    partitions.iter().for_each(|index| writer.i32(*index));
    writer.i32(-1);
    writer.into_vec()
}
