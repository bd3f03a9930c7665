//! `kafka-configs --describe`.

use client::Admin;
use client::admin::{ConfigEntry, ConfigResource, ResourceType};
use config::ConfigSource;

use super::entities::{Entities, IPS, singular};
use super::resources::{check_topic, resource_type, settings};
use super::{Ended, credentials, quotas};
use crate::Output;
use crate::admin_tool::wrote;
use crate::java;

pub(super) async fn run(
    admin: &Admin,
    entities: &Entities,
    all: bool,
    output: &mut Output<'_>,
) -> Result<(), Ended> {
    let head = entities.head();
    if let Some(kind) = resource_type(head) {
        return resources(admin, (head, kind), entities.names.first(), all, output).await;
    }
    quotas::describe(admin, entities, output).await?;
    // Credentials belong to users alone, and no default has any.
    if head == IPS || entities.has_type(super::entities::CLIENTS) || entities.has_default() {
        return Ok(());
    }
    credentials::describe(admin, &entities.names, output).await
}

async fn resources(
    admin: &Admin,
    (type_name, kind): (&str, ResourceType),
    name: Option<&String>,
    all: bool,
    output: &mut Output<'_>,
) -> Result<(), Ended> {
    if let Some(name) = name.filter(|_| !all)
        && !exists(admin, kind, name).await?
    {
        let type_name = singular(type_name);
        let sentence = format!("The {type_name} '{name}' doesn't exist and doesn't have dynamic config.");
        return Ok(wrote(writeln!(output.out, "{sentence}"))?);
    }
    let names = match name {
        Some(name) => vec![name.clone()],
        None => everything(admin, kind).await?,
    };
    for name in names {
        let headline = match name.as_str() {
            "" => format!("Default configs for {type_name} in the cluster are:"),
            name => {
                let which = if all { "All" } else { "Dynamic" };
                format!("{which} configs for {} {name} are:", singular(type_name))
            }
        };
        wrote(writeln!(output.out, "{headline}"))?;
        for entry in settings(admin, &ConfigResource { kind, name }, all).await? {
            wrote(writeln!(output.out, "{}", line(&entry)))?;
        }
    }
    Ok(())
}

/// True for what is there, and for what has settings without being there, as a group may.
async fn exists(admin: &Admin, kind: ResourceType, name: &str) -> Result<bool, Ended> {
    Ok(match kind {
        ResourceType::Topic => {
            check_topic(name)?;
            admin.list_topics().await?.iter().any(|topic| topic.name == name)
        }
        ResourceType::Broker | ResourceType::BrokerLogger => {
            name.is_empty() || brokers(admin).await?.iter().any(|id| id == name)
        }
        ResourceType::ClientMetrics => has_settings(admin, kind, name).await?,
        ResourceType::Group => {
            groups(admin).await?.iter().any(|group| group == name) || has_settings(admin, kind, name).await?
        }
    })
}

async fn has_settings(admin: &Admin, kind: ResourceType, name: &str) -> Result<bool, Ended> {
    Ok(admin.list_config_resources(kind).await?.iter().any(|known| known == name))
}

/// The names of all of a type, in the original's order.
async fn everything(admin: &Admin, kind: ResourceType) -> Result<Vec<String>, Ended> {
    match kind {
        ResourceType::Topic => {
            let topics = admin.list_topics().await?.into_iter();
            let mut names: Vec<String> = topics.map(|topic| topic.name).collect();
            java::in_order_of_grown_map(&mut names, |name| java::hash_of(name));
            Ok(names)
        }
        ResourceType::Broker | ResourceType::BrokerLogger => {
            let mut names = brokers(admin).await?;
            names.push(String::new());
            Ok(names)
        }
        ResourceType::ClientMetrics => Ok(admin.list_config_resources(kind).await?),
        ResourceType::Group => {
            let mut names = groups(admin).await?;
            let others = admin.list_config_resources(kind).await?;
            names.extend(others.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
            Ok(names)
        }
    }
}

async fn brokers(admin: &Admin) -> Result<Vec<String>, Ended> {
    Ok(admin.brokers().await?.nodes.iter().map(|node| node.id.to_string()).collect())
}

async fn groups(admin: &Admin) -> Result<Vec<String>, Ended> {
    Ok(admin.list_groups(&[], &[]).await?.into_iter().map(|group| group.id).collect())
}

fn line(entry: &ConfigEntry) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms = entry
        .synonyms
        .iter()
        .map(|synonym| format!("{}:{}={}", source_name(synonym.source), synonym.name, shown(&synonym.value)));
    let synonyms = synonyms.collect::<Vec<_>>().join(", ");
    let ConfigEntry { name, is_sensitive, .. } = entry;
    format!("  {name}={} sensitive={is_sensitive} synonyms={{{synonyms}}}", shown(&entry.value))
}

fn source_name(code: i8) -> &'static str {
    const NAMES: [(ConfigSource, &str); 8] = [
        (ConfigSource::TopicConfig, "DYNAMIC_TOPIC_CONFIG"),
        (ConfigSource::DynamicBrokerConfig, "DYNAMIC_BROKER_CONFIG"),
        (ConfigSource::DynamicDefaultBrokerConfig, "DYNAMIC_DEFAULT_BROKER_CONFIG"),
        (ConfigSource::StaticBrokerConfig, "STATIC_BROKER_CONFIG"),
        (ConfigSource::DefaultConfig, "DEFAULT_CONFIG"),
        (ConfigSource::DynamicBrokerLoggerConfig, "DYNAMIC_BROKER_LOGGER_CONFIG"),
        (ConfigSource::ClientMetricsConfig, "DYNAMIC_CLIENT_METRICS_CONFIG"),
        (ConfigSource::GroupConfig, "DYNAMIC_GROUP_CONFIG"),
    ];
    NAMES.iter().find(|(source, _)| source.code() == code).map_or("UNKNOWN", |(_, name)| name)
}
