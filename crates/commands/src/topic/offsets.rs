//! How far topics reach, and records deleted at their beginning.

use clap::{ArgMatches, Command};
use client::Admin;
use client::admin::TopicPartition;

use super::described;
use crate::arguments::{self, flag, partition_option, partitions, place_option, text, texts};
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::place::{self, Place};
use crate::session::Session;
use crate::table::Column;

const OFFSETS: [Column<'_>; 5] = [
    ("TOPIC", "topic"),
    ("PARTITION", "partition"),
    ("BEGINNING", "beginning"),
    ("END", "end"),
    ("RECORDS AT MOST", "count"),
];
const AT: [Column<'_>; 3] = [("TOPIC", "topic"), ("PARTITION", "partition"), ("OFFSET", "offset")];
const TRUNCATED: [Column<'_>; 4] = [
    ("TOPIC", "topic"),
    ("PARTITION", "partition"),
    ("BEGINNING BEFORE", "beginningBefore"),
    ("BEGINNING", "beginning"),
];

/// `naru topic offsets`.
pub(super) fn define_offsets() -> Command {
    Command::new("offsets")
        .about("Show where the partitions of topics begin and end")
        .arg(arguments::topics())
        .arg(place_option("at", "Show the offsets of that place instead"))
}

/// `naru topic truncate`.
pub(super) fn define_truncate() -> Command {
    Command::new("truncate")
        .about("Delete the records of a topic before a place")
        .arg(arguments::topic())
        .arg(place_option("before", "Records before that are deleted").required(true))
        .arg(partition_option("Only these partitions"))
        .arg(flag("dry-run", "Only show what would be deleted"))
}

async fn all_partitions(admin: &Admin, names: &[&str], only: &[i32]) -> Result<Vec<TopicPartition>, Failure> {
    let mut all = Vec::new();
    for topic in described(admin, names).await? {
        let count = topic.partitions.len();
        if let Some(missing) = only.iter().find(|number| usize::try_from(**number).is_ok_and(|n| n >= count))
        {
            let name = &topic.name;
            return Err(Failure::new(format!(
                "topic '{name}' has {count} partitions, and no partition {missing}"
            )));
        }
        let numbers = topic.partitions.iter().map(|partition| partition.partition);
        let wanted = numbers.filter(|number| only.is_empty() || only.contains(number));
        all.extend(wanted.map(|number| (topic.name.clone(), number)));
    }
    Ok(all)
}

async fn at(admin: &Admin, partitions: &[TopicPartition], place: Place) -> Result<Vec<i64>, Failure> {
    let wanted: Vec<_> = partitions.iter().map(|partition| (partition.clone(), place)).collect();
    Ok(place::resolve(admin, &wanted).await?.into_values().collect())
}

/// Shows offsets.
pub(super) async fn show(
    admin: &Admin,
    matches: &ArgMatches,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    // In the order in which maps of partitions are read.
    let mut partitions = all_partitions(admin, &texts(matches, "topic"), &[]).await?;
    partitions.sort();
    if let Some(place) = matches.get_one::<Place>("at") {
        let offsets = at(admin, &partitions, *place).await?;
        let rows = partitions.iter().zip(offsets).map(|((topic, partition), offset)| {
            map([
                ("topic", topic.as_str().into()),
                ("partition", (*partition).into()),
                ("offset", offset.into()),
            ])
        });
        return session.show_rows(&AT, rows.collect());
    }
    let beginnings = at(admin, &partitions, Place::Beginning).await?;
    let ends = at(admin, &partitions, Place::End).await?;
    let rows =
        partitions.iter().zip(beginnings.iter().zip(&ends)).map(|((topic, partition), (beginning, end))| {
            map([
                ("topic", topic.as_str().into()),
                ("partition", (*partition).into()),
                ("beginning", (*beginning).into()),
                ("end", (*end).into()),
                ("count", (end - beginning).into()),
            ])
        });
    session.show_rows(&OFFSETS, rows.collect())
}

/// Deletes records.
pub(super) async fn truncate(
    admin: &Admin,
    matches: &ArgMatches,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let name = text(matches, "topic").unwrap_or_default();
    let place = matches.get_one::<Place>("before").copied().unwrap_or(Place::Beginning);
    let mut partitions = all_partitions(admin, &[name], &partitions(matches)).await?;
    partitions.sort();
    let before = at(admin, &partitions, Place::Beginning).await?;
    let offsets = at(admin, &partitions, place).await?;
    let wanted: Vec<(TopicPartition, i64)> =
        partitions.iter().cloned().zip(offsets.iter().copied()).collect();
    let mut beginnings = offsets;
    if !matches.get_flag("dry-run") {
        beginnings.clear();
        for ((topic, partition), outcome) in admin.delete_records(&wanted).await? {
            let about = format!("{topic}-{partition}");
            beginnings.push(outcome.map_err(|error| Failure::from(error).about(&about))?);
        }
    }
    let rows =
        partitions.iter().zip(before.iter().zip(&beginnings)).map(|((topic, partition), (before, now))| {
            map([
                ("topic", topic.as_str().into()),
                ("partition", (*partition).into()),
                ("beginningBefore", (*before).into()),
                ("beginning", (*now).into()),
            ])
        });
    let rows: Vec<Doc> = rows.collect();
    session.show_rows(&TRUNCATED, rows)
}
