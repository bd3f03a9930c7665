//! Metadata 0-13: brokers, topics, partitions; creates unknown topics where that is wanted.

pub mod creation;

use std::borrow::Cow;
use std::collections::HashSet;

use ::metadata::Image;
use ::metadata::image::{Partition, Topic};
use model::{ErrorCode, TopicName, Uuid};
use protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::broker::Broker;
use crate::dispatch::Api;
use crate::permissions::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::Metadata, versions: VersionRange::new(0, 13), serve };

/// Topics may be asked for by id from this version on.
const TOPIC_IDS_SINCE: i16 = 12;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: MetadataRequest<'_> = request.decode(body)?;
    if is_illegal(&asked, request.version()) {
        return request.answer(out, &refusal(&asked));
    }
    let image = request.broker().metadata.image();
    let topics = topics(request, &asked, &image);
    let response = MetadataResponse {
        brokers: brokers(&image, &request.facts.listener.name),
        cluster_id: Some(Cow::Borrowed(&request.broker().options.cluster_id)),
        controller_id: controller_id(request.broker(), &image),
        topics,
        cluster_authorized_operations: if asked.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..MetadataResponse::default()
    };
    request.answer(out, &response)
}

/// Any broker will do: it forwards what is for the controller.
pub fn controller_id(broker: &Broker, image: &Image) -> i32 {
    let own = broker.options.node_id;
    if image.is_active_broker(own) {
        return own;
    }
    image.brokers.keys().copied().find(|id| image.is_active_broker(*id)).unwrap_or(-1)
}

/// Brokers that can be reached on the listener the client used.
fn brokers<'i>(image: &'i Image, listener: &str) -> Vec<MetadataResponseBroker<'i>> {
    let active = image.brokers.iter().filter(|(_, broker)| !broker.is_fenced);
    let shown = active.filter_map(|(id, broker)| {
        let endpoint = broker.endpoints.iter().find(|endpoint| endpoint.name == listener)?;
        Some(MetadataResponseBroker {
            node_id: *id,
            host: Cow::Borrowed(endpoint.host.as_str()),
            port: i32::from(endpoint.port),
            rack: broker.rack.as_deref().map(Cow::Borrowed),
        })
    });
    shown.collect()
}

/// KIP-516 shipped the topic id two versions before its meaning; a topic without name and id was never meant.
fn is_illegal(asked: &MetadataRequest<'_>, version: i16) -> bool {
    let wanted = asked.topics.as_deref().unwrap_or_default();
    let by_id = |topic: &MetadataRequestTopic<'_>| topic.name.is_none() || !topic.topic_id.is_zero();
    if version < TOPIC_IDS_SINCE {
        return wanted.iter().any(by_id);
    }
    let names_nothing = |topic: &MetadataRequestTopic<'_>| topic.name.is_none() && topic.topic_id.is_zero();
    let any_id = wanted.iter().any(|topic| !topic.topic_id.is_zero());
    !any_id && wanted.iter().any(names_nothing)
}

/// The answer to a request that cannot be understood: nothing but the error, for the whole and for each topic.
fn refusal(asked: &MetadataRequest<'_>) -> MetadataResponse<'static> {
    let error_code = ErrorCode::INVALID_REQUEST;
    let refused = |topic: &MetadataRequestTopic<'_>| MetadataResponseTopic {
        is_internal: false,
        ..failed(error_code, topic.name.as_deref().unwrap_or_default(), topic.topic_id)
    };
    let topics = asked.topics.as_deref().unwrap_or_default().iter().map(refused).collect();
    MetadataResponse { error_code, topics, ..MetadataResponse::default() }
}

fn topics<'i>(
    request: &Request<'_>,
    asked: &MetadataRequest<'_>,
    image: &'i Image,
) -> Vec<MetadataResponseTopic<'i>> {
    let operations = asked.include_topic_authorized_operations;
    let wanted = asked.topics.as_deref().unwrap_or_default();
    if asked.topics.is_none() || (request.version() == 0 && wanted.is_empty()) {
        return image.topics.iter().map(|topic| described(topic, image, operations)).collect();
    }
    if wanted.iter().any(|topic| !topic.topic_id.is_zero()) {
        return topics_by_id(wanted, image, operations);
    }
    let mut missing = Vec::new();
    let mut found = Vec::with_capacity(wanted.len());
    let mut seen = HashSet::with_capacity(wanted.len());
    for topic in wanted {
        let name = topic.name.as_deref().unwrap_or_default();
        if !seen.insert(name) {
            continue;
        }
        match image.topics.get(name) {
            Some(topic) => found.push(described(topic, image, operations)),
            None if TopicName::new(name).is_err() => {
                found.push(failed(ErrorCode::INVALID_TOPIC_EXCEPTION, name, Uuid::ZERO));
            }
            None => {
                missing.push(name.to_owned());
                let failed = failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, name, Uuid::ZERO);
                found.push(with_operations(failed, operations));
            }
        }
    }
    let creates = asked.allow_auto_topic_creation && request.broker().options.config.topics.auto_create;
    if creates && !missing.is_empty() {
        creation::create(request.broker(), missing);
    }
    found
}

