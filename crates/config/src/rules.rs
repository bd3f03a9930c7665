//! Rules between settings, checked at the start as Kafka checks them.

use crate::broker_config::{self, BrokerConfig, CORDONED, EVERY_DIR};
use crate::layers::Layers;
use crate::listener::Listener;
use crate::load::Problem;

/// Pairs of integer settings of which the first must not exceed the second.
#[rustfmt::skip]
const ASCENDING: &[(&str, &str)] = &[
    ("broker.heartbeat.interval.ms", "broker.session.timeout.ms"),
    ("group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
    ("group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"),
    ("group.consumer.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
    ("group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
    ("group.consumer.min.session.timeout.ms", "group.consumer.session.timeout.ms"),
    ("group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
    ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms"),
    ("group.min.session.timeout.ms", "group.max.session.timeout.ms"),
    ("group.share.min.heartbeat.interval.ms", "group.share.heartbeat.interval.ms"),
    ("group.share.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"),
    ("group.share.min.session.timeout.ms", "group.share.session.timeout.ms"),
    ("group.share.session.timeout.ms", "group.share.max.session.timeout.ms"),
    ("group.share.heartbeat.interval.ms", "group.share.session.timeout.ms"),
    ("group.share.min.record.lock.duration.ms", "group.share.record.lock.duration.ms"),
    ("group.share.record.lock.duration.ms", "group.share.max.record.lock.duration.ms"),
    ("group.streams.min.heartbeat.interval.ms", "group.streams.heartbeat.interval.ms"),
    ("group.streams.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms"),
    ("group.streams.min.session.timeout.ms", "group.streams.session.timeout.ms"),
    ("group.streams.session.timeout.ms", "group.streams.max.session.timeout.ms"),
    ("group.streams.num.standby.replicas", "group.streams.max.standby.replicas"),
    ("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    ("replica.fetch.wait.max.ms", "replica.lag.time.max.ms"),
    ("replica.fetch.wait.max.ms", "replica.socket.timeout.ms"),
];

/// Settings that are -1 (no limit) or at least 1.
const UNLIMITED_OR_POSITIVE: &[&str] = &["log.retention.ms", "log.retention.minutes", "log.retention.hours"];

/// Lower bounds that Kafka checks apart from its table.
const LOWER_BOUNDS: &[(&str, i64)] = &[("log.roll.ms", 1), ("log.roll.jitter.ms", 0)];

/// Every rule the settings break.
pub(crate) fn check(layers: &Layers<'_>, broker: &BrokerConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_identity(layers, broker, &mut problems);
    check_listeners(layers, broker, &mut problems);
    check_advertised(layers, broker, &mut problems);
    check_numbers(layers, &mut problems);
    problems
}

fn check_identity(layers: &Layers<'_>, broker: &BrokerConfig, problems: &mut Vec<Problem>) {
    if layers.integer("broker.id") != layers.integer("node.id") {
        problems.push(Problem::new(
            "node.id",
            "you must set `node.id` to the same value as `broker.id`, or drop `broker.id`",
        ));
    }
    if broker.log_dirs.iter().any(|dir| dir.trim().is_empty()) {
        problems.push(Problem::new("log.dirs", "names an empty path"));
    }
}

fn check_listeners(layers: &Layers<'_>, broker: &BrokerConfig, problems: &mut Vec<Problem>) {
    let bound: Vec<&Listener> = broker.listeners.bound.iter().chain(&broker.listeners.controller).collect();
    let shown = layers.string_or_list("listeners");
    for (index, one) in bound.iter().enumerate() {
        for other in &bound[index + 1..] {
            if one.name == other.name && !is_dual_stack_pair(one, other) {
                problems.push(Problem::new(
                    "listeners",
                    format!("Each listener must have a different name, listeners: {shown}"),
                ));
            }
            if one.port == other.port && one.port != 0 && !is_dual_stack_pair(one, other) {
                problems.push(Problem::new(
                    "listeners",
                    format!("Each listener must have a different port, listeners: {shown}"),
                ));
            }
        }
    }
    for name in layers.list("controller.listener.names") {
        let is_bound = bound.iter().any(|listener| listener.name.eq_ignore_ascii_case(&name));
        if broker.is_controller && !is_bound && layers.fixed.get("listeners").is_some() {
            problems.push(Problem::new(
                "controller.listener.names",
                format!("controller.listener.names must contain at least one value appearing in the 'listeners' configuration when running the KRaft controller role; {name} is not in {shown}"),
            ));
        }
    }
    if broker.is_broker && broker.listeners.bound.is_empty() {
        problems.push(Problem::new("listeners", "no listener is left for clients: add PLAINTEXT://:9092"));
    }
}

/// One address of each IP version may share name and port (KIP-797).
fn is_dual_stack_pair(one: &Listener, other: &Listener) -> bool {
    let is_v6 = |listener: &Listener| listener.host.contains(':');
    let is_v4 = |listener: &Listener| listener.host.parse::<std::net::Ipv4Addr>().is_ok();
    (is_v6(one) && is_v4(other)) || (is_v4(one) && is_v6(other))
}

fn check_advertised(layers: &Layers<'_>, broker: &BrokerConfig, problems: &mut Vec<Problem>) {
    let listeners = &broker.listeners;
    if layers.fixed.get("advertised.listeners").is_some() {
        for advertised in listeners.advertised.iter().filter(|listener| listener.is_any_address()) {
            let host = if advertised.host.is_empty() { "an empty host" } else { &advertised.host };
            problems.push(Problem::new(
                "advertised.listeners",
                format!("advertised.listeners cannot use the nonroutable meta-address {host}. Use a routable IP address or a host name in {advertised}"),
            ));
        }
    }
    for advertised in &listeners.advertised {
        let is_bound = listeners.bound.iter().any(|bound| bound.name == advertised.name);
        if broker.is_broker && !is_bound {
            let names: Vec<&str> = listeners.bound.iter().map(|bound| bound.name.as_str()).collect();
            problems.push(Problem::new(
                "advertised.listeners",
                format!(
                    "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found {}. The valid options based on the current configuration are {}",
                    advertised.name,
                    names.join(",")
                ),
            ));
        }
    }
    let inter_broker = &listeners.inter_broker_name;
    let is_advertised = listeners.advertised.iter().any(|listener| listener.name == *inter_broker);
    if broker.is_broker && !is_advertised {
        problems.push(Problem::new(
            "inter.broker.listener.name",
            format!("inter.broker.listener.name must be a listener name defined in advertised.listeners; {inter_broker} is not"),
        ));
    }
    let both = layers.fixed.get("inter.broker.listener.name").is_some()
        && layers.fixed.get("security.inter.broker.protocol").is_some();
    if both {
        problems.push(Problem::new(
            "inter.broker.listener.name",
            "only one of inter.broker.listener.name and security.inter.broker.protocol should be set",
        ));
    }
}

/// The first rule broken that dynamic settings can break, too, in Kafka's words.
pub(crate) fn check_dynamic(layers: &Layers<'_>) -> Option<String> {
    for (key, least) in LOWER_BOUNDS {
        if layers.optional_integer(key).is_some_and(|value| value < *least) {
            return Some(format!("{key} must be greater than or equal to {least}"));
        }
    }
    let is_broken = |key: &&&str| layers.optional_integer(key).is_some_and(|value| value < -1 || value == 0);
    let broken = UNLIMITED_OR_POSITIVE.iter().find(is_broken);
    broken
        .map(|key| format!("{key} must be unlimited (-1) or, greater than or equal to 1"))
        .or_else(|| check_cordoned(layers))
}

/// Cordoned are directories there are, or all of them (KIP-1066).
fn check_cordoned(layers: &Layers<'_>) -> Option<String> {
    let (cordoned, known) = (layers.list(CORDONED), broker_config::log_dirs(layers));
    if cordoned.iter().any(|dir| dir == EVERY_DIR) {
        let refusal = format!("When {CORDONED} is set to {EVERY_DIR}, it must not contain other values");
        return (cordoned.len() > 1).then_some(refusal);
    }
    let missing: Vec<String> = cordoned.into_iter().filter(|dir| !known.contains(dir)).collect();
    let missing = Some(missing).filter(|missing| !missing.is_empty())?.join(", ");
    Some(format!(
        "All entries in {CORDONED} must be present in log.dirs or log.dir. Missing entries : {missing}"
    ))
}

fn check_numbers(layers: &Layers<'_>, problems: &mut Vec<Problem>) {
    for (low, high) in ASCENDING {
        let (low_value, high_value) = (layers.integer(low), layers.integer(high));
        if low_value > high_value {
            problems.push(Problem::new(
                low,
                format!("{low} ({low_value}) must be less than or equal to {high} ({high_value})"),
            ));
        }
    }
    if let Some(sentence) = check_dynamic(layers) {
        let first = sentence.split(' ').next().filter(|word| word.contains('.'));
        let key = first.unwrap_or(CORDONED).to_owned();
        problems.push(Problem::new(&key, sentence));
    }
    let queued = layers.integer("queued.max.request.bytes");
    if queued > 0 && queued < layers.integer("socket.request.max.bytes") {
        problems.push(Problem::new(
            "queued.max.request.bytes",
            "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
        ));
    }
    let cleaner_threads = layers.integer("log.cleaner.threads").max(1);
    if layers.integer("log.cleaner.dedupe.buffer.size") / cleaner_threads <= 1024 * 1024 {
        problems.push(Problem::new(
            "log.cleaner.dedupe.buffer.size",
            "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
        ));
    }
}
