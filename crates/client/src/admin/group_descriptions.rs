//! Groups of consumers, described with their members, of both protocols.

use std::collections::BTreeMap;

use model::ErrorCode;
use protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment,
    DescribeGroupsRequest, DescribeGroupsResponse, consumer_group_describe_response,
    describe_groups_response,
};
use protocol::{DecodeError, Reader};

use super::{Admin, GroupState, GroupType, TopicPartition};
use crate::brokers::{Brokers, Node};
use crate::cluster::{ANY_VERSION, Deadline, Target};
use crate::coordinators::{ByKey, CoordinatorKind};
use crate::error::Error;

const CALL: &str = "describeConsumerGroups";
/// Where Kafka's admin client logs refusals that it has no words for.
const LOGGER: &str = "org.apache.kafka.clients.admin.internals.DescribeConsumerGroupsHandler";
/// The newest version of what members of the classic protocol are given; later ones begin as it does.
const ASSIGNMENT_VERSION_MAX: i16 = 3;
/// What members of the classic protocol that are consumers call their protocol.
const CONSUMER_PROTOCOL: &str = "consumer";

/// A group of consumers and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its kind: classic or consumer.
    pub kind: GroupType,
    /// What it is at.
    pub state: GroupState,
    /// The strategy that assigns partitions; empty where there is none.
    pub assignor: String,
    /// The broker that coordinates it.
    pub coordinator: Node,
    /// Of the consumer protocol: the epoch of the group.
    pub group_epoch: Option<i32>,
    /// Of the consumer protocol: the epoch of its target assignment.
    pub assignment_epoch: Option<i32>,
    /// In the order of the answer.
    pub members: Vec<GroupMember>,
}

/// A member of a group of consumers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id within the group.
    pub member_id: String,
    /// The name that it has of its own, where it is a static one.
    pub instance_id: Option<String>,
    /// The client's name.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// What it has.
    pub assignment: Vec<TopicPartition>,
    /// Of the consumer protocol: what it is to have.
    pub target: Option<Vec<TopicPartition>>,
    /// Of the consumer protocol: its epoch.
    pub epoch: Option<i32>,
    /// In a group of the consumer protocol: true for members that speak it; `None` where the broker does not tell.
    pub is_upgraded: Option<bool>,
}

impl Admin {
    /// What groups of consumers are at and who their members are, of the consumer protocol as well as of the classic one.
    pub async fn describe_consumer_groups(
        &self,
        groups: &[&str],
    ) -> Result<BTreeMap<String, Result<GroupDescription, Error>>, Error> {
        let deadline = self.deadline(CALL);
        let kind = CoordinatorKind::Group;
        let ask = async |broker, groups: &[&str]| self.describe_of_consumer_protocol(broker, groups).await;
        let mut described = self.cluster.ask_coordinators(groups, kind, deadline, ask).await?;
        let is_classic = |outcome: &Result<GroupDescription, Error>| {
            let Err(error) = outcome else { return false };
            let codes = [ErrorCode::GROUP_ID_NOT_FOUND, ErrorCode::UNSUPPORTED_VERSION];
            matches!(error, Error::Unsupported(_)) || error.code().is_some_and(|code| codes.contains(&code))
        };
        let classic: Vec<&str> =
            groups.iter().copied().filter(|group| described.get(*group).is_some_and(is_classic)).collect();
        let ask = async |broker, groups: &[&str]| self.describe_classic(broker, groups).await;
        described.extend(self.cluster.ask_coordinators(&classic, kind, deadline, ask).await?);
        for (group, outcome) in &described {
            let Some(code) = outcome.as_ref().err().and_then(Error::code) else { continue };
            if code != ErrorCode::GROUP_AUTHORIZATION_FAILED && code != ErrorCode::GROUP_ID_NOT_FOUND {
                let client = self.cluster.name();
                tracing::error!(target: LOGGER, "[{client}] `ConsumerGroupDescribe` request for group id {group} failed due to unexpected error {code}.");
            }
        }
        Ok(described)
    }

