//! `kafka-topics`: creates, describes, alters, lists and deletes topics.

mod describe;
mod filter;

use std::collections::BTreeMap;

use client::Admin;
use client::admin::{NewPartitions, NewTopic};
use model::ErrorCode;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};

pub(crate) use filter::include_list;

const LOGGER: &str = "org.apache.kafka.tools.TopicCommand";

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to create, delete, describe, or change a topic.",
    options: &[
        Opt::flag("alter", "Give a topic more partitions. (Its settings are altered with kafka-configs.)"),
        Opt::flag("at-min-isr-partitions", "With --describe: only partitions with just as many replicas in sync as they need."),
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("command-config", "command config property file", "A file of settings for the admin client."),
        Opt::value("config", "name=value", "With --create: a setting of the new topic; may be repeated."),
        Opt::flag("create", "Create a topic."),
        Opt::flag("delete", "Delete topics."),
        Opt::value("delete-config", "name", "Does nothing any more: settings are deleted with kafka-configs."),
        Opt::flag("describe", "Show topics and their partitions."),
        Opt::flag("exclude-internal", "With --list and --describe: without the cluster's own topics."),
        Opt::flag("if-exists", "With --alter, --delete and --describe: a topic that does not exist is no error."),
        Opt::flag("if-not-exists", "With --create: a topic that exists is no error."),
        Opt::flag("list", "List the names of all topics."),
        Opt::value("partition-size-limit-per-response", "maximum number of partitions per response", "With --describe: partitions that one answer may hold."),
        Opt::value("partitions", "# of partitions", "Number of partitions; of a new topic the cluster's default without."),
        Opt::value("replica-assignment", "broker:broker,...", "The brokers of each partition: those of one separated by colons, partitions by commas."),
        Opt::value("replication-factor", "replication factor", "Number of replicas of each partition; the cluster's default without."),
        Opt::value("topic", "topic", "The topic; but for --create a regular expression."),
        Opt::value("topic-id", "topic-id", "With --describe: the topic's id instead of its name."),
        Opt::flag("topics-with-overrides", "With --describe: only topics with settings of their own, without partitions."),
        Opt::flag("unavailable-partitions", "With --describe: only partitions whose leader is not there."),
        Opt::flag("under-min-isr-partitions", "With --describe: only partitions with fewer replicas in sync than they need."),
        Opt::flag("under-replicated-partitions", "With --describe: only partitions with replicas that are not in sync."),
    ],
};

/// What the original says where nothing at all is asked for.
const ABOUT_WITHOUT_ARGUMENTS: &str = "Create, delete, describe, or change a topic.";
const ACTIONS: [&str; 5] = ["create", "list", "alter", "describe", "delete"];
/// Filters of `--describe` by the state of partitions.
const REPORTS: [&str; 4] =
    ["under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", UNAVAILABLE];
/// The one that has to know which brokers are there.
const UNAVAILABLE: &str = "unavailable-partitions";
const METRIC_NAMES_WARNING: &str = "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.";

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], variables: &[(String, String)], output: &mut Output<'_>) -> u8 {
    if arguments.is_empty() {
        let refusal = Refusal::Usage(ABOUT_WITHOUT_ARGUMENTS.to_owned());
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    if let Err(refusal) = check(&given, output) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    let admin = match admin_tool::connect(&given) {
        Ok(admin) => admin,
        Err(failure) => return output.fail(failure.told()),
    };
    let shape = Shape::of(variables);
    match admin_tool::run(act(&admin, &given, shape, output)) {
        Ok(()) => 0,
        Err(failure) => admin_tool::tell(&failure, "Error while executing topic command", LOGGER, output),
    }
}

/// How what is printed looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As Kafka 4.3.1 prints it.
    Kafka4,
    /// As Kafka 3 printed it, where `NARU_COMPAT=3.x` asks for it.
    Kafka3,
}

impl Shape {
    fn of(variables: &[(String, String)]) -> Shape {
        let is_old = variables.iter().any(|(name, value)| name == "NARU_COMPAT" && value.starts_with('3'));
        if is_old { Shape::Kafka3 } else { Shape::Kafka4 }
    }
}

