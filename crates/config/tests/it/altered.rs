//! Changes of dynamic settings are taken and refused with the codes and sentences of Apache Kafka 4.3.1.

use config::alter::{
    AlterError, Change, Changes, Operation, Target, check_broker, check_client_metrics, check_group,
    check_topic, incremental,
};
use config::{Layers, Overrides, StaticSettings};

fn change(
    target: Target,
    current: &mut Overrides,
    operation: Operation,
    key: &str,
    value: &str,
) -> Result<(), AlterError> {
    let changes = [Change { key: key.to_owned(), operation, value: Some(value.to_owned()) }];
    let stored = incremental(target, current, &changes)?;
    let mut after = current.clone();
    for (key, value) in &stored {
        match value {
            Some(value) => after.insert(key.clone(), value.clone()),
            None => after.remove(key),
        };
    }
    check(target, current, &after, &stored)?;
    *current = after;
    Ok(())
}

fn check(target: Target, before: &Overrides, after: &Overrides, stored: &Changes) -> Result<(), AlterError> {
    let fixed = StaticSettings::default();
    let none = Overrides::new();
    match target {
        Target::Topic => check_topic(after, &fixed.layers()),
        Target::Group => check_group(after, &fixed.layers()),
        Target::ClientMetrics => check_client_metrics(after),
        Target::Broker => {
            let layers = |broker| Layers { broker, cluster: &none, fixed: &fixed };
            check_broker(target, stored, &layers(before), &layers(after))
        }
        Target::Cluster => {
            let layers = |cluster| Layers { broker: &none, cluster, fixed: &fixed };
            check_broker(target, stored, &layers(before), &layers(after))
        }
    }
}

use Operation::{Append, Delete, Set, Subtract};
use Target::{Broker, ClientMetrics, Cluster, Group, Topic};

