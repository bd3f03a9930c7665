//! Topics listed and described.

use client::Admin;
use client::admin::{ConfigResource, OffsetSpec, PartitionDescription, TopicDescription};
use config::ConfigSource;

use super::described;
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::place;
use crate::session::{Format, Session};
use crate::table::Column;

const LISTED: [Column<'_>; 5] = [
    ("TOPIC", "name"),
    ("PARTITIONS", "partitionCount"),
    ("REPLICAS", "replicationFactor"),
    ("UNDER-REPLICATED", "underReplicated"),
    ("OFFLINE", "offline"),
];
const PARTITIONS: [Column<'_>; 6] = [
    ("PARTITION", "partition"),
    ("LEADER", "leader"),
    ("REPLICAS", "replicas"),
    ("IN SYNC", "isr"),
    ("BEGINNING", "beginning"),
    ("END", "end"),
];
const SETTINGS: [Column<'_>; 2] = [("SETTING", "key"), ("VALUE", "value")];

/// Lists topics.
pub(super) async fn list(
    admin: &Admin,
    with_internal: bool,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let listed = admin.list_topics().await?;
    let listed = listed.iter().filter(|topic| with_internal || !topic.is_internal);
    let names: Vec<&str> = listed.map(|topic| topic.name.as_str()).collect();
    let topics = if names.is_empty() { Vec::new() } else { described(admin, &names).await? };
    session.show_rows(&LISTED, topics.iter().map(overview).collect())
}

/// What a topic is as a whole.
fn overview(topic: &TopicDescription) -> Doc {
    let count = |is: fn(&PartitionDescription) -> bool| topic.partitions.iter().filter(|one| is(one)).count();
    map([
        ("name", topic.name.as_str().into()),
        ("id", topic.id.to_string().into()),
        ("internal", topic.is_internal.into()),
        ("partitionCount", topic.partitions.len().into()),
        ("replicationFactor", topic.partitions.first().map(|first| first.replicas.len()).into()),
        ("underReplicated", count(|one| one.isr.len() < one.replicas.len()).into()),
        ("offline", count(|one| one.leader.is_none()).into()),
    ])
}

/// Shows topics with their partitions and the settings of their own.
pub(super) async fn describe(
    admin: &Admin,
    names: &[&str],
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let topics = described(admin, names).await?;
    let mut docs = Vec::with_capacity(topics.len());
    for topic in &topics {
        docs.push(whole(admin, topic).await?);
    }
    if session.format != Format::Table {
        return session.write(&Doc::List(docs));
    }
    for (place, doc) in docs.iter().enumerate() {
        if place > 0 {
            writeln!(session.out)?;
        }
        session.show(doc, &[("settings", &SETTINGS), ("partitions", &PARTITIONS)])?;
    }
    Ok(())
}

async fn whole(admin: &Admin, topic: &TopicDescription) -> Result<Doc, Failure> {
    let entries = admin.describe_configs(&ConfigResource::topic(&topic.name), None).await?;
    let own = entries.iter().filter(|entry| entry.source == ConfigSource::TopicConfig.code());
    let own: Vec<Doc> = own
        .map(|entry| map([("key", entry.name.as_str().into()), ("value", entry.value.as_deref().into())]))
        .collect();
    // Partitions without a leader have no offsets to tell, and nobody waits for them here.
    let led = topic.partitions.iter().filter(|partition| partition.leader.is_some());
    let led: Vec<(String, i32)> = led.map(|partition| (topic.name.clone(), partition.partition)).collect();
    let all = |spec| led.iter().map(|partition| (partition.clone(), spec)).collect::<Vec<_>>();
    let beginnings = place::offsets(admin, &all(OffsetSpec::Earliest)).await?;
    let ends = place::offsets(admin, &all(OffsetSpec::Latest)).await?;
    let partitions = topic.partitions.iter().map(|partition| {
        let key = (topic.name.clone(), partition.partition);
        map([
            ("partition", partition.partition.into()),
            ("leader", partition.leader.into()),
            ("replicas", partition.replicas.clone().into()),
            ("isr", partition.isr.clone().into()),
            ("beginning", beginnings.get(&key).copied().into()),
            ("end", ends.get(&key).copied().into()),
        ])
    });
    let partitions = Doc::List(partitions.collect());
    let mut doc = overview(topic);
    doc.push("settings", Doc::List(own));
    doc.push("partitions", partitions);
    Ok(doc)
}