/// Refuses lines that say too little, too much or what does not go together.
fn check(given: &Given, output: &mut Output<'_>) -> Result<(), Refusal> {
    if ACTIONS.iter().filter(|action| given.has(action)).count() != 1 {
        return Err(Refusal::Usage(
            "Command must include exactly one action: --list, --describe, --create, --alter or --delete"
                .to_owned(),
        ));
    }
    if given.has("delete-config") {
        let _ = writeln!(
            output.err,
            "delete-config option is no longer supported and deprecated since version 4.0. The config will be fully removed in future releases."
        );
    }
    if !given.has("bootstrap-server") {
        let sentence = "--bootstrap-server must be specified".to_owned();
        return Err(Refusal::Parser("java.lang.IllegalArgumentException", sentence));
    }
    if given.has("describe") && given.has("if-exists") && !given.has("topic") && !given.has("topic-id") {
        return Err(Refusal::Usage("--topic or --topic-id is required to describe a topic".to_owned()));
    }
    if !given.has("list") && !given.has("describe") {
        given.require(&["topic"])?;
    }
    if given.has("alter") {
        if given.has("config") {
            return Err(Refusal::Usage("Option combination \"[[bootstrap-server], [config]]\" can't be used with option \"[alter]\" (To alter topic configurations, the kafka-configs tool can be used.)".to_owned()));
        }
        given.require(&["partitions"])?;
    }
    check_pairs(given)
}

/// Which options go with which action, and filters that exclude each other.
fn check_pairs(given: &Given) -> Result<(), Refusal> {
    let only_with = |option: &str, actions: &[&str]| {
        let others: Vec<&str> = ACTIONS.into_iter().filter(|action| !actions.contains(action)).collect();
        given.exclude(option, &others)
    };
    only_with("config", &["create"])?;
    only_with("partitions", &["alter", "create"])?;
    only_with("replication-factor", &["create"])?;
    only_with("replica-assignment", &["alter", "create"])?;
    if given.has("create") {
        given.exclude("replica-assignment", &["partitions", "replication-factor"])?;
    }
    for report in REPORTS {
        only_with(report, &["describe"])?;
        given.exclude(report, &["topics-with-overrides"])?;
    }
    only_with("topics-with-overrides", &["describe"])?;
    only_with("if-exists", &["alter", "delete", "describe"])?;
    only_with("if-not-exists", &["create"])?;
    only_with("exclude-internal", &["list", "describe"])
}

async fn act(admin: &Admin, given: &Given, shape: Shape, output: &mut Output<'_>) -> Result<(), Failure> {
    if given.has("create") {
        create(admin, given, shape, output).await
    } else if given.has("alter") {
        alter(admin, given).await
    } else if given.has("list") {
        let names = filter::topics(admin, given).await?;
        wrote(writeln!(output.out, "{}", names.join("\n")))
    } else if given.has("describe") {
        describe::run(admin, given, shape, output).await
    } else {
        let names = filter::existing(admin, given).await?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(admin.delete_topics(&names).await?)
    }
}

async fn create(admin: &Admin, given: &Given, shape: Shape, output: &mut Output<'_>) -> Result<(), Failure> {
    let name = given.value("topic").map_err(refused)?.unwrap_or_default();
    let replication_factor = given.number("replication-factor").map_err(refused)?;
    let partitions = given.number("partitions").map_err(refused)?;
    let topic = NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: replication_factor.and_then(|factor| i16::try_from(factor).ok()),
        assignments: assignments(given)?,
        configs: configs(given)?,
    };
    if name.contains(['.', '_']) {
        wrote(writeln!(output.out, "{METRIC_NAMES_WARNING}"))?;
    }
    if replication_factor.is_some_and(|factor| !(1..=i32::from(i16::MAX)).contains(&factor)) {
        return Err(Failure::argument("The replication factor must be between 1 and 32767 inclusive"));
    }
    if partitions.is_some_and(|count| count < 1) {
        return Err(Failure::argument("The partitions must be greater than 0"));
    }
    match admin.create_topic(&topic, false).await {
        Ok(()) => wrote(writeln!(output.out, "Created topic {name}.")),
        Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) && given.has("if-not-exists") => {
            Ok(())
        }
        Err(error)
            if shape == Shape::Kafka3 && error.code() == Some(ErrorCode::INVALID_REPLICATION_FACTOR) =>
        {
            Err(too_few_brokers(replication_factor, admin.brokers().await?.nodes.len()))
        }
        Err(error) => Err(error.into()),
    }
}

