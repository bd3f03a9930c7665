//! `naru topic`: topics and how far they reach.

mod describe;
mod offsets;

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Command};
use client::admin::{ConfigOperation, ConfigResource, NewPartitions, NewTopic, TopicDescription};
use client::{Admin, Error};
use model::ErrorCode;

use crate::arguments::{self, flag, pairs, settings_of, text, texts};
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::session::{Session, block_on};

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    let dry = || flag("dry-run", "Only check whether it could be done");
    command.subcommand_required(true).subcommands([
        Command::new("list")
            .about("List topics")
            .arg(flag("internal", "With topics the cluster keeps for itself")),
        Command::new("describe")
            .about("Show partitions, replicas and settings of topics")
            .arg(arguments::topics()),
        Command::new("create")
            .about("Create a topic")
            .arg(arguments::topic())
            .arg(count("partitions", 'p', "Number of partitions; the cluster's default without"))
            .arg(count("replication-factor", 'r', "Number of replicas; the cluster's default without"))
            .arg(settings_of("config", "A setting of the topic"))
            .arg(flag("if-not-exists", "Succeed where the topic is there already"))
            .arg(dry()),
        Command::new("delete")
            .about("Delete topics")
            .arg(arguments::topics())
            .arg(flag("if-exists", "Succeed where a topic is not there")),
        Command::new("alter")
            .about("Give a topic more partitions and other settings")
            .arg(arguments::topic())
            .arg(count("partitions", 'p', "Number of partitions afterwards"))
            .arg(settings_of("set", "A setting of the topic"))
            .arg(
                Arg::new("unset")
                    .long("unset")
                    .value_name("KEY")
                    .action(clap::ArgAction::Append)
                    .help("A setting that falls back to what holds without it"),
            )
            .arg(dry()),
        offsets::define_offsets(),
        offsets::define_truncate(),
    ])
}

fn count(name: &'static str, short: char, help: &'static str) -> Arg {
    let number = clap::value_parser!(i32).range(1..);
    Arg::new(name).short(short).long(name).value_name("N").value_parser(number).help(help)
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let Some((name, matches)) = matches.subcommand() else { return Ok(0) };
    block_on(async {
        let admin = session.admin().await?;
        match name {
            "list" => describe::list(&admin, matches.get_flag("internal"), session).await,
            "describe" => describe::describe(&admin, &texts(matches, "topic"), session).await,
            "create" => create(&admin, matches, session).await,
            "delete" => delete(&admin, matches, session).await,
            "alter" => alter(&admin, matches, session).await,
            "offsets" => offsets::show(&admin, matches, session).await,
            _ => offsets::truncate(&admin, matches, session).await,
        }
    })?;
    Ok(0)
}

/// Topics by name; one that is not there is answered with the nearest.
pub(crate) async fn described(admin: &Admin, names: &[&str]) -> Result<Vec<TopicDescription>, Failure> {
    match admin.describe_topics(names).await {
        Err(error) if is_unknown(&error) => {
            let listed = admin.list_topics().await?;
            let known = || listed.iter().map(|topic| topic.name.as_str());
            let missing = names.iter().find(|name| !known().any(|known| known == **name));
            Err(missing.map_or_else(|| Failure::from(error), |name| unknown(name, known())))
        }
        outcome => Ok(outcome?),
    }
}

fn is_unknown(error: &Error) -> bool {
    error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

fn unknown<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Failure {
    Failure::new(format!("topic '{name}' does not exist")).did_you_mean(name, known)
}

async fn create(admin: &Admin, matches: &ArgMatches, session: &mut Session<'_>) -> Result<(), Failure> {
    let name = text(matches, "topic").unwrap_or_default();
    let configs: BTreeMap<String, String> = pairs(matches, "config").into_iter().collect();
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: matches.get_one::<i32>("partitions").copied(),
        replication_factor: matches
            .get_one::<i32>("replication-factor")
            .map(|n| i16::try_from(*n).unwrap_or(i16::MAX)),
        assignments: BTreeMap::new(),
        configs,
    };
    let is_dry = matches.get_flag("dry-run");
    let outcome = match admin.create_topic(&topic, is_dry).await {
        Ok(()) => "created",
        Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
            if !matches.get_flag("if-not-exists") {
                return Err(Failure::from(error).hint("--if-not-exists leaves it as it is"));
            }
            "exists"
        }
        Err(error) => return Err(refused(error, topic.configs.keys().map(String::as_str))),
    };
    let sentence = match (outcome, is_dry) {
        ("exists", _) => format!("topic '{name}' is there already"),
        (_, true) => format!("topic '{name}' could be created"),
        _ => format!("topic '{name}' is created"),
    };
    let outcome = if is_dry && outcome == "created" { "could be created" } else { outcome };
    session.tell(&sentence, &map([("topic", name.into()), ("outcome", outcome.into())]))
}

