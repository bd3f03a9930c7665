//! Appends that must not hold up a core.

use std::sync::Arc;

use crate::partition_threads::PartitionWork;
use crate::partitions::Partition;

/// Appends what is queued at a partition.
#[derive(Debug)]
pub struct SideAppends;

impl PartitionWork for SideAppends {
    const NAME: &'static str = "slow-appends";

    fn marks(&self, partition: &Partition) -> bool {
        partition.goes_aside()
    }

    fn run(&self, partition: &Arc<Partition>) -> bool {
        partition.append_aside()
    }
}
