//! Topics: listed, described, created, altered and deleted.

use std::collections::BTreeMap;

use model::{ErrorCode, Uuid};
use protocol::VersionRange;
use protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use protocol::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, DescribeTopicPartitionsRequest,
    ListPartitionReassignmentsRequest, MetadataRequest,
};

use super::{Admin, unanswered};
use crate::cluster::Target;
use crate::error::Error;

/// Partitions that one answer of DescribeTopicPartitions may hold, as Kafka's admin client asks for them.
const PARTITIONS_PER_ANSWER: i32 = 2000;

/// A topic by name and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicListing {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// True for topics that the cluster keeps for itself.
    pub is_internal: bool,
}

/// A topic and its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// True for topics that the cluster keeps for itself.
    pub is_internal: bool,
    /// Ascending by number.
    pub partitions: Vec<PartitionDescription>,
}

/// Where a partition is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub partition: i32,
    /// Id of the broker that leads it, `None` where nobody does.
    pub leader: Option<i32>,
    /// Ids of the brokers that hold it.
    pub replicas: Vec<i32>,
    /// Ids of those that are in sync.
    pub isr: Vec<i32>,
    /// Replicas that may lead without a loss (KIP-966); `None` where the server does not tell.
    pub eligible_leaders: Option<Vec<i32>>,
    /// The last replicas that might have (KIP-966); `None` where the server does not tell.
    pub last_known_eligible: Option<Vec<i32>>,
}

/// A partition whose replicas move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionReassignment {
    /// Brokers that hold it now.
    pub replicas: Vec<i32>,
    /// Those that are to hold it.
    pub adding: Vec<i32>,
    /// Those that are to give it up.
    pub removing: Vec<i32>,
}

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions, `None` for the cluster's default; of no meaning where `assignments` says it.
    pub partitions: Option<i32>,
    /// Number of replicas, `None` for the cluster's default; of no meaning where `assignments` says it.
    pub replication_factor: Option<i16>,
    /// The brokers of each partition; empty to leave that to the cluster.
    pub assignments: BTreeMap<i32, Vec<i32>>,
    /// Settings, those of the cluster where a key is not named.
    pub configs: BTreeMap<String, String>,
}

/// To how many partitions a topic is to grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPartitions {
    /// The topic.
    pub topic: String,
    /// Number of partitions afterwards.
    pub count: i32,
    /// The brokers of each new partition; `None` to leave that to the cluster.
    pub assignments: Option<Vec<Vec<i32>>>,
}

