//! The declared tables: every setting there is, which topic setting follows which broker setting, what has gone.

mod broker;
mod client;
mod client_metrics;
mod group;
mod naru;
mod retired;
mod status;
mod synonyms;
mod topic;

pub use broker::BROKER;
pub use client::{ADMIN, CLIENT, CONSUMER, PRODUCER};
pub use client_metrics::{CLIENT_MATCHERS, CLIENT_METRICS};
pub use group::GROUP;
pub use naru::{NARU, NARU_TOPIC, explain};
pub use retired::{Fate, RETIRED, fate};
pub use status::{EFFECTIVE, MEANINGLESS, REMAINS, Status, status};
pub use synonyms::{BROKER_SYNONYMS, TOPIC_SYNONYMS};
pub use topic::TOPIC;

use crate::setting::Setting;

/// Prefix of broker settings that hold for one listener only: `listener.name.<name>.<key>`.
pub const LISTENER_PREFIX: &str = "listener.name.";

/// The row of a broker setting, ours included; `listener.name.<name>.<key>` gives the row of `<key>`.
pub fn broker_setting(key: &str) -> Option<&'static Setting> {
    find(BROKER, base_key(key)).or_else(|| find(NARU, key))
}

/// The row of a topic setting, ours included.
pub fn topic_setting(key: &str) -> Option<&'static Setting> {
    find(TOPIC, key).or_else(|| find(NARU_TOPIC, key))
}

/// Every topic setting, Kafka's first.
pub fn topic_settings() -> impl Iterator<Item = &'static Setting> {
    TOPIC.iter().chain(NARU_TOPIC)
}

/// The row of a group setting.
pub fn group_setting(key: &str) -> Option<&'static Setting> {
    find(GROUP, key)
}

/// The row of a client metrics setting.
pub fn client_metrics_setting(key: &str) -> Option<&'static Setting> {
    find(CLIENT_METRICS, key)
}

/// The key without a listener's prefix: `listener.name.a.ssl.provider` gives `ssl.provider`.
pub fn base_key(key: &str) -> &str {
    let Some(rest) = key.strip_prefix(LISTENER_PREFIX) else { return key };
    rest.split_once('.').map_or(key, |(_, base)| base)
}

/// The broker settings that stand behind a topic setting, most specific first; empty for some.
pub fn broker_settings_behind(topic_key: &str) -> &'static [&'static str] {
    TOPIC_SYNONYMS.iter().find(|(key, _)| *key == topic_key).map_or(&[], |(_, keys)| keys)
}

/// The broker settings that express the same thing as `key` in other units, most specific first.
pub fn broker_synonyms(key: &str) -> Option<&'static [&'static str]> {
    BROKER_SYNONYMS.iter().copied().find(|keys| keys.contains(&key))
}

fn find(table: &'static [Setting], key: &str) -> Option<&'static Setting> {
    table.binary_search_by(|setting| setting.key.cmp(key)).ok().map(|index| &table[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_ascending_so_that_they_can_be_searched() {
        for table in [BROKER, TOPIC, GROUP, CLIENT_METRICS, NARU, NARU_TOPIC] {
            assert!(table.windows(2).all(|pair| pair[0].key < pair[1].key));
        }
    }

    #[test]
    fn every_default_is_a_legal_value_in_canonical_form() {
        for setting in [BROKER, TOPIC, GROUP, NARU, NARU_TOPIC].into_iter().flatten() {
            let Some(text) = setting.default_text() else { continue };
            let is_unset_list = text.is_empty() && setting.kind == crate::setting::ConfigType::List;
            if is_unset_list {
                continue;
            }
            let value = setting.parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(value.to_string(), text, "{}", setting.key);
        }
    }

    #[test]
    fn tables_have_as_many_rows_as_kafka_has_settings() {
        assert_eq!((BROKER.len(), TOPIC.len(), GROUP.len()), (360, 34, 17));
    }

    #[test]
    fn every_name_in_the_other_tables_is_a_setting() {
        for (topic_key, broker_keys) in TOPIC_SYNONYMS {
            assert!(topic_setting(topic_key).is_some(), "{topic_key}");
            assert!(broker_keys.iter().all(|key| broker_setting(key).is_some()), "{topic_key}");
        }
        for key in BROKER_SYNONYMS.iter().copied().flatten() {
            assert!(broker_setting(key).is_some(), "{key}");
        }
        for (key, _) in MEANINGLESS {
            assert!(broker_setting(key).is_some(), "{key}");
        }
        for (key, fate) in RETIRED {
            assert!(broker_setting(key).is_none(), "{key} is retired and alive");
            if let Fate::Renamed(to) = fate {
                assert!(broker_setting(to).is_some(), "{to}");
            }
        }
    }

    #[test]
    fn listener_prefixes_lead_to_the_base_setting() {
        assert_eq!(broker_setting("listener.name.a-b.ssl.provider").map(|row| row.key), Some("ssl.provider"));
        assert!(broker_setting("listener.name.x").is_none());
    }
}
