//! `naru group`: groups of consumers, their members and how far they are behind.

mod lag;
mod reset;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use client::Admin;
use client::admin::{GroupDescription, GroupState, GroupType};
use model::ErrorCode;

use crate::arguments::texts;
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::session::{Format, Session, block_on};
use crate::table::Column;

const LISTED: [Column<'_>; 4] =
    [("GROUP", "group"), ("TYPE", "type"), ("STATE", "state"), ("PROTOCOL", "protocol")];
const MEMBERS: [Column<'_>; 5] = [
    ("MEMBER", "memberId"),
    ("INSTANCE", "instanceId"),
    ("CLIENT", "clientId"),
    ("HOST", "host"),
    ("PARTITIONS", "partitions"),
];

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    let groups = || Arg::new("group").value_name("GROUP").required(true).num_args(1..).help("The groups");
    let several = |name: &'static str, values: &'static [&'static str], help: &'static str| {
        let parser = PossibleValuesParser::new(values);
        let option = Arg::new(name).long(name).value_name(name.to_uppercase()).value_parser(parser);
        option.ignore_case(true).value_delimiter(',').action(ArgAction::Append).help(help)
    };
    command.subcommand_required(true).subcommands([
        Command::new("list")
            .about("List groups")
            .arg(several("type", &["classic", "consumer", "share", "streams"], "Only groups of these types"))
            .arg(several(
                "state",
                &[
                    "stable",
                    "empty",
                    "dead",
                    "preparingrebalance",
                    "completingrebalance",
                    "assigning",
                    "reconciling",
                    "notready",
                ],
                "Only groups in these states",
            )),
        Command::new("describe").about("Show members, offsets and lag of groups").arg(groups()),
        reset::define(),
        Command::new("delete").about("Delete groups, which must be without members").arg(groups()),
        lag::define(),
    ])
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let Some((name, matches)) = matches.subcommand() else { return Ok(0) };
    block_on(async {
        let admin = session.admin().await?;
        match name {
            "list" => list(&admin, matches, session).await,
            "describe" => describe(&admin, &texts(matches, "group"), session).await,
            "reset" => reset::run(&admin, matches, session).await,
            "delete" => delete(&admin, &texts(matches, "group"), session).await,
            _ => lag::run(&admin, matches, session).await,
        }
    })?;
    Ok(0)
}

async fn list(admin: &Admin, matches: &ArgMatches, session: &mut Session<'_>) -> Result<(), Failure> {
    let types: Vec<GroupType> = texts(matches, "type").into_iter().map(GroupType::parse).collect();
    let states: Vec<GroupState> = texts(matches, "state").into_iter().map(GroupState::parse).collect();
    let groups = admin.list_groups(&types, &states).await?;
    let rows = groups.iter().map(|group| {
        map([
            ("group", group.id.as_str().into()),
            ("type", group.kind.to_string().into()),
            ("state", group.state.to_string().into()),
            ("protocol", group.protocol.as_str().into()),
        ])
    });
    session.show_rows(&LISTED, rows.collect())
}

/// Groups by name, in that order; one that is not there is answered with the nearest.
async fn described(admin: &Admin, names: &[&str]) -> Result<Vec<(String, GroupDescription)>, Failure> {
    let mut told = admin.describe_consumer_groups(names).await?;
    let mut groups = Vec::with_capacity(names.len());
    for name in names {
        let Some(outcome) = told.remove(*name) else { continue };
        match outcome {
            // Before Kafka 4 a group that is not there was told to be dead.
            Ok(group) if group.state != GroupState::Dead => groups.push(((*name).to_owned(), group)),
            Ok(_) => return Err(unknown(admin, name).await),
            Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
                return Err(unknown(admin, name).await);
            }
            Err(error) => return Err(Failure::from(error).about(&format!("group '{name}'"))),
        }
    }
    Ok(groups)
}

async fn unknown(admin: &Admin, name: &str) -> Failure {
    let failure = Failure::new(format!("group '{name}' does not exist"));
    let listed = admin.list_groups(&[], &[]).await.unwrap_or_default();
    failure.did_you_mean(name, listed.iter().map(|group| group.id.as_str()))
}

async fn describe(admin: &Admin, names: &[&str], session: &mut Session<'_>) -> Result<(), Failure> {
    let mut docs = Vec::new();
    for (name, group) in described(admin, names).await? {
        let offsets = lag::of_group(admin, &name, &group).await?;
        let members = group.members.iter().map(|member| {
            let partitions: Vec<String> =
                member.assignment.iter().map(|(topic, number)| format!("{topic}-{number}")).collect();
            map([
                ("memberId", member.member_id.as_str().into()),
                ("instanceId", member.instance_id.as_deref().into()),
                ("clientId", member.client_id.as_str().into()),
                ("host", member.host.as_str().into()),
                ("partitions", partitions.into()),
            ])
        });
        docs.push(map([
            ("group", name.as_str().into()),
            ("type", group.kind.to_string().into()),
            ("state", group.state.to_string().into()),
            ("assignor", group.assignor.as_str().into()),
            ("coordinator", group.coordinator.id.into()),
            ("coordinatorAddress", group.coordinator.address.to_string().into()),
            ("epoch", group.group_epoch.into()),
            ("members", Doc::List(members.collect())),
            ("offsets", Doc::List(offsets)),
        ]));
    }
    if session.format != Format::Table {
        return session.write(&Doc::List(docs));
    }
    for (place, doc) in docs.iter().enumerate() {
        if place > 0 {
            writeln!(session.out)?;
        }
        session.show(doc, &[("members", &MEMBERS), ("offsets", &lag::COLUMNS)])?;
    }
    Ok(())
}

async fn delete(admin: &Admin, names: &[&str], session: &mut Session<'_>) -> Result<(), Failure> {
    let mut deleted = Vec::new();
    let outcomes = admin.delete_groups(names).await?;
    for (name, outcome) in outcomes {
        match outcome {
            Ok(()) => deleted.push(name),
            Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
                return Err(unknown(admin, &name).await);
            }
            Err(error) => {
                let has_members = error.code() == Some(ErrorCode::NON_EMPTY_GROUP);
                let failure = Failure::from(error).about(&format!("group '{name}'"));
                let advised = failure.clone().hint("its consumers have to be stopped first");
                return Err(if has_members { advised } else { failure });
            }
        }
    }
    let sentence = match &deleted[..] {
        [name] => format!("group '{name}' is deleted"),
        names => format!("{} groups are deleted: {}", names.len(), names.join(", ")),
    };
    session.tell(&sentence, &map([("deleted", deleted.into())]))
}
