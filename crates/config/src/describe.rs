//! The entries of a DescribeConfigs response: values, sources and synonyms in Kafka's order.

use std::collections::BTreeMap;

use crate::layers::{ConfigSource, Layers, Overrides};
use crate::setting::{ConfigType, Setting};
use crate::tables;
use crate::topic_config::Merged;

/// One setting of a resource as DescribeConfigs shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedConfig {
    /// The key.
    pub name: String,
    /// The value; `None` for no value and for secrets.
    pub value: Option<String>,
    /// True where no request can change it.
    pub read_only: bool,
    /// The layer the value comes from.
    pub source: ConfigSource,
    /// True where the value is kept back.
    pub is_sensitive: bool,
    /// Every layer that has a value, the deciding one first.
    pub synonyms: Vec<DescribedSynonym>,
    /// The type; `None` for a key that is in no table (code 0 on the wire).
    pub kind: Option<ConfigType>,
}

/// One layer's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedSynonym {
    /// The key in that layer, which may be the same setting in another unit.
    pub name: String,
    /// The value; `None` for secrets.
    pub value: Option<String>,
    /// The layer.
    pub source: ConfigSource,
}

/// Every setting of a topic, Kafka's ascending by key, then ours.
pub fn describe_topic(overrides: &Overrides, layers: &Layers<'_>) -> Vec<DescribedConfig> {
    let merged = Merged::new(overrides, layers);
    let shown = tables::topic_settings().filter(|row| !row.internal || overrides.contains_key(row.key));
    shown.map(|setting| describe_topic_setting(setting, &merged, overrides, layers)).collect()
}

fn describe_topic_setting(
    setting: &Setting,
    merged: &Merged,
    overrides: &Overrides,
    layers: &Layers<'_>,
) -> DescribedConfig {
    let value = merged.get(setting.key).map(ToString::to_string);
    let value = value.or_else(|| setting.default_text().map(str::to_owned));
    let mut synonyms = match tables::broker_settings_behind(setting.key).first() {
        Some(behind) => broker_layers(behind, false, layers),
        None => Vec::new(),
    };
    if overrides.contains_key(setting.key) {
        let source = ConfigSource::TopicConfig;
        synonyms.insert(0, DescribedSynonym { name: setting.key.to_owned(), value: value.clone(), source });
    }
    DescribedConfig {
        name: setting.key.to_owned(),
        value,
        read_only: false,
        source: synonyms.first().map_or(ConfigSource::DefaultConfig, |synonym| synonym.source),
        is_sensitive: false,
        synonyms,
        kind: Some(setting.kind),
    }
}

/// Every setting of one broker, ascending by key; unknown static keys are listed and kept back.
pub fn describe_broker(layers: &Layers<'_>) -> Vec<DescribedConfig> {
    let tables = tables::BROKER.iter().chain(tables::NARU).filter(|setting| !setting.internal);
    let mut keys: BTreeMap<String, ()> = tables.map(|setting| (setting.key.to_owned(), ())).collect();
    let written = layers.fixed.iter().map(|(key, _)| key.to_owned());
    let dynamic = layers.cluster.keys().chain(layers.broker.keys()).cloned();
    keys.extend(written.chain(dynamic).map(|key| (key, ())));
    keys.into_keys().map(|key| describe_broker_key(key, layers, true)).collect()
}

/// The dynamic settings of all brokers: what DescribeConfigs answers for the broker without a name.
pub fn describe_cluster_default(layers: &Layers<'_>) -> Vec<DescribedConfig> {
    layers.cluster.keys().map(|key| describe_broker_key(key.clone(), layers, false)).collect()
}

fn describe_broker_key(key: String, layers: &Layers<'_>, is_one_broker: bool) -> DescribedConfig {
    let setting = tables::broker_setting(&key);
    let is_sensitive = setting.is_none_or(Setting::is_sensitive);
    let text = match is_one_broker {
        true => layers.text(&key),
        false => layers.cluster.get(&key).map(String::as_str),
    };
    let value = text.filter(|_| !is_sensitive).map(|text| canonical(setting, text));
    let mut synonyms = broker_layers(&key, is_sensitive, layers);
    synonyms.retain(|one| is_one_broker || one.source == ConfigSource::DynamicDefaultBrokerConfig);
    DescribedConfig {
        value,
        // Kafka looks the full key up in its list of dynamic ones, which has no listener prefixes.
        read_only: setting.is_none_or(Setting::is_read_only) || tables::base_key(&key) != key,
        source: synonyms.first().map_or(ConfigSource::DefaultConfig, |synonym| synonym.source),
        is_sensitive,
        synonyms,
        kind: setting.map(|setting| setting.kind),
        name: key,
    }
}

