//! `kafka-topics --describe`.

use std::collections::BTreeMap;

use client::Admin;
use client::admin::{
    ConfigEntry, ConfigResource, PartitionDescription, PartitionReassignment, TopicDescription,
};
use config::ConfigSource;
use model::{ErrorCode, Uuid};

use super::{REPORTS, Shape, UNAVAILABLE, filter};
use crate::Output;
use crate::admin_tool::{refused, wrote};
use crate::failure::Failure;
use crate::java;
use crate::options::Given;

const MIN_ISR: &str = "min.insync.replicas";

type Reassignments = BTreeMap<(String, i32), PartitionReassignment>;

pub(super) async fn run(
    admin: &Admin,
    given: &Given,
    shape: Shape,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let names = wanted(admin, given).await?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut topics = admin.describe_topics(&names).await?;
    java::in_order_of_sized_map(&mut topics, |topic| java::hash_of(&topic.name));
    let reports: Vec<&str> = REPORTS.into_iter().filter(|report| given.has(report)).collect();
    let live: Vec<i32> = if reports.contains(&UNAVAILABLE) {
        admin.brokers().await?.nodes.iter().map(|node| node.id).collect()
    } else {
        Vec::new()
    };
    let reassignments = reassignments(admin, &topics).await?;
    let resources: Vec<ConfigResource> =
        topics.iter().map(|topic| ConfigResource::topic(&topic.name)).collect();
    let mut described = admin.describe_configs_of(&resources).await?;
    for topic in &topics {
        let mut configs = described.remove(&ConfigResource::topic(&topic.name)).unwrap_or_default();
        java::in_order_of_grown_map(&mut configs, |entry| java::hash_of(&entry.name));
        if reports.is_empty() {
            let own = own_configs(&configs, shape);
            if !given.has("topics-with-overrides") || !own.is_empty() {
                wrote(writeln!(output.out, "{}", headline(topic, &own, &reassignments)))?;
            }
        }
        if given.has("topics-with-overrides") {
            continue;
        }
        let needed = min_isr(&configs);
        for partition in &topic.partitions {
            let reassignment = reassignments.get(&(topic.name.clone(), partition.partition));
            let reported = |report: &&str| is_reported(report, partition, reassignment, needed, &live);
            if reports.is_empty() || reports.iter().any(reported) {
                wrote(writeln!(output.out, "{}", line(&topic.name, partition, reassignment, shape)))?;
            }
        }
    }
    Ok(())
}

/// The topics of `--topic-id`, where that is one, else those of `--topic`.
async fn wanted(admin: &Admin, given: &Given) -> Result<Vec<String>, Failure> {
    let Some(text) = given.value("topic-id").map_err(refused)? else {
        return filter::existing(admin, given).await;
    };
    let id: Uuid = text.parse().map_err(|_| Failure::argument(java::no_uuid(text)))?;
    if id == Uuid::default() {
        return filter::existing(admin, given).await;
    }
    let listed = admin.list_topics().await?;
    let found = listed
        .into_iter()
        .find(|topic| topic.id == id && !(topic.is_internal && given.has("exclude-internal")));
    match found {
        Some(topic) => Ok(vec![topic.name]),
        None if given.has("if-exists") => Ok(Vec::new()),
        None => Err(Failure::argument(format!("TopicId '{text}' does not exist as expected"))),
    }
}

