//! `kafka-reassign-partitions`: moves partitions to other brokers and log directories.

mod execute;
mod generate;
mod placement;
mod plan;
mod throttles;
mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use client::Admin;
use client::admin::{PartitionReassignment, TopicDescription, TopicPartition};
use model::ErrorCode;

use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};
use crate::{FAILED, Output};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to move topic partitions between replicas.",
    options: &[
        Opt::flag("additional", "With --execute: even where other moves go on."),
        Opt::value("bootstrap-controller", "bootstrap controller to connect to", "Controllers to connect to first."),
        Opt::value("bootstrap-server", "Server(s) to use for bootstrapping", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("broker-list", "brokerlist", "With --generate: ids of the brokers that are to have the partitions, separated by commas."),
        Opt::flag("cancel", "Cancel the moves of a file that go on."),
        Opt::value("command-config", "Admin client property file", "A file of settings for the admin client."),
        Opt::flag("disable-rack-aware", "With --generate: whatever racks the brokers are in."),
        Opt::flag("disallow-replication-factor-change", "With --execute: refuse other numbers of replicas than there are."),
        Opt::flag("execute", "Begin the moves of a file."),
        Opt::flag("generate", "Propose where the partitions of topics could be, without moving any."),
        Opt::flag("list", "List the moves that go on."),
        Opt::flag("preserve-throttles", "With --verify and --cancel: leave throttles as they are."),
        Opt::value("reassignment-json-file", "manual assignment json file path", "A file that says where partitions are to be: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, \"replicas\": [1,2,3], \"log_dirs\": [\"any\",\"any\",\"any\"]}], \"version\": 1}"),
        Opt::value("replica-alter-log-dirs-throttle", "replicaAlterLogDirsThrottle", "With --execute: bytes a second between the log directories of a broker."),
        Opt::value("throttle", "throttle", "With --execute: bytes a second between brokers."),
        Opt::value("timeout", "timeout", "How long to wait for moves between log directories to begin, in milliseconds; 10000 without."),
        Opt::value("topics-to-move-json-file", "topics to reassign json file path", "A file that names topics: {\"topics\": [{\"topic\": \"foo\"}], \"version\": 1}"),
        Opt::flag("verify", "Show how far the moves of a file are, and take throttles away where all have ended."),
    ],
};

/// An action, what it needs, and what else goes with it.
struct Action {
    name: &'static str,
    needs: &'static [&'static str],
    takes: &'static [&'static str],
}

const ACTIONS: [Action; 5] = [
    Action {
        name: "generate",
        needs: &["topics-to-move-json-file", "broker-list"],
        takes: &["disable-rack-aware"],
    },
    Action {
        name: "execute",
        needs: &["reassignment-json-file"],
        takes: &[
            "additional",
            "throttle",
            "replica-alter-log-dirs-throttle",
            "timeout",
            "disallow-replication-factor-change",
        ],
    },
    Action { name: "verify", needs: &["reassignment-json-file"], takes: &["preserve-throttles"] },
    Action { name: "cancel", needs: &["reassignment-json-file"], takes: &["preserve-throttles", "timeout"] },
    Action { name: "list", needs: &[], takes: &[] },
];
/// What goes with every action.
const ALWAYS: [&str; 3] = ["bootstrap-server", "bootstrap-controller", "command-config"];
/// Milliseconds to wait for moves between log directories to begin, where nothing is said.
const TIMEOUT_MS: u64 = 10_000;

/// Where each partition is, or is to be.
type Replicas = BTreeMap<TopicPartition, Vec<i32>>;
type Moves = BTreeMap<TopicPartition, PartitionReassignment>;

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    if arguments.is_empty() {
        return admin_tool::refuse(&OPTIONS, &Refusal::Usage(OPTIONS.about.to_owned()), output);
    }
    let given = match OPTIONS.read(arguments) {
        Ok(given) => given,
        Err(refusal) => return admin_tool::uncaught(&OPTIONS, &refusal, output),
    };
    if let Some(code) = admin_tool::answered(&OPTIONS, &given, output) {
        return code;
    }
    let action = match check(&given) {
        Ok(action) => action,
        Err(refusal) => return admin_tool::refuse(&OPTIONS, &refusal, output),
    };
    match act(action.name, &given, output) {
        Ok(()) => return 0,
        Err(failure) if failure.is_terse() => _ = writeln!(output.out, "{}", failure.message()),
        // The original prints a stack after it, which ends with a line end.
        Err(failure) => {
            let (failure, hint) = failure.apart();
            let _ = writeln!(output.out, "Error: {}\n{failure}\n", failure.message());
            output.hint(hint.as_deref());
        }
    }
    FAILED
}

