//! Committed offsets of groups: asked for, altered and deleted.

use std::collections::BTreeMap;

use protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::{OffsetCommitResponse, OffsetDeleteRequest};

use super::{Admin, TopicPartition, unanswered};
use crate::cluster::Target;
use crate::coordinators::CoordinatorKind;
use crate::error::{Error, passes};
pub use crate::offsets::CommittedOffset;
use crate::offsets::{Identity, Wanted, committed, send_commit};

impl Admin {
    /// Every offset that a group has committed; none where the group does not exist.
    pub async fn group_offsets(
        &self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, Error> {
        let deadline = self.deadline("listConsumerGroupOffsets");
        let offsets = committed(&self.cluster, &Identity::outside(group), Wanted::All, deadline).await?;
        Ok(offsets
            .into_iter()
            .map(|((topic, number), offset)| ((topic.to_string(), number), offset))
            .collect())
    }

    /// Commits offsets for a group without members, which comes into being by that where it does not exist.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let offsets = offsets.iter().map(|((topic, number), offset)| {
            ((topic.as_str().into(), *number), CommittedOffset::at(*offset))
        });
        let deadline = self.deadline("alterConsumerGroupOffsets");
        let read = |answer: &OffsetCommitResponse<'_>| {
            let altered = answer.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| {
                    let outcome = Error::check(partition.error_code, None);
                    ((topic.name.as_ref().to_owned(), partition.partition_index), outcome)
                })
            });
            repeated_where_moved(altered.collect())
        };
        send_commit(&self.cluster, &Identity::outside(group), &offsets.collect(), deadline, read).await
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
