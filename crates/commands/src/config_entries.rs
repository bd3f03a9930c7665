//! `naru config`: settings of topics, brokers, groups and clients.

mod quotas;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use client::Admin;
use client::admin::{ConfigOperation, ConfigResource, ResourceType};
use config::ConfigSource;
use model::ErrorCode;

use crate::arguments::{flag, pair, text, texts};
use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::session::{Session, block_on};
use crate::table::Column;
use crate::topic;

const COLUMNS: [Column<'_>; 4] =
    [("SETTING", "key"), ("VALUE", "value"), ("FROM", "source"), ("READ ONLY", "readOnly")];

/// The name that stands for all brokers or all clients.
const DEFAULT: &str = "default";

const SOURCES: [(ConfigSource, &str); 8] = [
    (ConfigSource::TopicConfig, "topic"),
    (ConfigSource::DynamicBrokerConfig, "broker"),
    (ConfigSource::DynamicDefaultBrokerConfig, "all brokers"),
    (ConfigSource::StaticBrokerConfig, "file"),
    (ConfigSource::DefaultConfig, "default"),
    (ConfigSource::DynamicBrokerLoggerConfig, "logger"),
    (ConfigSource::ClientMetricsConfig, "client metrics"),
    (ConfigSource::GroupConfig, "group"),
];

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    let kind = || {
        let kinds = PossibleValuesParser::new(["topic", "broker", "group", "client"]);
        Arg::new("kind").value_name("KIND").required(true).value_parser(kinds).help("What has the settings")
    };
    let name = || {
        let help = "Its name or id; 'default' for all brokers or all clients";
        Arg::new("name").value_name("NAME").required(true).help(help)
    };
    command.subcommand_required(true).subcommands([
        Command::new("show")
            .about("Show settings that were set, or those that are named, or all")
            .args([kind(), name()])
            .arg(Arg::new("key").value_name("KEY").num_args(0..).help("Only these settings"))
            .arg(flag("all", "With settings that have their default")),
        Command::new("set").about("Set settings").args([kind(), name()]).arg(
            Arg::new("pair")
                .value_name("KEY=VALUE")
                .required(true)
                .num_args(1..)
                .value_parser(pair)
                .help("The settings"),
        ),
        Command::new("unset")
            .about("Let settings fall back to what holds without them")
            .args([kind(), name()])
            .arg(Arg::new("key").value_name("KEY").required(true).num_args(1..).help("The settings")),
    ])
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let Some((verb, matches)) = matches.subcommand() else { return Ok(0) };
    let kind = text(matches, "kind").unwrap_or_default();
    let name = text(matches, "name").unwrap_or_default();
    block_on(async {
        let admin = session.admin().await?;
        let changes: Vec<(String, Option<String>)> = match verb {
            "set" => {
                let all = matches.get_many::<(String, String)>("pair").into_iter().flatten();
                all.map(|(key, value)| (key.clone(), Some(value.clone()))).collect()
            }
            "unset" => texts(matches, "key").into_iter().map(|key| (key.to_owned(), None)).collect(),
            _ => Vec::new(),
        };
        if kind == "client" {
            return match verb {
                "show" => quotas::show(&admin, name, session).await,
                _ => quotas::alter(&admin, name, &changes, session).await,
            };
        }
        let resource = resource(&admin, kind, name).await?;
        match verb {
            "show" => show(&admin, &resource, matches, session).await,
            _ => alter(&admin, &resource, changes, session).await,
        }
    })?;
    Ok(0)
}

async fn resource(admin: &Admin, kind: &str, name: &str) -> Result<ConfigResource, Failure> {
    let (kind, name) = match kind {
        "topic" => {
            topic::described(admin, &[name]).await?;
            (ResourceType::Topic, name)
        }
        "group" => (ResourceType::Group, name),
        _ if name == DEFAULT => (ResourceType::Broker, ""),
        _ => {
            let id: i32 = name.parse().map_err(|_| {
                Failure::not_run(format!("'{name}' is no broker's id"))
                    .hint("'default' stands for all brokers")
            })?;
            let brokers = admin.brokers().await?;
            let ids: Vec<String> = brokers.nodes.iter().map(|node| node.id.to_string()).collect();
            if !brokers.nodes.iter().any(|node| node.id == id) {
                return Err(Failure::new(format!("there is no broker {id}"))
                    .hint(format!("brokers: {}", ids.join(", "))));
            }
            (ResourceType::Broker, name)
        }
    };
    Ok(ConfigResource { kind, name: name.to_owned() })
}

