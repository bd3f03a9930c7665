//! OffsetDelete, and offsets of topics that are gone.

use model::ErrorCode;
use protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::OfGroup;
use crate::group::Group;
use crate::record::Record;
use crate::shard::GroupShard;

impl GroupShard {
    /// OffsetDelete: offsets of topics that no member reads.
    pub fn delete_offsets(
        &self,
        request: &OffsetDeleteRequest<'_>,
    ) -> (Vec<Record>, OffsetDeleteResponse<'static>) {
        let group = match self.groups.get(&*request.group_id) {
            Some(group) => check_delete_offsets(group).map(|()| group),
            None => Err(ErrorCode::GROUP_ID_NOT_FOUND),
        };
        let group = match group {
            Ok(group) => group,
            Err(error_code) => {
                return (Vec::new(), OffsetDeleteResponse { error_code, ..OffsetDeleteResponse::default() });
            }
        };
        let mut records = Vec::new();
        let mut topics = Vec::new();
        for topic in &request.topics {
            let is_read = group.is_subscribed_to(&topic.name);
            let error_code = if is_read { ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC } else { ErrorCode::NONE };
            let mut partitions = Vec::new();
            for partition in &topic.partitions {
                let partition_index = partition.partition_index;
                partitions.push(OffsetDeleteResponsePartition { partition_index, error_code });
                if !is_read && self.offsets.get(&request.group_id, &topic.name, partition_index).is_some() {
                    records.push(Record::offset_gone(&request.group_id, &topic.name, partition_index));
                }
            }
            topics.push(OffsetDeleteResponseTopic { name: topic.name.to_string().into(), partitions });
        }
        (records, OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() })
    }

    /// Ends the offsets of a topic that was deleted, in every group.
    pub fn topic_deleted(&self, topic: &str) -> Vec<Record> {
        let mut records = Vec::new();
        for (group, OfGroup { topics, .. }) in &self.offsets.by_group {
            let partitions = topics.get(topic).into_iter().flatten();
            records.extend(partitions.map(|(partition, _)| Record::offset_gone(group, topic, *partition)));
        }
        records
    }
}

fn check_delete_offsets(group: &Group) -> Result<(), ErrorCode> {
    // Only consumers tell what they read.
    let is_known = match group {
        Group::Classic(group) => group.is_of_consumers(),
        Group::Consumer(_) => true,
    };
    if is_known || group.is_empty() { Ok(()) } else { Err(ErrorCode::NON_EMPTY_GROUP) }
}
