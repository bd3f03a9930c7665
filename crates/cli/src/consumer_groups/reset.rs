//! `kafka-consumer-groups --reset-offsets`.

use std::collections::BTreeMap;

use client::Admin;
use client::admin::{CommittedOffset, GroupState, GroupType, OffsetSpec, TopicPartition};
use model::ErrorCode;

use super::partitions::{check, in_order, listed_offsets, wanted};
use super::{csv, moments, tell_error};
use crate::Output;
use crate::admin_tool::{refused, wrote};
use crate::columns::{row, width};
use crate::failure::Failure;
use crate::java;
use crate::options::Given;

/// Where the original tells of offsets that it has to change.
const LOGGER: &str = "org.apache.kafka.tools.OffsetsUtils";

/// To where offsets are reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scenario {
    Offset(i64),
    Earliest,
    Latest,
    Shift(i64),
    /// The text, which is read late, as the original reads it.
    Moment(String),
    Duration(String),
    File(String),
    Current,
}

type Offsets = Vec<(TopicPartition, i64)>;

impl Scenario {
    /// What the line says of it.
    pub(super) fn read(given: &Given) -> Result<Option<Scenario>, Failure> {
        let first = |option: &str| given.values(option).next().map(str::to_owned);
        let offset = given.parsed("to-offset").map_err(refused)?;
        let duration = given.value("by-duration").map_err(refused)?.map(str::to_owned);
        let shift = given.parsed("shift-by").map_err(refused)?;
        let ways = [
            offset.map(Scenario::Offset),
            given.has("to-earliest").then_some(Scenario::Earliest),
            given.has("to-latest").then_some(Scenario::Latest),
            shift.map(Scenario::Shift),
            first("to-datetime").map(Scenario::Moment),
            duration.map(Scenario::Duration),
            first("from-file").map(Scenario::File),
            given.has("to-current").then_some(Scenario::Current),
        ];
        Ok(ways.into_iter().flatten().next())
    }
}

pub(super) async fn run(
    admin: &Admin,
    given: &Given,
    scenario: Option<Scenario>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let groups = super::groups(admin, given).await?;
    let ids: Vec<&str> = groups.iter().map(String::as_str).collect();
    let run_time = |error| Failure::executed(error).at_run_time();
    let mut described: Vec<_> =
        admin.describe_consumer_groups(&ids).await.map_err(run_time)?.into_iter().collect();
    java::in_order_of_sized_map(&mut described, |(group, _)| java::hash_of(group));
    let of_streams: Vec<String> = admin
        .list_groups(&[GroupType::Streams], &[])
        .await
        .map_err(run_time)?
        .into_iter()
        .map(|group| group.id)
        .collect();
    let mut plans: Vec<(String, Offsets)> = Vec::new();
    for (group, outcome) in described {
        if of_streams.contains(&group) {
            tell_error(
                &format!(
                    "Group '{group}' is a streams group. Use kafka-streams-groups.sh to reset its offsets."
                ),
                output,
            )?;
            plans.push((group, Offsets::new()));
            continue;
        }
        let state = match outcome {
            Ok(description) => description.state,
            Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => GroupState::Empty,
            Err(error) => return Err(run_time(error)),
        };
        let offsets = if matches!(state, GroupState::Empty | GroupState::Dead) {
            reset(admin, given, scenario.as_ref(), &group, output).await?
        } else {
            tell_error(
                &format!(
                    "Assignments can only be reset if the group '{group}' is inactive, but the current state is {state}."
                ),
                output,
            )?;
            Offsets::new()
        };
        plans.push((group, offsets));
    }
    java::in_order_of_grown_map(&mut plans, |(group, _)| java::hash_of(group));
    let told = if given.has("export") { exported(given, &plans) } else { table(&plans) };
    wrote(writeln!(output.out, "{told}"))
}

