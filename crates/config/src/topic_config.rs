//! The settings of one topic, typed, after its overrides and the broker's settings have been merged.

use std::collections::BTreeMap;

use crate::layers::{Layers, Overrides};
use crate::tables;
use crate::value::Value;

/// What holds for one topic; times in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    /// When data goes.
    pub retention: RetentionConfig,
    /// How the log is cut into segments.
    pub segment: SegmentConfig,
    /// `cleanup.policy` and compaction.
    pub cleanup: CleanupConfig,
    /// `compression.type` and levels.
    pub compression: CompressionConfig,
    /// Which records are taken.
    pub messages: MessagesConfig,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `flush.policy=durable`: records count once they are on stable storage.
    pub is_durable: bool,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election: bool,
    /// `leader.replication.throttled.replicas`.
    pub leader_throttled_replicas: Vec<String>,
    /// `follower.replication.throttled.replicas`.
    pub follower_throttled_replicas: Vec<String>,
    /// `remote.storage.enable`, `remote.log.copy.disable`, `remote.log.delete.on.disable`.
    pub remote: RemoteConfig,
}

/// When data goes; -1 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the setting of that name")]
pub struct RetentionConfig {
    pub ms: i64,
    pub bytes: i64,
    pub local_ms: i64,
    pub local_bytes: i64,
    pub file_delete_delay_ms: i64,
}

/// How the log is cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the setting of that name")]
pub struct SegmentConfig {
    /// `internal.segment.bytes` where set, else `segment.bytes`.
    pub bytes: i32,
    pub ms: i64,
    pub jitter_ms: i64,
    pub index_bytes: i32,
    pub index_interval_bytes: i32,
    pub preallocate: bool,
}

/// Deletion and compaction.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "each field is the setting of that name")]
pub struct CleanupConfig {
    pub compact: bool,
    pub delete: bool,
    pub delete_retention_ms: i64,
    pub min_compaction_lag_ms: i64,
    pub max_compaction_lag_ms: i64,
    pub min_cleanable_dirty_ratio: f64,
}

/// Compression of stored batches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the setting of that name")]
pub struct CompressionConfig {
    /// `producer` keeps what arrives.
    pub kind: String,
    pub gzip_level: i32,
    pub lz4_level: i32,
    pub zstd_level: i32,
}

/// Which records are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the setting of that name")]
pub struct MessagesConfig {
    pub max_bytes: i32,
    /// `message.timestamp.type=LogAppendTime`.
    pub log_append_time: bool,
    pub timestamp_before_max_ms: i64,
    pub timestamp_after_max_ms: i64,
}

/// Tiered storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the setting of that name")]
pub struct RemoteConfig {
    pub storage_enable: bool,
    pub copy_disable: bool,
    pub delete_on_disable: bool,
}

impl TopicConfig {
    /// Merges a topic's own settings with those of the broker behind it.
    pub fn resolve(overrides: &Overrides, layers: &Layers<'_>) -> TopicConfig {
        let merged = Merged::new(overrides, layers);
        let policies = merged.list("cleanup.policy");
        TopicConfig {
            retention: RetentionConfig {
                ms: merged.long("retention.ms"),
                bytes: merged.long("retention.bytes"),
                local_ms: merged.long("local.retention.ms"),
                local_bytes: merged.long("local.retention.bytes"),
                file_delete_delay_ms: merged.long("file.delete.delay.ms"),
            },
            segment: merged.segment(),
            cleanup: CleanupConfig {
                compact: policies.iter().any(|policy| policy == "compact"),
                delete: policies.iter().any(|policy| policy == "delete"),
                delete_retention_ms: merged.long("delete.retention.ms"),
                min_compaction_lag_ms: merged.long("min.compaction.lag.ms"),
                max_compaction_lag_ms: merged.long("max.compaction.lag.ms"),
                min_cleanable_dirty_ratio: merged.double("min.cleanable.dirty.ratio"),
            },
            compression: CompressionConfig {
                kind: merged.string("compression.type"),
                gzip_level: merged.int("compression.gzip.level"),
                lz4_level: merged.int("compression.lz4.level"),
                zstd_level: merged.int("compression.zstd.level"),
            },
            messages: MessagesConfig {
                max_bytes: merged.int("max.message.bytes"),
                log_append_time: merged.string("message.timestamp.type") == "LogAppendTime",
                timestamp_before_max_ms: merged.long("message.timestamp.before.max.ms"),
                timestamp_after_max_ms: merged.long("message.timestamp.after.max.ms"),
            },
            flush_messages: merged.long("flush.messages"),
            flush_ms: merged.long("flush.ms"),
            is_durable: merged.string("flush.policy") == "durable",
            min_insync_replicas: merged.int("min.insync.replicas"),
            unclean_leader_election: merged.boolean("unclean.leader.election.enable"),
            leader_throttled_replicas: merged.list("leader.replication.throttled.replicas"),
            follower_throttled_replicas: merged.list("follower.replication.throttled.replicas"),
            remote: RemoteConfig {
                storage_enable: merged.boolean("remote.storage.enable"),
                copy_disable: merged.boolean("remote.log.copy.disable"),
                delete_on_disable: merged.boolean("remote.log.delete.on.disable"),
            },
        }
    }
}