/// A refusal of settings, with the setting that was maybe meant.
fn refused<'k>(error: Error, typed: impl Iterator<Item = &'k str>) -> Failure {
    let is_of_settings = error.code() == Some(ErrorCode::INVALID_CONFIG);
    let mut failure = Failure::from(error);
    if is_of_settings {
        let known = || config::tables::topic_settings().map(|setting| setting.key);
        for key in typed.filter(|key| !known().any(|known| known == *key)) {
            failure = failure.did_you_mean(key, known());
        }
    }
    failure
}

async fn delete(admin: &Admin, matches: &ArgMatches, session: &mut Session<'_>) -> Result<(), Failure> {
    let mut names = texts(matches, "topic");
    let listed = admin.list_topics().await?;
    let known = || listed.iter().map(|topic| topic.name.as_str());
    if matches.get_flag("if-exists") {
        names.retain(|name| known().any(|known| known == *name));
    } else if let Some(missing) = names.iter().find(|name| !known().any(|known| known == **name)) {
        // Nothing is deleted where a name is mistyped.
        return Err(unknown(missing, known()).hint("--if-exists passes over topics that are not there"));
    }
    if !names.is_empty() {
        admin.delete_topics(&names).await?;
    }
    let sentence = match names[..] {
        [] => "there was nothing to delete".to_owned(),
        [name] => format!("topic '{name}' is deleted"),
        _ => format!("{} topics are deleted: {}", names.len(), names.join(", ")),
    };
    session.tell(&sentence, &map([("deleted", names.into())]))
}

async fn alter(admin: &Admin, matches: &ArgMatches, session: &mut Session<'_>) -> Result<(), Failure> {
    let name = text(matches, "topic").unwrap_or_default();
    let is_dry = matches.get_flag("dry-run");
    let mut changes: Vec<(String, ConfigOperation)> = Vec::new();
    for (key, value) in pairs(matches, "set") {
        changes.push((key, ConfigOperation::Set(value)));
    }
    for key in texts(matches, "unset") {
        changes.push((key.to_owned(), ConfigOperation::Delete));
    }
    let partitions = matches.get_one::<i32>("partitions").copied();
    if changes.is_empty() && partitions.is_none() {
        return Err(Failure::not_run("nothing is to be altered")
            .hint("--partitions N, --set KEY=VALUE and --unset KEY say what is"));
    }
    described(admin, &[name]).await?;
    if !changes.is_empty() {
        let altered = admin.alter_configs(&ConfigResource::topic(name), &changes, is_dry).await;
        altered.map_err(|error| refused(error, changes.iter().map(|(key, _)| key.as_str())))?;
    }
    if let Some(count) = partitions {
        let grown = NewPartitions { topic: name.to_owned(), count, assignments: None };
        admin.create_partitions(&grown, is_dry).await?;
    }
    let outcome = if is_dry { "could be altered" } else { "altered" };
    let sentence = if is_dry {
        format!("topic '{name}' could be altered so")
    } else {
        format!("topic '{name}' is altered")
    };
    let keys: Vec<&str> = changes.iter().map(|(key, _)| key.as_str()).collect();
    let doc = map([
        ("topic", name.into()),
        ("outcome", outcome.into()),
        ("partitions", partitions.into()),
        ("settings", Doc::from(keys)),
    ]);
    session.tell(&sentence, &doc)
}