async fn show(
    admin: &Admin,
    resource: &ConfigResource,
    matches: &ArgMatches,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let mut entries = admin.describe_configs(resource, None).await?;
    let keys = texts(matches, "key");
    let known = || entries.iter().map(|entry| entry.name.as_str());
    if let Some(key) = keys.iter().find(|key| !known().any(|known| known == **key)) {
        let failure = Failure::new(format!("there is no setting '{key}' here"));
        return Err(failure.did_you_mean(key, known()));
    }
    // What stands in the broker's file shows with the broker, not with each topic that falls back to it.
    let inherited = match resource.kind {
        ResourceType::Broker => vec![ConfigSource::DefaultConfig],
        _ => vec![
            ConfigSource::DefaultConfig,
            ConfigSource::StaticBrokerConfig,
            ConfigSource::DynamicBrokerConfig,
            ConfigSource::DynamicDefaultBrokerConfig,
        ],
    };
    let is_inherited = |source: i8| inherited.iter().any(|inherited| inherited.code() == source);
    entries.retain(|entry| {
        let is_named = keys.iter().any(|key| *key == entry.name);
        is_named || (keys.is_empty() && (matches.get_flag("all") || !is_inherited(entry.source)))
    });
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let rows = entries.iter().map(|entry| {
        map([
            ("key", entry.name.as_str().into()),
            ("value", if entry.is_sensitive { Doc::Null } else { entry.value.as_deref().into() }),
            ("source", source_name(entry.source).into()),
            ("readOnly", entry.is_read_only.into()),
            ("sensitive", entry.is_sensitive.into()),
        ])
    });
    session.show_rows(&COLUMNS, rows.collect())
}

fn source_name(source: i8) -> &'static str {
    SOURCES.iter().find(|(known, _)| known.code() == source).map_or("unknown", |(_, name)| name)
}

async fn alter(
    admin: &Admin,
    resource: &ConfigResource,
    changes: Vec<(String, Option<String>)>,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let keys: Vec<String> = changes.iter().map(|(key, _)| key.clone()).collect();
    let changes: Vec<(String, ConfigOperation)> = changes
        .into_iter()
        .map(|(key, value)| (key, value.map_or(ConfigOperation::Delete, ConfigOperation::Set)))
        .collect();
    if let Err(failure) = check_keys(resource.kind, &keys) {
        // A broker of another version may have settings that are not in our tables: the server decides.
        return match admin.alter_configs(resource, &changes, true).await {
            Ok(()) => done(admin, resource, &changes, &keys, session).await,
            Err(error) if error.code() == Some(ErrorCode::INVALID_CONFIG) => Err(failure),
            Err(error) => Err(error.into()),
        };
    }
    done(admin, resource, &changes, &keys, session).await
}

async fn done(
    admin: &Admin,
    resource: &ConfigResource,
    changes: &[(String, ConfigOperation)],
    keys: &[String],
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    admin.alter_configs(resource, changes, false).await?;
    let sentence = format!("changed: {}", keys.join(", "));
    session
        .tell(&sentence, &map([("name", resource.name.as_str().into()), ("changed", keys.to_vec().into())]))
}

/// Fails with the nearest key where one is in no table.
fn check_keys(kind: ResourceType, keys: &[String]) -> Result<(), Failure> {
    let known: Vec<&str> = match kind {
        ResourceType::Topic => config::tables::topic_settings().map(|setting| setting.key).collect(),
        ResourceType::Group => config::tables::GROUP.iter().map(|setting| setting.key).collect(),
        _ => config::tables::BROKER.iter().chain(config::tables::NARU).map(|setting| setting.key).collect(),
    };
    for key in keys {
        // Settings of one listener have its name in front.
        let base = config::tables::base_key(key);
        if !known.contains(&base) {
            let failure = Failure::new(format!("there is no setting '{key}'"));
            return Err(failure.did_you_mean(key, known.into_iter()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_setting_is_answered_with_the_nearest() {
        let check = |kind, key: &str| check_keys(kind, &[key.to_owned()]);
        assert_eq!(check(ResourceType::Topic, "retention.ms"), Ok(()));
        assert_eq!(check(ResourceType::Topic, "flush.policy"), Ok(()), "naru's own");
        let expected = Failure::new("there is no setting 'retenton.ms'").hint("did you mean 'retention.ms'?");
        assert_eq!(check(ResourceType::Topic, "retenton.ms"), Err(expected));
        assert!(check(ResourceType::Broker, "log.retention.ms").is_ok());
        assert!(check(ResourceType::Group, "consumer.session.timeout.ms").is_ok());
    }
}
