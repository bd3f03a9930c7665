//! Settings that Apache Kafka does not have.

use crate::setting::ConfigType::*;
use crate::setting::DefaultValue::*;
use crate::setting::Importance::*;
use crate::setting::Setting;
use crate::setting::UpdateMode::*;
use crate::setting::Validator::*;

/// Every setting of our own, ascending by key.
#[rustfmt::skip]
pub const NARU: &[Setting] = &[
    Setting::new("compat.profile", String, Text("4.3"), OneOf(&["4.3", "3.x"]), Medium, ReadOnly),
    Setting::new("flush.policy", String, Text("kafka"), OneOf(&["kafka", "durable"]), High, ClusterWide),
    Setting::new("io.cores", Int, Text("0"), Between(0, 1024), Medium, ReadOnly),
    Setting::new("log.format", String, Text("kafka"), OneOf(&["kafka", "json"]), Low, ReadOnly),
    Setting::new("memory.budget.bytes", Long, Text("268435456"), AtLeast(16_777_216), High, ReadOnly),
    Setting::new("metrics.group.lag", String, Text("partition"), OneOf(&["partition", "topic", "none"]), Low, ReadOnly),
    Setting::new("metrics.listener", String, Text("127.0.0.1:9404"), Any, Medium, ReadOnly),
    Setting::new("record.validation", String, Text("full"), OneOf(&["full", "header"]), Medium, ReadOnly),
    Setting::new("zookeeper.shim.listener", String, Text(""), Any, Low, ReadOnly),
];

/// Topic settings of our own, ascending by key; their defaults are the broker's settings of the same name. They are
/// shown only of topics that have them set, so that all others look as they do in Kafka.
#[rustfmt::skip]
pub const NARU_TOPIC: &[Setting] = &[
    Setting::new("flush.policy", String, Text("kafka"), OneOf(&["kafka", "durable"]), High, Dynamic).internal(),
];

/// What a setting of our own does, in one sentence.
pub fn explain(key: &str) -> Option<&'static str> {
    Some(match key {
        "compat.profile" => "Which Kafka generation's defaults and output shapes apply where they differ.",
        "flush.policy" => {
            "`durable` shows records, and answers acks=all, only once they are on stable storage; `kafka` leaves that to flush.ms and flush.messages, as Kafka does, and to write-back within seconds."
        }
        "io.cores" => "Number of cores that serve connections; 0 takes every core of the machine.",
        "log.format" => "Layout of the server's own log lines: Kafka's, or one JSON object a line.",
        "memory.budget.bytes" => {
            "Most bytes held in request, response and tail-cache buffers before sockets stop being read."
        }
        "metrics.group.lag" => {
            "How finely /metrics shows how far groups are behind: by partition, by topic, or not at all."
        }
        "metrics.listener" => "Address of the HTTP endpoint for /metrics and /healthz; empty turns it off.",
        "record.validation" => {
            "`full` decompresses and walks every batch as Kafka does; `header` checks header and checksum only."
        }
        "zookeeper.shim.listener" => {
            "Address, HOST:PORT, at which clients of ZooKeeper may read the cluster as Kafka once kept it there; empty turns it off. With compat.profile=3.x it is 127.0.0.1:2181 where nothing is said."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_our_own_is_explained() {
        assert!(NARU.iter().chain(NARU_TOPIC).all(|setting| explain(setting.key).is_some()));
        assert_eq!(explain("node.id"), None);
    }
}
