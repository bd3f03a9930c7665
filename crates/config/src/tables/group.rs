//! Settings of one consumer, share or streams group.

use crate::setting::ConfigType::*;
use crate::setting::DefaultValue::*;
use crate::setting::Importance::*;
use crate::setting::Setting;
use crate::setting::UpdateMode::*;
use crate::setting::Validator::*;

/// Every group setting of Apache Kafka 4.3.1, ascending by key.
#[rustfmt::skip]
pub const GROUP: &[Setting] = &[
    Setting::new("consumer.assignment.interval.ms", Int, Text("1000"), AtLeast(0), Medium, Dynamic),
    Setting::new("consumer.heartbeat.interval.ms", Int, Text("5000"), AtLeast(1), Medium, Dynamic),
    Setting::new("consumer.session.timeout.ms", Int, Text("45000"), AtLeast(1), Medium, Dynamic),
    Setting::new("share.assignment.interval.ms", Int, Text("1000"), AtLeast(0), Medium, Dynamic),
    Setting::new("share.auto.offset.reset", String, Text("latest"), ShareOffsetReset, Medium, Dynamic),
    Setting::new("share.delivery.count.limit", Int, Text("5"), AtLeast(2), Medium, Dynamic),
    Setting::new("share.heartbeat.interval.ms", Int, Text("5000"), AtLeast(1), Medium, Dynamic),
    Setting::new("share.isolation.level", String, Text("read_uncommitted"), OneOf(&["read_committed", "read_uncommitted"]), Medium, Dynamic),
    Setting::new("share.partition.max.record.locks", Int, Text("2000"), AtLeast(100), Medium, Dynamic),
    Setting::new("share.record.lock.duration.ms", Int, Text("30000"), AtLeast(1000), Medium, Dynamic),
    Setting::new("share.renew.acknowledge.enable", Boolean, Text("true"), Any, Medium, Dynamic),
    Setting::new("share.session.timeout.ms", Int, Text("45000"), AtLeast(1), Medium, Dynamic),
    Setting::new("streams.assignment.interval.ms", Int, Text("1000"), AtLeast(0), Medium, Dynamic),
    Setting::new("streams.heartbeat.interval.ms", Int, Text("5000"), AtLeast(1), Medium, Dynamic),
    Setting::new("streams.initial.rebalance.delay.ms", Int, Text("3000"), AtLeast(0), Medium, Dynamic),
    Setting::new("streams.num.standby.replicas", Int, Text("0"), AtLeast(0), Medium, Dynamic),
    Setting::new("streams.session.timeout.ms", Int, Text("45000"), AtLeast(1), Medium, Dynamic),
];
