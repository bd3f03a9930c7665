//! Topics and partitions.

use std::sync::Arc;

use model::{LeaderEpoch, NodeId, PartitionIndex, Uuid};
use protocol::messages::{PartitionChangeRecord, PartitionRecord};

use super::SharedMap;

/// Leader of a partition that has none.
pub const NO_LEADER: NodeId = -1;

/// "Unchanged" in the leader field of a PartitionChangeRecord.
const NO_LEADER_CHANGE: NodeId = -2;

/// Every topic, by id and by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topics {
    by_id: SharedMap<Uuid, Arc<Topic>>,
    ids: SharedMap<Arc<str>, Uuid>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Its partitions.
    pub partitions: SharedMap<PartitionIndex, Arc<Partition>>,
}

/// One partition: who holds it and who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Brokers that hold it, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Log directory of each replica, in the order of `replicas`; zero where unassigned.
    pub directories: Vec<Uuid>,
    /// In-sync replicas.
    pub isr: Vec<NodeId>,
    /// Replicas a reassignment takes away.
    pub removing: Vec<NodeId>,
    /// Replicas a reassignment brings.
    pub adding: Vec<NodeId>,
    /// The leader, or [`NO_LEADER`].
    pub leader: NodeId,
    /// True after an unclean election until the leader has dealt with it.
    pub is_recovering: bool,
    /// Grows with each election.
    pub leader_epoch: LeaderEpoch,
    /// Grows with each change.
    pub partition_epoch: i32,
    /// Replicas outside the ISR that still hold everything committed (KIP-966).
    pub eligible_leaders: Vec<NodeId>,
    /// The last leader of a partition that lost its ISR.
    pub last_known_leaders: Vec<NodeId>,
}

impl Topics {
    /// The topic of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Topic>> {
        self.ids.get(name).and_then(|id| self.by_id.get(id))
    }

    /// The topic of that id.
    pub fn get_by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.by_id.get(&id)
    }

    /// Number of topics.
    pub fn len(&self) -> usize {
        self.by_id.size()
    }

    /// True without topics.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Every topic, ascending by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.ids.values().filter_map(|id| self.by_id.get(id))
    }

    pub(super) fn insert(&mut self, topic: Topic) {
        self.ids.insert_mut(topic.name.clone(), topic.id);
        self.by_id.insert_mut(topic.id, Arc::new(topic));
    }

    pub(super) fn remove(&mut self, id: Uuid) -> Option<Arc<Topic>> {
        let topic = self.by_id.get(&id)?.clone();
        self.by_id.remove_mut(&id);
        self.ids.remove_mut(&topic.name);
        Some(topic)
    }

    /// Replaces one partition; `None` where the topic does not exist.
    pub(super) fn set_partition(
        &mut self,
        id: Uuid,
        index: PartitionIndex,
        partition: Partition,
    ) -> Option<()> {
        let topic = self.by_id.get_mut(&id)?;
        Arc::make_mut(topic).partitions.insert_mut(index, Arc::new(partition));
        Some(())
    }
}

impl Topic {
    /// One partition.
    pub fn partition(&self, index: PartitionIndex) -> Option<&Arc<Partition>> {
        self.partitions.get(&index)
    }

    /// Number of partitions.
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.size()).unwrap_or(i32::MAX)
    }
}

impl Partition {
    /// The partition a PartitionRecord describes.
    pub fn from_record(record: &PartitionRecord) -> Partition {
        let unassigned = || vec![Uuid::ZERO; record.replicas.len()];
        Partition {
            replicas: record.replicas.clone(),
            directories: match record.directories.len() == record.replicas.len() {
                true => record.directories.clone(),
                false => unassigned(),
            },
            isr: record.isr.clone(),
            removing: record.removing_replicas.clone(),
            adding: record.adding_replicas.clone(),
            leader: record.leader,
            is_recovering: record.leader_recovery_state == 1,
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
            eligible_leaders: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_leaders: record.last_known_elr.clone().unwrap_or_default(),
        }
    }

    /// The whole partition as a record.
    pub fn to_record(&self, topic_id: Uuid, index: PartitionIndex) -> PartitionRecord {
        let some_if_any = |ids: &[NodeId]| (!ids.is_empty()).then(|| ids.to_vec());
        PartitionRecord {
            partition_id: index,
            topic_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            removing_replicas: self.removing.clone(),
            adding_replicas: self.adding.clone(),
            leader: self.leader,
            leader_recovery_state: i8::from(self.is_recovering),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: self.directories.clone(),
            eligible_leader_replicas: some_if_any(&self.eligible_leaders),
            last_known_elr: some_if_any(&self.last_known_leaders),
        }
    }

    /// The partition after a change; epochs grow as Kafka lets them grow.
    pub fn changed(&self, change: &PartitionChangeRecord) -> Partition {
        let mut next = self.clone();
        let replace = |field: &mut Vec<NodeId>, ids: &Option<Vec<NodeId>>| {
            if let Some(ids) = ids {
                field.clone_from(ids);
            }
        };
        replace(&mut next.isr, &change.isr);
        replace(&mut next.removing, &change.removing_replicas);
        replace(&mut next.adding, &change.adding_replicas);
        replace(&mut next.eligible_leaders, &change.eligible_leader_replicas);
        replace(&mut next.last_known_leaders, &change.last_known_elr);
        if let Some(replicas) = &change.replicas {
            next.directories = replicas.iter().map(|replica| self.directory_of(*replica)).collect();
            next.replicas.clone_from(replicas);
        }
        if let Some(directories) = &change.directories {
            next.directories.clone_from(directories);
        }
        if change.leader != NO_LEADER_CHANGE {
            next.leader = change.leader;
            next.leader_epoch = self.leader_epoch.saturating_add(1);
        }
        if change.leader_recovery_state >= 0 {
            next.is_recovering = change.leader_recovery_state == 1;
        }
        next.partition_epoch = self.partition_epoch.saturating_add(1);
        next
    }

    /// The log directory a replica's broker holds the partition in; zero where unknown.
    pub fn directory_of(&self, replica: NodeId) -> Uuid {
        let position = self.replicas.iter().position(|id| *id == replica);
        position.and_then(|position| self.directories.get(position)).copied().unwrap_or(Uuid::ZERO)
    }
}
