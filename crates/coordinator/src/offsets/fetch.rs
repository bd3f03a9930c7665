//! OffsetFetch.

use model::ErrorCode;
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};

use super::CommittedOffset;
use crate::group::Group;
use crate::shard::GroupShard;

impl GroupShard {
    /// What a group has committed in the partitions asked for, or in all; where it has not, or is not there, -1.
    pub fn fetch_offsets(&self, request: &OffsetFetchRequestGroup<'_>) -> OffsetFetchResponseGroup<'static> {
        let group_id = request.group_id.to_string().into();
        if let Err(error_code) = self.check_fetch(request) {
            return OffsetFetchResponseGroup { group_id, error_code, ..OffsetFetchResponseGroup::default() };
        }
        let topics = match &request.topics {
            Some(topics) => topics.iter().map(|topic| self.offsets_of(&request.group_id, topic)).collect(),
            None => self.all_offsets(&request.group_id),
        };
        OffsetFetchResponseGroup { group_id, topics, ..OffsetFetchResponseGroup::default() }
    }

    fn check_fetch(&self, request: &OffsetFetchRequestGroup<'_>) -> Result<(), ErrorCode> {
        match self.groups.get(&*request.group_id) {
            Some(Group::Consumer(group)) => {
                group.check_fetch(request.member_id.as_deref(), request.member_epoch)
            }
            Some(Group::Classic(_)) | None => Ok(()),
        }
    }

    fn offsets_of(
        &self,
        group: &str,
        topic: &OffsetFetchRequestTopics<'_>,
    ) -> OffsetFetchResponseTopics<'static> {
        let known = self.offsets.of_group(group).and_then(|topics| topics.get(&*topic.name));
        let committed = |index: &i32| shown(*index, known.and_then(|partitions| partitions.get(index)));
        OffsetFetchResponseTopics {
            name: topic.name.to_string().into(),
            topic_id: topic.topic_id,
            partitions: topic.partition_indexes.iter().map(committed).collect(),
        }
    }

    fn all_offsets(&self, group: &str) -> Vec<OffsetFetchResponseTopics<'static>> {
        let topics = self.offsets.of_group(group).into_iter().flatten();
        let all = topics.map(|(name, partitions)| OffsetFetchResponseTopics {
            name: name.to_string().into(),
            partitions: partitions.iter().map(|(index, committed)| shown(*index, Some(committed))).collect(),
            ..OffsetFetchResponseTopics::default()
        });
        all.collect()
    }
}

fn shown(
    partition_index: i32,
    committed: Option<&CommittedOffset>,
) -> OffsetFetchResponsePartitions<'static> {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: committed.map_or(-1, |committed| committed.offset),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map_or_else(String::new, |committed| committed.metadata.clone()).into()),
        ..OffsetFetchResponsePartitions::default()
    }
}