/// Resets the offsets of a group without members, or finds out what that would do.
async fn reset(
    admin: &Admin,
    given: &Given,
    scenario: Option<&Scenario>,
    group: &str,
    output: &mut Output<'_>,
) -> Result<Offsets, Failure> {
    let partitions: Vec<TopicPartition> = if given.has("all-topics") {
        committed(admin, group).await?.into_keys().collect()
    } else if given.has("topic") {
        wanted(admin, given.values("topic")).await?
    } else if given.has("from-file") {
        Vec::new()
    } else {
        return Err(Failure::argument("One of the reset scopes should be defined: --all-topics, --topic."));
    };
    check(admin, &partitions).await?;
    let mut offsets = plan(admin, given, scenario, (group, &partitions), output).await?;
    in_order(&mut offsets);
    if given.has("execute") && !given.has("dry-run") {
        let altered = admin.alter_group_offsets(group, &offsets.iter().cloned().collect()).await?;
        let failed: Vec<String> = altered
            .iter()
            .filter(|(_, outcome)| outcome.is_err())
            .map(|((topic, partition), _)| format!("{topic}-{partition}"))
            .collect();
        if let Some(error) = altered.into_values().find_map(Result::err) {
            let failed = failed.join(", ");
            let sentence = format!("Failed altering group offsets for the following partitions: [{failed}]");
            return Err(Failure::of_class(&error.exception(), sentence));
        }
    }
    Ok(offsets)
}

async fn committed(admin: &Admin, group: &str) -> Result<BTreeMap<TopicPartition, CommittedOffset>, Failure> {
    admin.group_offsets(group).await.map_err(|error| Failure::executed(error).at_run_time())
}

/// The new offset of each partition.
async fn plan(
    admin: &Admin,
    given: &Given,
    scenario: Option<&Scenario>,
    (group, partitions): (&str, &[TopicPartition]),
    output: &mut Output<'_>,
) -> Result<Offsets, Failure> {
    match scenario {
        Some(Scenario::Offset(offset)) => {
            let asked = partitions.iter().map(|partition| (partition.clone(), *offset)).collect();
            within_logs(admin, asked).await
        }
        Some(Scenario::Earliest) => listed_offsets(admin, partitions, OffsetSpec::Earliest).await,
        Some(Scenario::Latest) => listed_offsets(admin, partitions, OffsetSpec::Latest).await,
        Some(Scenario::Shift(by)) => {
            let committed = committed(admin, group).await?;
            let shifted = partitions.iter().map(|partition| {
                let current = committed.get(partition).ok_or_else(|| {
                    let (topic, number) = partition;
                    Failure::argument(format!("Cannot shift offset for partition {topic}-{number} since there is no current committed offset"))
                })?;
                Ok((partition.clone(), current.offset.saturating_add(*by)))
            });
            within_logs(admin, shifted.collect::<Result<Offsets, Failure>>()?).await
        }
        Some(Scenario::Moment(text)) => since(admin, partitions, moments::moment_ms(text)?, output).await,
        Some(Scenario::Duration(text)) => {
            let moment = crate::now_ms().saturating_sub(moments::duration_ms(text)?);
            since(admin, partitions, moment, output).await
        }
        Some(Scenario::File(path)) => {
            let only = super::named(given);
            let only = if let [only] = &only[..] { Some(only.as_str()) } else { None };
            let mut plan = csv::read(path, only)?;
            let Some(asked) = plan.remove(group) else {
                tell_error(&format!("No reset plan for group {group} found"), output)?;
                return Ok(Offsets::new());
            };
            within_logs(admin, asked.into_iter().collect()).await
        }
        Some(Scenario::Current) => {
            let committed = committed(admin, group).await?;
            let (with, without): (Vec<_>, Vec<_>) =
                partitions.iter().cloned().partition(|partition| committed.contains_key(partition));
            let mut offsets: Offsets = with
                .into_iter()
                .filter_map(|partition| Some((partition.clone(), committed.get(&partition)?.offset)))
                .collect();
            offsets.extend(listed_offsets(admin, &without, OffsetSpec::Latest).await?);
            Ok(offsets)
        }
        None => {
            let mut scenarios = super::SCENARIOS.map(|scenario| format!("[{scenario}]"));
            scenarios.sort();
            let scenarios = scenarios.join(", ");
            Err(Failure::argument(format!(
                "Option '[reset-offsets]' requires one of the following scenarios: [{scenarios}]"
            )))
        }
    }
}

