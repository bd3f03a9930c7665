//! From the agreed image to partitions on disk: logs are opened, made, renamed away, and follow their settings.

use std::sync::Arc;
use std::time::Instant;

use config::TopicConfig;
use metadata::image::{Partition as Agreed, ResourceKind, Topic as AgreedTopic};
use metadata::{Image, directory};
use model::{PartitionIndex, TopicName, Uuid};
use partition_log::{LogError, PartitionLog};

use super::partition::Partition;
use super::recovery::Recovered;
use super::registry::Topic;
use crate::broker::Broker;
use crate::log_dirs::BrokerLogDir;
use crate::options::TopicSettings;

/// Makes this broker's partitions what `image` says; `recovered` are the logs that the last run left, at the start.
pub fn apply_image(broker: &Broker, before: &Image, image: &Image, recovered: &mut Recovered) {
    remove_deleted(broker, image);
    let settings_changed = before.configs != image.configs;
    for topic in image.topics.iter() {
        let unchanged = before.topics.get_by_id(topic.id).is_some_and(|known| Arc::ptr_eq(known, topic));
        if !unchanged || settings_changed {
            apply_topic(broker, image, topic, recovered);
        }
    }
}

fn remove_deleted(broker: &Broker, image: &Image) {
    let mut renamed = Vec::new();
    for topic in broker.partitions.topics() {
        if image.topics.get_by_id(topic.id).is_some() {
            continue;
        }
        broker.partitions.remove(topic.id);
        for partition in topic.take_partitions() {
            partition.gone();
            partition.log_dir.uncount_partition();
            match partition.log.delete(broker.clock.random_id()) {
                Ok(deleted) => renamed.push((Arc::clone(&partition.log_dir), deleted)),
                Err(error) => tracing::error!(?partition, %error, "a deleted partition's folder stays"),
            }
        }
    }
    // Once for all of them. A name that a power cut brings back is put aside as one that nobody knows.
    for log_dir in broker.log_dirs.online() {
        if renamed.iter().any(|(dir, _)| Arc::ptr_eq(dir, log_dir))
            && let Err(error) = log_dir.sync_names()
        {
            tracing::error!(path = %log_dir.path.display(), %error, "the names of deleted partitions were not synced");
        }
    }
    let now = Instant::now();
    broker.doomed.lock().extend(renamed.into_iter().map(|(_, deleted)| (now, deleted)));
}

fn apply_topic(broker: &Broker, image: &Image, agreed: &AgreedTopic, recovered: &mut Recovered) {
    let settings = settings_of(broker, image, &agreed.name);
    let topic = match broker.partitions.topic_by_id(agreed.id) {
        Some(topic) => {
            topic.settings.store(Arc::new(settings.clone()));
            topic.partitions().iter().for_each(|partition| follow_settings(partition, &settings));
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
            Some(known) => known.follow(partition),
            // What has failed stays so until the broker is started again.
            None if topic.is_offline(*index) => {}
            None => match open(broker, &topic, *index, partition, &settings, recovered) {
                Ok(opened) => topic.insert(opened),
                Err(error) => {
                    tracing::error!(topic = %topic.name, index, %error, "a partition cannot be opened");
                    topic.set_offline(*index);
                }
            },
        }
    }
    if broker.partitions.topic_by_id(agreed.id).is_none() {
        broker.partitions.insert(topic);
    }
}

fn follow_settings(partition: &Arc<Partition>, settings: &TopicSettings) {
    partition.log.update_options(Arc::clone(&settings.log));
    partition.set_durable(settings.is_durable);
    // What lies unflushed already is as late as what comes now.
    if let Some(delay) = settings.flush_after
        && partition.log.recovery_point() < partition.log.log_end_offset()
    {
        partition.flush_within(delay);
    }
}

pub(super) fn settings_of(broker: &Broker, image: &Image, topic: &str) -> TopicSettings {
    let overrides = image.overrides(ResourceKind::Topic, topic);
    let layers = image.layers(broker.options.node_id, &broker.options.settings);
    TopicSettings::new(&TopicConfig::resolve(overrides, &layers), &layers, &broker.options)
}

fn open(
    broker: &Broker,
    topic: &Arc<Topic>,
    index: PartitionIndex,
    agreed: &Agreed,
    settings: &TopicSettings,
    recovered: &mut Recovered,
) -> Result<Arc<Partition>, LogError> {
    let name = format!("{}-{index}", topic.name);
    let (log_dir, log) = match recovered.take(&name) {
        Some((log_dir, outcome)) => {
            let log = outcome.inspect_err(|error| follow_from(&log_dir, error))?;
            (log_dir, log)
        }
        None => begin(broker, &name, topic.id, agreed, settings)?,
    };
    if let Some(reason) = &log.recovery_report().cut_reason {
        let bytes = log.recovery_report().cut_bytes;
        tracing::warn!(partition = log.name(), reason, bytes, "cut a torn tail");
    }
    if settings.is_durable && log.recovery_point() < log.log_end_offset() {
        // The last run left records that nobody may see before they are on stable storage.
        log.flush()?;
    }
    log_dir.count_partition();
    if log_dir.id != agreed.directory_of(broker.options.node_id) {
        broker.log_dirs.note_misplaced();
    }
    Ok(Partition::new(Arc::clone(topic), index, log, log_dir, agreed))
}

/// A disk that cannot be read takes its directory offline; a log that is damaged, or for which there is no room,
/// concerns its partition only.
fn follow_from(log_dir: &BrokerLogDir, error: &LogError) {
    if matches!(error, LogError::Io { .. }) && !error.is_no_space() {
        log_dir.home.take_offline(&error.to_string());
    }
}

/// The log of a partition that was found nowhere: in the directory that the image names, else where fewest are.
fn begin(
    broker: &Broker,
    name: &str,
    topic_id: Uuid,
    agreed: &Agreed,
    settings: &TopicSettings,
) -> Result<(Arc<BrokerLogDir>, PartitionLog), LogError> {
    let dirs = &broker.log_dirs;
    let assigned = agreed.directory_of(broker.options.node_id);
    let chosen = match dirs.online_dir(assigned) {
        // It may lie in one that has failed: a second one would hide it.
        None if assigned != directory::UNASSIGNED && dirs.has_offline() => None,
        None => dirs.least_filled(),
        named => named,
    };
    let Some(log_dir) = chosen else {
        let reason = format!("{name} may lie in a log directory that has failed");
        return Err(LogError::Offline(reason));
    };
    let (options, now_ms) = (Arc::clone(&settings.log), broker.clock.now_ms());
    let folder = log_dir.path.join(name);
    let log = PartitionLog::begin(&log_dir.home, &folder, (topic_id, agreed.leader_epoch), options, now_ms);
    Ok((Arc::clone(log_dir), log))
}