/// The text that holds for each topic setting; settings without a value are absent.
pub(crate) struct Merged(BTreeMap<&'static str, Value>);

impl Merged {
    pub(crate) fn new(overrides: &Overrides, layers: &Layers<'_>) -> Merged {
        let mut values = BTreeMap::new();
        for setting in tables::topic_settings() {
            let own = overrides.get(setting.key).and_then(|text| setting.parse(text).ok());
            let behind = || broker_text(setting.key, layers).and_then(|text| setting.parse(&text).ok());
            let default = || setting.default_text().and_then(|text| setting.parse(text).ok());
            if let Some(value) = own.or_else(behind).or_else(default) {
                values.insert(setting.key, value);
            }
        }
        Merged(values)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    fn long(&self, key: &str) -> i64 {
        self.get(key).and_then(Value::as_integer).unwrap_or_default()
    }

    fn int(&self, key: &str) -> i32 {
        i32::try_from(self.long(key)).unwrap_or(i32::MAX)
    }

    fn boolean(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Value::Boolean(true)))
    }

    fn double(&self, key: &str) -> f64 {
        match self.get(key) {
            Some(Value::Double(number)) => *number,
            _ => 0.0,
        }
    }

    fn string(&self, key: &str) -> String {
        self.get(key).map(Value::to_string).unwrap_or_default()
    }

    fn list(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(Value::List(elements)) => elements.clone(),
            _ => Vec::new(),
        }
    }

    fn segment(&self) -> SegmentConfig {
        let internal = self.get("internal.segment.bytes").and_then(Value::as_integer);
        let bytes = internal.unwrap_or_else(|| self.long("segment.bytes"));
        SegmentConfig {
            bytes: i32::try_from(bytes).unwrap_or(i32::MAX),
            ms: self.long("segment.ms"),
            jitter_ms: self.long("segment.jitter.ms"),
            index_bytes: self.int("segment.index.bytes"),
            index_interval_bytes: self.int("index.interval.bytes"),
            preallocate: self.boolean("preallocate"),
        }
    }
}

/// What the broker's settings say about a topic setting, in the topic setting's unit.
fn broker_text(topic_key: &str, layers: &Layers<'_>) -> Option<String> {
    let behind = tables::broker_settings_behind(topic_key);
    // Of several units the first that somebody wrote holds; defaults count only after all of them.
    let written = behind.iter().find(|key| layers.written(key).is_some());
    let key = written.or_else(|| behind.iter().find(|key| layers.text(key).is_some()))?;
    let value = layers.value(key)?;
    let factor = if key.ends_with(".hours") {
        3_600_000
    } else if key.ends_with(".minutes") {
        60_000
    } else {
        return Some(value.to_string());
    };
    let amount = value.as_integer()?;
    let ms = if amount < 0 { -1 } else { amount.saturating_mul(factor) };
    Some(ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::StaticSettings;

    fn overrides(pairs: &[(&str, &str)]) -> Overrides {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn fixed(pairs: &[(&str, &str)]) -> StaticSettings {
        let mut settings = StaticSettings::default();
        for (key, value) in pairs {
            settings.imply(key, *value);
        }
        settings
    }

    #[test]
    fn a_topic_without_settings_has_kafkas_defaults() {
        let settings = StaticSettings::default();
        let topic = TopicConfig::resolve(&Overrides::new(), &settings.layers());
        assert_eq!(topic.retention.ms, 604_800_000);
        assert_eq!(topic.segment.bytes, 1 << 30);
        assert_eq!(topic.segment.ms, 604_800_000);
        assert_eq!(topic.flush_ms, i64::MAX);
        assert_eq!(topic.messages.max_bytes, 1_048_588);
        assert_eq!(topic.compression.kind, "producer");
        assert!(topic.cleanup.delete && !topic.cleanup.compact);
    }

    #[test]
    fn the_most_specific_layer_decides() {
        let settings =
            fixed(&[("log.retention.hours", "2"), ("log.roll.hours", "1"), ("min.insync.replicas", "2")]);
        let cluster = overrides(&[("log.retention.ms", "5000")]);
        let broker = overrides(&[("min.insync.replicas", "3")]);
        let layers = Layers { broker: &broker, cluster: &cluster, fixed: &settings };
        let own = overrides(&[("segment.ms", "77"), ("cleanup.policy", "compact,delete")]);
        let topic = TopicConfig::resolve(&own, &layers);
        assert_eq!(topic.retention.ms, 5000);
        assert_eq!(topic.segment.ms, 77);
        assert_eq!(topic.min_insync_replicas, 3);
        assert!(topic.cleanup.delete && topic.cleanup.compact);
        let only_static = TopicConfig::resolve(&Overrides::new(), &settings.layers());
        assert_eq!(only_static.retention.ms, 7_200_000);
        assert_eq!(only_static.segment.ms, 3_600_000);
    }

    #[test]
    fn unlimited_retention_stays_unlimited_in_every_unit() {
        let settings = fixed(&[("log.retention.minutes", "-1"), ("log.retention.hours", "1")]);
        assert_eq!(TopicConfig::resolve(&Overrides::new(), &settings.layers()).retention.ms, -1);
    }

    #[test]
    fn the_internal_segment_size_goes_below_the_public_minimum() {
        let settings = StaticSettings::default();
        let own = overrides(&[("internal.segment.bytes", "1000")]);
        assert_eq!(TopicConfig::resolve(&own, &settings.layers()).segment.bytes, 1000);
    }
}