/// Offsets outside of a log become its beginning or its end.
async fn within_logs(admin: &Admin, mut asked: Offsets) -> Result<Offsets, Failure> {
    in_order(&mut asked);
    let partitions: Vec<TopicPartition> = asked.iter().map(|(partition, _)| partition.clone()).collect();
    let starts = listed_offsets(admin, &partitions, OffsetSpec::Earliest).await?;
    let ends = listed_offsets(admin, &partitions, OffsetSpec::Latest).await?;
    let of = |offsets: &Offsets, partition: &TopicPartition| {
        offsets.iter().find(|(known, _)| known == partition).map(|(_, offset)| *offset)
    };
    for (partition, offset) in &mut asked {
        let (topic, number) = &partition;
        let (start, end) = (of(&starts, partition), of(&ends, partition));
        if let Some(end) = end.filter(|end| *offset > *end) {
            tracing::warn!(target: LOGGER, "New offset ({offset}) is higher than latest offset for topic partition {topic}-{number}. Value will be set to {end}");
            *offset = end;
        } else if let Some(start) = start.filter(|start| *offset < *start) {
            tracing::warn!(target: LOGGER, "New offset ({offset}) is lower than earliest offset for topic partition {topic}-{number}. Value will be set to {start}");
            *offset = start;
        }
    }
    Ok(asked)
}

/// The first record of each partition that is not older; the end of partitions that have none.
async fn since(
    admin: &Admin,
    partitions: &[TopicPartition],
    moment_ms: i64,
    output: &mut Output<'_>,
) -> Result<Offsets, Failure> {
    let found = listed_offsets(admin, partitions, OffsetSpec::Timestamp(moment_ms)).await?;
    let (mut offsets, without): (Offsets, Offsets) = found.into_iter().partition(|(_, offset)| *offset >= 0);
    let without: Vec<TopicPartition> = without.into_iter().map(|(partition, _)| partition).collect();
    for (topic, partition) in &without {
        let sentence = format!(
            "Partition {partition} from topic {topic} is empty. Falling back to latest known offset."
        );
        wrote(writeln!(output.out, "\nWarn: {sentence}"))?;
    }
    offsets.extend(listed_offsets(admin, &without, OffsetSpec::Latest).await?);
    Ok(offsets)
}

/// A line of CSV for each partition; the original ends each.
fn exported(given: &Given, plans: &[(String, Offsets)]) -> String {
    let is_single = given.values("group").count() == 1;
    let lines = plans.iter().flat_map(|(group, offsets)| {
        let group = Some(group.as_str()).filter(|_| !is_single);
        offsets.iter().map(move |(partition, offset)| csv::line(group, partition, *offset) + "\n")
    });
    lines.collect()
}

fn table(plans: &[(String, Offsets)]) -> String {
    let group_width = width(15, plans.iter().map(|(group, _)| group.as_str()));
    let topics = plans.iter().flat_map(|(_, offsets)| offsets.iter().map(|((topic, _), _)| topic.as_str()));
    let topic_width = width(15, topics);
    let line = |group: &str, topic: &str, partition: &str, offset: &str| {
        format!("\n{}", row(&[(group_width, group), (topic_width, topic), (10, partition), (0, offset)]))
    };
    let mut table = String::new();
    if !plans.is_empty() {
        table.push_str(&line("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"));
    }
    for (group, offsets) in plans {
        for ((topic, partition), offset) in offsets {
            table.push_str(&line(group, topic, &partition.to_string(), &offset.to_string()));
        }
    }
    table
}
