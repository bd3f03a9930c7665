//! Records as scripts show them.

use std::fmt::Write;

use coordinator::Record;
use model::Uuid;
use protocol::messages::consumer_group_current_member_assignment_value::TopicPartitions;
use protocol::messages::{
    ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue, GroupKey,
    GroupMetadataValue, GroupValue,
};

use super::embedded;
use crate::topics::Topics;

pub fn record(record: &Record, topics: &Topics, now_ms: i64) -> String {
    let Some((value, version)) = &record.value else { return format!("{} gone", key(&record.key)) };
    let key = key(&record.key);
    match value {
        GroupValue::GroupMetadata(value) => format!("{key} v{version} {}", classic_group(value)),
        GroupValue::OffsetCommit(value) => {
            format!("{key} v{version} {} epoch={} {:?}", value.offset, value.leader_epoch, value.metadata)
        }
        GroupValue::ConsumerGroupMetadata(value) => {
            format!("{key} epoch={} hash={:x}", value.epoch, value.metadata_hash)
        }
        GroupValue::ConsumerGroupMemberMetadata(value) => format!("{key} {}", member(value)),
        GroupValue::ConsumerGroupTargetAssignmentMetadata(value) => match value.assignment_timestamp {
            0 => format!("{key} epoch={} never", value.assignment_epoch),
            at_ms => format!("{key} epoch={} at={:+}", value.assignment_epoch, at_ms - now_ms),
        },
        GroupValue::ConsumerGroupTargetAssignmentMember(value) => {
            let each = value.topic_partitions.iter().map(|topic| (topic.topic_id, &topic.partitions[..]));
            format!("{key} {}", partitions(each, topics))
        }
        GroupValue::ConsumerGroupCurrentMemberAssignment(value) => {
            format!("{key} {}", current(value, topics))
        }
        GroupValue::ConsumerGroupRegularExpression(value) => {
            let topics: Vec<&str> = value.topics.iter().map(|topic| &**topic).collect();
            let at_ms = value.timestamp - now_ms;
            format!("{key} [{}] version={} at={at_ms:+}", topics.join(" "), value.version)
        }
        other => panic!("{other:?}"),
    }
}

fn key(key: &GroupKey<'_>) -> String {
    match key {
        GroupKey::GroupMetadata(key) => format!("group {}", key.group),
        GroupKey::OffsetCommit(key) => format!("offset {} {}-{}", key.group, key.topic, key.partition),
        GroupKey::ConsumerGroupMetadata(key) => format!("consumer-group {}", key.group_id),
        GroupKey::ConsumerGroupPartitionMetadata(key) => format!("partition-metadata {}", key.group_id),
        GroupKey::ConsumerGroupMemberMetadata(key) => format!("member {} {}", key.group_id, key.member_id),
        GroupKey::ConsumerGroupTargetAssignmentMetadata(key) => format!("target {}", key.group_id),
        GroupKey::ConsumerGroupTargetAssignmentMember(key) => {
            format!("target {} {}", key.group_id, key.member_id)
        }
        GroupKey::ConsumerGroupCurrentMemberAssignment(key) => {
            format!("current {} {}", key.group_id, key.member_id)
        }
        GroupKey::ConsumerGroupRegularExpression(key) => {
            format!("regex {} {}", key.group_id, key.regular_expression)
        }
        other => panic!("{other:?}"),
    }
}

fn classic_group(value: &GroupMetadataValue<'_>) -> String {
    let members = value
        .members
        .iter()
        .map(|member| format!(" {}:{}", member.member_id, embedded::shown(&member.assignment)));
    let (protocol, leader) = (value.protocol.as_deref(), value.leader.as_deref());
    format!(
        "gen={} type={:?} protocol={} leader={}{}",
        value.generation,
        value.protocol_type,
        protocol.unwrap_or("null"),
        leader.unwrap_or("null"),
        members.collect::<String>()
    )
}

/// Only what is said beside the client's name.
fn member(value: &ConsumerGroupMemberMetadataValue<'_>) -> String {
    let names: Vec<&str> = value.subscribed_topic_names.iter().map(|name| &**name).collect();
    let mut shown = format!("[{}] rebalance={}", names.join(" "), value.rebalance_timeout_ms);
    let optional = [
        ("instance", &value.instance_id),
        ("rack", &value.rack_id),
        ("regex", &value.subscribed_topic_regex),
        ("assignor", &value.server_assignor),
    ];
    for (name, text) in optional {
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            let _ = write!(shown, " {name}={text}");
        }
    }
    if let Some(classic) = &value.classic_member_metadata {
        let protocols: Vec<&str> = classic.supported_protocols.iter().map(|own| &*own.name).collect();
        let _ = write!(shown, " classic={} session={}", protocols.join(","), classic.session_timeout_ms);
    }
    shown
}

fn current(value: &ConsumerGroupCurrentMemberAssignmentValue, topics: &Topics) -> String {
    let state = match value.state {
        0 => "stable",
        1 => "unrevoked",
        2 => "unreleased",
        _ => "unknown",
    };
    let assigned = with_epochs(&value.assigned_partitions, topics);
    let revoking = with_epochs(&value.partitions_pending_revocation, topics);
    let mut shown =
        format!("epoch={} before={} {state} {assigned}", value.member_epoch, value.previous_member_epoch);
    if !value.partitions_pending_revocation.is_empty() {
        let _ = write!(shown, " revoking={revoking}");
    }
    shown
}

/// Partitions as `topic:0@1`, the epoch of their assignment last.
fn with_epochs(stored: &[TopicPartitions], topics: &Topics) -> String {
    let topics = stored.iter().map(|topic| {
        let epochs = topic.assignment_epochs.as_deref().unwrap_or_default();
        let each = topic.partitions.iter().zip(epochs).map(|(index, epoch)| format!("{index}@{epoch}"));
        format!("{}:{}", topics.name(topic.topic_id), each.collect::<Vec<String>>().join(","))
    });
    format!("[{}]", topics.collect::<Vec<String>>().join(" "))
}

/// Partitions as `topic:0,1`.
pub fn partitions<'p>(each: impl Iterator<Item = (Uuid, &'p [i32])>, topics: &Topics) -> String {
    let topics = each.map(|(topic, indexes)| {
        let indexes: Vec<String> = indexes.iter().map(ToString::to_string).collect();
        format!("{}:{}", topics.name(topic), indexes.join(","))
    });
    format!("[{}]", topics.collect::<Vec<String>>().join(" "))
}
