//! `kafka-reassign-partitions --verify`.

use std::collections::BTreeMap;

use client::Admin;
use client::admin::TopicPartition;
use model::ErrorCode;

use super::plan::Plan;
use super::{LogDirs, joined, log_dirs_of, shown, throttles};
use crate::Output;
use crate::admin_tool::wrote;
use crate::failure::Failure;
use crate::options::Given;

/// Where a replica is on its way to another log directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// The broker does not have it.
    NoReplica,
    /// The broker has it in no directory that works.
    NoLogDir,
    /// It goes from one directory to another one.
    Going { from: String, to: String },
    /// It is there and goes nowhere.
    Still(String),
}

pub(super) async fn run(
    admin: &Admin,
    given: &Given,
    text: &str,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let plan = Plan::parse(text)?;
    let going = admin.list_partition_reassignments(None).await.map_err(Failure::executed)?;
    wrote(writeln!(output.out, "Status of partition reassignment:"))?;
    let targets: BTreeMap<&TopicPartition, &Vec<i32>> =
        plan.partitions.iter().map(|(partition, replicas)| (partition, replicas)).collect();
    for (partition, target) in targets {
        let name = shown(partition);
        if going.contains_key(partition) {
            wrote(writeln!(output.out, "Reassignment of partition {name} is still in progress."))?;
            continue;
        }
        let current = current(admin, partition).await?;
        if current == *target {
            wrote(writeln!(output.out, "Reassignment of partition {name} is completed."))?;
        } else {
            let (current, target) = (joined(&current), joined(target));
            wrote(writeln!(
                output.out,
                "There is no active reassignment of partition {name}, but replica set is {current} rather than {target}."
            ))?;
        }
    }
    let ways = ways(admin, &plan).await?;
    let mut lines = Vec::new();
    let mut all_done = true;
    for ((broker, partition), way) in &ways {
        let target = plan.log_dirs.get(&(*broker, partition.clone())).map_or("", String::as_str);
        all_done &= !matches!(way, Way::Going { .. });
        lines.push(told(*broker, &shown(partition), way, target));
    }
    wrote(writeln!(output.out, "{}", lines.join("\n")))?;
    if going.is_empty() && all_done && !given.has("preserve-throttles") {
        throttles::clear(admin, &plan.partitions, output).await?;
    }
    Ok(())
}

/// The brokers of a partition, none where there is no such partition.
async fn current(admin: &Admin, (topic, number): &TopicPartition) -> Result<Vec<i32>, Failure> {
    match admin.describe_topics(&[topic]).await {
        Ok(described) => {
            let mut partitions = described.into_iter().flat_map(|topic| topic.partitions);
            let found = partitions.find(|partition| partition.partition == *number);
            Ok(found.map(|partition| partition.replicas).unwrap_or_default())
        }
        Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => Ok(Vec::new()),
        Err(error) => Err(Failure::executed(error)),
    }
}

/// Where the replicas are whose log directory a plan chooses, by broker and partition.
pub(super) async fn ways(
    admin: &Admin,
    plan: &Plan,
) -> Result<BTreeMap<(i32, TopicPartition), Way>, Failure> {
    let brokers: std::collections::BTreeSet<i32> = plan.log_dirs.keys().map(|(broker, _)| *broker).collect();
    let found: LogDirs = log_dirs_of(admin, brokers.into_iter()).await?;
    let ways = plan.log_dirs.keys().map(|key| {
        let way = match found.get(key).cloned() {
            None => Way::NoReplica,
            Some((None, _)) => Way::NoLogDir,
            Some((Some(from), Some(to))) => Way::Going { from, to },
            Some((Some(current), None)) => Way::Still(current),
        };
        (key.clone(), way)
    });
    Ok(ways.collect())
}

fn told(broker: i32, partition: &str, way: &Way, target: &str) -> String {
    match way {
        Way::NoReplica => {
            format!("Partition {partition} cannot be found in any live log directory on broker {broker}.")
        }
        Way::NoLogDir => format!(
            "Partition {partition} is not found in any live log dir on broker {broker}. There is likely an offline log directory on the broker."
        ),
        Way::Going { to, .. } if to == target => {
            format!("Reassignment of replica {partition}-{broker} is still in progress.")
        }
        Way::Going { to, .. } => format!(
            "Partition {partition} on broker {broker} is being moved to log dir {to} instead of {target}."
        ),
        Way::Still(current) if current == target => {
            format!("Reassignment of replica {partition}-{broker} completed successfully.")
        }
        Way::Still(current) => format!(
            "Partition {partition} on broker {broker} is not being moved from log dir {current} to {target}."
        ),
    }
}
