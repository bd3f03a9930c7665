//! The only way an image changes: one record at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use config::Overrides;
use model::{NodeId, Offset, Uuid};
use protocol::messages::{
    BrokerRegistrationChangeRecord, ClearElrRecord, ClientQuotaRecord, ConfigRecord, MetadataRecord,
    PartitionChangeRecord, PartitionRecord, TopicRecord,
};

use super::{
    Broker, ConfigResource, Controller, Image, Partition, ProducerIds, QuotaEntity, ResourceKind, SharedMap,
    Topic,
};

/// A record that does not fit the image it is applied to: log and image belong to different clusters or
/// the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyError {
    /// The record names a topic id nobody created.
    UnknownTopic(Uuid),
    /// The record changes a partition nobody created.
    UnknownPartition(Uuid, i32),
    /// The record changes a broker that is not registered, or not with this epoch.
    UnknownBroker(NodeId, i64),
    /// The record names a kind of resource that Kafka 4.3.1 does not know.
    UnknownResourceType(i8),
}

/// Builds an image from records in order, holding back transactions until they end.
#[derive(Debug, Clone)]
pub struct Replay {
    image: Image,
    /// The image as it was before the transaction that is open, if one is.
    before_transaction: Option<Box<Image>>,
}

impl Image {
    /// Applies one record; on an error the image is unchanged.
    pub fn apply(&mut self, record: &MetadataRecord<'_>, offset: Offset) -> Result<(), ApplyError> {
        match record {
            MetadataRecord::Topic(record) => self.add_topic(record),
            MetadataRecord::Partition(record) => self.set_partition(record)?,
            MetadataRecord::PartitionChange(record) => self.change_partition(record)?,
            MetadataRecord::RemoveTopic(record) => self.remove_topic(record.topic_id)?,
            MetadataRecord::ClearElr(record) => self.clear_eligible_leaders(record),
            MetadataRecord::Config(record) => self.set_config(record)?,
            MetadataRecord::FeatureLevel(record) => match record.feature_level {
                0 => _ = self.features.remove(&*record.name),
                level => _ = self.features.insert(record.name.to_string(), level),
            },
            MetadataRecord::ProducerIds(record) => {
                self.producer_ids = Some(ProducerIds {
                    broker_id: record.broker_id,
                    broker_epoch: record.broker_epoch,
                    next_id: record.next_producer_id,
                });
            }
            MetadataRecord::ClientQuota(record) => self.set_quota(record),
            other => self.apply_to_nodes_and_security(other)?,
        }
        self.applied_offset = offset;
        Ok(())
    }

    fn apply_to_nodes_and_security(&mut self, record: &MetadataRecord<'_>) -> Result<(), ApplyError> {
        match record {
            MetadataRecord::RegisterBroker(record) => {
                self.brokers.insert_mut(record.broker_id, Arc::new(Broker::from_record(record)));
            }
            MetadataRecord::UnregisterBroker(record) => {
                self.change_broker(record.broker_id, record.broker_epoch, |_| {})?;
                self.brokers.remove_mut(&record.broker_id);
            }
            MetadataRecord::FenceBroker(record) => {
                self.change_broker(record.id, record.epoch, |broker| broker.is_fenced = true)?;
            }
            MetadataRecord::UnfenceBroker(record) => {
                self.change_broker(record.id, record.epoch, |broker| broker.is_fenced = false)?;
            }
            MetadataRecord::BrokerRegistrationChange(record) => self.change_registration(record)?,
            MetadataRecord::RegisterController(record) => {
                let controller = Controller::from_record(record);
                self.controllers.insert_mut(record.controller_id, Arc::new(controller));
            }
            MetadataRecord::UserScramCredential(record) => {
                let key = (record.name.to_string(), record.mechanism);
                self.scram.insert_mut(key, Arc::new(record.clone().into_owned()));
            }
            MetadataRecord::RemoveUserScramCredential(record) => {
                self.scram.remove_mut(&(record.name.to_string(), record.mechanism));
            }
            MetadataRecord::AccessControlEntry(record) => {
                self.acls.insert_mut(record.id, Arc::new(record.clone().into_owned()));
            }
            MetadataRecord::RemoveAccessControlEntry(record) => {
                self.acls.remove_mut(&record.id);
            }
            MetadataRecord::DelegationToken(record) => {
                let token = Arc::new(record.clone().into_owned());
                self.tokens.insert_mut(record.token_id.to_string(), token);
            }
            MetadataRecord::RemoveDelegationToken(record) => {
                self.tokens.remove_mut(&*record.token_id);
            }
            // Transactions are `Replay`'s business; the others carry nothing.
            _ => {}
        }
        Ok(())
    }

    fn add_topic(&mut self, record: &TopicRecord<'_>) {
        let name: Arc<str> = Arc::from(&*record.name);
        self.topics.insert(Topic { name, id: record.topic_id, partitions: SharedMap::default() });
    }

    fn set_partition(&mut self, record: &PartitionRecord) -> Result<(), ApplyError> {
        let partition = Partition::from_record(record);
        let set = self.topics.set_partition(record.topic_id, record.partition_id, partition);
        set.ok_or(ApplyError::UnknownTopic(record.topic_id))
    }

    fn change_partition(&mut self, record: &PartitionChangeRecord) -> Result<(), ApplyError> {
        let (id, index) = (record.topic_id, record.partition_id);
        let topic = self.topics.get_by_id(id).ok_or(ApplyError::UnknownTopic(id))?;
        let partition = topic.partition(index).ok_or(ApplyError::UnknownPartition(id, index))?;
        let changed = partition.changed(record);
        self.topics.set_partition(id, index, changed).ok_or(ApplyError::UnknownTopic(id))
    }

