//! Changes of dynamic settings: SET, DELETE, APPEND, SUBTRACT and the checks behind AlterConfigs.

use std::collections::BTreeMap;
mod thread_counts;

use std::fmt;

use crate::layers::{Layers, Overrides};
use crate::rules;
use crate::setting::{ConfigType, Setting, UpdateMode};
use crate::tables;
use crate::topic_config::Merged;
use crate::value::{Value, split_list};

/// What IncrementalAlterConfigs does to one key (KIP-339); codes are the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// 0: replaces the value.
    Set,
    /// 1: goes back to what lies beneath.
    Delete,
    /// 2: adds elements to a list.
    Append,
    /// 3: removes elements from a list.
    Subtract,
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// What is done to it.
    pub operation: Operation,
    /// The value; ignored by DELETE.
    pub value: Option<String>,
}

/// Changes that are legal, as the metadata records hold them: `None` removes the key.
pub type Changes = BTreeMap<String, Option<String>>;

/// Whose settings change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A topic.
    Topic,
    /// One broker.
    Broker,
    /// All brokers.
    Cluster,
    /// A consumer, share or streams group.
    Group,
    /// A client metrics subscription.
    ClientMetrics,
}

/// Why a change is refused; the variants carry Kafka's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlterError {
    /// INVALID_CONFIG.
    InvalidConfig(String),
    /// INVALID_REQUEST.
    InvalidRequest(String),
}