/// A server that does not tell of reassignments has none to tell of.
async fn reassignments(admin: &Admin, topics: &[TopicDescription]) -> Result<Reassignments, Failure> {
    let asked: Vec<(String, Vec<i32>)> = topics
        .iter()
        .map(|topic| {
            (topic.name.clone(), topic.partitions.iter().map(|partition| partition.partition).collect())
        })
        .collect();
    match admin.list_partition_reassignments(Some(&asked)).await {
        Ok(reassignments) => Ok(reassignments),
        Err(client::Error::Unsupported(_)) => Ok(Reassignments::new()),
        Err(error) if error.code() == Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED) => {
            Ok(Reassignments::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// `key=value` of every setting that is not the default.
fn own_configs(configs: &[ConfigEntry], shape: Shape) -> Vec<String> {
    // Every cluster with eligible leader replicas has this one of its own (KIP-966), which Kafka 3 did not.
    let is_new = |entry: &ConfigEntry| {
        entry.name == MIN_ISR && entry.source == ConfigSource::DynamicDefaultBrokerConfig.code()
    };
    let own = configs.iter().filter(|entry| {
        entry.source != ConfigSource::DefaultConfig.code() && !(shape == Shape::Kafka3 && is_new(entry))
    });
    own.map(|entry| format!("{}={}", entry.name, entry.value.as_deref().unwrap_or("null"))).collect()
}

fn min_isr(configs: &[ConfigEntry]) -> usize {
    let entry = configs.iter().find(|entry| entry.name == MIN_ISR);
    entry.and_then(|entry| entry.value.as_deref()?.parse().ok()).unwrap_or(1)
}

fn headline(topic: &TopicDescription, own: &[String], reassignments: &Reassignments) -> String {
    let TopicDescription { name, id, partitions, .. } = topic;
    let replicas = partitions.first().map_or(0, |partition| {
        replication_factor(partition, reassignments.get(&(name.clone(), partition.partition)))
    });
    let count = partitions.len();
    let id = if *id == Uuid::default() { String::new() } else { format!("\tTopicId: {id}") };
    let own = own.join(",");
    format!("Topic: {name}{id}\tPartitionCount: {count}\tReplicationFactor: {replicas}\tConfigs: {own}")
}

fn line(
    topic: &str,
    partition: &PartitionDescription,
    reassignment: Option<&PartitionReassignment>,
    shape: Shape,
) -> String {
    let leader = partition.leader.map_or_else(|| "none".to_owned(), |id| id.to_string());
    let number = partition.partition;
    let (replicas, isr) = (ids(&partition.replicas), ids(&partition.isr));
    let mut line =
        format!("\tTopic: {topic}\tPartition: {number}\tLeader: {leader}\tReplicas: {replicas}\tIsr: {isr}");
    if let Some(PartitionReassignment { adding, removing, .. }) = reassignment {
        line.push_str(&format!("\tAdding Replicas: {}\tRemoving Replicas: {}", ids(adding), ids(removing)));
    }
    if shape == Shape::Kafka4 {
        let shown = |ids_told: &Option<Vec<i32>>| ids_told.as_deref().map_or_else(|| "N/A".to_owned(), ids);
        let (eligible, last) = (shown(&partition.eligible_leaders), shown(&partition.last_known_eligible));
        line.push_str(&format!("\tElr: {eligible}\tLastKnownElr: {last}"));
    }
    line
}

fn ids(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

/// Replicas without those that are only on their way in.
fn replication_factor(
    partition: &PartitionDescription,
    reassignment: Option<&PartitionReassignment>,
) -> usize {
    let moving = reassignment.filter(|moving| {
        let changing = |id: &i32| moving.adding.contains(id) || moving.removing.contains(id);
        partition.replicas.iter().any(changing)
    });
    moving
        .map_or(partition.replicas.len(), |moving| moving.replicas.len().saturating_sub(moving.adding.len()))
}

fn is_reported(
    report: &str,
    partition: &PartitionDescription,
    reassignment: Option<&PartitionReassignment>,
    needed: usize,
    live: &[i32],
) -> bool {
    let in_sync = partition.isr.len();
    match report {
        "under-replicated-partitions" => replication_factor(partition, reassignment) > in_sync,
        "under-min-isr-partitions" => partition.leader.is_none() || in_sync < needed,
        "at-min-isr-partitions" => in_sync == needed,
        _ => partition.leader.is_none_or(|leader| !live.contains(&leader)),
    }
}
