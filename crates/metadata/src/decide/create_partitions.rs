//! CreatePartitions (37).

use std::collections::BTreeSet;

use model::{ErrorCode, NodeId};
use protocol::messages::create_partitions_request::CreatePartitionsTopic;
use protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use super::create_topics::{excessive, place};
use super::{ApiError, MutationPermits, PARTITIONS_PER_REQUEST_MAX, assignment};
use crate::context::{Decision, DecisionContext, Random};
use crate::image::{Image, Topic};
use crate::record::VersionedRecord;

/// Grows each topic to the count asked for.
pub fn decide(
    image: &Image,
    request: &CreatePartitionsRequest<'_>,
    context: &DecisionContext<'_>,
    permits: &mut MutationPermits,
) -> Decision<CreatePartitionsResponse<'static>> {
    let mut random = context.random();
    let mut records = Vec::new();
    let mut results = Vec::new();
    let mut answered = BTreeSet::new();
    for topic in &request.topics {
        if !answered.insert(&*topic.name) {
            continue;
        }
        let is_duplicate = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
        let outcome = match is_duplicate {
            true => Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")),
            false => grow(image, topic, &mut random, permits),
        };
        let (code, message) = match outcome {
            Ok(partitions) => {
                records.extend(partitions);
                (ErrorCode::NONE, None)
            }
            Err(error) => (error.code, error.into_message()),
        };
        results.push(CreatePartitionsTopicResult {
            name: topic.name.to_string().into(),
            error_code: code,
            error_message: message,
        });
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, response: CreatePartitionsResponse { throttle_time_ms: 0, results } }
}

fn grow(
    image: &Image,
    asked: &CreatePartitionsTopic<'_>,
    random: &mut Random,
    permits: &mut MutationPermits,
) -> Result<Vec<VersionedRecord>, ApiError> {
    let Some(topic) = image.topics.get(&asked.name) else {
        return Err(ApiError { code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message: None });
    };
    let current = topic.partition_count();
    if asked.count == current {
        let message = format!("Topic already has {current} partition(s).");
        return Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
    }
    if asked.count < current {
        let message = format!(
            "The topic {} currently has {current} partition(s); {} would not be an increase.",
            asked.name, asked.count
        );
        return Err(ApiError::new(ErrorCode::INVALID_PARTITIONS, message));
    }
    let added = asked.count - current;
    if i64::from(added) > PARTITIONS_PER_REQUEST_MAX {
        return Err(excessive());
    }
    let replicas = replicas(image, topic, asked, added, random)?;
    permits.take(replicas.len())?;
    let partitions = (current..).zip(replicas);
    partitions.map(|(index, replicas)| assignment::new_partition(image, topic.id, index, replicas)).collect()
}

fn replicas(
    image: &Image,
    topic: &Topic,
    asked: &CreatePartitionsTopic<'_>,
    added: i32,
    random: &mut Random,
) -> Result<Vec<Vec<NodeId>>, ApiError> {
    let factor = topic.partition(0).map_or(1, |partition| partition.replicas.len());
    let Some(assignments) = &asked.assignments else {
        let factor = i16::try_from(factor).unwrap_or(i16::MAX);
        return place(image, random, added, factor)
            .map_err(|error| ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, error.to_string()));
    };
    if usize::try_from(added) != Ok(assignments.len()) {
        let message = format!(
            "Attempted to add {added} additional partition(s), but only {} assignment(s) were specified.",
            assignments.len()
        );
        return Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    }
    for one in assignments {
        assignment::check_manual(image, &one.broker_ids, Some(factor))?;
    }
    Ok(assignments.iter().map(|one| one.broker_ids.clone()).collect())
}
