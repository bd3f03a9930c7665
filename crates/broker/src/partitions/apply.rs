//! From the agreed image to partitions on disk: logs are opened, made, renamed away, and follow their settings.

use std::path::PathBuf;
use std::sync::Arc;

use config::{Layers, Overrides, TopicConfig};
use metadata::Image;
use metadata::image::{Partition as Agreed, ResourceKind, Topic as AgreedTopic};
use model::{PartitionIndex, TopicName, Uuid};
use partition_log::{LogError, PartitionLog};

use super::partition::Partition;
use super::registry::Topic;
use crate::broker::Broker;
use crate::log_dirs::BrokerLogDir;
use crate::options::TopicSettings;

/// Makes this broker's partitions what `image` says.
pub fn apply_image(broker: &Broker, before: &Image, image: &Image) {
    remove_deleted(broker, image);
    let settings_changed = before.configs != image.configs;
    for topic in image.topics.iter() {
        let unchanged = before.topics.get_by_id(topic.id).is_some_and(|known| Arc::ptr_eq(known, topic));
        if !unchanged || settings_changed {
            apply_topic(broker, image, topic);
        }
    }
}

fn remove_deleted(broker: &Broker, image: &Image) {
    for topic in broker.partitions.topics() {
        if image.topics.get_by_id(topic.id).is_some() {
            continue;
        }
        broker.partitions.remove(topic.id);
        for partition in topic.partitions() {
            partition.gone();
            match partition.log.delete(random_id(broker)) {
                Ok(deleted) => broker.doomed.lock().push((broker.clock.now_ms(), deleted)),
                Err(error) => tracing::error!(?partition, %error, "a deleted partition's folder stays"),
            }
        }
    }
}

fn random_id(broker: &Broker) -> Uuid {
    let halves = [broker.clock.random_u64(), broker.clock.random_u64()];
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&halves[0].to_be_bytes());
    bytes[8..].copy_from_slice(&halves[1].to_be_bytes());
    Uuid(bytes)
}

fn apply_topic(broker: &Broker, image: &Image, agreed: &AgreedTopic) {
    let settings = settings_of(broker, image, &agreed.name);
    let topic = match broker.partitions.topic_by_id(agreed.id) {
        Some(topic) => {
            topic.settings.store(Arc::new(settings.clone()));
            topic
                .partitions()
                .iter()
                .for_each(|partition| partition.log.update_options(Arc::clone(&settings.log)));
            topic
        }
        None => {
            let Ok(name) = TopicName::new(&agreed.name) else { return };
            Topic::new(name, agreed.id, settings.clone())
        }
    };
    let own = broker.options.node_id;
    for (index, partition) in
        agreed.partitions.iter().filter(|(_, partition)| partition.replicas.contains(&own))
    {
        match topic.partition(*index) {
            Some(known) => known.set_leader_epoch(partition.leader_epoch),
            None => match open(broker, &topic, *index, partition, &settings) {
                Ok(opened) => topic.insert(opened),
                Err(error) => {
                    tracing::error!(topic = %topic.name, index, %error, "a partition cannot be opened");
                }
            },
        }
    }
    if broker.partitions.topic_by_id(agreed.id).is_none() {
        broker.partitions.insert(topic);
    }
}

fn settings_of(broker: &Broker, image: &Image, topic: &str) -> TopicSettings {
    let none = Overrides::new();
    let overrides =
        |kind: ResourceKind, name: &str| image.config(kind, name).map_or(&none, |set| set.as_ref());
    let own = broker.options.node_id.to_string();
    let layers = Layers {
        broker: overrides(ResourceKind::Broker, &own),
        cluster: overrides(ResourceKind::Broker, ""),
        fixed: &broker.options.settings,
    };
    TopicSettings::new(&TopicConfig::resolve(overrides(ResourceKind::Topic, topic), &layers), &broker.options)
}

fn open(
    broker: &Broker,
    topic: &Arc<Topic>,
    index: PartitionIndex,
    agreed: &Agreed,
    settings: &TopicSettings,
) -> Result<Arc<Partition>, LogError> {
    let (log_dir, folder) = place(broker, topic, index, agreed);
    let recovery = log_dir.recovery_of(topic.name.as_str(), index);
    let now_ms = broker.clock.now_ms();
    let log = PartitionLog::open(&log_dir.home, &folder, Arc::clone(&settings.log), recovery, now_ms)?;
    if let Some(reason) = &log.recovery_report().cut_reason {
        tracing::warn!(
            partition = log.name(),
            reason,
            bytes = log.recovery_report().cut_bytes,
            "cut a torn tail"
        );
    }
    if log.topic_id()?.is_none() {
        log.set_topic_id(topic.id)?;
    }
    log.assign_leader_epoch(agreed.leader_epoch)?;
    Ok(Partition::new(Arc::clone(topic), index, log, log_dir, agreed.leader_epoch))
}

/// Where the partition's folder is, or is to be: where it was found, where the image says, or where fewest are.
fn place(
    broker: &Broker,
    topic: &Topic,
    index: PartitionIndex,
    agreed: &Agreed,
) -> (Arc<BrokerLogDir>, PathBuf) {
    let name = format!("{}-{index}", topic.name);
    let dirs = &broker.log_dirs;
    let assigned = agreed.directory_of(broker.options.node_id);
    let found = dirs.iter().find(|dir| dir.path.join(&name).is_dir());
    let chosen = found
        .or_else(|| dirs.iter().find(|dir| dir.id == assigned))
        .or_else(|| dirs.iter().filter(|dir| !dir.is_offline()).min_by_key(|dir| dir.partition_count()))
        .unwrap_or(&dirs[0]);
    chosen.count_partition();
    (Arc::clone(chosen), chosen.path.join(name))
}