/// Target, operation, key, value, and Kafka's sentence where it refuses.
#[rustfmt::skip]
const CASES: &[(Target, Operation, &str, &str, Option<&str>)] = &[
    (Topic, Set, "retention.ms", "172800000", None),
    (Topic, Set, "cleanup.policy", "compact", None),
    (Topic, Append, "cleanup.policy", "delete", None),
    (Topic, Append, "cleanup.policy", "bogus", Some("Invalid value bogus for configuration cleanup.policy: String must be one of: compact, delete")),
    (Topic, Append, "retention.ms", "5", Some("Can't APPEND to key retention.ms because its type is not LIST.")),
    (Topic, Subtract, "nope", "5", Some("Can't SUBTRACT to key nope because its type is not LIST.")),
    (Topic, Set, "nope", "5", Some("Unknown topic config name: nope")),
    (Topic, Set, "retention.ms", "abc", Some("Invalid value abc for configuration retention.ms: Not a number of type LONG")),
    (Topic, Set, "cleanup.policy", "", None),
    (Topic, Set, "min.insync.replicas", "0", Some("Invalid value 0 for configuration min.insync.replicas: Value must be at least 1")),
    (Topic, Set, "max.message.bytes", " 77 ", None),
    (Topic, Set, "min.compaction.lag.ms", "100", None),
    (Topic, Set, "max.compaction.lag.ms", "50", Some("conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (50)")),
    (Topic, Delete, "nope", "", None),
    (Topic, Set, "internal.segment.bytes", "1000", None),
    (Topic, Set, "remote.storage.enable", "true", Some("Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")),
    (Topic, Set, "segment.bytes", "1000", Some("Invalid value 1000 for configuration segment.bytes: Value must be at least 1048576")),
    (Broker, Set, "log.dirs", "/tmp", Some("Cannot update these configs dynamically: [log.dirs]")),
    (Broker, Set, "log.retention.ms", "0", Some("requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1")),
    (Broker, Set, "log.roll.ms", "0", Some("requirement failed: log.roll.ms must be greater than or equal to 1")),
    (Broker, Set, "ssl.keystore.location", "/x", Some("These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]")),
    (Broker, Set, "listener.name.plaintext.ssl.keystore.password", "pw", None),
    (Broker, Set, "sasl.jaas.config", "x", None),
    (Broker, Set, "cordoned.log.dirs", "/tmp/kafka-logs", None),
    (Broker, Set, "cordoned.log.dirs", "*", None),
    (Broker, Set, "cordoned.log.dirs", "*,/tmp/kafka-logs", Some("requirement failed: When cordoned.log.dirs is set to *, it must not contain other values")),
    (Broker, Set, "cordoned.log.dirs", "/a,/tmp/kafka-logs,/b", Some("requirement failed: All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : /a, /b")),
    (Broker, Set, "max.connections", "abc", Some("Invalid value abc for configuration max.connections: Not a number of type INT")),
    (Broker, Set, "num.recovery.threads.per.data.dir", "9", Some("Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation failed for num.recovery.threads.per.data.dir=9, value should not be greater than double the current value 2 for configuration Invalid dynamic configuration")),
    (Broker, Set, "num.recovery.threads.per.data.dir", "4", None),
    (Broker, Set, "num.recovery.threads.per.data.dir", "8", None),
    (Broker, Delete, "num.recovery.threads.per.data.dir", "", Some("Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation failed for num.recovery.threads.per.data.dir=2, value should be at least half the current value 8 for configuration Invalid dynamic configuration")),
    (Broker, Set, "num.io.threads", "1", Some("Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation failed for num.io.threads=1, value should be at least half the current value 8 for configuration Invalid dynamic configuration")),
    (Broker, Set, "log.cleaner.threads", "5", Some("Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads cannot be increased to more than double the current value 1 for configuration Invalid dynamic configuration")),
    (Broker, Set, "log.cleaner.threads", "2", None),
    (Broker, Set, "unknown.key", "1", None),
    (Broker, Append, "log.cleanup.policy", "compact", None),
    (Broker, Set, "message.max.bytes", "-1", Some("Invalid value -1 for configuration message.max.bytes: Value must be at least 0")),
    (Cluster, Set, "ssl.keystore.location", "/x", Some("These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.location]")),
    (Cluster, Set, "listener.name.plaintext.ssl.keystore.password", "pw", Some("Cannot update these configs at default cluster level, broker id must be specified: [listener.name.plaintext.ssl.keystore.password]")),
    (Cluster, Set, "sasl.jaas.config", "x", Some("Cannot update these configs at default cluster level, broker id must be specified: [sasl.jaas.config]")),
    (Cluster, Set, "cordoned.log.dirs", "*", Some("Cannot update these configs at default cluster level, broker id must be specified: [cordoned.log.dirs]")),
    (Cluster, Set, "log.retention.hours", "3", Some("Cannot update these configs dynamically: [log.retention.hours]")),
    (Cluster, Set, "log.retention.ms", "100000000", None),
    (Group, Set, "consumer.session.timeout.ms", "46000", None),
    (Group, Set, "consumer.session.timeout.ms", "1", Some("consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms")),
    (Group, Set, "consumer.heartbeat.interval.ms", "999999", Some("consumer.heartbeat.interval.ms must be less than or equal to group.consumer.max.heartbeat.interval.ms")),
    (Group, Set, "streams.num.standby.replicas", "5", Some("streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas")),
    (Group, Set, "nope", "1", Some("Unknown group config name: nope")),
    (ClientMetrics, Set, "interval.ms", "1000", None),
    (ClientMetrics, Set, "interval.ms", "1", Some("Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)")),
    (ClientMetrics, Set, "nope", "1", Some("Unknown client metrics configuration: nope")),
    (ClientMetrics, Set, "match", "x=1", Some("Illegal client matching pattern: x=1")),
    (ClientMetrics, Set, "match", "client_id=app.*", None),
    (ClientMetrics, Set, "metrics", "a,b", None),
];

#[test]
fn changes_are_taken_and_refused_in_kafkas_words() {
    let mut current: [Overrides; 5] = Default::default();
    for (target, operation, key, value, refusal) in CASES {
        let outcome = change(*target, &mut current[*target as usize], *operation, key, value);
        let sentence = outcome.as_ref().err().map(ToString::to_string);
        assert_eq!(sentence.as_deref(), *refusal, "{target:?} {operation:?} {key}={value}");
        let is_request_error = matches!(outcome, Err(AlterError::InvalidRequest(_)));
        let is_expected = matches!(target, Broker | Cluster) || (*target == ClientMetrics && *key != "match");
        assert_eq!(is_request_error, refusal.is_some() && is_expected, "{key}={value}");
    }
}

#[test]
fn list_operations_start_from_the_current_value_or_the_default() {
    let mut topic = Overrides::new();
    let key = "cleanup.policy";
    let steps = [
        (Append, "compact", "delete,compact"),
        (Append, "compact,delete", "delete,compact"),
        (Subtract, "delete", "compact"),
        (Subtract, "compact,delete", ""),
        (Append, "delete", "delete"),
    ];
    for (operation, value, expected) in steps {
        change(Topic, &mut topic, operation, key, value).unwrap();
        assert_eq!(topic[key], expected);
    }
}
