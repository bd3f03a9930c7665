//! Records of consumer groups, by key: what holds of the group, and of each of its members.

use protocol::messages::consumer_group_current_member_assignment_value::TopicPartitions;
use protocol::messages::consumer_group_target_assignment_member_value::TopicPartition;
use protocol::messages::{
    ConsumerGroupCurrentMemberAssignmentKey, ConsumerGroupCurrentMemberAssignmentValue,
    ConsumerGroupMemberMetadataKey, ConsumerGroupMemberMetadataValue, ConsumerGroupMetadataKey,
    ConsumerGroupMetadataValue, ConsumerGroupPartitionMetadataKey, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberKey,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentMetadataKey,
    ConsumerGroupTargetAssignmentMetadataValue, GroupKey, GroupValue,
};

use super::Record;
use crate::assignor::Partitions;
use crate::group::consumer::{Current, Owned, Resolved};

/// The only version of all these values.
const VERSION: i16 = 0;

impl Record {
    fn consumer(key: GroupKey<'static>, value: GroupValue<'static>) -> Record {
        Record { key, value: Some((value, VERSION)) }
    }

    fn end(key: GroupKey<'static>) -> Record {
        Record { key, value: None }
    }

    /// Epoch of a consumer group, and what it makes of its topics.
    pub(crate) fn consumer_group(group: &str, epoch: i32, metadata_hash: i64) -> Record {
        let value = ConsumerGroupMetadataValue { epoch, metadata_hash };
        Record::consumer(group_key(group), GroupValue::ConsumerGroupMetadata(value))
    }

    /// The end of a consumer group.
    pub(crate) fn consumer_group_gone(group: &str) -> Record {
        Record::end(group_key(group))
    }

    /// The end of what brokers before 4.1 kept of a group's topics.
    pub(crate) fn partition_metadata_gone(group: &str) -> Record {
        let group_id = group.to_owned().into();
        Record::end(GroupKey::ConsumerGroupPartitionMetadata(ConsumerGroupPartitionMetadataKey { group_id }))
    }

    /// What a member says of itself.
    pub(crate) fn member(
        group: &str,
        member: &str,
        value: ConsumerGroupMemberMetadataValue<'static>,
    ) -> Record {
        Record::consumer(member_key(group, member), GroupValue::ConsumerGroupMemberMetadata(value))
    }

    /// The end of a member.
    pub(crate) fn member_gone(group: &str, member: &str) -> Record {
        Record::end(member_key(group, member))
    }

    /// The epoch that the target assignment is of, and when it was computed in milliseconds since 1970.
    pub(crate) fn target_epoch(group: &str, epoch: i32, computed_at_ms: i64) -> Record {
        let value = ConsumerGroupTargetAssignmentMetadataValue {
            assignment_epoch: epoch,
            assignment_timestamp: computed_at_ms,
        };
        Record::consumer(target_key(group), GroupValue::ConsumerGroupTargetAssignmentMetadata(value))
    }

    /// The end of a target assignment.
    pub(crate) fn target_gone(group: &str) -> Record {
        Record::end(target_key(group))
    }

    /// What a member shall have.
    pub(crate) fn target(group: &str, member: &str, partitions: &Partitions) -> Record {
        let topic_partitions = partitions
            .iter()
            .map(|(topic_id, indexes)| TopicPartition {
                topic_id: *topic_id,
                partitions: indexes.iter().copied().collect(),
            })
            .collect();
        let value = ConsumerGroupTargetAssignmentMemberValue { topic_partitions };
        let value = GroupValue::ConsumerGroupTargetAssignmentMember(value);
        Record::consumer(target_member_key(group, member), value)
    }

    /// A member shall have nothing any more.
    pub(crate) fn target_member_gone(group: &str, member: &str) -> Record {
        Record::end(target_member_key(group, member))
    }

    /// What a member has.
    pub(crate) fn current(group: &str, member: &str, current: &Current) -> Record {
        let value = ConsumerGroupCurrentMemberAssignmentValue {
            member_epoch: current.epoch,
            previous_member_epoch: current.previous_epoch,
            state: current.state.value(),
            assigned_partitions: stored(&current.assigned),
            partitions_pending_revocation: stored(&current.revoking),
        };
        let value = GroupValue::ConsumerGroupCurrentMemberAssignment(value);
        Record::consumer(current_key(group, member), value)
    }

    /// A member has nothing any more.
    pub(crate) fn current_gone(group: &str, member: &str) -> Record {
        Record::end(current_key(group, member))
    }

    /// The topics that a regular expression stands for.
    pub(crate) fn regex(group: &str, regex: &str, resolved: &Resolved) -> Record {
        let value = ConsumerGroupRegularExpressionValue {
            topics: resolved.topics.iter().map(|topic| topic.clone().into()).collect(),
            version: resolved.version,
            timestamp: resolved.at_ms,
        };
        Record::consumer(regex_key(group, regex), GroupValue::ConsumerGroupRegularExpression(value))
    }

    /// Nobody reads by a regular expression any more.
    pub(crate) fn regex_gone(group: &str, regex: &str) -> Record {
        Record::end(regex_key(group, regex))
    }
}

fn stored(owned: &Owned) -> Vec<TopicPartitions> {
    let each = owned.iter().map(|(topic_id, epochs)| TopicPartitions {
        topic_id: *topic_id,
        partitions: epochs.keys().copied().collect(),
        assignment_epochs: Some(epochs.values().copied().collect()),
    });
    each.collect()
}

fn group_key(group: &str) -> GroupKey<'static> {
    GroupKey::ConsumerGroupMetadata(ConsumerGroupMetadataKey { group_id: group.to_owned().into() })
}

fn target_key(group: &str) -> GroupKey<'static> {
    let group_id = group.to_owned().into();
    GroupKey::ConsumerGroupTargetAssignmentMetadata(ConsumerGroupTargetAssignmentMetadataKey { group_id })
}

fn member_key(group: &str, member: &str) -> GroupKey<'static> {
    let (group_id, member_id) = (group.to_owned().into(), member.to_owned().into());
    GroupKey::ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataKey { group_id, member_id })
}

fn target_member_key(group: &str, member: &str) -> GroupKey<'static> {
    let (group_id, member_id) = (group.to_owned().into(), member.to_owned().into());
    let key = ConsumerGroupTargetAssignmentMemberKey { group_id, member_id };
    GroupKey::ConsumerGroupTargetAssignmentMember(key)
}

fn current_key(group: &str, member: &str) -> GroupKey<'static> {
    let (group_id, member_id) = (group.to_owned().into(), member.to_owned().into());
    let key = ConsumerGroupCurrentMemberAssignmentKey { group_id, member_id };
    GroupKey::ConsumerGroupCurrentMemberAssignment(key)
}

fn regex_key(group: &str, regex: &str) -> GroupKey<'static> {
    let (group_id, regular_expression) = (group.to_owned().into(), regex.to_owned().into());
    GroupKey::ConsumerGroupRegularExpression(ConsumerGroupRegularExpressionKey {
        group_id,
        regular_expression,
    })
}
