//! From records to the shard, after a start or when the partition has moved here.

use std::fmt;

use protocol::messages::{GroupKey, GroupValue};
use protocol::{DecodeError, DecodeErrorKind};

use super::GroupShard;
use crate::group::classic::{ClassicGroup, Turn};
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
        // A classic group is already what its record says, and more.
        if matches!((&record.key, &record.value), (GroupKey::GroupMetadata(_), Some(_))) {
            return;
        }
        let applied = self.apply(&record.key, record.value.as_ref().map(|(value, _)| value));
        debug_assert!(applied.is_ok(), "a record made here: {record:?}");
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
                self.groups.insert((*key.group).into(), ClassicGroup::from_value(&key.group, value));
            }
            (GroupKey::GroupMetadata(key), None) => _ = self.groups.remove(&*key.group),
            (GroupKey::OffsetCommit(key), Some(GroupValue::OffsetCommit(value))) => {
                if !self.groups.contains_key(&*key.group) {
                    // Consumers that assign themselves leave no record of their group.
                    self.groups.insert((*key.group).into(), ClassicGroup::new(&key.group, None));
                }
                self.offsets.put(&key.group, &key.topic, key.partition, CommittedOffset::from_value(value));
            }
            (GroupKey::OffsetCommit(key), None) => self.offsets.remove(&key.group, &key.topic, key.partition),
            (GroupKey::GroupMetadata(_) | GroupKey::OffsetCommit(_), Some(_)) => {
                return Err(LoadError::Mismatch);
            }
            // Not kept here yet.
            _ => {}
        }
        Ok(())
    }

    /// All records are taken over: members have their sessions from now on.
    pub fn loaded(&mut self, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = Turn { now_ms, settings: &self.settings, step: &mut step };
        for group in self.groups.values_mut() {
            group.begin_sessions(&mut turn);
        }
        step
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