impl Operation {
    /// The operation of a wire code.
    pub fn from_code(code: i8) -> Option<Operation> {
        match code {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }
}

/// Turns incremental changes into the values to store; list operations read the current ones.
///
/// `current` holds the resource's own settings; APPEND to a list that has none starts from the default.
pub fn incremental(target: Target, current: &Overrides, changes: &[Change]) -> Result<Changes, AlterError> {
    let mut stored = Changes::new();
    for change in changes {
        let key = change.key.as_str();
        let text = change.value.as_deref().unwrap_or_default();
        let value = match change.operation {
            Operation::Set => change.value.clone(),
            Operation::Delete => None,
            Operation::Append | Operation::Subtract => {
                let setting = row(target, key).filter(|setting| setting.kind == ConfigType::List);
                let Some(setting) = setting else {
                    let name = if change.operation == Operation::Append { "APPEND" } else { "SUBTRACT" };
                    return Err(AlterError::InvalidConfig(format!(
                        "Can't {name} to key {key} because its type is not LIST."
                    )));
                };
                let before = current.get(key).map(String::as_str).or(setting.default_text());
                Some(change_list(split_list(before.unwrap_or_default()), change.operation, text))
            }
        };
        stored.insert(key.to_owned(), value);
    }
    Ok(stored)
}

fn change_list(mut elements: Vec<String>, operation: Operation, text: &str) -> String {
    for element in split_list(text) {
        match operation {
            Operation::Append if !elements.contains(&element) => elements.push(element),
            Operation::Subtract => elements.retain(|known| *known != element),
            _ => {}
        }
    }
    elements.join(",")
}

/// Checks the settings a topic would have: known keys, legal values, settings that fit together.
pub fn check_topic(overrides: &Overrides, layers: &Layers<'_>) -> Result<(), AlterError> {
    let unknown = overrides.keys().find(|key| tables::topic_setting(key).is_none());
    if let Some(key) = unknown {
        return Err(AlterError::InvalidConfig(format!("Unknown topic config name: {key}")));
    }
    for (key, text) in overrides {
        check_value(tables::topic_setting(key), text)?;
    }
    let merged = Merged::new(overrides, layers);
    let is_tiered = merged.get("remote.storage.enable") == Some(&Value::Boolean(true));
    if is_tiered && !layers.boolean("remote.log.storage.system.enable") {
        return Err(AlterError::InvalidConfig(
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.".to_owned(),
        ));
    }
    let long = |key: &str| merged.get(key).and_then(Value::as_integer).unwrap_or_default();
    let (min_lag, max_lag) = (long("min.compaction.lag.ms"), long("max.compaction.lag.ms"));
    if min_lag > max_lag {
        return Err(AlterError::InvalidConfig(format!(
            "conflict topic config setting min.compaction.lag.ms ({min_lag}) > max.compaction.lag.ms ({max_lag})"
        )));
    }
    Ok(())
}

/// Checks the settings a group would have, against the bounds the broker's settings give.
pub fn check_group(overrides: &Overrides, layers: &Layers<'_>) -> Result<(), AlterError> {
    let unknown = overrides.keys().find(|key| tables::group_setting(key).is_none());
    if let Some(key) = unknown {
        return Err(AlterError::InvalidConfig(format!("Unknown group config name: {key}")));
    }
    overrides.iter().try_for_each(|(key, text)| check_value(tables::group_setting(key), text))?;
    for (key, text) in overrides {
        let value = tables::group_setting(key).and_then(|setting| setting.parse(text).ok());
        let Some(number) = value.and_then(|value| value.as_integer()) else { continue };
        let Some((kind, rest)) = key.split_once('.') else { continue };
        // `streams.num.standby.replicas` is bounded by `group.streams.max.standby.replicas`.
        let rest = rest.strip_prefix("num.").unwrap_or(rest);
        let bound = |name: &str| {
            let key = format!("group.{kind}.{name}.{rest}");
            layers.optional_integer(&key).map(|number| (key, number))
        };
        let refuse = |how: &str, bound: String| {
            Err(AlterError::InvalidConfig(format!("{key} must be {how} than or equal to {bound}")))
        };
        match (bound("min"), bound("max")) {
            (Some((bound, low)), _) if number < low => return refuse("greater", bound),
            (_, Some((bound, high))) if number > high => return refuse("less", bound),
            _ => {}
        }
    }
    Ok(())
}

/// Checks the settings a client metrics subscription would have (KIP-714).
pub fn check_client_metrics(overrides: &Overrides) -> Result<(), AlterError> {
    for (key, text) in overrides {
        let Some(setting) = tables::client_metrics_setting(key) else {
            return Err(AlterError::InvalidRequest(format!("Unknown client metrics configuration: {key}")));
        };
        check_value(Some(setting), text)?;
        match setting.parse(text) {
            Ok(Value::Int(interval)) if !(100..=3_600_000).contains(&interval) => {
                return Err(AlterError::InvalidRequest(format!(
                    "Invalid value {interval} for {key}, interval must be between 100 and 3600000 (1 hour)"
                )));
            }
            Ok(Value::List(patterns)) if key == "match" => check_patterns(&patterns)?,
            _ => {}
        }
    }
    Ok(())
}

/// Patterns are `matcher=regular expression`; the expressions themselves are not read here.
fn check_patterns(patterns: &[String]) -> Result<(), AlterError> {
    let is_legal = |pattern: &&String| {
        pattern.split_once('=').is_some_and(|(matcher, _)| tables::CLIENT_MATCHERS.contains(&matcher.trim()))
    };
    match patterns.iter().find(|pattern| !is_legal(pattern)) {
        Some(pattern) => {
            Err(AlterError::InvalidConfig(format!("Illegal client matching pattern: {pattern}")))
        }
        None => Ok(()),
    }
}

/// Checks changes of broker settings: dynamic ones only, in the scope they allow, with legal values.
///
/// `layers` are those the broker would have after the changes, `before` those it has.
pub fn check_broker(
    target: Target,
    changes: &Changes,
    before: &Layers<'_>,
    layers: &Layers<'_>,
) -> Result<(), AlterError> {
    let mode = |key: &str| tables::broker_setting(key).map(|setting| setting.update);
    let refuse_if_any = |sentence: &str, is_refused: &dyn Fn(&str) -> bool| {
        let refused: Vec<&str> = changes.keys().map(String::as_str).filter(|key| is_refused(key)).collect();
        if refused.is_empty() {
            return Ok(());
        }
        Err(AlterError::InvalidRequest(format!("{sentence}: [{}]", refused.join(", "))))
    };
    refuse_if_any("Cannot update these configs dynamically", &|key| mode(key) == Some(UpdateMode::ReadOnly))?;
    refuse_if_any(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        &is_key_material,
    )?;
    if target == Target::Cluster {
        refuse_if_any(
            "Cannot update these configs at default cluster level, broker id must be specified",
            &|key| mode(key) == Some(UpdateMode::PerBroker),
        )?;
    }
    for (key, text) in changes {
        let Some(text) = text else { continue };
        let checked = check_value(tables::broker_setting(key), text);
        checked.map_err(|error| AlterError::InvalidRequest(error.to_string()))?;
    }
    if let Some(sentence) = rules::check_dynamic(layers) {
        return Err(AlterError::InvalidRequest(format!("requirement failed: {sentence}")));
    }
    thread_counts::refusal(before, layers).map_or(Ok(()), |sentence| {
        Err(AlterError::InvalidRequest(format!(
            "Invalid value org.apache.kafka.common.config.ConfigException: {sentence} for configuration Invalid dynamic configuration"
        )))
    })
}

/// Keys and trust of TLS, which belong to one listener each.
fn is_key_material(key: &str) -> bool {
    ["ssl.keystore.", "ssl.truststore.", "ssl.key."].iter().any(|prefix| key.starts_with(prefix))
}

fn check_value(setting: Option<&Setting>, text: &str) -> Result<(), AlterError> {
    let Some(setting) = setting else { return Ok(()) };
    setting.parse(text).map(|_| ()).map_err(|error| AlterError::InvalidConfig(error.to_string()))
}

fn row(target: Target, key: &str) -> Option<&'static Setting> {
    match target {
        Target::Topic => tables::topic_setting(key),
        Target::Broker | Target::Cluster => tables::broker_setting(key),
        Target::Group => tables::group_setting(key),
        Target::ClientMetrics => tables::client_metrics_setting(key),
    }
}

impl fmt::Display for AlterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidConfig(message) | Self::InvalidRequest(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for AlterError {}
