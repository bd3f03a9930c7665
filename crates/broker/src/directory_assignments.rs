//! Telling the controller in which log directory each partition lies, where it does not know (KIP-858).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{PartitionIndex, Uuid};
use protocol::ApiKey;
use protocol::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use protocol::messages::{AssignReplicasToDirsRequest, AssignReplicasToDirsResponse};
use tokio::sync::watch;

use crate::broker::Broker;

/// Partitions in one request, as Kafka has it.
const ASSIGNMENTS_MAX: usize = 2_250;
/// Wait after a request that was refused or not answered.
const RETRY: Duration = Duration::from_millis(500);

/// Partitions by log directory and topic.
type Assignments = BTreeMap<Uuid, BTreeMap<Uuid, Vec<PartitionIndex>>>;

/// Reports until the broker stops, whenever a partition was put where the controller does not know of.
pub async fn report(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = broker.log_dirs.misplaced() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        loop {
            let due = due(&broker);
            if due.is_empty() || *stopping.borrow() {
                break;
            }
            if let Err(error) = send(&broker, due).await {
                tracing::warn!(error, "the controller does not know yet where partitions lie; trying again");
                tokio::time::sleep(RETRY).await;
            }
            broker.metadata.caught_up().await;
        }
    }
}

/// Where image and disk differ.
fn due(broker: &Broker) -> Assignments {
    let (image, own) = (broker.metadata.image(), broker.options.node_id);
    let mut due = Assignments::new();
    let differs = broker.partitions.partitions().into_iter().filter(|partition| {
        let agreed = image.topics.get_by_id(partition.topic.id);
        let agreed = agreed.and_then(|topic| topic.partition(partition.index));
        let is_known = agreed.is_none_or(|agreed| agreed.directory_of(own) == partition.log_dir.id);
        !is_known && !partition.log_dir.is_offline() && !partition.is_gone()
    });
    for partition in differs.take(ASSIGNMENTS_MAX) {
        let topics = due.entry(partition.log_dir.id).or_default();
        topics.entry(partition.topic.id).or_default().push(partition.index);
    }
    due
}

async fn send(broker: &Broker, due: Assignments) -> Result<(), String> {
    let partitions = |indexes: Vec<PartitionIndex>| {
        indexes.into_iter().map(|partition_index| PartitionData { partition_index }).collect()
    };
    let topics = |topics: BTreeMap<Uuid, Vec<PartitionIndex>>| {
        let topic = |(topic_id, indexes)| TopicData { topic_id, partitions: partitions(indexes) };
        topics.into_iter().map(topic).collect()
    };
    let request = AssignReplicasToDirsRequest {
        broker_id: broker.options.node_id,
        broker_epoch: broker.epoch(),
        directories: due.into_iter().map(|(id, of)| DirectoryData { id, topics: topics(of) }).collect(),
    };
    let answer: AssignReplicasToDirsResponse =
        broker.controller.ask(ApiKey::AssignReplicasToDirs, 0, &request).await?;
    if !answer.error_code.is_none() {
        return Err(answer.error_code.to_string());
    }
    let assigned = answer.directories.iter().flat_map(|dir| &dir.topics).flat_map(|topic| &topic.partitions);
    match assigned.map(|partition| partition.error_code).find(|code| !code.is_none()) {
        // Of a partition that was deleted meanwhile, the next image tells.
        Some(code) => Err(code.to_string()),
        None => Ok(()),
    }
}