/// As a cluster with ZooKeeper said it.
fn too_few_brokers(replication_factor: Option<i32>, brokers: usize) -> Failure {
    let wanted = replication_factor.map_or_else(|| "the default".to_owned(), |factor| factor.to_string());
    Failure::of_class(
        "org.apache.kafka.common.errors.InvalidReplicationFactorException",
        format!("Replication factor: {wanted} larger than available brokers: {brokers}."),
    )
}

async fn alter(admin: &Admin, given: &Given) -> Result<(), Failure> {
    let assignments = assignments(given)?;
    let count = given.number("partitions").map_err(refused)?.unwrap_or_default();
    let names = filter::existing(admin, given).await?;
    for topic in names {
        let assignments = if assignments.is_empty() {
            None
        } else {
            let described = admin.describe_topics(&[&topic]).await?;
            let there = described.first().map_or(0, |topic| topic.partitions.len());
            Some(assignments.values().skip(there).cloned().collect())
        };
        admin.create_partitions(&NewPartitions { topic, count, assignments }, false).await?;
    }
    Ok(())
}

/// The settings of `--config`, which are checked before anything is sent.
fn configs(given: &Given) -> Result<BTreeMap<String, String>, Failure> {
    let mut configs = BTreeMap::new();
    for pair in given.values("config") {
        let Some((key, value)) =
            pair.split_once('=').filter(|(_, value)| !value.contains('=') && !value.trim().is_empty())
        else {
            return Err(Failure::argument(
                "requirement failed: Invalid topic config: all configs to be added must be in the format \"key=val\".",
            ));
        };
        let (key, value) = (key.trim(), value.trim());
        let Some(setting) = config::tables::topic_setting(key) else {
            return Err(Failure::of_class(
                "org.apache.kafka.common.errors.InvalidConfigurationException",
                format!("Unknown topic config name: {key}"),
            ));
        };
        setting.parse(value).map_err(|error| Failure::setting(error.to_string()))?;
        configs.insert(key.to_owned(), value.to_owned());
    }
    Ok(configs)
}

/// The brokers of `--replica-assignment`, by partition.
fn assignments(given: &Given) -> Result<BTreeMap<i32, Vec<i32>>, Failure> {
    let text = given.value("replica-assignment").map_err(refused)?.unwrap_or_default();
    let mut assignments: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (partition, brokers) in (0..).zip(text.split(',').filter(|_| !text.is_empty())) {
        let brokers = brokers.split(':').map(|id| {
            let id = id.trim();
            id.parse::<i32>().map_err(|_| Failure::not_a_number(id))
        });
        let brokers = brokers.collect::<Result<Vec<_>, _>>()?;
        let mut twice: Vec<String> = Vec::new();
        for (place, id) in brokers.iter().enumerate() {
            if brokers[..place].contains(id) && !twice.contains(&id.to_string()) {
                twice.push(id.to_string());
            }
        }
        if !twice.is_empty() {
            return Err(Failure::command_failed(format!(
                "Partition replica lists may not contain duplicate entries: {}",
                twice.join(",")
            )));
        }
        if assignments.get(&0).is_some_and(|first| first.len() != brokers.len()) {
            let shown: Vec<String> = brokers.iter().map(i32::to_string).collect();
            return Err(Failure::of_class(
                "org.apache.kafka.tools.AdminOperationException",
                format!("Partition {partition} has different replication factor: [{}]", shown.join(", ")),
            ));
        }
        assignments.insert(partition, brokers);
    }
    Ok(assignments)
}