    async fn describe_of_consumer_protocol(
        &self,
        broker: i32,
        groups: &[&str],
    ) -> Result<ByKey<GroupDescription>, Error> {
        let request = ConsumerGroupDescribeRequest {
            group_ids: groups.iter().map(|group| (*group).into()).collect(),
            include_authorized_operations: false,
        };
        let deadline = self.deadline(CALL);
        let coordinator = self.coordinating(broker, deadline).await?;
        let mut read = |answer: ConsumerGroupDescribeResponse<'_>| {
            let described = answer.groups.iter().map(|group| {
                let outcome = Error::check(group.error_code, group.error_message.as_deref());
                let outcome = outcome.map(|()| GroupDescription::of_consumer_protocol(group, &coordinator));
                (group.group_id.as_ref().to_owned(), outcome)
            });
            Ok(described.collect())
        };
        let target = Target::Node(broker);
        match self.cluster.ask_once(ANY_VERSION, deadline, target, &request, &mut read).await {
            // A broker without the consumer protocol has none of its groups.
            Err(error @ Error::Unsupported(_)) => {
                Ok(groups.iter().map(|group| ((*group).to_owned(), Err(error.clone()))).collect())
            }
            outcome => outcome,
        }
    }

    async fn describe_classic(&self, broker: i32, groups: &[&str]) -> Result<ByKey<GroupDescription>, Error> {
        let request = DescribeGroupsRequest {
            groups: groups.iter().map(|group| (*group).into()).collect(),
            include_authorized_operations: false,
        };
        let deadline = self.deadline(CALL);
        let coordinator = self.coordinating(broker, deadline).await?;
        let mut read = |answer: DescribeGroupsResponse<'_>| {
            let described = answer.groups.iter().map(|group| {
                let outcome = Error::check(group.error_code, group.error_message.as_deref());
                let outcome = outcome.and_then(|()| GroupDescription::classic(group, &coordinator));
                (group.group_id.as_ref().to_owned(), outcome)
            });
            Ok(described.collect())
        };
        self.cluster.ask_once(ANY_VERSION, deadline, Target::Node(broker), &request, &mut read).await
    }

    /// The broker of an id, as the cluster tells of it.
    async fn coordinating(&self, id: i32, deadline: Deadline) -> Result<Node, Error> {
        let of_id = |brokers: &Brokers| brokers.nodes.iter().find(|node| node.id == id).cloned();
        if let Some(node) = of_id(&self.cluster.brokers()) {
            return Ok(node);
        }
        let known = of_id(&*self.cluster.refresh(deadline).await?);
        known.ok_or_else(|| Error::Disconnected(format!("There is no node {id} in the cluster.")))
    }
}

impl GroupDescription {
    fn of_consumer_protocol(
        group: &consumer_group_describe_response::DescribedGroup<'_>,
        coordinator: &Node,
    ) -> GroupDescription {
        GroupDescription {
            kind: GroupType::Consumer,
            state: GroupState::parse(&group.group_state),
            assignor: group.assignor_name.as_ref().to_owned(),
            coordinator: coordinator.clone(),
            group_epoch: Some(group.group_epoch),
            assignment_epoch: Some(group.assignment_epoch),
            members: group.members.iter().map(GroupMember::of_consumer_protocol).collect(),
        }
    }

    fn classic(
        group: &describe_groups_response::DescribedGroup<'_>,
        coordinator: &Node,
    ) -> Result<GroupDescription, Error> {
        let protocol = group.protocol_type.as_ref();
        if !protocol.is_empty() && protocol != CONSUMER_PROTOCOL {
            let id = &group.group_id;
            return Err(Error::Invalid(format!("GroupId {id} is not a consumer group ({protocol}).")));
        }
        let members = group.members.iter().map(GroupMember::classic).collect::<Result<Vec<_>, _>>();
        Ok(GroupDescription {
            kind: GroupType::Classic,
            state: GroupState::parse(&group.group_state),
            assignor: group.protocol_data.as_ref().to_owned(),
            coordinator: coordinator.clone(),
            group_epoch: None,
            assignment_epoch: None,
            members: members.map_err(|error| {
                Error::Malformed(format!("The assignment of a member cannot be read: {error}"))
            })?,
        })
    }
}

impl GroupMember {
    fn of_consumer_protocol(member: &consumer_group_describe_response::Member<'_>) -> GroupMember {
        let partitions = |assignment: &consumer_group_describe_response::Assignment<'_>| {
            let topics = assignment.topic_partitions.iter();
            let all = topics.flat_map(|topic| {
                topic.partitions.iter().map(|partition| (topic.topic_name.as_ref().to_owned(), *partition))
            });
            all.collect::<Vec<TopicPartition>>()
        };
        GroupMember {
            member_id: member.member_id.as_ref().to_owned(),
            instance_id: member.instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.as_ref().to_owned(),
            host: member.client_host.as_ref().to_owned(),
            assignment: partitions(&member.assignment),
            target: Some(partitions(&member.target_assignment)),
            epoch: Some(member.member_epoch),
            is_upgraded: match member.member_type {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        }
    }

    fn classic(
        member: &describe_groups_response::DescribedGroupMember<'_>,
    ) -> Result<GroupMember, DecodeError> {
        let mut assignment = Vec::new();
        if !member.member_assignment.is_empty() {
            let mut reader = Reader::new(&member.member_assignment);
            let version = reader.i16()?.min(ASSIGNMENT_VERSION_MAX);
            let given = ConsumerProtocolAssignment::decode(&mut reader, version)?;
            for topic in &given.assigned_partitions {
                let name = topic.topic.as_ref();
                assignment.extend(topic.partitions.iter().map(|partition| (name.to_owned(), *partition)));
            }
        }
        Ok(GroupMember {
            member_id: member.member_id.as_ref().to_owned(),
            instance_id: member.group_instance_id.as_deref().map(str::to_owned),
            client_id: member.client_id.as_ref().to_owned(),
            host: member.client_host.as_ref().to_owned(),
            assignment,
            target: None,
            epoch: None,
            is_upgraded: None,
        })
    }
}
