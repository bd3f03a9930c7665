//! Committed offsets of groups: asked for, altered and deleted.

use std::collections::BTreeMap;

use protocol::VersionRange;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, OffsetFetchResponse};

use super::{Admin, TopicPartition, unanswered};
use crate::cluster::{Target, passes};
use crate::coordinators::CoordinatorKind;
use crate::error::Error;

/// Versions that name topics, of a request that asks for groups (KIP-709).
const OF_GROUPS: VersionRange = VersionRange::new(8, 9);
const OF_ONE_GROUP: VersionRange = VersionRange::new(1, 7);
/// Versions that name topics; since version 10 they go by id.
const BY_NAME: VersionRange = VersionRange::new(2, 9);
/// Of who commits without being a member.
const NO_GENERATION: i32 = -1;

/// An offset that a group has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the record to be read next.
    pub offset: i64,
    /// Epoch of the leader at the record before, where the consumer knew it.
    pub leader_epoch: Option<i32>,
    /// What the consumer wrote beside it.
    pub metadata: String,
}

impl Admin {
    /// Every offset that a group has committed; none where the group does not exist.
    pub async fn group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, Error> {
        let all_topics = OffsetFetchRequest {
            groups: vec![OffsetFetchRequestGroup {
                group_id: group.into(),
                topics: None,
                ..Default::default()
            }],
            ..OffsetFetchRequest::default()
        };
        match self.fetch_offsets(group, OF_GROUPS, &all_topics).await {
            Err(Error::Unsupported(_)) => {}
            outcome => return outcome,
        }
        let all_topics = OffsetFetchRequest { group_id: group.into(), topics: None, ..Default::default() };
        self.fetch_offsets(group, OF_ONE_GROUP, &all_topics).await
    }

    async fn fetch_offsets(
        &self,
        group: &str,
        wanted: VersionRange,
        request: &OffsetFetchRequest<'_>,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, Error> {
        let deadline = self.deadline("listConsumerGroupOffsets");
        let read = |answer: OffsetFetchResponse<'_>| {
            let mut committed = BTreeMap::new();
            let mut keep = |topic: &str, partition, offset, epoch, metadata: Option<&str>| {
                let metadata = metadata.unwrap_or_default().to_owned();
                let leader_epoch = Some(epoch).filter(|epoch| *epoch >= 0);
                if offset >= 0 {
                    let value = CommittedOffset { offset, leader_epoch, metadata };
                    committed.insert((topic.to_owned(), partition), value);
                }
            };
            Error::check(answer.error_code, None)?;
            for topic in &answer.topics {
                for one in &topic.partitions {
                    Error::check(one.error_code, None)?;
                    let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
                    keep(&topic.name, one.partition_index, offset, epoch, one.metadata.as_deref());
                }
            }
            for group in &answer.groups {
                Error::check(group.error_code, None)?;
                for topic in &group.topics {
                    for one in &topic.partitions {
                        Error::check(one.error_code, None)?;
                        let (offset, epoch) = (one.committed_offset, one.committed_leader_epoch);
                        keep(&topic.name, one.partition_index, offset, epoch, one.metadata.as_deref());
                    }
                }
            }
            Ok(committed)
        };
        let target = Target::Coordinator(CoordinatorKind::Group, group);
        self.cluster.ask_in(wanted, deadline, target, request, read).await
    }

    /// Commits offsets for a group without members, which comes into being by that where it does not exist.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition<'_>>> = BTreeMap::new();
        for ((topic, partition), offset) in offsets {
            topics.entry(topic).or_default().push(OffsetCommitRequestPartition {
                partition_index: *partition,
                committed_offset: *offset,
                committed_leader_epoch: -1,
                committed_metadata: Some("".into()),
            });
        }
        let topics = topics.into_iter().map(|(name, partitions)| OffsetCommitRequestTopic {
            name: name.into(),
            partitions,
            ..OffsetCommitRequestTopic::default()
        });
        let request = OffsetCommitRequest {
            group_id: group.into(),
            generation_id_or_member_epoch: NO_GENERATION,
            topics: topics.collect(),
            ..OffsetCommitRequest::default()
        };
        let deadline = self.deadline("alterConsumerGroupOffsets");
        let read = |answer: protocol::messages::OffsetCommitResponse<'_>| {
            let altered = answer.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| {
                    let outcome = Error::check(partition.error_code, None);
                    ((topic.name.as_ref().to_owned(), partition.partition_index), outcome)
                })
            });
            repeated_where_moved(altered.collect())
        };
        let target = Target::Coordinator(CoordinatorKind::Group, group);
        self.cluster.ask_in(BY_NAME, deadline, target, &request, read).await
    }

    /// Deletes offsets of a group for partitions whose topic none of its members reads.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let mut topics: BTreeMap<&str, Vec<OffsetDeleteRequestPartition>> = BTreeMap::new();
        for (topic, partition) in partitions {
            let partition = OffsetDeleteRequestPartition { partition_index: *partition };
            topics.entry(topic).or_default().push(partition);
        }
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| OffsetDeleteRequestTopic { name: name.into(), partitions });
        let request = OffsetDeleteRequest { group_id: group.into(), topics: topics.collect() };
        let deadline = self.deadline("deleteConsumerGroupOffsets");
        let read = |answer: protocol::messages::OffsetDeleteResponse<'_>| {
            Error::check(answer.error_code, None)?;
            let mut deleted = BTreeMap::new();
            for topic in &answer.topics {
                for partition in &topic.partitions {
                    let key = (topic.name.as_ref().to_owned(), partition.partition_index);
                    deleted.insert(key, Error::check(partition.error_code, None));
                }
            }
            match partitions.iter().find(|partition| !deleted.contains_key(*partition)) {
                Some((topic, partition)) => Err(unanswered(&format!("{topic}-{partition}"))),
                None => Ok(deleted),
            }
        };
        let kind = CoordinatorKind::Group;
        self.cluster.ask(deadline, Target::Coordinator(kind, group), &request, read).await
    }
}

/// That another broker coordinates the group stands with each partition, and is the error of all.
fn repeated_where_moved(
    outcomes: BTreeMap<TopicPartition, Result<(), Error>>,
) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
    let moved = outcomes.values().find_map(|outcome| outcome.as_ref().err().filter(|error| passes(error)));
    match moved {
        Some(error) => Err(error.clone()),
        None => Ok(outcomes),
    }
}
