//! An image as the records that rebuild it: what a snapshot file holds.

use protocol::messages::client_quota_record::EntityData;
use protocol::messages::{
    ClientQuotaRecord, ConfigRecord, FeatureLevelRecord, MetadataRecord, ProducerIdsRecord, TopicRecord,
};

use super::{Image, METADATA_VERSION};
use crate::record::VersionedRecord;

/// Every record that is needed to rebuild the image, in an order that can be applied.
pub fn to_records(image: &Image) -> Vec<VersionedRecord> {
    let metadata_version = image.metadata_version();
    let mut records: Vec<MetadataRecord<'static>> = Vec::new();
    features(image, &mut records);
    records.extend(image.brokers.values().map(|broker| MetadataRecord::RegisterBroker(broker.to_record())));
    let controllers = image.controllers.values();
    records.extend(controllers.map(|controller| MetadataRecord::RegisterController(controller.to_record())));
    topics(image, &mut records);
    configs(image, &mut records);
    quotas(image, &mut records);
    if let Some(ids) = image.producer_ids {
        records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker_id: ids.broker_id,
            broker_epoch: ids.broker_epoch,
            next_producer_id: ids.next_id,
        }));
    }
    records.extend(image.acls.values().map(|acl| MetadataRecord::AccessControlEntry((**acl).clone())));
    records.extend(image.scram.values().map(|user| MetadataRecord::UserScramCredential((**user).clone())));
    records.extend(image.tokens.values().map(|token| MetadataRecord::DelegationToken((**token).clone())));
    records.into_iter().map(|record| VersionedRecord::new(record, metadata_version)).collect()
}

/// The metadata version comes first: it says how to read the rest.
fn features(image: &Image, records: &mut Vec<MetadataRecord<'static>>) {
    let first = image.features.get_key_value(METADATA_VERSION);
    let others = image.features.iter().filter(|(name, _)| *name != METADATA_VERSION);
    for (name, level) in first.into_iter().chain(others) {
        let record = FeatureLevelRecord { name: name.clone().into(), feature_level: *level };
        records.push(MetadataRecord::FeatureLevel(record));
    }
}

fn topics(image: &Image, records: &mut Vec<MetadataRecord<'static>>) {
    for topic in image.topics.iter() {
        let record = TopicRecord { name: topic.name.to_string().into(), topic_id: topic.id };
        records.push(MetadataRecord::Topic(record));
        for (index, partition) in &topic.partitions {
            records.push(MetadataRecord::Partition(partition.to_record(topic.id, *index)));
        }
    }
}

fn configs(image: &Image, records: &mut Vec<MetadataRecord<'static>>) {
    for (resource, overrides) in &image.configs {
        for (name, value) in overrides.iter() {
            records.push(MetadataRecord::Config(ConfigRecord {
                resource_type: resource.kind.code(),
                resource_name: resource.name.clone().into(),
                name: name.clone().into(),
                value: Some(value.clone().into()),
            }));
        }
    }
}

fn quotas(image: &Image, records: &mut Vec<MetadataRecord<'static>>) {
    for (entity, limits) in &image.quotas {
        let part = |(kind, name): &(String, Option<String>)| EntityData {
            entity_type: kind.clone().into(),
            entity_name: name.clone().map(Into::into),
        };
        for (key, value) in limits.iter() {
            records.push(MetadataRecord::ClientQuota(ClientQuotaRecord {
                entity: entity.iter().map(part).collect(),
                key: key.clone().into(),
                value: *value,
                remove: false,
            }));
        }
    }
}
