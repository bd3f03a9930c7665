//! Committed offsets by group, topic and partition.

mod commit;
mod delete;
mod expire;
mod fetch;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::Uuid;
use protocol::messages::OffsetCommitValue;

/// How far a group has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next record it wants.
    pub offset: i64,
    /// Leader epoch of the last record it has read, -1 where it did not say.
    pub leader_epoch: i32,
    /// What it wrote beside it.
    pub metadata: String,
    /// When it was committed, in milliseconds since 1970.
    pub commit_timestamp_ms: i64,
    /// When it ends whatever the retention is, in milliseconds since 1970; only old clients ask for that.
    pub expires_at_ms: Option<i64>,
    /// The topic's id, zero where the client named the topic.
    pub topic_id: Uuid,
}

/// Offsets of one topic by partition.
type OfTopic = BTreeMap<i32, CommittedOffset>;
/// Offsets of one group by topic.
type ByTopic = BTreeMap<Arc<str>, OfTopic>;

/// What a group has committed.
#[derive(Debug, Default)]
struct OfGroup {
    topics: ByTopic,
    /// How often, partition by partition.
    commits: u64,
}

/// The committed offsets of a shard.
#[derive(Debug, Default)]
pub struct Offsets {
    by_group: HashMap<Arc<str>, OfGroup>,
}

impl CommittedOffset {
    /// As its record says.
    pub(crate) fn from_value(value: &OffsetCommitValue<'_>) -> CommittedOffset {
        CommittedOffset {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.to_string(),
            commit_timestamp_ms: value.commit_timestamp,
            expires_at_ms: Some(value.expire_timestamp).filter(|time| *time != -1),
            topic_id: value.topic_id,
        }
    }
}

impl Offsets {
    pub fn get(&self, group: &str, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.of_group(group)?.get(topic)?.get(&partition)
    }

    pub fn of_group(&self, group: &str) -> Option<&ByTopic> {
        self.by_group.get(group).map(|of_group| &of_group.topics)
    }

    /// How often partitions were committed since the group was loaded, those that were loaded among them.
    pub fn commits_of(&self, group: &str) -> u64 {
        self.by_group.get(group).map_or(0, |of_group| of_group.commits)
    }

    pub fn put(&mut self, group: &str, topic: &str, partition: i32, committed: CommittedOffset) {
        // Most commits are for what is there already, which needs no names of its own.
        if !self.by_group.contains_key(group) {
            self.by_group.insert(group.into(), OfGroup::default());
        }
        let Some(of_group) = self.by_group.get_mut(group) else { return };
        of_group.commits += 1;
        match of_group.topics.get_mut(topic) {
            Some(partitions) => _ = partitions.insert(partition, committed),
            None => _ = of_group.topics.entry(topic.into()).or_default().insert(partition, committed),
        }
    }

    pub fn remove(&mut self, group: &str, topic: &str, partition: i32) {
        let Some(OfGroup { topics, .. }) = self.by_group.get_mut(group) else { return };
        if let Some(partitions) = topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                topics.remove(topic);
            }
        }
        if topics.is_empty() {
            self.by_group.remove(group);
        }
    }
}
