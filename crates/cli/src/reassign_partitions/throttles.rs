//! Settings that slow moves down, set before them and taken away after them.

use std::collections::{BTreeMap, BTreeSet};

use client::Admin;
use client::admin::{ConfigOperation, ConfigResource, ResourceType, TopicPartition};

use super::{Moves, Replicas, plural};
use crate::Output;
use crate::admin_tool::wrote;
use crate::failure::Failure;
use crate::java;

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const LOG_DIR_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
const LEADER_REPLICAS: &str = "leader.replication.throttled.replicas";
const FOLLOWER_REPLICAS: &str = "follower.replication.throttled.replicas";

/// Slows the moves to a plan down to so many bytes a second between brokers.
pub(super) async fn between_brokers(
    admin: &Admin,
    rate: i64,
    (moves, proposed, current): (&Moves, &Replicas, &Replicas),
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    // From whom and to whom each partition goes, by topic.
    let mut ways: BTreeMap<TopicPartition, (BTreeSet<i32>, BTreeSet<i32>)> = BTreeMap::new();
    for (partition, going) in moves {
        let to: BTreeSet<i32> = going.adding.iter().copied().collect();
        let from = going.replicas.iter().copied().filter(|broker| !to.contains(broker)).collect();
        ways.insert(partition.clone(), (from, to));
    }
    for (partition, replicas) in proposed {
        let (from, to) = ways.entry(partition.clone()).or_default();
        if from.is_empty() {
            from.extend(current.get(partition).into_iter().flatten());
        }
        *to = replicas.iter().copied().filter(|broker| !from.contains(broker)).collect();
    }
    let mut topics: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    let mut brokers: BTreeSet<i32> = BTreeSet::new();
    for ((topic, partition), (from, to)) in &ways {
        let (leaders, followers) = topics.entry(topic).or_default();
        leaders.extend(from.iter().map(|broker| format!("{partition}:{broker}")));
        followers.extend(to.iter().map(|broker| format!("{partition}:{broker}")));
        brokers.extend(from.union(to));
    }
    for (topic, (leaders, followers)) in topics {
        let list = |replicas: BTreeSet<String>| {
            ConfigOperation::Set(replicas.into_iter().collect::<Vec<_>>().join(","))
        };
        let changes =
            [(LEADER_REPLICAS.to_owned(), list(leaders)), (FOLLOWER_REPLICAS.to_owned(), list(followers))];
        alter(admin, &ConfigResource::topic(topic), &changes).await?;
    }
    for broker in brokers {
        let set = || ConfigOperation::Set(rate.to_string());
        alter(
            admin,
            &of_broker(broker),
            &[(LEADER_RATE.to_owned(), set()), (FOLLOWER_RATE.to_owned(), set())],
        )
        .await?;
    }
    wrote(writeln!(output.out, "The inter-broker throttle limit was set to {rate} B/s"))
}

/// Slows moves between the log directories of brokers down to so many bytes a second.
pub(super) async fn between_log_dirs(
    admin: &Admin,
    rate: i64,
    brokers: BTreeSet<i32>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    for broker in brokers {
        let set = ConfigOperation::Set(rate.to_string());
        alter(admin, &of_broker(broker), &[(LOG_DIR_RATE.to_owned(), set)]).await?;
    }
    wrote(writeln!(output.out, "The replica-alter-dir throttle limit was set to {rate} B/s"))
}

/// Takes all of them away: nobody knows any more which brokers took part in moves that have ended.
pub(super) async fn clear(
    admin: &Admin,
    targets: &[(TopicPartition, Vec<i32>)],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let cluster = admin.describe_cluster(false).await.map_err(Failure::executed)?;
    let mut brokers: BTreeSet<i32> = cluster.brokers.iter().map(|broker| broker.node.id).collect();
    brokers.extend(targets.iter().flat_map(|(_, replicas)| replicas));
    let (end, ids) = (plural(brokers.len()), brokers.iter().copied().collect::<Vec<i32>>());
    let ids = super::joined(&ids);
    wrote(writeln!(output.out, "Clearing broker-level throttles on broker{end} {ids}"))?;
    for broker in brokers {
        let changes = [LEADER_RATE, FOLLOWER_RATE, LOG_DIR_RATE].map(deletion);
        alter(admin, &of_broker(broker), &changes).await?;
    }
    let topics: BTreeSet<&str> = targets.iter().map(|((topic, _), _)| topic.as_str()).collect();
    let mut topics: Vec<&str> = topics.into_iter().collect();
    java::in_order_of_grown_map(&mut topics, |topic| java::hash_of(topic));
    let (end, names) = (plural(topics.len()), topics.join(","));
    wrote(writeln!(output.out, "Clearing topic-level throttles on topic{end} {names}"))?;
    for topic in topics {
        let changes = [LEADER_REPLICAS, FOLLOWER_REPLICAS].map(deletion);
        alter(admin, &ConfigResource::topic(topic), &changes).await?;
    }
    Ok(())
}

fn deletion(key: &str) -> (String, ConfigOperation) {
    (key.to_owned(), ConfigOperation::Delete)
}

fn of_broker(id: i32) -> ConfigResource {
    ConfigResource { kind: ResourceType::Broker, name: id.to_string() }
}

async fn alter(
    admin: &Admin,
    resource: &ConfigResource,
    changes: &[(String, ConfigOperation)],
) -> Result<(), Failure> {
    admin.alter_configs(resource, changes, false).await.map_err(Failure::executed)
}
