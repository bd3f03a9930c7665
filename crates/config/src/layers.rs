//! Where the value of a broker setting comes from: dynamic for one broker, dynamic for all, static, default.

use std::collections::BTreeMap;
use std::fmt;

use crate::setting::Setting;
use crate::tables;
use crate::value::Value;

/// Dynamic settings of one resource: key to text, as the metadata records hold them.
pub type Overrides = BTreeMap<String, String>;

/// Where a static setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a properties file of this name.
    File(String),
    /// In an environment variable of this name.
    Environment(String),
    /// In `--override` on the command line.
    Override,
    /// Nowhere: it follows from other settings or from what a lone server needs.
    Implied,
}

/// A static setting and where it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The text as written.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
}

/// Every static setting, unknown keys included, since DescribeConfigs lists those too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StaticSettings {
    pub(crate) given: BTreeMap<String, Given>,
}

/// Source of a value in a DescribeConfigs response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum ConfigSource {
    TopicConfig,
    DynamicBrokerConfig,
    DynamicDefaultBrokerConfig,
    StaticBrokerConfig,
    DefaultConfig,
    DynamicBrokerLoggerConfig,
    ClientMetricsConfig,
    GroupConfig,
}

/// The layers that make up one broker's settings, the first layer that knows a key decides.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// Dynamic settings of this broker.
    pub broker: &'a Overrides,
    /// Dynamic settings of all brokers.
    pub cluster: &'a Overrides,
    /// Static settings of this broker.
    pub fixed: &'a StaticSettings,
}

impl StaticSettings {
    /// The text of a setting, if it was written anywhere.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.given.get(key).map(|given| given.value.as_str())
    }

    /// Every setting that was written or implied, ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.given.iter().map(|(key, given)| (key.as_str(), given))
    }

    pub(crate) fn imply(&mut self, key: &str, value: impl Into<String>) {
        let given = Given { value: value.into(), origin: Origin::Implied };
        self.given.entry(key.to_owned()).or_insert(given);
    }

    /// Layers without dynamic settings.
    pub fn layers(&self) -> Layers<'_> {
        const NONE: &Overrides = &Overrides::new();
        Layers { broker: NONE, cluster: NONE, fixed: self }
    }
}

impl<'a> Layers<'a> {
    /// The text that holds for a key and its source; `None` where there is no value.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        let written = self.broker.get(key).or_else(|| self.cluster.get(key)).map(String::as_str);
        let written = written.or_else(|| self.fixed.get(key));
        written.or_else(|| tables::broker_setting(key).and_then(Setting::default_text))
    }

    /// The text that holds for a key unless it is only the default.
    pub fn written(&self, key: &str) -> Option<&'a str> {
        let dynamic = self.broker.get(key).or_else(|| self.cluster.get(key)).map(String::as_str);
        dynamic.or_else(|| self.fixed.get(key))
    }

    /// The value that holds for a key.
    ///
    /// Values were checked when they were set; one that is no longer legal, as a foreign data directory
    /// may hold, gives way to the static one and then to the default.
    pub fn value(&self, key: &str) -> Option<Value> {
        let setting = tables::broker_setting(key)?;
        let candidates = [
            self.broker.get(key).map(String::as_str),
            self.cluster.get(key).map(String::as_str),
            self.fixed.get(key),
            setting.default_text(),
        ];
        candidates.into_iter().flatten().find_map(|text| setting.parse(text).ok())
    }

    /// An INT, SHORT or LONG that has a default; 0 if the table has none, which a test rules out.
    pub fn integer(&self, key: &str) -> i64 {
        self.value(key).and_then(|value| value.as_integer()).unwrap_or_default()
    }

    /// An INT, SHORT or LONG that may be unset.
    pub fn optional_integer(&self, key: &str) -> Option<i64> {
        self.value(key).and_then(|value| value.as_integer())
    }

    /// An INT or SHORT that has a default.
    pub fn int(&self, key: &str) -> i32 {
        i32::try_from(self.integer(key)).unwrap_or(i32::MAX)
    }

    /// A BOOLEAN.
    pub fn boolean(&self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Boolean(true)))
    }

    /// A DOUBLE.
    pub fn double(&self, key: &str) -> f64 {
        match self.value(key) {
            Some(Value::Double(number)) => number,
            _ => 0.0,
        }
    }

    /// A STRING or CLASS; empty where unset.
    pub fn string(&self, key: &str) -> String {
        match self.value(key) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        }
    }

    /// The text of a setting of any type, empty where unset; for messages.
    pub(crate) fn string_or_list(&self, key: &str) -> &'a str {
        self.text(key).unwrap_or_default()
    }

    /// A LIST; empty where unset.
    pub fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(elements)) => elements,
            _ => Vec::new(),
        }
    }
}

impl ConfigSource {
    /// The code of the source in a DescribeConfigs response.
    pub fn code(self) -> i8 {
        match self {
            Self::TopicConfig => 1,
            Self::DynamicBrokerConfig => 2,
            Self::DynamicDefaultBrokerConfig => 3,
            Self::StaticBrokerConfig => 4,
            Self::DefaultConfig => 5,
            Self::DynamicBrokerLoggerConfig => 6,
            Self::ClientMetricsConfig => 7,
            Self::GroupConfig => 8,
        }
    }
}

impl fmt::Debug for Given {
    /// Shows the origin only: the value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given(from {})", self.origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(name) => f.write_str(name),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Override => f.write_str("--override"),
            Self::Implied => f.write_str("implied"),
        }
    }
}
