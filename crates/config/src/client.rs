//! The settings of an admin client, a producer or a consumer: what its user wrote, read by Kafka's tables.

use std::collections::BTreeMap;

use crate::setting::Setting;
use crate::suggest;
use crate::tables::{ADMIN, CLIENT, CONSUMER, PRODUCER};
use crate::value::{InvalidValue, Value};

/// The kinds of clients, each with settings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// Topics, groups, settings and all else that is asked for and altered.
    Admin,
    /// Writes records.
    Producer,
    /// Reads records.
    Consumer,
}

/// The settings of one client. What was not written has its default.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    kind: ClientKind,
    written: BTreeMap<&'static str, Value>,
    unknown: Vec<String>,
}

impl ClientKind {
    /// The row of a setting of this kind of client.
    pub fn setting(self, key: &str) -> Option<&'static Setting> {
        self.settings().find(|setting| setting.key == key)
    }

    /// All settings of this kind of client.
    pub fn settings(self) -> impl Iterator<Item = &'static Setting> {
        let own = match self {
            ClientKind::Admin => ADMIN,
            ClientKind::Producer => PRODUCER,
            ClientKind::Consumer => CONSUMER,
        };
        own.iter().chain(CLIENT)
    }
}

impl ClientSettings {
    /// Reads what was written, later entries before earlier ones of the same key. The error is Kafka's sentence.
    pub fn read<'t>(
        kind: ClientKind,
        written: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<ClientSettings, InvalidValue> {
        let mut settings = ClientSettings { kind, written: BTreeMap::new(), unknown: Vec::new() };
        for (key, text) in written {
            match kind.setting(key) {
                Some(setting) => {
                    settings.written.insert(setting.key, setting.parse(text)?);
                }
                None => settings.unknown.push(key.to_owned()),
            }
        }
        Ok(settings)
    }

    /// The kind of client they are for.
    pub fn kind(&self) -> ClientKind {
        self.kind
    }

    /// Keys that no setting has, each with the one that was maybe meant.
    ///
    /// They are no error: Kafka's clients hand them to serializers and interceptors.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, Option<&'static str>)> {
        self.unknown.iter().map(|key| {
            let known = self.kind.settings().map(|setting| setting.key);
            (key.as_str(), suggest::nearest(key, known))
        })
    }

    /// True where the key was written, be it with the default's value.
    pub fn is_written(&self, key: &str) -> bool {
        self.written.contains_key(key)
    }

    /// The value that holds for a key; `None` where there is none.
    pub fn value(&self, key: &str) -> Option<Value> {
        self.written.get(key).cloned().or_else(|| self.kind.setting(key)?.default_value())
    }

    /// An INT, SHORT or LONG; 0 where the table has no such setting, which a test of each caller rules out.
    pub fn integer(&self, key: &str) -> i64 {
        self.value(key).and_then(|value| value.as_integer()).unwrap_or_default()
    }

    /// An INT or SHORT.
    pub fn int(&self, key: &str) -> i32 {
        i32::try_from(self.integer(key)).unwrap_or(i32::MAX)
    }

    /// An INT or LONG in milliseconds; a negative one is no time at all.
    pub fn millis(&self, key: &str) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.integer(key)).unwrap_or_default())
    }

    /// A BOOLEAN.
    pub fn boolean(&self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Boolean(true)))
    }

    /// A STRING or CLASS; `None` where unset.
    pub fn text(&self, key: &str) -> Option<String> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A LIST; empty where unset.
    pub fn list(&self, key: &str) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(elements)) => elements,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ClientKind; 3] = [ClientKind::Admin, ClientKind::Producer, ClientKind::Consumer];

    #[test]
    fn every_key_is_there_once_and_every_default_is_legal() {
        for kind in KINDS {
            let mut keys: Vec<&str> = kind.settings().map(|setting| setting.key).collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count, "{kind:?}");
            for setting in kind.settings() {
                assert_eq!(
                    setting.default_value().is_some(),
                    setting.default_text().is_some(),
                    "{kind:?} {}",
                    setting.key
                );
            }
        }
    }

    #[test]
    fn kinds_have_defaults_of_their_own_beside_common_ones() {
        let read = |kind| ClientSettings::read(kind, []).unwrap();
        let buffers = KINDS.map(|kind| read(kind).int("receive.buffer.bytes"));
        assert_eq!(buffers, [65_536, 32_768, 65_536]);
        assert_eq!(KINDS.map(|kind| read(kind).int("request.timeout.ms")), [30_000; 3]);
        assert_eq!(read(ClientKind::Producer).text("transactional.id"), None);
        assert_eq!(read(ClientKind::Consumer).millis("fetch.max.wait.ms").as_millis(), 500);
    }

    #[test]
    fn what_was_written_is_checked_and_holds() {
        let read = |key, text| ClientSettings::read(ClientKind::Consumer, [("client.id", "a"), (key, text)]);
        assert_eq!(read("client.id", "b").unwrap().text("client.id").as_deref(), Some("b"));
        assert!(read("fetch.min.bytes", "1").unwrap().is_written("fetch.min.bytes"));
        assert!(!read("fetch.min.bytes", "1").unwrap().is_written("group.id"));
        for (key, text, sentence) in [
            (
                "fetch.min.bytes",
                "-1",
                "Invalid value -1 for configuration fetch.min.bytes: Value must be at least 0",
            ),
            (
                "fetch.min.bytes",
                "x",
                "Invalid value x for configuration fetch.min.bytes: Not a number of type INT",
            ),
            (
                "isolation.level",
                "x",
                "Invalid value x for configuration isolation.level: String must be one of: read_committed, read_uncommitted",
            ),
            (
                "sasl.login.refresh.window.factor",
                "0.4",
                "Invalid value 0.4 for configuration sasl.login.refresh.window.factor: Value must be at least 0.5",
            ),
        ] {
            assert_eq!(read(key, text).unwrap_err().to_string(), sentence);
        }
        for text in ["earliest", "latest", "none", "by_duration:PT1H"] {
            assert!(read("auto.offset.reset", text).is_ok(), "{text}");
        }
        assert!(read("auto.offset.reset", "newest").is_err());
    }

    #[test]
    fn a_mistyped_key_is_told_with_the_one_that_was_meant() {
        let written = [("max.pol.interval.ms", "1"), ("my.own", "x")];
        let settings = ClientSettings::read(ClientKind::Consumer, written).unwrap();
        let unknown: Vec<_> = settings.unknown().collect();
        assert_eq!(unknown, [("max.pol.interval.ms", Some("max.poll.interval.ms")), ("my.own", None)]);
    }
}
