//! From records to the shard, after a start or when the partition has moved here.

use std::fmt;

use protocol::messages::{GroupKey, GroupValue};
use protocol::{DecodeError, DecodeErrorKind};

use super::GroupShard;
use crate::group::Group;
use crate::group::classic::ClassicGroup;
use crate::group::consumer::ConsumerGroup;
use crate::offsets::CommittedOffset;
use crate::record::Record;
use crate::step::Step;

/// Why a record could not be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadError {
    /// Its bytes are not what its type says.
    Malformed(DecodeError),
    /// Its value is of another type than its key.
    Mismatch,
}

impl GroupShard {
    /// A record of a step has been appended: later decisions see it.
    pub fn appended(&mut self, record: &Record) {
        let is_new = match (&record.key, &record.value) {
            (GroupKey::OffsetCommit(_), _) => true,
            // The end of a group that was deleted or has expired.
            (GroupKey::GroupMetadata(_) | GroupKey::ConsumerGroupMetadata(_), None) => true,
            // Groups are already what their records say, and more.
            _ => false,
        };
        if is_new {
            let applied = self.apply(&record.key, record.value.as_ref().map(|(value, _)| value));
            debug_assert!(applied.is_ok(), "a record made here: {record:?}");
        }
    }

    /// Takes over one record of the partition, in the order of the log. Types of later versions are passed over.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), LoadError> {
        let key = match GroupKey::decode(key) {
            Ok(key) => key,
            Err(error) if matches!(error.kind, DecodeErrorKind::UnknownRecordType(_)) => return Ok(()),
            Err(error) => return Err(LoadError::Malformed(error)),
        };
        let value = value.map(|value| GroupValue::decode(value, key.record_type())).transpose();
        let value = value.map_err(LoadError::Malformed)?;
        self.apply(&key, value.as_ref().map(|(value, _)| value))
    }

    fn apply(&mut self, key: &GroupKey<'_>, value: Option<&GroupValue<'_>>) -> Result<(), LoadError> {
        match (key, value) {
            (GroupKey::GroupMetadata(key), Some(GroupValue::GroupMetadata(value))) => {
                let group = Group::Classic(ClassicGroup::from_value(&key.group, value));
                self.groups.insert((*key.group).into(), group);
            }
            (GroupKey::GroupMetadata(key), None) => {
                if matches!(self.groups.get(&*key.group), Some(Group::Classic(_))) {
                    self.groups.remove(&*key.group);
                }
            }
            (GroupKey::OffsetCommit(key), Some(GroupValue::OffsetCommit(value))) => {
                if !self.groups.contains_key(&*key.group) {
                    // Consumers that assign themselves leave no record of their group.
                    let group = Group::Classic(ClassicGroup::new(&key.group, None));
                    self.groups.insert((*key.group).into(), group);
                }
                self.offsets.put(&key.group, &key.topic, key.partition, CommittedOffset::from_value(value));
            }
            (GroupKey::OffsetCommit(key), None) => self.offsets.remove(&key.group, &key.topic, key.partition),
            (GroupKey::GroupMetadata(_) | GroupKey::OffsetCommit(_), Some(_)) => {
                return Err(LoadError::Mismatch);
            }
            (key, value) => {
                // The others are not kept here yet.
                if let Some(group) = consumer_group_of(key) {
                    return self.apply_to_consumer_group(group, key, value);
                }
            }
        }
        Ok(())
    }

    fn apply_to_consumer_group(
        &mut self,
        id: &str,
        key: &GroupKey<'_>,
        value: Option<&GroupValue<'_>>,
    ) -> Result<(), LoadError> {
        let is_there = matches!(self.groups.get(id), Some(Group::Consumer(_)));
        if matches!((key, value), (GroupKey::ConsumerGroupMetadata(_), None)) {
            if is_there {
                self.groups.remove(id);
            }
            return Ok(());
        }
        if !is_there && value.is_some() {
            // Offsets that came before may have begun a group without a kind.
            self.groups.insert(id.into(), Group::Consumer(ConsumerGroup::new(id)));
        }
        match self.groups.get_mut(id) {
            Some(Group::Consumer(group)) => group.apply(key, value),
            // The end of something that is not there.
            Some(Group::Classic(_)) | None => Ok(()),
        }
    }

    /// All records are taken over: members have their sessions from now on.
    pub fn loaded(&mut self, now_ms: i64) -> Step {
        let mut step = Step::default();
        for group in self.groups.values_mut() {
            match group {
                Group::Classic(group) => group.begin_sessions(&mut self.rules.classic(now_ms, &mut step)),
                Group::Consumer(group) => {
                    let pace = self.rules.pace(&group.id);
                    group.begin_sessions(pace, now_ms, &mut step);
                }
            }
        }
        step
    }
}

/// The consumer group that a record is about.
fn consumer_group_of<'k>(key: &'k GroupKey<'_>) -> Option<&'k str> {
    match key {
        GroupKey::ConsumerGroupMetadata(key) => Some(&*key.group_id),
        GroupKey::ConsumerGroupPartitionMetadata(key) => Some(&*key.group_id),
        GroupKey::ConsumerGroupMemberMetadata(key) => Some(&*key.group_id),
        GroupKey::ConsumerGroupTargetAssignmentMetadata(key) => Some(&*key.group_id),
        GroupKey::ConsumerGroupTargetAssignmentMember(key) => Some(&*key.group_id),
        GroupKey::ConsumerGroupCurrentMemberAssignment(key) => Some(&*key.group_id),
        GroupKey::ConsumerGroupRegularExpression(key) => Some(&*key.group_id),
        _ => None,
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Malformed(error) => write!(f, "a record of __consumer_offsets: {error}"),
            LoadError::Mismatch => {
                f.write_str("a record of __consumer_offsets has a value that is not its key's")
            }
        }
    }
}

impl std::error::Error for LoadError {}
