//! `kafka-consumer-groups --delete` and `--delete-offsets`.

use std::collections::{BTreeMap, BTreeSet};

use client::Admin;
use client::admin::TopicPartition;
use model::ErrorCode;

use super::partitions::{all_of, in_order, parse};
use super::rows::MISSING;
use super::tell_error;
use crate::Output;
use crate::admin_tool::{refused, wrote};
use crate::columns::{row, width};
use crate::failure::Failure;
use crate::java;
use crate::options::Given;

/// Refusals of the whole request that the original tells as they are.
const OF_GROUP: [ErrorCode; 4] = [
    ErrorCode::INVALID_GROUP_ID,
    ErrorCode::GROUP_ID_NOT_FOUND,
    ErrorCode::GROUP_AUTHORIZATION_FAILED,
    ErrorCode::NON_EMPTY_GROUP,
];
/// Refusals of single partitions.
const OF_PARTITION: [ErrorCode; 3] = [
    ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC,
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
];

pub(super) async fn groups(admin: &Admin, given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let groups = super::groups(admin, given).await?;
    let ids: Vec<&str> = groups.iter().map(String::as_str).collect();
    let deleted = admin.delete_groups(&ids).await.map_err(Failure::executed)?;
    let (mut succeeded, mut failed) = (Vec::new(), Vec::new());
    for (group, outcome) in deleted {
        match outcome {
            Ok(()) => succeeded.push(group),
            Err(error) => failed.push((group, Failure::from(error))),
        }
    }
    java::in_order_of_grown_map(&mut succeeded, |group| java::hash_of(group));
    java::in_order_of_grown_map(&mut failed, |(group, _)| java::hash_of(group));
    let succeeded: Vec<String> = succeeded.iter().map(|group| format!("'{group}'")).collect();
    let succeeded = succeeded.join(", ");
    if failed.is_empty() {
        let sentence = format!("Deletion of requested consumer groups ({succeeded}) was successful.");
        return wrote(writeln!(output.out, "{sentence}"));
    }
    tell_error("Deletion of some consumer groups failed:", output)?;
    for (group, failure) in failed {
        wrote(writeln!(output.out, "* Group '{group}' could not be deleted due to: {failure}"))?;
    }
    if succeeded.is_empty() {
        return Ok(());
    }
    wrote(writeln!(output.out, "\nThese consumer groups were deleted successfully: {succeeded}"))
}

pub(super) async fn offsets(admin: &Admin, given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let group = given.value("group").map_err(refused)?.unwrap_or_default();
    // -1 stands for all partitions of a topic that cannot be described.
    let mut outcomes: BTreeMap<TopicPartition, Result<(), client::Error>> = BTreeMap::new();
    let mut partitions: BTreeSet<TopicPartition> = BTreeSet::new();
    for topic in given.values("topic") {
        if topic.contains(':') {
            partitions.extend(parse(topic)?);
            continue;
        }
        match admin.describe_topics(&[topic]).await {
            Ok(described) => partitions.extend(described.iter().flat_map(all_of)),
            Err(error) => {
                outcomes.insert((topic.to_owned(), -1), Err(error));
            }
        }
    }
    let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
    let deleted = admin.delete_group_offsets(group, &partitions).await;
    let refusal = match deleted {
        Ok(deleted) => {
            let mut all: Vec<_> = deleted.into_iter().collect();
            in_order(&mut all);
            let first = all.iter().find_map(|(_, outcome)| outcome.as_ref().err()).cloned();
            outcomes.extend(all);
            first
        }
        Err(error) => {
            let refused = partitions.into_iter().map(|partition| (partition, Err(error.clone())));
            outcomes.extend(refused);
            Some(error)
        }
    };
    match refusal.as_ref().map(|error| (error, error.code())) {
        None => {
            let sentence = format!("Request succeeded for deleting offsets from group {group}.");
            wrote(writeln!(output.out, "{sentence}"))?;
        }
        Some((error, Some(code))) if OF_GROUP.contains(&code) => tell_error(&error.to_string(), output)?,
        Some((_, Some(code))) if OF_PARTITION.contains(&code) => {
            tell_error("Encountered some partition-level error, see the follow-up details.", output)?;
        }
        Some((_, code)) => {
            let code = code.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
            tell_error(&format!("Encountered some unknown error: {code}"), output)?;
        }
    }
    wrote(writeln!(output.out, "{}", table(&outcomes)))
}

fn table(outcomes: &BTreeMap<TopicPartition, Result<(), client::Error>>) -> String {
    let topic_width = width(15, outcomes.keys().map(|(topic, _)| topic.as_str()));
    let line = |topic: &str, partition: &str, status: &str| {
        format!("\n{}", row(&[(topic_width, topic), (10, partition), (15, status)]))
    };
    let mut rows: Vec<_> = outcomes.iter().collect();
    // The original compares names with their numbers behind them, as text.
    rows.sort_by_key(|((topic, partition), _)| format!("{topic}{partition}"));
    let mut table = line("TOPIC", "PARTITION", "STATUS");
    for ((topic, partition), outcome) in rows {
        let partition = if *partition < 0 { MISSING.to_owned() } else { partition.to_string() };
        let status = match outcome {
            Ok(()) => "Successful".to_owned(),
            Err(error) => format!("Error: {}", Failure::from(error.clone())),
        };
        table.push_str(&line(topic, &partition, &status));
    }
    table
}
