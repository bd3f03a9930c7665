//! ElectLeaders (43).

use model::{ErrorCode, PartitionIndex};
use protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, MetadataRecord, PartitionChangeRecord};

use super::ApiError;
use super::fencing::{elect_among_all, may_lead, versioned};
use crate::context::{Decision, DecisionContext};
use crate::image::{Image, NO_LEADER, Partition, Topic};

/// `ElectionType` of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Election {
    /// The first replica leads, where it is in sync.
    Preferred,
    /// Any replica leads, where nobody does.
    Unclean,
}

/// Elects leaders of the partitions asked for; where all are asked for, those that need no election are left out of the answer.
pub fn decide(
    image: &Image,
    request: &ElectLeadersRequest<'_>,
    context: &DecisionContext<'_>,
) -> Decision<ElectLeadersResponse<'static>> {
    let election = match request.election_type {
        0 => Ok(Election::Preferred),
        1 => Ok(Election::Unclean),
        other => Err(ApiError::new(ErrorCode::INVALID_REQUEST, format!("Unknown election type {other}"))),
    };
    let error_code = election.as_ref().map_or_else(|error| error.code, |_| ErrorCode::NONE);
    let mut records = Vec::new();
    let mut answer = |name: &str, index: PartitionIndex| {
        let elected = election.clone().and_then(|election| elect(image, context, name, index, election));
        let (error_code, error_message) = match elected {
            Ok(record) => {
                records.push(versioned(image, MetadataRecord::PartitionChange(record)));
                (ErrorCode::NONE, None)
            }
            Err(error) => (error.code, error.into_message()),
        };
        PartitionResult { partition_id: index, error_code, error_message }
    };
    let mut results = Vec::new();
    match &request.topic_partitions {
        Some(topics) => {
            for topic in topics {
                let partitions = topic.partitions.iter().map(|index| answer(&topic.topic, *index)).collect();
                results.push(ReplicaElectionResult {
                    topic: topic.topic.to_string().into(),
                    partition_result: partitions,
                });
            }
        }
        None => {
            for topic in image.topics.iter() {
                let partitions = topic.partitions.iter().map(|(index, _)| answer(&topic.name, *index));
                let held: Vec<PartitionResult<'static>> =
                    partitions.filter(|result| result.error_code != ErrorCode::ELECTION_NOT_NEEDED).collect();
                results.push(ReplicaElectionResult {
                    topic: topic.name.to_string().into(),
                    partition_result: held,
                });
            }
        }
    }
    let response =
        ElectLeadersResponse { error_code, replica_election_results: results, ..Default::default() };
    Decision { records, response }
}

/// The change that an election makes.
fn elect(
    image: &Image,
    context: &DecisionContext<'_>,
    name: &str,
    index: PartitionIndex,
    election: Election,
) -> Result<PartitionChangeRecord, ApiError> {
    let unknown = |message: String| ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message);
    let topic = image.topics.get(name).ok_or_else(|| unknown(format!("No such topic as {name}")))?;
    let partition =
        topic.partition(index).ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
    let is_needed = match election {
        Election::Preferred => partition.replicas.first() != Some(&partition.leader),
        Election::Unclean => partition.leader == NO_LEADER,
    };
    if !is_needed {
        return Err(refused(ErrorCode::ELECTION_NOT_NEEDED));
    }
    let (change, refusal) = match election {
        Election::Preferred => {
            (prefer(image, topic, index, partition), ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE)
        }
        Election::Unclean => (
            elect_among_all(image, context, topic, index, partition),
            ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE,
        ),
    };
    change.ok_or_else(|| refused(refusal))
}

fn refused(code: ErrorCode) -> ApiError {
    ApiError::new(code, code.sentence())
}

/// The first replica becomes leader, where it is in sync and may lead.
fn prefer(
    image: &Image,
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
) -> Option<PartitionChangeRecord> {
    let preferred = *partition.replicas.first()?;
    let may = partition.isr.contains(&preferred) && may_lead(image, partition, preferred);
    may.then(|| PartitionChangeRecord {
        partition_id: index,
        topic_id: topic.id,
        leader: preferred,
        ..PartitionChangeRecord::default()
    })
}
