//! Committed offsets of a group set to another place.

use clap::{Arg, ArgAction, ArgMatches, Command};
use client::Admin;
use client::admin::TopicPartition;
use model::ErrorCode;

use crate::arguments::{flag, place_option, text, texts};
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::place::{self, Place};
use crate::session::Session;
use crate::table::Column;
use crate::topic;

const COLUMNS: [Column<'_>; 5] = [
    ("GROUP", "group"),
    ("TOPIC", "topic"),
    ("PARTITION", "partition"),
    ("COMMITTED BEFORE", "committedBefore"),
    ("COMMITTED", "committed"),
];

/// `naru group reset`.
pub(super) fn define() -> Command {
    Command::new("reset")
        .about("Set the committed offsets of a group without members to a place")
        .arg(Arg::new("group").value_name("GROUP").required(true).help("The group"))
        .arg(
            Arg::new("topic")
                .short('t')
                .long("topic")
                .value_name("TOPIC[:N,...]")
                .action(ArgAction::Append)
                .help("A topic, or some of its partitions; all that the group has committed without"),
        )
        .arg(place_option("to", "Where it reads on").required(true))
        .arg(flag("dry-run", "Only show what would be set"))
}

/// Resets offsets.
pub(super) async fn run(
    admin: &Admin,
    matches: &ArgMatches,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let group = text(matches, "group").unwrap_or_default();
    let place = matches.get_one::<Place>("to").copied().unwrap_or(Place::End);
    let before = admin.group_offsets(group).await?;
    let topics = texts(matches, "topic");
    let mut partitions: Vec<TopicPartition> = Vec::new();
    for wanted in &topics {
        partitions.extend(partitions_of(admin, wanted).await?);
    }
    if topics.is_empty() {
        partitions.extend(before.keys().cloned());
    }
    partitions.sort();
    partitions.dedup();
    if partitions.is_empty() {
        return Err(Failure::new(format!("group '{group}' has committed nothing"))
            .hint("--topic TOPIC says for which topic offsets are to be set"));
    }
    let wanted: Vec<_> = partitions.iter().map(|partition| (partition.clone(), place)).collect();
    let offsets = place::resolve(admin, &wanted).await?;
    if !matches.get_flag("dry-run") {
        for ((topic, number), outcome) in admin.alter_group_offsets(group, &offsets).await? {
            outcome.map_err(|error| {
                let has_members = [
                    ErrorCode::UNKNOWN_MEMBER_ID,
                    ErrorCode::NON_EMPTY_GROUP,
                    ErrorCode::REBALANCE_IN_PROGRESS,
                ];
                let is_in_use = error.code().is_some_and(|code| has_members.contains(&code));
                let failure = Failure::from(error).about(&format!("group '{group}', {topic}-{number}"));
                if is_in_use { failure.hint("its consumers have to be stopped first") } else { failure }
            })?;
        }
    }
    let rows = offsets.iter().map(|(partition, offset)| {
        map([
            ("group", group.into()),
            ("topic", partition.0.as_str().into()),
            ("partition", partition.1.into()),
            ("committedBefore", before.get(partition).map(|committed| committed.offset).into()),
            ("committed", (*offset).into()),
        ])
    });
    let rows: Vec<Doc> = rows.collect();
    session.show_rows(&COLUMNS, rows)
}

/// The partitions that `TOPIC` or `TOPIC:0,1` means.
async fn partitions_of(admin: &Admin, wanted: &str) -> Result<Vec<TopicPartition>, Failure> {
    let (name, numbers) = wanted.split_once(':').map_or((wanted, None), |(name, list)| (name, Some(list)));
    let described = topic::described(admin, &[name]).await?;
    let count = described.iter().map(|topic| topic.partitions.len()).sum::<usize>();
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let Some(numbers) = numbers else {
        return Ok((0..count).map(|number| (name.to_owned(), number)).collect());
    };
    let mut partitions = Vec::new();
    for text in numbers.split(',') {
        let number: i32 = text
            .parse()
            .map_err(|_| Failure::not_run(format!("'{text}' in '{wanted}' is no number of a partition")))?;
        if !(0..count).contains(&number) {
            return Err(Failure::new(format!(
                "topic '{name}' has {count} partitions, and no partition {number}"
            )));
        }
        partitions.push((name.to_owned(), number));
    }
    Ok(partitions)
}
