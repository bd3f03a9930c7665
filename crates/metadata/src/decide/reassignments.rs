//! AlterPartitionReassignments (45) and ListPartitionReassignments (46).
//!
//! Replicas do not move between brokers yet: what is asked for is checked as Kafka checks it, what would move nothing is
//! granted, and the rest is refused.

use model::ErrorCode;
use protocol::messages::alter_partition_reassignments_request::ReassignablePartition;
use protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

use super::{ApiError, assignment};
use crate::context::Decision;
use crate::image::{Image, Topic};

/// Answers every partition that replicas are asked for.
pub fn alter(
    image: &Image,
    request: &AlterPartitionReassignmentsRequest<'_>,
) -> Decision<AlterPartitionReassignmentsResponse<'static>> {
    let responses = request.topics.iter().map(|asked| {
        let topic = image.topics.get(&asked.name);
        let partitions = asked.partitions.iter().map(|partition| {
            let outcome = move_replicas(image, topic.map(|topic| &**topic), &asked.name, partition);
            let (error_code, error_message) = match outcome {
                Ok(()) => (ErrorCode::NONE, None),
                Err(error) => (error.code, error.into_message()),
            };
            ReassignablePartitionResponse {
                partition_index: partition.partition_index,
                error_code,
                error_message,
            }
        });
        ReassignableTopicResponse { name: asked.name.to_string().into(), partitions: partitions.collect() }
    });
    let response = AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        error_message: None,
        responses: responses.collect(),
        ..Default::default()
    };
    Decision { records: Vec::new(), response }
}

fn move_replicas(
    image: &Image,
    topic: Option<&Topic>,
    name: &str,
    asked: &ReassignablePartition,
) -> Result<(), ApiError> {
    let index = asked.partition_index;
    let unknown = |message: String| ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
    let topic = topic.ok_or_else(|| unknown(format!("Unable to find a topic named {name}.")))?;
    let partition = topic.partition(index);
    let partition = partition.ok_or_else(|| unknown(format!("Unable to find partition {name}:{index}.")))?;
    let Some(replicas) = &asked.replicas else {
        return Err(ApiError { code: ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, message: None });
    };
    assignment::check_manual(image, replicas, None)?;
    if *replicas == partition.replicas {
        return Ok(());
    }
    let message = format!(
        "The replicas of {name}-{index} cannot be moved: this version keeps partitions where they were created."
    );
    Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message))
}

/// Names the partitions whose replicas move, of all topics or of those asked for.
pub fn list(
    image: &Image,
    request: &ListPartitionReassignmentsRequest<'_>,
) -> Decision<ListPartitionReassignmentsResponse<'static>> {
    let is_asked_for = |name: &str, index: i32| {
        request.topics.as_ref().is_none_or(|topics| {
            topics.iter().any(|topic| topic.name == name && topic.partition_indexes.contains(&index))
        })
    };
    let topics = image.topics.iter().filter_map(|topic| {
        let moving = topic.partitions.iter().filter(|(index, partition)| {
            let moves = !(partition.adding.is_empty() && partition.removing.is_empty());
            moves && is_asked_for(&topic.name, **index)
        });
        let partitions: Vec<OngoingPartitionReassignment> = moving
            .map(|(index, partition)| OngoingPartitionReassignment {
                partition_index: *index,
                replicas: partition.replicas.clone(),
                adding_replicas: partition.adding.clone(),
                removing_replicas: partition.removing.clone(),
            })
            .collect();
        let name = topic.name.to_string().into();
        (!partitions.is_empty()).then_some(OngoingTopicReassignment { name, partitions })
    });
    let response = ListPartitionReassignmentsResponse {
        error_message: None,
        topics: topics.collect(),
        ..Default::default()
    };
    Decision { records: Vec::new(), response }
}
