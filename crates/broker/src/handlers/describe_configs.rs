//! DescribeConfigs 1-4: settings of topics, brokers, groups and client metrics, with where each value comes from.

use std::borrow::Cow;

use config::describe::{self, DescribedConfig};
use metadata::image::ResourceKind;
use metadata::{Image, invalid_topic_message};
use model::{ErrorCode, TopicName};
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::broker::Broker;
use crate::dispatch::Api;
use crate::request::{MALFORMED, Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DescribeConfigs, versions: VersionRange::new(1, 4), serve };

/// Resource type of log levels, which Kafka keeps per broker.
const BROKER_LOGGER: i8 = 8;

/// Code and message of a resource that cannot be described.
type Refusal = (ErrorCode, String);

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeConfigsRequest<'_> = request.decode(body)?;
    let broker = request.broker();
    let image = broker.metadata.image();
    let results = asked.resources.iter().map(|resource| {
        let (resource_type, resource_name) = (resource.resource_type, resource.resource_name.clone());
        match describe(broker, &image, resource) {
            Ok(described) => DescribeConfigsResult {
                resource_type,
                resource_name,
                configs: shown(described, resource, asked.include_synonyms),
                ..DescribeConfigsResult::default()
            },
            Err((error_code, message)) => DescribeConfigsResult {
                error_code,
                error_message: Some(message.into()),
                resource_type,
                resource_name,
                ..DescribeConfigsResult::default()
            },
        }
    });
    let response =
        DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() };
    request.answer(out, &response)
}

fn describe(
    broker: &Broker,
    image: &Image,
    resource: &DescribeConfigsResource<'_>,
) -> Result<Vec<DescribedConfig>, Refusal> {
    let name = resource.resource_name.as_ref();
    let own = broker.options.node_id.to_string();
    let layers = image.layers(broker.options.node_id, &broker.options.settings);
    match ResourceKind::from_code(resource.resource_type) {
        Some(ResourceKind::Topic) => {
            TopicName::new(name)
                .map_err(|error| (ErrorCode::INVALID_TOPIC_EXCEPTION, invalid_topic_message(name, &error)))?;
            if image.topics.get(name).is_none() {
                // As Kafka: an empty text, not none.
                return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()));
            }
            Ok(describe::describe_topic(image.overrides(ResourceKind::Topic, name), &layers))
        }
        Some(ResourceKind::Broker) if name.is_empty() => Ok(describe::describe_cluster_default(&layers)),
        Some(ResourceKind::Broker) => {
            check_broker_name(name, &own)?;
            Ok(describe::describe_broker(&layers))
        }
        Some(ResourceKind::Group) if name.is_empty() => {
            Err((ErrorCode::INVALID_REQUEST, "Group name must not be empty".to_owned()))
        }
        Some(ResourceKind::Group) => {
            Ok(describe::describe_group(image.overrides(ResourceKind::Group, name), &layers))
        }
        Some(ResourceKind::ClientMetrics) if name.is_empty() => {
            Err((ErrorCode::INVALID_REQUEST, "Client metrics subscription name must not be empty".to_owned()))
        }
        Some(ResourceKind::ClientMetrics) => {
            Ok(describe::describe_client_metrics(image.overrides(ResourceKind::ClientMetrics, name)))
        }
        None if resource.resource_type == BROKER_LOGGER => {
            check_logger_name(name, &own)?;
            Ok(Vec::new())
        }
        None => Err((ErrorCode::INVALID_REQUEST, MALFORMED.to_owned())),
    }
}

/// Log levels belong to one broker, so that there is no name for all of them.
fn check_logger_name(name: &str, own: &str) -> Result<(), Refusal> {
    let message = match name.parse::<i32>() {
        Ok(_) if name == own => return Ok(()),
        Ok(asked) => format!("Unexpected broker id, expected {own} but received {asked}"),
        Err(_) if name.is_empty() => "Broker id must not be empty".to_owned(),
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err((ErrorCode::INVALID_REQUEST, message))
}

fn check_broker_name(name: &str, own: &str) -> Result<(), Refusal> {
    if name == own {
        return Ok(());
    }
    let message = match name.parse::<i32>() {
        Ok(asked) => format!("Unexpected broker id, expected {own} or empty string, but received {asked}"),
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err((ErrorCode::INVALID_REQUEST, message))
}

fn shown(
    described: Vec<DescribedConfig>,
    resource: &DescribeConfigsResource<'_>,
    include_synonyms: bool,
) -> Vec<DescribeConfigsResourceResult<'static>> {
    let wanted = |name: &str| {
        let keys = resource.configuration_keys.as_deref().unwrap_or_default();
        keys.is_empty() || keys.iter().any(|key| key == name)
    };
    let described = described.into_iter().filter(|config| wanted(&config.name));
    described.map(|config| shown_config(config, include_synonyms)).collect()
}

fn shown_config(config: DescribedConfig, include_synonyms: bool) -> DescribeConfigsResourceResult<'static> {
    let synonyms =
        config.synonyms.into_iter().filter(|_| include_synonyms).map(|synonym| DescribeConfigsSynonym {
            name: synonym.name.into(),
            value: synonym.value.map(Cow::Owned),
            source: synonym.source.code(),
        });
    DescribeConfigsResourceResult {
        synonyms: synonyms.collect(),
        name: config.name.into(),
        value: config.value.map(Cow::Owned),
        read_only: config.read_only,
        config_source: config.source.code(),
        is_sensitive: config.is_sensitive,
        config_type: config.kind.map_or(0, config::ConfigType::code),
        documentation: None,
    }
}
