//! How far groups are behind, once or again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use client::Admin;
use client::admin::{GroupDescription, OffsetSpec, TopicPartition};

use super::described;
use crate::arguments::texts;
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::place::parse_duration;
use crate::session::{Format, Session};
use crate::table::Column;

/// Columns of what [`of_group`] gives.
pub(super) const COLUMNS: [Column<'_>; 6] = [
    ("TOPIC", "topic"),
    ("PARTITION", "partition"),
    ("COMMITTED", "committed"),
    ("END", "end"),
    ("LAG", "lag"),
    ("MEMBER", "memberId"),
];
const SUMS: [Column<'_>; 5] = [
    ("GROUP", "group"),
    ("STATE", "state"),
    ("MEMBERS", "members"),
    ("PARTITIONS", "partitions"),
    ("LAG", "lag"),
];

/// `naru group lag`.
pub(super) fn define() -> Command {
    Command::new("lag")
        .about("Show how many records groups are behind")
        .arg(Arg::new("group").value_name("GROUP").num_args(0..).help("The groups; all without"))
        .arg(
            Arg::new("watch")
                .short('w')
                .long("watch")
                .value_name("TIME")
                .num_args(0..=1)
                .default_missing_value("2s")
                .require_equals(true)
                .value_parser(parse_duration)
                .help("Show it again and again, every 2s where no --watch=TIME is given, until Ctrl-C"),
        )
}

/// Committed offsets of a group and those that its members have, each with the end of its partition.
pub(super) async fn of_group(
    admin: &Admin,
    name: &str,
    group: &GroupDescription,
) -> Result<Vec<Doc>, Failure> {
    let committed = admin.group_offsets(name).await?;
    let mut owners: BTreeMap<&TopicPartition, Option<&str>> =
        committed.keys().map(|partition| (partition, None)).collect();
    for member in &group.members {
        owners.extend(member.assignment.iter().map(|partition| (partition, Some(member.member_id.as_str()))));
    }
    let wanted: Vec<_> = owners.keys().map(|partition| ((*partition).clone(), OffsetSpec::Latest)).collect();
    let ends = if wanted.is_empty() { BTreeMap::new() } else { admin.list_offsets(&wanted).await? };
    let rows = owners.iter().map(|(partition, owner)| {
        let offset = committed.get(*partition).map(|committed| committed.offset);
        // A topic that is gone has no end.
        let end = ends.get(*partition).and_then(|end| end.as_ref().ok()).map(|found| found.offset);
        let lag = offset.zip(end).map(|(offset, end)| (end - offset).max(0));
        map([
            ("topic", partition.0.as_str().into()),
            ("partition", partition.1.into()),
            ("committed", offset.into()),
            ("end", end.into()),
            ("lag", lag.into()),
            ("memberId", (*owner).into()),
        ])
    });
    Ok(rows.collect())
}

/// Shows the lag of groups.
pub(super) async fn run(
    admin: &Admin,
    matches: &ArgMatches,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let named = texts(matches, "group");
    let interval = matches.get_one::<Duration>("watch").copied();
    loop {
        let rows = sums(admin, &named).await?;
        let Some(interval) = interval else { return session.show_rows(&SUMS, rows) };
        match session.format {
            Format::Table => session.show_rows(&SUMS, rows)?,
            // A stream of documents, one a line for those who read lines.
            Format::Json => Doc::List(rows).write_json_line(session.out)?,
            Format::Yaml => {
                writeln!(session.out, "---")?;
                session.write(&Doc::List(rows))?;
            }
        }
        session.out.flush()?;
        tokio::time::sleep(interval).await;
    }
}

async fn sums(admin: &Admin, named: &[&str]) -> Result<Vec<Doc>, Failure> {
    let listed;
    let names: Vec<&str> = if named.is_empty() {
        listed = admin.list_groups(&[], &[]).await?;
        let of_consumers =
            listed.iter().filter(|group| group.protocol.is_empty() || group.protocol == "consumer");
        of_consumers.map(|group| group.id.as_str()).collect()
    } else {
        named.to_vec()
    };
    let mut rows = Vec::with_capacity(names.len());
    for (name, group) in described(admin, &names).await? {
        let partitions = of_group(admin, &name, &group).await?;
        let lags = partitions.iter().filter_map(|row| match row.get("lag") {
            Some(Doc::Int(lag)) => Some(*lag),
            _ => None,
        });
        rows.push(map([
            ("group", name.as_str().into()),
            ("state", group.state.to_string().into()),
            ("members", group.members.len().into()),
            ("partitions", partitions.len().into()),
            ("lag", lags.sum::<i64>().into()),
        ]));
    }
    Ok(rows)
}
