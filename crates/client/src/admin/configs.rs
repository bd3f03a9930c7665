//! Settings of topics, brokers, groups and the rest, described and altered.

use std::collections::BTreeMap;

use protocol::messages::describe_configs_request::DescribeConfigsResource;
use protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

use super::{Admin, unanswered};
use crate::cluster::Target;
use crate::error::Error;

/// What settings can belong to; the values are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum ResourceType {
    /// A topic, by name.
    Topic = 2,
    /// A broker, by id; all brokers by no name.
    Broker = 4,
    /// The loggers of a broker, by its id.
    BrokerLogger = 8,
    /// A subscription of client metrics, by name.
    ClientMetrics = 16,
    /// A group, by id.
    Group = 32,
}

/// Something that has settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    /// Its type.
    pub kind: ResourceType,
    /// Its name.
    pub name: String,
}

/// One setting as a server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub name: String,
    /// What holds; `None` where there is no value or it is not shown.
    pub value: Option<String>,
    /// Where the value comes from, as [`config::ConfigSource::code`] has it.
    pub source: i8,
    /// True for what is never shown.
    pub is_sensitive: bool,
    /// True where only a restart changes it.
    pub is_read_only: bool,
    /// Where else a value is, the one that holds first.
    pub synonyms: Vec<ConfigSynonym>,
}

/// A value of a setting, or of one that it falls back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The key there.
    pub name: String,
    /// The value there.
    pub value: Option<String>,
    /// Where that is.
    pub source: i8,
}

/// One change of a setting; the values are those of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigOperation {
    /// The key gets that value.
    Set(String),
    /// The key falls back to what holds without it.
    Delete,
    /// The list gets one element more.
    Append(String),
    /// The list loses an element.
    Subtract(String),
}

impl Admin {
    /// All settings of something; only those in `keys` where there are any.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
        keys: Option<&[&str]>,
    ) -> Result<Vec<ConfigEntry>, Error> {
        let resources = [resource];
        let mut described = self.describe(resource.target()?, &resources, keys).await?;
        described.pop().map(|(_, entries)| entries).ok_or_else(|| unanswered(&resource.name))
    }

    /// All settings of several things, asked for with as few requests as servers that know them; the first thing that cannot be
    /// described is the error of all.
    pub async fn describe_configs_of(
        &self,
        resources: &[ConfigResource],
    ) -> Result<BTreeMap<ConfigResource, Vec<ConfigEntry>>, Error> {
        let mut by_target: Vec<(Target<'_>, Vec<&ConfigResource>)> = Vec::new();
        for resource in resources {
            let target = resource.target()?;
            match by_target.iter_mut().find(|(known, _)| *known == target) {
                Some((_, together)) => together.push(resource),
                None => by_target.push((target, vec![resource])),
            }
        }
        let mut described = BTreeMap::new();
        for (target, together) in by_target {
            described.extend(self.describe(target, &together, None).await?);
        }
        Ok(described)
    }

    /// Settings of things that the same server knows.
    async fn describe(
        &self,
        target: Target<'_>,
        resources: &[&ConfigResource],
        keys: Option<&[&str]>,
    ) -> Result<Vec<(ConfigResource, Vec<ConfigEntry>)>, Error> {
        let asked = resources.iter().map(|resource| DescribeConfigsResource {
            resource_type: resource.kind as i8,
            resource_name: resource.name.as_str().into(),
            configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
        });
        let request = DescribeConfigsRequest {
            resources: asked.collect(),
            include_synonyms: true,
            include_documentation: false,
        };
        self.ask("describeConfigs", target, &request, |answer| {
            let results = resources.iter().map(|resource| {
                let is_its = |result: &&DescribeConfigsResult<'_>| {
                    result.resource_type == resource.kind as i8 && *result.resource_name == *resource.name
                };
                let result = answer.results.iter().find(is_its).ok_or_else(|| unanswered(&resource.name))?;
                Error::check(result.error_code, result.error_message.as_deref())?;
                Ok(((*resource).clone(), result.configs.iter().map(ConfigEntry::of).collect()))
            });
            results.collect()
        })
        .await
    }

    /// Alters settings of something, all or none.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[(String, ConfigOperation)],
        validate_only: bool,
    ) -> Result<(), Error> {
        let configs = changes.iter().map(|(key, operation)| {
            let (code, value) = operation.on_the_wire();
            AlterableConfig { name: key.into(), config_operation: code, value: value.map(Into::into) }
        });
        let altered = AlterConfigsResource {
            resource_type: resource.kind as i8,
            resource_name: resource.name.as_str().into(),
            configs: configs.collect(),
        };
        let request = IncrementalAlterConfigsRequest { resources: vec![altered], validate_only };
        self.ask("incrementalAlterConfigs", resource.target()?, &request, |answer| {
            let result = answer.responses.first().ok_or_else(|| unanswered(&resource.name))?;
            Error::check(result.error_code, result.error_message.as_deref())
        })
        .await
    }
}

impl ConfigResource {
    /// A topic.
    pub fn topic(name: &str) -> ConfigResource {
        ConfigResource { kind: ResourceType::Topic, name: name.to_owned() }
    }

    /// Only a broker itself knows what it was started with.
    fn target(&self) -> Result<Target<'static>, Error> {
        match self.kind {
            ResourceType::Broker | ResourceType::BrokerLogger if !self.name.is_empty() => {
                let id = self.name.parse();
                id.map(Target::Node).map_err(|_| Error::Invalid(format!("'{}' is no broker's id", self.name)))
            }
            _ => Ok(Target::Any),
        }
    }
}

impl ConfigOperation {
    fn on_the_wire(&self) -> (i8, Option<&str>) {
        match self {
            ConfigOperation::Set(value) => (0, Some(value)),
            ConfigOperation::Delete => (1, None),
            ConfigOperation::Append(value) => (2, Some(value)),
            ConfigOperation::Subtract(value) => (3, Some(value)),
        }
    }
}

impl ConfigEntry {
    fn of(entry: &DescribeConfigsResourceResult<'_>) -> ConfigEntry {
        let synonyms = entry.synonyms.iter().map(|synonym| ConfigSynonym {
            name: synonym.name.as_ref().to_owned(),
            value: synonym.value.as_deref().map(str::to_owned),
            source: synonym.source,
        });
        ConfigEntry {
            name: entry.name.as_ref().to_owned(),
            value: entry.value.as_deref().map(str::to_owned),
            source: entry.config_source,
            is_sensitive: entry.is_sensitive,
            is_read_only: entry.read_only,
            synonyms: synonyms.collect(),
        }
    }
}