impl Admin {
    /// All topics, ascending by name.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, Error> {
        let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
        let read = |metadata: protocol::messages::MetadataResponse<'_>| {
            self.cluster.learn(&metadata)?;
            let listed = metadata.topics.iter().filter_map(|topic| {
                let name = topic.name.as_deref()?.to_owned();
                Some(TopicListing { name, id: topic.topic_id, is_internal: topic.is_internal })
            });
            Ok(listed.collect::<Vec<_>>())
        };
        let mut topics = self.ask("listTopics", Target::Any, &all, read).await?;
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(topics)
    }

    /// Topics and their partitions, ascending by name; the first one that cannot be described is the error of all.
    pub async fn describe_topics(&self, names: &[&str]) -> Result<Vec<TopicDescription>, Error> {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        let mut request = DescribeTopicPartitionsRequest {
            topics: names.iter().map(|name| TopicRequest { name: (*name).into() }).collect(),
            response_partition_limit: PARTITIONS_PER_ANSWER,
            cursor: None,
        };
        let mut described: Vec<TopicDescription> = Vec::new();
        while !request.topics.is_empty() {
            let read = |answer: protocol::messages::DescribeTopicPartitionsResponse<'_>| {
                let topics = answer.topics.iter().map(TopicDescription::of).collect::<Result<Vec<_>, _>>()?;
                let next = answer.next_cursor;
                Ok((topics, next.map(|next| (next.topic_name.into_owned(), next.partition_index))))
            };
            let (topics, next) = self.ask("describeTopicPartitions", Target::Any, &request, read).await?;
            for topic in topics {
                match described.last_mut().filter(|last| last.name == topic.name) {
                    // What did not fit into the answer before.
                    Some(last) => last.partitions.extend(topic.partitions),
                    None => described.push(topic),
                }
            }
            let Some((topic, partition_index)) = next else { break };
            request.topics.retain(|wanted| *wanted.name >= *topic);
            request.cursor = Some(Cursor { topic_name: topic.into(), partition_index });
        }
        Ok(described)
    }

    /// Creates a topic; checks only whether that could be done where `validate_only`.
    pub async fn create_topic(&self, topic: &NewTopic, validate_only: bool) -> Result<(), Error> {
        let assignments = topic.assignments.iter().map(|(partition, brokers)| CreatableReplicaAssignment {
            partition_index: *partition,
            broker_ids: brokers.clone(),
        });
        let configs = topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig { name: name.into(), value: Some(value.into()) });
        let creatable = CreatableTopic {
            name: topic.name.as_str().into(),
            num_partitions: topic.partitions.filter(|_| topic.assignments.is_empty()).unwrap_or(-1),
            replication_factor: topic
                .replication_factor
                .filter(|_| topic.assignments.is_empty())
                .unwrap_or(-1),
            assignments: assignments.collect(),
            configs: configs.collect(),
        };
        let request =
            CreateTopicsRequest { topics: vec![creatable], timeout_ms: self.timeout_ms(), validate_only };
        self.ask("createTopics", Target::Controller, &request, |answer| {
            let result = answer.topics.first().ok_or_else(|| unanswered(&topic.name))?;
            Error::check(result.error_code, result.error_message.as_deref())
        })
        .await
    }

    /// Gives a topic more partitions.
    pub async fn create_partitions(&self, new: &NewPartitions, validate_only: bool) -> Result<(), Error> {
        let assignments = new.assignments.as_ref().map(|assignments| {
            assignments
                .iter()
                .map(|brokers| CreatePartitionsAssignment { broker_ids: brokers.clone() })
                .collect()
        });
        let topic = CreatePartitionsTopic { name: new.topic.as_str().into(), count: new.count, assignments };
        let request =
            CreatePartitionsRequest { topics: vec![topic], timeout_ms: self.timeout_ms(), validate_only };
        self.ask("createPartitions", Target::Controller, &request, |answer| {
            let result = answer.results.first().ok_or_else(|| unanswered(&new.topic))?;
            Error::check(result.error_code, result.error_message.as_deref())
        })
        .await
    }

    /// Deletes topics by name; the first one that cannot be deleted is the error of all.
    pub async fn delete_topics(&self, names: &[&str]) -> Result<(), Error> {
        // Since version 6 topics can be named by id too, in another field.
        let by_name_or_id = DeleteTopicsRequest {
            topics: names
                .iter()
                .map(|name| DeleteTopicState { name: Some((*name).into()), topic_id: Uuid::default() })
                .collect(),
            timeout_ms: self.timeout_ms(),
            ..DeleteTopicsRequest::default()
        };
        match self.delete(VersionRange::new(6, i16::MAX), &by_name_or_id).await {
            Err(Error::Unsupported(_)) => {}
            outcome => return outcome,
        }
        let by_name = DeleteTopicsRequest {
            topic_names: names.iter().map(|name| (*name).into()).collect(),
            timeout_ms: self.timeout_ms(),
            ..DeleteTopicsRequest::default()
        };
        self.delete(VersionRange::new(0, 5), &by_name).await
    }

    async fn delete(&self, wanted: VersionRange, request: &DeleteTopicsRequest<'_>) -> Result<(), Error> {
        let deadline = self.deadline("deleteTopics");
        self.cluster
            .ask_in(wanted, deadline, Target::Controller, request, |answer| {
                answer
                    .responses
                    .iter()
                    .try_for_each(|result| Error::check(result.error_code, result.error_message.as_deref()))
            })
            .await
    }

    /// Partitions whose replicas move at the moment, of some topics or of all.
    pub async fn list_partition_reassignments(
        &self,
        partitions: Option<&[(String, Vec<i32>)]>,
    ) -> Result<BTreeMap<(String, i32), PartitionReassignment>, Error> {
        let topics = partitions.map(|topics| {
            let asked = topics.iter().map(|(name, partitions)| ListPartitionReassignmentsTopics {
                name: name.into(),
                partition_indexes: partitions.clone(),
            });
            asked.collect()
        });
        let request = ListPartitionReassignmentsRequest { timeout_ms: self.timeout_ms(), topics };
        self.ask("listPartitionReassignments", Target::Controller, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())?;
            let moving = answer.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| {
                    let reassignment = PartitionReassignment {
                        replicas: partition.replicas.clone(),
                        adding: partition.adding_replicas.clone(),
                        removing: partition.removing_replicas.clone(),
                    };
                    ((topic.name.as_ref().to_owned(), partition.partition_index), reassignment)
                })
            });
            Ok(moving.collect())
        })
        .await
    }
}

impl TopicDescription {
    fn of(topic: &DescribeTopicPartitionsResponseTopic<'_>) -> Result<TopicDescription, Error> {
        Error::check(topic.error_code, None)?;
        let name = topic.name.as_deref().ok_or_else(|| unanswered("a topic's name"))?;
        let mut partitions: Vec<PartitionDescription> =
            topic.partitions.iter().map(PartitionDescription::of).collect();
        partitions.sort_by_key(|partition| partition.partition);
        Ok(TopicDescription {
            name: name.to_owned(),
            id: topic.topic_id,
            is_internal: topic.is_internal,
            partitions,
        })
    }
}

impl PartitionDescription {
    fn of(partition: &DescribeTopicPartitionsResponsePartition) -> PartitionDescription {
        let leader = Some(partition.leader_id)
            .filter(|id| *id >= 0 && partition.error_code != ErrorCode::LEADER_NOT_AVAILABLE);
        PartitionDescription {
            partition: partition.partition_index,
            leader,
            replicas: partition.replica_nodes.clone(),
            isr: partition.isr_nodes.clone(),
            eligible_leaders: partition.eligible_leader_replicas.clone(),
            last_known_eligible: partition.last_known_elr.clone(),
        }
    }
}
