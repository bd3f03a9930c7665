//! Topics and partitions of this broker, by name and by id.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use model::{ErrorCode, PartitionIndex, TopicName, Uuid};
use parking_lot::RwLock;

use super::partition::Partition;
use crate::log_dirs::BrokerLogDir;
use crate::options::TopicSettings;

/// A topic with the partitions of it that are here.
#[derive(Debug)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: Uuid,
    /// Its settings as they are now.
    pub settings: ArcSwap<TopicSettings>,
    partitions: RwLock<Vec<Option<Arc<Partition>>>>,
    /// Partitions whose log directory is offline or whose log cannot be opened.
    offline: RwLock<BTreeSet<PartitionIndex>>,
}

/// The topics of this broker.
#[derive(Debug, Default)]
pub struct Registry {
    topics: RwLock<Topics>,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: HashMap<TopicName, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

impl Topic {
    /// A topic without partitions yet.
    pub fn new(name: TopicName, id: Uuid, settings: TopicSettings) -> Arc<Topic> {
        let settings = ArcSwap::from_pointee(settings);
        Arc::new(Topic { name, id, settings, partitions: RwLock::default(), offline: RwLock::default() })
    }

    /// The partition of that number, or the error a client gets: KAFKA_STORAGE_ERROR where its log directory has
    /// failed.
    pub fn find(&self, index: PartitionIndex) -> Result<Arc<Partition>, ErrorCode> {
        match self.partition(index) {
            Some(partition) if partition.log_dir.is_offline() => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            Some(partition) => Ok(partition),
            None if self.is_offline(index) => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    /// True for a partition that is here but could not be opened.
    pub fn is_offline(&self, index: PartitionIndex) -> bool {
        self.offline.read().contains(&index)
    }

    /// Notes that a partition cannot be opened before a restart.
    pub fn set_offline(&self, index: PartitionIndex) {
        self.offline.write().insert(index);
    }

    /// The partition of that number, if it is here.
    pub fn partition(&self, index: PartitionIndex) -> Option<Arc<Partition>> {
        let place = usize::try_from(index).ok()?;
        self.partitions.read().get(place).cloned().flatten()
    }

    /// The partitions that are here, ascending.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.read().iter().flatten().cloned().collect()
    }

    /// Takes the partitions out; each knows its topic, so that neither would ever be freed.
    pub fn take_partitions(&self) -> Vec<Arc<Partition>> {
        std::mem::take(&mut *self.partitions.write()).into_iter().flatten().collect()
    }

    /// Adds a partition.
    pub fn insert(&self, partition: Arc<Partition>) {
        let Ok(place) = usize::try_from(partition.index) else { return };
        let mut partitions = self.partitions.write();
        if partitions.len() <= place {
            partitions.resize(place + 1, None);
        }
        partitions[place] = Some(partition);
    }
}

impl Registry {
    /// The topic of that id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.topics.read().by_id.get(&id).cloned()
    }

    /// A partition by its topic's name, or the error a client gets.
    pub fn partition(&self, name: &str, index: PartitionIndex) -> Result<Arc<Partition>, ErrorCode> {
        let topics = self.topics.read();
        let topic = topics.by_name.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        topic.find(index)
    }

    /// A partition by its topic's id, or the error a client gets.
    pub fn partition_by_id(&self, id: Uuid, index: PartitionIndex) -> Result<Arc<Partition>, ErrorCode> {
        let topics = self.topics.read();
        let topic = topics.by_id.get(&id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
        topic.find(index)
    }

    /// Adds a topic.
    pub fn insert(&self, topic: Arc<Topic>) {
        let mut topics = self.topics.write();
        topics.by_id.insert(topic.id, Arc::clone(&topic));
        topics.by_name.insert(topic.name.clone(), topic);
    }

    /// Takes a topic out; its partitions live on with whoever holds them.
    pub fn remove(&self, id: Uuid) -> Option<Arc<Topic>> {
        let mut topics = self.topics.write();
        let topic = topics.by_id.remove(&id)?;
        // A topic of the same name may have been created again already.
        if topics.by_name.get(&topic.name).is_some_and(|named| named.id == id) {
            topics.by_name.remove(&topic.name);
        }
        Some(topic)
    }

    /// All topics, sorted by name.
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        let mut topics: Vec<_> = self.topics.read().by_name.values().cloned().collect();
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        topics
    }

    /// The partitions in one log directory.
    pub fn partitions_in(&self, dir: &Arc<BrokerLogDir>) -> Vec<Arc<Partition>> {
        let mut partitions = self.partitions();
        partitions.retain(|partition| Arc::ptr_eq(&partition.log_dir, dir));
        partitions
    }

    /// Has `look` look at every partition, in no order; it must be quick.
    pub fn look_at_all(&self, mut look: impl FnMut(&Arc<Partition>)) {
        let topics: Vec<_> = self.topics.read().by_id.values().cloned().collect();
        for topic in topics {
            topic.partitions.read().iter().flatten().for_each(&mut look);
        }
    }

    /// All partitions.
    pub fn partitions(&self) -> Vec<Arc<Partition>> {
        self.topics().iter().flat_map(|topic| topic.partitions()).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for topic in self.topics.get_mut().by_id.values() {
            topic.take_partitions();
        }
    }
}
