//! From records to the group, when they are written and when they are read after a start.

use protocol::messages::{GroupKey, GroupValue};

use super::ConsumerGroup;
use super::member::{Current, Metadata};
use super::regex::Resolved;
use super::target::{NONE, partitions_of};
use crate::shard::LoadError;

impl ConsumerGroup {
    /// A record of the group or of a member holds from now on. The end of the group itself is its owner's to see.
    pub fn apply(&mut self, key: &GroupKey<'_>, value: Option<&GroupValue<'_>>) -> Result<(), LoadError> {
        match (key, value) {
            (GroupKey::ConsumerGroupMetadata(_), Some(GroupValue::ConsumerGroupMetadata(value))) => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
            }
            (GroupKey::ConsumerGroupPartitionMetadata(_), value) => {
                self.has_partition_metadata = value.is_some();
            }
            (
                GroupKey::ConsumerGroupMemberMetadata(key),
                Some(GroupValue::ConsumerGroupMemberMetadata(value)),
            ) => self.members.set_metadata(&key.member_id, Metadata::from_value(value)),
            (
                GroupKey::ConsumerGroupCurrentMemberAssignment(key),
                Some(GroupValue::ConsumerGroupCurrentMemberAssignment(value)),
            ) => self.members.set_current(&key.member_id, Current::from_value(value)),
            (
                GroupKey::ConsumerGroupTargetAssignmentMember(key),
                Some(GroupValue::ConsumerGroupTargetAssignmentMember(value)),
            ) => self.target.set(self.own_id(&key.member_id), partitions_of(value)),
            (
                GroupKey::ConsumerGroupTargetAssignmentMetadata(_),
                Some(GroupValue::ConsumerGroupTargetAssignmentMetadata(value)),
            ) => {
                self.target.epoch = value.assignment_epoch;
                self.target.computed_at_ms = value.assignment_timestamp;
            }
            (
                GroupKey::ConsumerGroupRegularExpression(key),
                Some(GroupValue::ConsumerGroupRegularExpression(value)),
            ) => self.regexes.set(&key.regular_expression, Resolved::from_value(value)),
            (key, None) => self.apply_end(key),
            (_, Some(_)) => return Err(LoadError::Mismatch),
        }
        Ok(())
    }

    fn apply_end(&mut self, key: &GroupKey<'_>) {
        match key {
            GroupKey::ConsumerGroupMemberMetadata(key) => {
                self.members.remove(&key.member_id);
                self.watches.remove(&*key.member_id);
            }
            GroupKey::ConsumerGroupCurrentMemberAssignment(key) if self.members.contains(&key.member_id) => {
                self.members.set_current(&key.member_id, Current::left());
            }
            GroupKey::ConsumerGroupTargetAssignmentMember(key) => self.target.remove(&key.member_id),
            GroupKey::ConsumerGroupTargetAssignmentMetadata(_) => {
                self.target.epoch = NONE;
                self.target.computed_at_ms = 0;
            }
            GroupKey::ConsumerGroupRegularExpression(key) => self.regexes.remove(&key.regular_expression),
            _ => {}
        }
    }
}