    fn remove_topic(&mut self, id: Uuid) -> Result<(), ApplyError> {
        let topic = self.topics.remove(id).ok_or(ApplyError::UnknownTopic(id))?;
        let resource = ConfigResource { kind: ResourceKind::Topic, name: topic.name.to_string() };
        self.configs.remove_mut(&resource);
        Ok(())
    }

    fn clear_eligible_leaders(&mut self, record: &ClearElrRecord<'_>) {
        let topics: Vec<Arc<Topic>> = match &*record.topic_name {
            "" => self.topics.iter().cloned().collect(),
            name => self.topics.get(name).cloned().into_iter().collect(),
        };
        for topic in topics {
            for (index, partition) in &topic.partitions {
                if partition.eligible_leaders.is_empty() && partition.last_known_leaders.is_empty() {
                    continue;
                }
                let mut cleared = Partition::clone(partition);
                cleared.eligible_leaders.clear();
                cleared.last_known_leaders.clear();
                self.topics.set_partition(topic.id, *index, cleared);
            }
        }
    }

    fn set_config(&mut self, record: &ConfigRecord<'_>) -> Result<(), ApplyError> {
        let kind = ResourceKind::from_code(record.resource_type)
            .ok_or(ApplyError::UnknownResourceType(record.resource_type))?;
        let resource = ConfigResource { kind, name: record.resource_name.to_string() };
        let mut overrides: Overrides =
            self.configs.get(&resource).map(|known| (**known).clone()).unwrap_or_default();
        match &record.value {
            Some(value) => _ = overrides.insert(record.name.to_string(), value.to_string()),
            None => _ = overrides.remove(&*record.name),
        }
        if overrides.is_empty() {
            self.configs.remove_mut(&resource);
        } else {
            self.configs.insert_mut(resource, Arc::new(overrides));
        }
        Ok(())
    }

    fn set_quota(&mut self, record: &ClientQuotaRecord<'_>) {
        let part = |entity: &protocol::messages::client_quota_record::EntityData<'_>| {
            (entity.entity_type.to_string(), entity.entity_name.as_deref().map(str::to_owned))
        };
        let mut entity: QuotaEntity = record.entity.iter().map(part).collect();
        entity.sort();
        let mut limits: BTreeMap<String, f64> =
            self.quotas.get(&entity).map(|known| (**known).clone()).unwrap_or_default();
        match record.remove {
            true => _ = limits.remove(&*record.key),
            false => _ = limits.insert(record.key.to_string(), record.value),
        }
        if limits.is_empty() {
            self.quotas.remove_mut(&entity);
        } else {
            self.quotas.insert_mut(entity, Arc::new(limits));
        }
    }

    fn change_broker(
        &mut self,
        id: NodeId,
        epoch: i64,
        change: impl FnOnce(&mut Broker),
    ) -> Result<(), ApplyError> {
        let known = self.brokers.get_mut(&id).filter(|broker| broker.epoch == epoch);
        let broker = known.ok_or(ApplyError::UnknownBroker(id, epoch))?;
        change(Arc::make_mut(broker));
        Ok(())
    }

    fn change_registration(&mut self, record: &BrokerRegistrationChangeRecord) -> Result<(), ApplyError> {
        self.change_broker(record.broker_id, record.broker_epoch, |broker| {
            match record.fenced {
                1 => broker.is_fenced = true,
                -1 => broker.is_fenced = false,
                _ => {}
            }
            if record.in_controlled_shutdown == 1 {
                broker.is_shutting_down = true;
            }
            if !record.log_dirs.is_empty() {
                broker.log_dirs.clone_from(&record.log_dirs);
            }
            if record.cordoned_log_dirs.is_some() {
                broker.cordoned_log_dirs.clone_from(&record.cordoned_log_dirs);
            }
        })
    }
}

impl Default for Replay {
    fn default() -> Replay {
        Replay::from_image(Image::new())
    }
}

impl Replay {
    /// Continues after an image, for example one read from a snapshot.
    pub fn from_image(image: Image) -> Replay {
        Replay { image, before_transaction: None }
    }

    /// Applies one record. What a transaction holds counts once it ends and vanishes if it is aborted.
    pub fn apply(&mut self, record: &MetadataRecord<'_>, offset: Offset) -> Result<(), ApplyError> {
        match record {
            MetadataRecord::BeginTransaction(_) => {
                self.before_transaction = Some(Box::new(self.image.clone()));
            }
            MetadataRecord::EndTransaction(_) => self.before_transaction = None,
            MetadataRecord::AbortTransaction(_) => {
                if let Some(before) = self.before_transaction.take() {
                    self.image = *before;
                }
            }
            _ => {}
        }
        self.image.apply(record, offset)
    }

    /// The image of everything that counts so far.
    pub fn image(&self) -> &Image {
        self.before_transaction.as_deref().unwrap_or(&self.image)
    }
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTopic(id) => {
                write!(f, "metadata record names topic id {id}, which was never created")
            }
            Self::UnknownPartition(id, index) => {
                write!(
                    f,
                    "metadata record changes partition {index} of topic id {id}, which was never created"
                )
            }
            Self::UnknownBroker(id, epoch) => {
                write!(f, "metadata record changes broker {id} of epoch {epoch}, which is not registered")
            }
            Self::UnknownResourceType(code) => {
                write!(f, "metadata record has settings of resource type {code}")
            }
        }
    }
}

impl std::error::Error for ApplyError {}
