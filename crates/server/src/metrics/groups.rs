//! How far groups are behind, in the names of kafka_exporter and of kminion, and in seconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::{Broker, GroupLag, PartitionLag};
use config::GroupLagDetail;
use telemetry::{Exposition, MetricKind};

/// Labels of kafka_exporter, which our own names share.
const EXPORTER: [&str; 3] = ["consumergroup", "topic", "partition"];
/// Labels of kminion.
const KMINION: [&str; 3] = ["group_id", "topic_name", "partition_id"];

/// What a group has committed and not read in a topic.
#[derive(Debug, Default, Clone, Copy)]
struct OfTopic {
    offsets: i64,
    records: i64,
    age_ms: i64,
}

/// Shows the groups of this broker.
pub(super) fn expose(broker: &Broker, page: &mut Exposition) {
    let detail = broker.options.config.own.group_lag;
    if detail == GroupLagDetail::None {
        return;
    }
    let lags = broker.group_lags();
    members(&lags, &broker.options.node_id.to_string(), page);
    counters(&lags, page);
    if detail == GroupLagDetail::Partition {
        partitions(&lags, page);
    }
    topics(&lags, page);
}

fn members(lags: &[GroupLag], node: &str, page: &mut Exposition) {
    for GroupLag { group, .. } in lags {
        let labels = [
            ("group_id", &*group.group),
            ("protocol", &group.protocol),
            ("protocol_type", &group.protocol_type),
            ("state", group.state),
            ("coordinator_id", node),
        ];
        page.gauge("kminion_kafka_consumer_group_info", &labels, 1.0);
    }
    type Count = fn(&GroupLag) -> usize;
    let gauges: [(&str, &str, Count); 3] = [
        ("kafka_consumergroup_members", EXPORTER[0], |lag| lag.group.members),
        ("kminion_kafka_consumer_group_members", KMINION[0], |lag| lag.group.members),
        ("kminion_kafka_consumer_group_empty_members", KMINION[0], |lag| lag.group.idle_members),
    ];
    for (name, label, count) in gauges {
        for lag in lags {
            page.gauge(name, &[(label, &lag.group.group)], count(lag) as f64);
        }
    }
}

fn counters(lags: &[GroupLag], page: &mut Exposition) {
    type Count = fn(&GroupLag) -> u64;
    let counters: [(&str, &str, Count); 3] = [
        ("kminion_kafka_consumer_group_offset_commits_total", KMINION[0], |lag| lag.group.commits),
        ("naru_consumergroup_rebalances_total", EXPORTER[0], |lag| lag.rebalances.count),
        ("naru_consumergroup_moved_partitions_total", EXPORTER[0], |lag| lag.rebalances.moved),
    ];
    for (name, label, count) in counters {
        for lag in lags {
            page.counter(name, &[(label, &*lag.group.group)], count(lag));
        }
    }
    for lag in lags {
        let labels = [(EXPORTER[0], &*lag.group.group)];
        let seconds = lag.rebalances.took_ms as f64 / 1000.0;
        page.sample("naru_consumergroup_rebalance_seconds_total", MetricKind::Counter, &labels, seconds);
    }
}

fn partitions(lags: &[GroupLag], page: &mut Exposition) {
    type Look = fn(&PartitionLag) -> Option<f64>;
    let records: Look = |one| one.records.map(|records| records as f64);
    let gauges: [(&str, [&str; 3], Look); 4] = [
        ("kafka_consumergroup_current_offset", EXPORTER, |one| Some(one.offset as f64)),
        ("kafka_consumergroup_lag", EXPORTER, records),
        ("kminion_kafka_consumer_group_topic_partition_lag", KMINION, records),
        ("naru_consumergroup_lag_seconds", EXPORTER, |one| one.age_ms.map(seconds)),
    ];
    for (name, [group, topic, partition], look) in gauges {
        for lag in lags {
            for one in &lag.partitions {
                let index = one.index.to_string();
                let labels = [(group, &*lag.group.group), (topic, &*one.topic), (partition, &index)];
                if let Some(value) = look(one) {
                    page.gauge(name, &labels, value);
                }
            }
        }
    }
}

fn topics(lags: &[GroupLag], page: &mut Exposition) {
    let sums: Vec<_> = lags.iter().map(|lag| (&lag.group.group, by_topic(lag))).collect();
    type Look = fn(&OfTopic) -> f64;
    let gauges: [(&str, [&str; 3], Look); 5] = [
        ("kafka_consumergroup_current_offset_sum", EXPORTER, |sum| sum.offsets as f64),
        ("kafka_consumergroup_lag_sum", EXPORTER, |sum| sum.records as f64),
        ("kminion_kafka_consumer_group_topic_lag", KMINION, |sum| sum.records as f64),
        ("kminion_kafka_consumer_group_topic_offset_sum", KMINION, |sum| sum.offsets as f64),
        ("naru_consumergroup_lag_seconds_max", EXPORTER, |sum| seconds(sum.age_ms)),
    ];
    for (name, [group, topic, _], look) in gauges {
        for (id, topics) in &sums {
            for (named, sum) in topics {
                page.gauge(name, &[(group, &***id), (topic, &***named)], look(sum));
            }
        }
    }
}

fn by_topic(lag: &GroupLag) -> BTreeMap<&Arc<str>, OfTopic> {
    let mut topics: BTreeMap<&Arc<str>, OfTopic> = BTreeMap::new();
    for one in &lag.partitions {
        let sum = topics.entry(&one.topic).or_default();
        sum.offsets += one.offset;
        sum.records += one.records.unwrap_or(0);
        sum.age_ms = sum.age_ms.max(one.age_ms.unwrap_or(0));
    }
    topics
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
