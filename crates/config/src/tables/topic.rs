//! Settings of one topic.

use crate::setting::ConfigType::*;
use crate::setting::DefaultValue::*;
use crate::setting::Importance::*;
use crate::setting::Setting;
use crate::setting::UpdateMode::*;
use crate::setting::Validator::*;

/// Every topic setting of Apache Kafka 4.3.1, ascending by key.
#[rustfmt::skip]
pub const TOPIC: &[Setting] = &[
    Setting::new("cleanup.policy", List, Text("delete"), AnyOf(&["compact", "delete"]), Medium, Dynamic),
    Setting::new("compression.gzip.level", Int, Text("-1"), GzipLevel, Medium, Dynamic),
    Setting::new("compression.lz4.level", Int, Text("9"), Between(1, 17), Medium, Dynamic),
    Setting::new("compression.type", String, Text("producer"), OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), Medium, Dynamic),
    Setting::new("compression.zstd.level", Int, Text("3"), Between(-131_072, 22), Medium, Dynamic),
    Setting::new("delete.retention.ms", Long, Text("86400000"), AtLeast(0), Medium, Dynamic),
    Setting::new("file.delete.delay.ms", Long, Text("60000"), AtLeast(0), Medium, Dynamic),
    Setting::new("flush.messages", Long, Text("9223372036854775807"), AtLeast(1), Medium, Dynamic),
    Setting::new("flush.ms", Long, Text("9223372036854775807"), AtLeast(0), Medium, Dynamic),
    Setting::new("follower.replication.throttled.replicas", List, Text(""), ThrottledReplicas, Medium, Dynamic),
    Setting::new("index.interval.bytes", Int, Text("4096"), AtLeast(0), Medium, Dynamic),
    Setting::new("internal.segment.bytes", Int, Null, Any, Medium, Dynamic).internal(),
    Setting::new("leader.replication.throttled.replicas", List, Text(""), ThrottledReplicas, Medium, Dynamic),
    Setting::new("local.retention.bytes", Long, Text("-2"), AtLeast(-2), Medium, Dynamic),
    Setting::new("local.retention.ms", Long, Text("-2"), AtLeast(-2), Medium, Dynamic),
    Setting::new("max.compaction.lag.ms", Long, Text("9223372036854775807"), AtLeast(1), Medium, Dynamic),
    Setting::new("max.message.bytes", Int, Text("1048588"), AtLeast(0), Medium, Dynamic),
    Setting::new("message.timestamp.after.max.ms", Long, Text("3600000"), AtLeast(0), Medium, Dynamic),
    Setting::new("message.timestamp.before.max.ms", Long, Text("9223372036854775807"), AtLeast(0), Medium, Dynamic),
    Setting::new("message.timestamp.type", String, Text("CreateTime"), OneOf(&["CreateTime", "LogAppendTime"]), Medium, Dynamic),
    Setting::new("min.cleanable.dirty.ratio", Double, Text("0.5"), Fraction(1.0), Medium, Dynamic),
    Setting::new("min.compaction.lag.ms", Long, Text("0"), AtLeast(0), Medium, Dynamic),
    Setting::new("min.insync.replicas", Int, Text("1"), AtLeast(1), Medium, Dynamic),
    Setting::new("preallocate", Boolean, Text("false"), Any, Medium, Dynamic),
    Setting::new("remote.log.copy.disable", Boolean, Text("false"), Any, Medium, Dynamic),
    Setting::new("remote.log.delete.on.disable", Boolean, Text("false"), Any, Medium, Dynamic),
    Setting::new("remote.storage.enable", Boolean, Text("false"), Any, Medium, Dynamic),
    Setting::new("retention.bytes", Long, Text("-1"), Any, Medium, Dynamic),
    Setting::new("retention.ms", Long, Text("604800000"), AtLeast(-1), Medium, Dynamic),
    Setting::new("segment.bytes", Int, Text("1073741824"), AtLeast(1_048_576), Medium, Dynamic),
    Setting::new("segment.index.bytes", Int, Text("10485760"), AtLeast(4), Medium, Dynamic),
    Setting::new("segment.jitter.ms", Long, Text("0"), AtLeast(0), Medium, Dynamic),
    Setting::new("segment.ms", Long, Text("604800000"), AtLeast(1), Medium, Dynamic),
    Setting::new("unclean.leader.election.enable", Boolean, Text("false"), Any, Medium, Dynamic),
];
