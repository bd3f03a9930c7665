//! DescribeQuorum (55): the state of the metadata log as its leader sees it.

use metadata::ControllerError;
use model::{ErrorCode, TopicName, Uuid};
use protocol::messages::describe_quorum_request::TopicData as AskedTopic;
use protocol::messages::describe_quorum_response::{Listener, Node, PartitionData, ReplicaState, TopicData};
use protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};
use protocol::{Reader, Writer};

use crate::quorum::{QuorumStatus, ReplicaStatus};

/// Answers a request with what the leader knows; only `__cluster_metadata-0` has a quorum.
pub fn answer(
    body: &[u8],
    version: i16,
    status: &QuorumStatus,
    now_ms: i64,
) -> Result<Vec<u8>, ControllerError> {
    let mut reader = Reader::new(body);
    let request = DescribeQuorumRequest::decode(&mut reader, version).map_err(ControllerError::Malformed)?;
    reader.expect_end().map_err(ControllerError::Malformed)?;
    // As Kafka: only a request for the one partition of the quorum, and for nothing else, is known.
    let is_known = match &request.topics[..] {
        [topic] => {
            topic.topic_name == TopicName::CLUSTER_METADATA
                && matches!(&topic.partitions[..], [only] if only.partition_index == 0)
        }
        _ => false,
    };
    let topics =
        request.topics.iter().map(|topic| describe(topic, version, status, now_ms, is_known)).collect();
    let node = |replica: &ReplicaStatus| Node {
        node_id: replica.voter.id,
        listeners: replica
            .voter
            .endpoints
            .iter()
            .map(|endpoint| Listener {
                name: endpoint.name.clone().into(),
                host: endpoint.host.clone().into(),
                port: endpoint.port,
            })
            .collect(),
    };
    let response = DescribeQuorumResponse {
        error_code: ErrorCode::NONE,
        error_message: Some("".into()),
        topics,
        nodes: if is_known && version >= 2 { status.voters.iter().map(node).collect() } else { Vec::new() },
    };
    let mut writer = Writer::new();
    response.encode(&mut writer, version).map_err(ControllerError::Unanswerable)?;
    Ok(writer.into_vec())
}

fn describe(
    asked: &AskedTopic<'_>,
    version: i16,
    status: &QuorumStatus,
    now_ms: i64,
    is_known: bool,
) -> TopicData<'static> {
    let partition = |index: i32| {
        if !is_known {
            let message = "This server does not host this topic-partition.";
            return PartitionData {
                partition_index: index,
                error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                error_message: Some(message.into()),
                ..PartitionData::default()
            };
        }
        let replica = |replica: &ReplicaStatus| state(replica, version, status, now_ms);
        PartitionData {
            partition_index: index,
            error_code: ErrorCode::NONE,
            error_message: Some("".into()),
            leader_id: status.leader_id.unwrap_or(-1),
            leader_epoch: status.leader_epoch,
            high_watermark: status.high_watermark,
            current_voters: status.voters.iter().map(replica).collect(),
            observers: status.observers.iter().map(replica).collect(),
        }
    };
    let partitions = asked.partitions.iter().map(|asked| partition(asked.partition_index)).collect();
    TopicData { topic_name: asked.topic_name.to_string().into(), partitions }
}

fn state(replica: &ReplicaStatus, version: i16, status: &QuorumStatus, now_ms: i64) -> ReplicaState {
    // The leader is caught up with itself at every moment.
    let seen_ms = if Some(replica.voter.id) == status.leader_id { now_ms } else { -1 };
    ReplicaState {
        replica_id: replica.voter.id,
        // The field came with version 2 and may not be filled before.
        replica_directory_id: if version >= 2 { replica.voter.directory_id } else { Uuid::ZERO },
        log_end_offset: replica.log_end_offset,
        last_fetch_timestamp: seen_ms,
        last_caught_up_timestamp: seen_ms,
    }
}
