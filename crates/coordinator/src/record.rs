//! Records of `__consumer_offsets`, as Kafka writes them.

mod consumer;

use protocol::EncodeError;
use protocol::messages::{
    GroupKey, GroupMetadataKey, GroupMetadataValue, GroupValue, OffsetCommitKey, OffsetCommitValue,
};

use crate::offsets::CommittedOffset;

/// Version of a classic group's value (with a time of its state).
const GROUP_METADATA_VERSION: i16 = 3;
/// Version of an offset's value (with leader epoch and topic id).
const OFFSET_VERSION: i16 = 4;
/// Version of an offset's value that has an expiry of its own, which later ones lack.
const OFFSET_WITH_EXPIRY_VERSION: i16 = 1;

/// A key with a value and the value's version; without a value it is a tombstone.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it is about.
    pub key: GroupKey<'static>,
    /// What holds from now on.
    pub value: Option<(GroupValue<'static>, i16)>,
}

/// Bytes of a record: key and, unless it is a tombstone, value.
pub type RecordBytes = (Vec<u8>, Option<Vec<u8>>);

impl Record {
    /// The state of a classic group.
    pub(crate) fn group(group: &str, value: GroupMetadataValue<'static>) -> Record {
        let value = (GroupValue::GroupMetadata(value), GROUP_METADATA_VERSION);
        Record { value: Some(value), ..Record::group_gone(group) }
    }

    /// The end of a classic group.
    pub(crate) fn group_gone(group: &str) -> Record {
        let key = GroupKey::GroupMetadata(GroupMetadataKey { group: group.to_owned().into() });
        Record { key, value: None }
    }

    /// A committed offset.
    pub(crate) fn offset(group: &str, topic: &str, partition: i32, committed: &CommittedOffset) -> Record {
        let value = OffsetCommitValue {
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.clone().into(),
            commit_timestamp: committed.commit_timestamp_ms,
            expire_timestamp: committed.expires_at_ms.unwrap_or(-1),
            topic_id: committed.topic_id,
        };
        let version = match committed.expires_at_ms {
            Some(_) => OFFSET_WITH_EXPIRY_VERSION,
            None => OFFSET_VERSION,
        };
        let value = Some((GroupValue::OffsetCommit(value), version));
        Record { value, ..Record::offset_gone(group, topic, partition) }
    }

    /// The end of a committed offset.
    pub(crate) fn offset_gone(group: &str, topic: &str, partition: i32) -> Record {
        let (group, topic) = (group.to_owned().into(), topic.to_owned().into());
        Record { key: GroupKey::OffsetCommit(OffsetCommitKey { group, topic, partition }), value: None }
    }

    /// Its bytes for the log.
    pub fn encode(&self) -> Result<RecordBytes, EncodeError> {
        let value = self.value.as_ref().map(|(value, version)| value.encode(*version)).transpose()?;
        Ok((self.key.encode()?, value))
    }
}
