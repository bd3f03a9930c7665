//! Directories of brokers and what is in them.

use protocol::messages::DescribeLogDirsRequest;
use protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;

use super::Admin;
use crate::cluster::Target;
use crate::error::Error;

/// A log directory of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDir {
    /// Its path on the broker's machine.
    pub path: String,
    /// What is wrong with it.
    pub error: Option<Error>,
    /// In the order of the answer.
    pub partitions: Vec<LogDirPartition>,
    /// Bytes of its file system; -1 where the broker does not tell.
    pub total_bytes: i64,
    /// Bytes free there; -1 where the broker does not tell.
    pub usable_bytes: i64,
}

/// A partition in a log directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDirPartition {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Bytes of its segments.
    pub size: i64,
    /// How far it is behind: a follower the high watermark, a copy that is to replace another one that.
    pub offset_lag: i64,
    /// True for a copy that is to replace another one.
    pub is_future: bool,
}

impl Admin {
    /// All log directories of a broker.
    pub async fn describe_log_dirs(&self, broker: i32) -> Result<Vec<LogDir>, Error> {
        let all = DescribeLogDirsRequest { topics: None };
        self.ask("describeLogDirs", Target::Node(broker), &all, |answer| {
            Error::check(answer.error_code, None)?;
            Ok(answer.results.iter().map(LogDir::of).collect())
        })
        .await
    }
}

impl LogDir {
    fn of(result: &DescribeLogDirsResult<'_>) -> LogDir {
        let partitions = result.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| LogDirPartition {
                topic: topic.name.as_ref().to_owned(),
                partition: partition.partition_index,
                size: partition.partition_size,
                offset_lag: partition.offset_lag,
                is_future: partition.is_future_key,
            })
        });
        LogDir {
            path: result.log_dir.as_ref().to_owned(),
            error: Error::of(result.error_code, None),
            partitions: partitions.collect(),
            total_bytes: result.total_bytes,
            usable_bytes: result.usable_bytes,
        }
    }
}
