//! `kafka-consumer-groups --describe`.

use std::collections::{BTreeMap, BTreeSet};

use client::Admin;
use client::admin::{CommittedOffset, GroupDescription, GroupState, OffsetSpec, TopicPartition};

use super::partitions::{listed_offsets, without_leader};
use super::rows::{self, MISSING, PartitionRow};
use super::tell_error;
use crate::Output;
use crate::admin_tool::wrote;
use crate::failure::Failure;
use crate::java;
use crate::options::Given;

pub(super) async fn run(admin: &Admin, given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let described = described(admin, &super::groups(admin, given).await?).await?;
    let verbose = given.has("verbose");
    if given.has("members") {
        for (group, description) in &described {
            tell_state(group, description.state, output)?;
            print(&rows::members(group, description, verbose), output)?;
        }
        return Ok(());
    }
    if given.has("state") {
        for (group, description) in &described {
            if tell_state(group, description.state, output)? {
                print(&rows::state(group, description, verbose), output)?;
            }
        }
        return Ok(());
    }
    let mut offsets = BTreeMap::new();
    for (group, description) in &described {
        offsets.insert(group, partition_rows(admin, group, description).await?);
    }
    for (group, partitions) in offsets {
        if tell_state(group, described[group].state, output)? && !partitions.is_empty() {
            print(&rows::offsets(group, &partitions, verbose), output)?;
        }
    }
    Ok(())
}

/// Every line of a table, after an empty one.
fn print(lines: &[String], output: &mut Output<'_>) -> Result<(), Failure> {
    wrote(writeln!(output.out, "\n{}", lines.join("\n")))
}

/// The groups, ascending; the first that cannot be described is the failure of all.
async fn described(admin: &Admin, groups: &[String]) -> Result<BTreeMap<String, GroupDescription>, Failure> {
    let ids: Vec<&str> = groups.iter().map(String::as_str).collect();
    let described = admin.describe_consumer_groups(&ids).await.map_err(Failure::executed)?;
    let mut described: Vec<_> = described.into_iter().collect();
    java::in_order_of_sized_map(&mut described, |(group, _)| java::hash_of(group));
    described.into_iter().map(|(group, outcome)| Ok((group, outcome.map_err(Failure::executed)?))).collect()
}

/// Says what is odd about a group's state. False where there is nothing to show of it.
fn tell_state(group: &str, state: GroupState, output: &mut Output<'_>) -> Result<bool, Failure> {
    match state {
        GroupState::Dead => {
            tell_error(&format!("Consumer group '{group}' does not exist."), output)?;
            return Ok(false);
        }
        GroupState::Empty => {
            let _ = writeln!(output.err, "\nConsumer group '{group}' has no active members.");
        }
        GroupState::PreparingRebalance
        | GroupState::CompletingRebalance
        | GroupState::Assigning
        | GroupState::Reconciling => {
            let _ = writeln!(output.err, "\nWarning: Consumer group '{group}' is rebalancing.");
        }
        GroupState::Stable => {}
        GroupState::Unknown | GroupState::NotReady => {
            let sentence = format!("Expected a valid consumer group state, but found '{state}'.");
            return Err(Failure::of_class("org.apache.kafka.common.KafkaException", sentence));
        }
    }
    Ok(true)
}

/// The partitions that members have, the busiest member first, and those that only have an offset.
async fn partition_rows(
    admin: &Admin,
    group: &str,
    description: &GroupDescription,
) -> Result<Vec<PartitionRow>, Failure> {
    let committed = admin.group_offsets(group).await;
    let committed = committed.map_err(|error| Failure::executed(error).at_run_time())?;
    let mut members: Vec<_> =
        description.members.iter().filter(|member| !member.assignment.is_empty()).collect();
    members.sort_by_key(|member| std::cmp::Reverse(member.assignment.len()));
    let read: BTreeSet<&TopicPartition> = members.iter().flat_map(|member| &member.assignment).collect();
    let unread: Vec<TopicPartition> =
        committed.keys().filter(|partition| !read.contains(partition)).cloned().collect();
    let all: Vec<TopicPartition> = read.into_iter().chain(&unread).cloned().collect();
    let ends = ends(admin, all).await?;
    let mut rows = Vec::new();
    for member in members {
        let reader = [member.member_id.clone(), member.host.clone(), member.client_id.clone()];
        rows.extend(rows_of(&member.assignment, &reader, &committed, &ends));
    }
    let nobody = [MISSING, MISSING, MISSING].map(str::to_owned);
    rows.extend(rows_of(&unread, &nobody, &committed, &ends));
    Ok(rows)
}

/// The end of each partition's log; of those without a leader nothing is known.
async fn ends(
    admin: &Admin,
    mut partitions: Vec<TopicPartition>,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let without = without_leader(admin, &partitions).await?;
    partitions.retain(|partition| !without.contains(partition));
    Ok(listed_offsets(admin, &partitions, OffsetSpec::Latest).await?.into_iter().collect())
}

/// One row for each partition, ascending.
fn rows_of(
    partitions: &[TopicPartition],
    reader: &[String; 3],
    committed: &BTreeMap<TopicPartition, CommittedOffset>,
    ends: &BTreeMap<TopicPartition, i64>,
) -> Vec<PartitionRow> {
    let partitions: BTreeSet<&TopicPartition> = partitions.iter().collect();
    let rows = partitions.into_iter().map(|partition| {
        let committed = committed.get(partition);
        PartitionRow {
            partition: partition.clone(),
            leader_epoch: committed.map(|committed| committed.leader_epoch).filter(|epoch| *epoch >= 0),
            offset: committed.map(|committed| committed.offset),
            end: ends.get(partition).copied(),
            reader: reader.clone(),
        }
    });
    rows.collect()
}
