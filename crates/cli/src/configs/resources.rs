//! Settings of topics, brokers, groups, client metrics and loggers, as a server has them.

use client::Admin;
use client::admin::{ConfigEntry, ConfigResource, ResourceType};
use config::ConfigSource;
use metadata::invalid_topic_message;
use model::TopicName;

use super::Ended;
use super::entities::{BROKER_LOGGERS, BROKERS, CLIENT_METRICS, GROUPS, TOPICS};

/// What a type is to a server; `None` for those that have quotas instead of settings.
pub(super) fn resource_type(kind: &str) -> Option<ResourceType> {
    match kind {
        TOPICS => Some(ResourceType::Topic),
        BROKERS => Some(ResourceType::Broker),
        BROKER_LOGGERS => Some(ResourceType::BrokerLogger),
        CLIENT_METRICS => Some(ResourceType::ClientMetrics),
        GROUPS => Some(ResourceType::Group),
        _ => None,
    }
}

/// The settings of one resource, ascending by key; without `all` those that somebody altered there.
pub(super) async fn settings(
    admin: &Admin,
    resource: &ConfigResource,
    all: bool,
) -> Result<Vec<ConfigEntry>, Ended> {
    if resource.kind == ResourceType::Topic && !resource.name.is_empty() {
        check_topic(&resource.name)?;
    }
    let altered = match resource.kind {
        ResourceType::Topic => Some(ConfigSource::TopicConfig),
        ResourceType::Broker if resource.name.is_empty() => Some(ConfigSource::DynamicDefaultBrokerConfig),
        ResourceType::Broker => Some(ConfigSource::DynamicBrokerConfig),
        ResourceType::BrokerLogger => None,
        ResourceType::ClientMetrics => Some(ConfigSource::ClientMetricsConfig),
        ResourceType::Group => Some(ConfigSource::GroupConfig),
    };
    let altered = altered.filter(|_| !all).map(ConfigSource::code);
    let mut entries = admin.describe_configs(resource, None).await?;
    entries.retain(|entry| altered.is_none_or(|source| entry.source == source));
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Refuses names that no topic can have before a server does.
pub(super) fn check_topic(name: &str) -> Result<(), Ended> {
    TopicName::new(name).map(|_| ()).map_err(|error| Ended::Told(invalid_topic_message(name, &error)))
}