/// Where one topic is asked for by id, names are not looked at.
fn topics_by_id<'i>(
    wanted: &[MetadataRequestTopic<'_>],
    image: &'i Image,
    operations: bool,
) -> Vec<MetadataResponseTopic<'i>> {
    let mut seen = HashSet::with_capacity(wanted.len());
    let ids = wanted.iter().map(|topic| topic.topic_id).filter(|id| !id.is_zero() && seen.insert(*id));
    let found = ids.map(|id| match image.topics.get_by_id(id) {
        Some(topic) => described(topic, image, operations),
        None => MetadataResponseTopic { name: None, ..failed(ErrorCode::UNKNOWN_TOPIC_ID, "", id) },
    });
    found.collect()
}

fn failed<'i>(error_code: ErrorCode, name: &str, topic_id: Uuid) -> MetadataResponseTopic<'i> {
    let is_internal = TopicName::is_internal(name);
    let name = Some(Cow::Owned(name.to_owned()));
    MetadataResponseTopic { error_code, name, topic_id, is_internal, ..Default::default() }
}

fn with_operations(topic: MetadataResponseTopic<'_>, asked: bool) -> MetadataResponseTopic<'_> {
    let topic_authorized_operations = if asked { TOPIC_OPERATIONS } else { i32::MIN };
    MetadataResponseTopic { topic_authorized_operations, ..topic }
}

fn described<'i>(topic: &'i Topic, image: &Image, operations: bool) -> MetadataResponseTopic<'i> {
    let partitions =
        topic.partitions.iter().map(|(index, partition)| described_partition(*index, partition, image));
    let described = MetadataResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(Cow::Borrowed(&topic.name)),
        topic_id: topic.id,
        is_internal: TopicName::is_internal(&topic.name),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    };
    with_operations(described, operations)
}

fn described_partition(
    partition_index: i32,
    partition: &Partition,
    image: &Image,
) -> MetadataResponsePartition {
    let error_code = if partition.leader < 0 { ErrorCode::LEADER_NOT_AVAILABLE } else { ErrorCode::NONE };
    MetadataResponsePartition {
        error_code,
        partition_index,
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        offline_replicas: offline_replicas(partition, image),
    }
}

/// Replicas on brokers that are not there.
pub fn offline_replicas(partition: &Partition, image: &Image) -> Vec<i32> {
    // A replica whose log directory has failed counts as well (KIP-858).
    let is_online = |id: i32| {
        let broker = image.brokers.get(&id).filter(|broker| !broker.is_fenced);
        broker.is_some_and(|broker| broker.has_online_dir(partition.directory_of(id)))
    };
    partition.replicas.iter().copied().filter(|id| !is_online(*id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(topics: &[(Option<&'static str>, Uuid)]) -> MetadataRequest<'static> {
        let topic = |(name, topic_id): &(Option<&'static str>, Uuid)| MetadataRequestTopic {
            topic_id: *topic_id,
            name: name.map(Into::into),
        };
        MetadataRequest { topics: Some(topics.iter().map(topic).collect()), ..MetadataRequest::default() }
    }

    #[test]
    fn ids_have_a_meaning_from_version_12_on() {
        let by_id = asked(&[(None, Uuid::ONE)]);
        assert!(is_illegal(&by_id, 11) && !is_illegal(&by_id, 12));
        let by_name = asked(&[(Some("t"), Uuid::ZERO)]);
        assert!(!is_illegal(&by_name, 9) && !is_illegal(&by_name, 13));
        let by_nothing = asked(&[(None, Uuid::ZERO)]);
        assert!(is_illegal(&by_nothing, 10) && is_illegal(&by_nothing, 13));
        // One id is enough for names not to be looked at.
        assert!(!is_illegal(&asked(&[(None, Uuid::ZERO), (None, Uuid::ONE)]), 13));
    }

    #[test]
    fn a_refusal_names_each_topic_and_nothing_else() {
        let answer = refusal(&asked(&[(Some("__consumer_offsets"), Uuid::ONE)]));
        assert_eq!(
            (answer.error_code, answer.brokers.len(), answer.controller_id),
            (ErrorCode::INVALID_REQUEST, 0, -1)
        );
        assert_eq!(answer.topics[0].error_code, ErrorCode::INVALID_REQUEST);
        assert!(!answer.topics[0].is_internal);
    }

    #[test]
    fn topics_asked_for_by_id_are_told_once_and_names_beside_them_not_at_all() {
        let wanted = asked(&[(None, Uuid::ONE), (Some("t"), Uuid::ZERO), (None, Uuid::ONE)]);
        let image = Image::new();
        let found = topics_by_id(wanted.topics.as_deref().unwrap_or_default(), &image, false);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].error_code, found[0].topic_id), (ErrorCode::UNKNOWN_TOPIC_ID, Uuid::ONE));
    }
}
