//! From replica lists to partition records: manual assignments checked, automatic ones placed.

use model::{ErrorCode, NodeId, Uuid};
use protocol::messages::{MetadataRecord, PartitionRecord};

use super::ApiError;
use crate::directory;
use crate::image::Image;
use crate::record::VersionedRecord;

fn refused(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message)
}

/// Checks the replicas somebody chose for one partition.
pub(super) fn check_manual(
    image: &Image,
    replicas: &[NodeId],
    factor: Option<usize>,
) -> Result<(), ApiError> {
    if replicas.is_empty() {
        return Err(refused("The manual partition assignment includes an empty replica list."));
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for id in sorted {
        if image.brokers.get(&id).is_none() {
            return Err(refused(format!(
                "The manual partition assignment includes broker {id}, but no such broker is registered."
            )));
        }
        if previous == Some(id) {
            return Err(refused(format!(
                "The manual partition assignment includes the broker {id} more than once."
            )));
        }
        previous = Some(id);
    }
    if let Some(factor) = factor.filter(|factor| *factor != replicas.len()) {
        return Err(refused(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is not consistent with previous partitions, which have {factor} replica(s).",
            replicas.len()
        )));
    }
    Ok(())
}

/// A new partition: the first replica that may lead leads, those that may replicate are in sync.
pub(super) fn new_partition(
    image: &Image,
    topic_id: Uuid,
    index: i32,
    replicas: Vec<NodeId>,
) -> Result<VersionedRecord, ApiError> {
    let isr: Vec<NodeId> = replicas.iter().copied().filter(|id| image.is_active_broker(*id)).collect();
    let Some(leader) = isr.first().copied() else {
        return Err(refused(format!(
            "All brokers specified in the manual partition assignment for partition {index} are fenced or in controlled shutdown."
        )));
    };
    let directories = replicas.iter().map(|id| directory_for_new_partition(image, *id)).collect();
    let record = PartitionRecord {
        partition_id: index,
        topic_id,
        replicas,
        isr,
        leader,
        leader_epoch: 0,
        partition_epoch: 0,
        directories,
        ..PartitionRecord::default()
    };
    Ok(VersionedRecord::new(MetadataRecord::Partition(record), image.metadata_version()))
}

/// A broker with one directory gets it assigned at once; one with several chooses and reports (KIP-858).
fn directory_for_new_partition(image: &Image, id: NodeId) -> Uuid {
    match image.brokers.get(&id).map(|broker| &broker.log_dirs[..]) {
        Some([only]) => *only,
        _ => directory::UNASSIGNED,
    }
}
