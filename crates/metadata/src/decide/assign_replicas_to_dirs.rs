//! AssignReplicasToDirs (73): a broker with several log directories tells where it put its replicas (KIP-858).

use std::sync::Arc;

use model::{ErrorCode, NodeId, PartitionIndex, Uuid};
use protocol::messages::assign_replicas_to_dirs_response::{DirectoryData, PartitionData, TopicData};
use protocol::messages::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, MetadataRecord, PartitionChangeRecord,
};

use super::fencing::{self, versioned};
use crate::context::{Decision, DecisionContext};
use crate::image::{Broker, Image, Partition, Topic};
use crate::record::VersionedRecord;

/// Notes the directories; a replica in an offline one leaves the ISR, one in an online one may lead again.
pub fn decide(
    image: &Image,
    request: &AssignReplicasToDirsRequest,
    context: &DecisionContext<'_>,
) -> Decision<AssignReplicasToDirsResponse> {
    let known = image.brokers.get(&request.broker_id);
    let Some(broker) = known.filter(|broker| broker.epoch == request.broker_epoch) else {
        let error_code = ErrorCode::STALE_BROKER_EPOCH;
        return Decision::unchanged(AssignReplicasToDirsResponse { error_code, ..Default::default() });
    };
    let mut assignment = Assignment { image, context, broker, records: Vec::new(), offline: Vec::new() };
    let mut directories = Vec::with_capacity(request.directories.len());
    for directory in &request.directories {
        let mut topics = Vec::with_capacity(directory.topics.len());
        for topic in &directory.topics {
            let assigned = topic.partitions.iter().map(|partition| PartitionData {
                partition_index: partition.partition_index,
                error_code: assignment.assign(topic.topic_id, partition.partition_index, directory.id),
            });
            topics.push(TopicData { topic_id: topic.topic_id, partitions: assigned.collect() });
        }
        directories.push(DirectoryData { id: directory.id, topics });
    }
    let mut records = assignment.records;
    let offline = assignment.offline;
    let is_offline = |topic: &Topic, index: PartitionIndex| offline.contains(&(topic.id, index));
    if !offline.is_empty() {
        records.extend(fencing::leave_some(image, context, broker.id, &is_offline));
    }
    Decision { records, response: AssignReplicasToDirsResponse { directories, ..Default::default() } }
}

struct Assignment<'a> {
    image: &'a Image,
    context: &'a DecisionContext<'a>,
    broker: &'a Arc<Broker>,
    records: Vec<VersionedRecord>,
    /// Partitions that were assigned to a directory that is not online.
    offline: Vec<(Uuid, PartitionIndex)>,
}

impl Assignment<'_> {
    fn assign(&mut self, topic_id: Uuid, index: PartitionIndex, directory: Uuid) -> ErrorCode {
        let Some(topic) = self.image.topics.get_by_id(topic_id) else { return ErrorCode::UNKNOWN_TOPIC_ID };
        let Some(partition) = topic.partition(index) else { return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION };
        if !partition.replicas.contains(&self.broker.id) {
            return ErrorCode::NOT_LEADER_OR_FOLLOWER;
        }
        if !self.broker.has_online_dir(directory) {
            self.offline.push((topic_id, index));
        }
        let assigned = with_directory(partition, self.broker.id, directory);
        if assigned.directories == partition.directories {
            return ErrorCode::NONE;
        }
        let election = fencing::elect_where_none_leads(self.image, self.context, topic, index, &assigned);
        let mut record = election.unwrap_or(PartitionChangeRecord {
            partition_id: index,
            topic_id,
            ..PartitionChangeRecord::default()
        });
        record.directories = Some(assigned.directories);
        self.records.push(versioned(self.image, MetadataRecord::PartitionChange(record)));
        ErrorCode::NONE
    }
}

fn with_directory(partition: &Partition, broker: NodeId, directory: Uuid) -> Partition {
    let mut assigned = partition.clone();
    assigned.directories = partition
        .replicas
        .iter()
        .map(|replica| if *replica == broker { directory } else { partition.directory_of(*replica) })
        .collect();
    assigned
}
