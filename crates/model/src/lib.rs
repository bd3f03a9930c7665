//! Nouns of the domain: ids, error codes, topic names, limits. Knows nothing else.

mod error_code;
pub mod limits;
mod topic_name;
mod uuid;

pub use error_code::ErrorCode;
pub use topic_name::{InvalidTopicName, TopicName};
pub use uuid::{InvalidUuid, Uuid};

/// Position of a record in its partition, counted from 0; -1 where there is none.
pub type Offset = i64;

/// Term of a partition's leader; grows with each change of leader, -1 where there is none.
pub type LeaderEpoch = i32;

/// Id of a broker or controller (`node.id`), -1 where there is none.
pub type NodeId = i32;

/// Number of a partition within its topic, counted from 0.
pub type PartitionIndex = i32;

/// Milliseconds since 1970-01-01 UTC; -1 where there is none.
pub type TimestampMs = i64;

/// One partition of one topic, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: TopicName,
    /// Number of the partition.
    pub partition: PartitionIndex,
}
