//! Replicas moved: to other brokers (KIP-455) and to other log directories (KIP-113).

use std::collections::BTreeMap;

use protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use protocol::messages::{AlterPartitionReassignmentsRequest, AlterReplicaLogDirsRequest};

use super::{Admin, TopicPartition};
use crate::cluster::Target;
use crate::error::Error;

impl Admin {
    /// Moves partitions to the brokers that are named for each; where none are, the move that goes on is cancelled.
    pub async fn alter_partition_reassignments(
        &self,
        replicas: &BTreeMap<TopicPartition, Option<Vec<i32>>>,
        may_change_factor: bool,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let mut topics: BTreeMap<&str, Vec<ReassignablePartition>> = BTreeMap::new();
        for ((topic, partition), replicas) in replicas {
            let partition = ReassignablePartition { partition_index: *partition, replicas: replicas.clone() };
            topics.entry(topic).or_default().push(partition);
        }
        let topics =
            topics.into_iter().map(|(name, partitions)| ReassignableTopic { name: name.into(), partitions });
        let request = AlterPartitionReassignmentsRequest {
            timeout_ms: self.timeout_ms(),
            allow_replication_factor_change: may_change_factor,
            topics: topics.collect(),
        };
        self.ask("alterPartitionReassignments", Target::Controller, &request, |answer| {
            Error::check(answer.error_code, answer.error_message.as_deref())?;
            let altered = answer.responses.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| {
                    let outcome = Error::check(partition.error_code, partition.error_message.as_deref());
                    ((topic.name.as_ref().to_owned(), partition.partition_index), outcome)
                })
            });
            Ok(altered.collect())
        })
        .await
    }

    /// Moves replicas that a broker has into other log directories of it.
    pub async fn alter_replica_log_dirs(
        &self,
        broker: i32,
        log_dirs: &BTreeMap<TopicPartition, String>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), Error>>, Error> {
        let mut by_dir: BTreeMap<&str, BTreeMap<&str, Vec<i32>>> = BTreeMap::new();
        for ((topic, partition), path) in log_dirs {
            by_dir.entry(path).or_default().entry(topic).or_default().push(*partition);
        }
        let dirs = by_dir.into_iter().map(|(path, topics)| AlterReplicaLogDir {
            path: path.into(),
            topics: topics
                .into_iter()
                .map(|(name, partitions)| AlterReplicaLogDirTopic { name: name.into(), partitions })
                .collect(),
        });
        let request = AlterReplicaLogDirsRequest { dirs: dirs.collect() };
        self.ask("alterReplicaLogDirs", Target::Node(broker), &request, |answer| {
            let moved = answer.results.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| {
                    let key = (topic.topic_name.as_ref().to_owned(), partition.partition_index);
                    (key, Error::check(partition.error_code, None))
                })
            });
            Ok(moved.collect())
        })
        .await
    }
}