fn canonical(setting: Option<&Setting>, text: &str) -> String {
    let parsed = setting.and_then(|setting| setting.parse(text).ok());
    parsed.map_or_else(|| text.to_owned(), |value| value.to_string())
}

/// Each layer's value of a broker setting and of the settings that say the same in other units.
///
/// What stands before the first value of `key` itself is left out, as Kafka does: a topic's retention
/// that comes from `log.retention.hours` therefore shows no synonym.
fn broker_layers(key: &str, is_sensitive: bool, layers: &Layers<'_>) -> Vec<DescribedSynonym> {
    let base = tables::base_key(key);
    let own;
    let names: &[&str] = match tables::broker_synonyms(key) {
        Some(names) => names,
        None if base == key => {
            own = [key, ""];
            &own[..1]
        }
        None => {
            own = [key, base];
            &own
        }
    };
    let mut found = Vec::new();
    let mut add = |name: &str, text: Option<&str>, source: ConfigSource| {
        if let Some(text) = text {
            let value = (!is_sensitive).then(|| text.to_owned());
            found.push(DescribedSynonym { name: name.to_owned(), value, source });
        }
    };
    for name in names {
        add(name, layers.broker.get(*name).map(String::as_str), ConfigSource::DynamicBrokerConfig);
    }
    for name in names {
        add(name, layers.cluster.get(*name).map(String::as_str), ConfigSource::DynamicDefaultBrokerConfig);
    }
    for name in names {
        add(name, layers.fixed.get(name), ConfigSource::StaticBrokerConfig);
    }
    for name in names {
        let has_row_of_its_own = tables::base_key(name) == *name;
        let default = tables::broker_setting(name).filter(|_| has_row_of_its_own);
        add(name, default.and_then(Setting::default_text), ConfigSource::DefaultConfig);
    }
    let first = found.iter().position(|synonym| synonym.name == key).unwrap_or(found.len());
    found.split_off(first)
}

/// Every setting of a group, ascending by key.
///
/// A group setting takes its default from the broker setting of the same name under `group.`.
pub fn describe_group(overrides: &Overrides, layers: &Layers<'_>) -> Vec<DescribedConfig> {
    let shown = tables::GROUP.iter().filter(|setting| !setting.internal);
    shown.map(|setting| describe_group_setting(setting, overrides, layers)).collect()
}

fn describe_group_setting(setting: &Setting, overrides: &Overrides, layers: &Layers<'_>) -> DescribedConfig {
    let behind = format!("group.{}", setting.key);
    let own = overrides.get(setting.key).map(String::as_str);
    let text = own.or_else(|| layers.text(&behind)).or(setting.default_text());
    let value = text.map(|text| canonical(Some(setting), text));
    let mut synonyms = match tables::broker_setting(&behind) {
        Some(_) => broker_layers(&behind, false, layers),
        None => {
            let default = setting.default_text().map(str::to_owned);
            let source = ConfigSource::DefaultConfig;
            vec![DescribedSynonym { name: setting.key.to_owned(), value: default, source }]
        }
    };
    if own.is_some() {
        let source = ConfigSource::GroupConfig;
        synonyms.insert(0, DescribedSynonym { name: setting.key.to_owned(), value: value.clone(), source });
    }
    DescribedConfig {
        name: setting.key.to_owned(),
        value,
        read_only: false,
        source: synonyms.first().map_or(ConfigSource::DefaultConfig, |synonym| synonym.source),
        is_sensitive: false,
        synonyms,
        kind: Some(setting.kind),
    }
}

/// Every setting of a client metrics subscription, ascending by key.
pub fn describe_client_metrics(overrides: &Overrides) -> Vec<DescribedConfig> {
    let describe = |setting: &Setting| {
        let own = overrides.get(setting.key).map(|text| canonical(Some(setting), text));
        let synonym = own.clone().map(|value| DescribedSynonym {
            name: setting.key.to_owned(),
            value: Some(value),
            source: ConfigSource::ClientMetricsConfig,
        });
        DescribedConfig {
            name: setting.key.to_owned(),
            value: own.or_else(|| setting.default_text().map(str::to_owned)),
            read_only: false,
            source: synonym.as_ref().map_or(ConfigSource::DefaultConfig, |synonym| synonym.source),
            is_sensitive: false,
            synonyms: synonym.into_iter().collect(),
            kind: Some(setting.kind),
        }
    };
    tables::CLIENT_METRICS.iter().map(describe).collect()
}