/// Refuses lines that say too little, too much or what does not go together.
fn check(given: &Given) -> Result<&'static Action, Refusal> {
    let usage = |sentence: String| Err(Refusal::Usage(sentence));
    let mut asked = ACTIONS.iter().filter(|action| given.has(action.name));
    let (Some(action), None) = (asked.next(), asked.next()) else {
        let actions: Vec<String> = ACTIONS.iter().map(|action| format!("--{}", action.name)).collect();
        return usage(format!("Command must include exactly one action: {}", actions.join(", ")));
    };
    match (given.has("bootstrap-server"), given.has("bootstrap-controller")) {
        (true, true) => {
            return usage(
                "Please don't specify both --bootstrap-server and --bootstrap-controller".to_owned(),
            );
        }
        (false, false) => {
            return usage("Please specify either --bootstrap-server or --bootstrap-controller".to_owned());
        }
        _ => {}
    }
    given.require(action.needs)?;
    let goes = |option: &str| {
        option == action.name
            || [action.needs, action.takes, &ALWAYS].iter().any(|options| options.contains(&option))
    };
    match given.in_order().map(|(name, _)| name).find(|option| !goes(option)) {
        Some(option) => {
            usage(format!("Option \"[{option}]\" can't be used with action \"[{}]\"", action.name))
        }
        None => Ok(action),
    }
}

fn act(action: &str, given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    if given.has("bootstrap-controller") {
        let sentence =
            "--bootstrap-controller is not there yet; any broker answers the same with --bootstrap-server";
        return Err(Failure::argument(sentence));
    }
    let admin = admin_tool::connect(given)?;
    let path = if action == "generate" { "topics-to-move-json-file" } else { "reassignment-json-file" };
    let text = match given.value(path).map_err(refused)? {
        Some(path) => crate::files::text(path)?,
        None => String::new(),
    };
    let timeout_ms = given.parsed("timeout").map_err(refused)?.unwrap_or(TIMEOUT_MS);
    let timeout = Duration::from_millis(timeout_ms);
    admin_tool::run(async {
        match action {
            "generate" => generate::run(&admin, given, &text, output).await,
            "execute" => execute::run(&admin, given, &text, timeout, output).await,
            "cancel" => execute::cancel(&admin, given, &text, timeout, output).await,
            "verify" => verify::run(&admin, given, &text, output).await,
            _ => list(&admin, output).await,
        }
    })
}

async fn list(admin: &Admin, output: &mut Output<'_>) -> Result<(), Failure> {
    let moves = admin.list_partition_reassignments(None).await.map_err(Failure::executed)?;
    if moves.is_empty() {
        return wrote(writeln!(output.out, "No partition reassignments found."));
    }
    wrote(writeln!(output.out, "Current partition reassignments:"))?;
    for (partition, PartitionReassignment { replicas, adding, removing }) in &moves {
        let part = |what: &str, ids: &[i32]| {
            if ids.is_empty() { String::new() } else { format!(" {what}: {}.", joined(ids)) }
        };
        let (adding, removing) = (part("adding", adding), part("removing", removing));
        let (partition, replicas) = (shown(partition), joined(replicas));
        wrote(writeln!(output.out, "{partition}: replicas: {replicas}.{adding}{removing}"))?;
    }
    Ok(())
}

fn shown((topic, partition): &TopicPartition) -> String {
    format!("{topic}-{partition}")
}

/// Partitions with commas between.
fn all_shown<'p>(partitions: impl Iterator<Item = &'p TopicPartition>) -> String {
    partitions.map(shown).collect::<Vec<_>>().join(",")
}

fn joined(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

/// The end of a word that counts so many things.
fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Where the partitions of topics are; that there is no such topic is a failure.
async fn replicas_of(admin: &Admin, topics: &[&str]) -> Result<Replicas, Failure> {
    let mut replicas = Replicas::new();
    for topic in topics {
        let described = admin.describe_topics(&[topic]).await.map_err(|error| match error.code() {
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => not_found(format!("Topic {topic} not found.")),
            _ => Failure::executed(error),
        })?;
        replicas.extend(described.into_iter().flat_map(|topic| {
            let TopicDescription { name, partitions, .. } = topic;
            partitions
                .into_iter()
                .map(move |partition| ((name.clone(), partition.partition), partition.replicas))
        }));
    }
    Ok(replicas)
}

fn not_found(message: String) -> Failure {
    Failure::executed(client::Error::Server { code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message })
}

/// The log directory that each broker has a partition in, and where it is on its way to.
type LogDirs = BTreeMap<(i32, TopicPartition), (Option<String>, Option<String>)>;

/// The log directories of replicas.
async fn log_dirs_of(admin: &Admin, brokers: impl Iterator<Item = i32>) -> Result<LogDirs, Failure> {
    let mut found = LogDirs::new();
    for broker in brokers {
        for log_dir in admin.describe_log_dirs(broker).await.map_err(Failure::executed)? {
            for replica in log_dir.partitions {
                let key = (broker, (replica.topic, replica.partition));
                let (current, future) = found.entry(key).or_default();
                *(if replica.is_future { future } else { current }) = Some(log_dir.path.clone());
            }
        }
    }
    Ok(found)
}
