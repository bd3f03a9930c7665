//! Topics that come into being because somebody asked for them; the brokers' own get the shape their users expect.

use model::TopicName;
use protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use protocol::{ApiKey, Writer};

use crate::broker::Broker;
use crate::request::Request;

/// Version of CreateTopics that is sent to the controller.
const VERSION: i16 = 7;

/// Has the controller create topics; the client asks again and finds them.
pub fn create(request: &Request<'_>, names: Vec<String>) {
    let broker = request.broker();
    let topics = names.into_iter().map(|name| creatable(broker, name)).collect();
    let wanted = CreateTopicsRequest { topics, timeout_ms: 30_000, validate_only: false };
    let mut writer = Writer::new();
    if let Err(error) = wanted.encode(&mut writer, VERSION) {
        tracing::error!(%error, "a request to create topics could not be encoded");
        return;
    }
    let controller = broker.controller.clone();
    tokio::task::spawn_local(async move {
        if let Err(error) = controller.call(ApiKey::CreateTopics, VERSION, writer.into_vec()).await {
            tracing::warn!(error, "topics could not be created");
        }
    });
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
        replication_factor: i16::try_from(of_topic("replication.factor")).unwrap_or(i16::MAX),
        configs: configs.into_iter().chain([segment_bytes]).map(config).collect(),
        ..CreatableTopic::default()
    }
}
