//! Topics that come into being because somebody asked for them; the brokers' own get the shape their users expect.

use std::sync::Arc;

use model::TopicName;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::{ApiKey, Writer};

use crate::broker::Broker;

/// Version of CreateTopics that is sent to the controller.
const VERSION: i16 = 7;

/// Has the controller create topics, in the background: the client asks again and finds them.
pub fn create(broker: &Arc<Broker>, names: Vec<String>) {
    let broker = Arc::clone(broker);
    tokio::task::spawn_local(async move { create_now(&broker, names).await });
}

/// Has the controller create topics; whether they are there then, this broker's image tells.
pub async fn create_now(broker: &Broker, names: Vec<String>) {
    let topics = names.into_iter().map(|name| creatable(broker, name)).collect();
    let wanted = CreateTopicsRequest { topics, timeout_ms: 30_000, validate_only: false };
    let mut writer = Writer::new();
    if let Err(error) = wanted.encode(&mut writer, VERSION) {
        tracing::error!(%error, "a request to create topics could not be encoded");
        return;
    }
    match broker.controller.call(ApiKey::CreateTopics, VERSION, writer.into_vec()).await {
        Ok(_) => broker.metadata.caught_up().await,
        Err(error) => tracing::warn!(error, "topics could not be created"),
    }
}

fn creatable(broker: &Broker, name: String) -> CreatableTopic<'static> {
    let layers = broker.options.settings.layers();
    let prefix = match name.as_str() {
        TopicName::CONSUMER_OFFSETS => "offsets.topic",
        TopicName::TRANSACTION_STATE => "transaction.state.log",
        TopicName::SHARE_GROUP_STATE => "share.coordinator.state.topic",
        // Settings of the cluster decide.
        _ => {
            return CreatableTopic {
                name: name.into(),
                num_partitions: -1,
                replication_factor: -1,
                ..CreatableTopic::default()
            };
        }
    };
    let of_topic = |key: &str| layers.int(&format!("{prefix}.{key}"));
    let configs: Vec<(&'static str, String)> = match name.as_str() {
        TopicName::CONSUMER_OFFSETS => {
            vec![("cleanup.policy", "compact".to_owned()), ("compression.type", "producer".to_owned())]
        }
        TopicName::TRANSACTION_STATE => vec![
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "uncompressed".to_owned()),
            ("min.insync.replicas", of_topic("min.isr").to_string()),
            ("unclean.leader.election.enable", "false".to_owned()),
        ],
        _ => vec![
            ("cleanup.policy", "delete".to_owned()),
            ("compression.type", "producer".to_owned()),
            ("min.insync.replicas", of_topic("min.isr").to_string()),
            ("retention.ms", "-1".to_owned()),
        ],
    };
    let segment_bytes = ("segment.bytes", of_topic("segment.bytes").to_string());
    let config = |(name, value): (&'static str, String)| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
    };
    CreatableTopic {
        name: name.into(),
        num_partitions: of_topic("num.partitions"),
        replication_factor: replication_factor(broker, &format!("{prefix}.replication.factor")),
        configs: configs.into_iter().chain([segment_bytes]).map(config).collect(),
        ..CreatableTopic::default()
    }
}

/// As set. The default of three becomes one for each broker where there are fewer, so that a node that was started
/// without any settings serves groups.
fn replication_factor(broker: &Broker, key: &str) -> i16 {
    let layers = broker.options.settings.layers();
    let wanted = i16::try_from(layers.int(key)).unwrap_or(i16::MAX);
    if layers.written(key).is_some() {
        return wanted;
    }
    let brokers = broker.metadata.image().brokers.iter().filter(|(_, broker)| !broker.is_fenced).count();
    wanted.min(i16::try_from(brokers).unwrap_or(i16::MAX).max(1))
}
