//! `kafka-metadata-quorum`: who keeps the cluster's metadata, and who votes on it.

mod controller;

use client::admin::{QuorumDescription, QuorumReplica};
use model::Uuid;

use crate::Output;
use crate::admin_tool::{self, wrote};
use crate::columns::tabbed;
use crate::failure::Failure;
use crate::subcommands::{Argument, Command, Program, Said};

#[rustfmt::skip]
pub(crate) static PROGRAM: Program = Program {
    name: "kafka-metadata-quorum",
    about: "This tool describes kraft metadata quorum status.",
    options: &[
        Argument::value("bootstrap-server", "BOOTSTRAP_SERVER", "servers to connect to first, host:port, separated by commas").one_of(),
        Argument::value("bootstrap-controller", "BOOTSTRAP_CONTROLLER", "controllers to connect to first").one_of(),
        Argument::value("command-config", "COMMAND_CONFIG", "a file of settings for the admin client, and with add-controller of the controller"),
    ],
    commands: &[
        Command {
            name: "describe",
            about: "show the quorum",
            options: &[
                Argument::flag("status", "a summary"),
                Argument::flag("replication", "how far each replica has come"),
                Argument::flag("human-readable", "with --replication: how long ago in place of timestamps"),
            ],
        },
        Command {
            name: "add-controller",
            about: "make a controller a voter",
            options: &[Argument::flag("dry-run", "only show what would be done")],
        },
        Command {
            name: "remove-controller",
            about: "take a voter out of the quorum",
            options: &[
                Argument::value("controller-id", "CONTROLLER_ID", "the controller's id").short("i").required(),
                Argument::value("controller-directory-id", "CONTROLLER_DIRECTORY_ID", "the id of its directory").short("d").required(),
                Argument::flag("dry-run", "only show what would be done"),
            ],
        },
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let said = match PROGRAM.read(arguments) {
        Ok(said) => said,
        Err(unsaid) => return unsaid.tell(output),
    };
    let id = match said.number::<i32>("controller-id", "Integer") {
        Ok(id) => id.unwrap_or_default(),
        Err(unsaid) => return unsaid.tell(output),
    };
    match act(&said, id, output) {
        Ok(()) => 0,
        Err(failure) if failure.is_terse() => output.fail(failure.message()),
        // The original prints a stack after it, which ends with a line end.
        Err(failure) => output.fail(format!("{}\n{failure}\n", failure.message())),
    }
}

fn act(said: &Said, id: i32, output: &mut Output<'_>) -> Result<(), Failure> {
    let config = said.value("command-config");
    if let Some(path) = config.filter(|path| !std::path::Path::new(path).exists()) {
        return Err(Failure::terse(format!("Properties file {path} does not exists!")));
    }
    let admin = said.connect(config)?;
    let (status, replication) = (said.has("status"), said.has("replication"));
    match said.command {
        "add-controller" => controller::add(&admin, config, said.has("dry-run"), output),
        "remove-controller" => controller::remove(&admin, id, said, output),
        _ if status && replication => Err(Failure::terse(
            "Only one of --status or --replication should be specified with describe sub-command",
        )),
        _ if !status && !replication => Err(Failure::terse(
            "One of --status or --replication must be specified with describe sub-command",
        )),
        _ if status && said.has("human-readable") => {
            Err(Failure::terse("The option --human-readable is only supported along with --replication"))
        }
        _ => admin_tool::run(async {
            // The original asks for the cluster's id only where it shows it.
            let cluster = if status {
                Some(admin.describe_cluster(false).await.map_err(Failure::executed)?.cluster_id)
            } else {
                None
            };
            let quorum = admin.describe_quorum().await.map_err(Failure::executed)?;
            let told = match cluster {
                Some(cluster) => status_of(&cluster, &quorum)?,
                None => replication_of(&quorum, said.has("human-readable"))?,
            };
            wrote(output.out.write_all(told.as_bytes()))
        }),
    }
}

/// The replica that leads; the original takes for granted that there is one.
fn leader(quorum: &QuorumDescription) -> Result<&QuorumReplica, Failure> {
    let leader = quorum.voters.iter().find(|voter| voter.id == quorum.leader_id);
    leader.ok_or_else(|| Failure::of_class("java.util.NoSuchElementException", "No value present"))
}

fn status_of(cluster: &str, quorum: &QuorumDescription) -> Result<String, Failure> {
    let leader = leader(quorum)?;
    // The first of those that are furthest behind, as the original takes it.
    let last = quorum.voters.iter().min_by_key(|voter| voter.log_end_offset).unwrap_or(leader);
    let lag_ms = match (leader.last_caught_up_ms, last.last_caught_up_ms) {
        _ if leader.id == last.id => 0,
        (Some(leader), Some(last)) => leader - last,
        _ => -1,
    };
    let lines = [
        ("ClusterId:", cluster.to_owned()),
        ("LeaderId:", quorum.leader_id.to_string()),
        ("LeaderEpoch:", quorum.leader_epoch.to_string()),
        ("HighWatermark:", quorum.high_watermark.to_string()),
        ("MaxFollowerLag:", (leader.log_end_offset - last.log_end_offset).to_string()),
        ("MaxFollowerLagTimeMs:", lag_ms.to_string()),
        ("CurrentVoters:", replicas(quorum, &quorum.voters)),
        ("CurrentObservers:", replicas(quorum, &quorum.observers)),
    ];
    Ok(lines.iter().map(|(name, value)| format!("{name:<24}{value}\n")).collect())
}

/// `[{"id": 1, "directoryId": "...", "endpoints": ["CONTROLLER://host:9093"]}]`
fn replicas(quorum: &QuorumDescription, replicas: &[QuorumReplica]) -> String {
    let shown = replicas.iter().map(|replica| {
        let mut parts = vec![format!("\"id\": {}", replica.id)];
        if replica.directory_id != Uuid::default() {
            parts.push(format!("\"directoryId\": \"{}\"", replica.directory_id));
        }
        let endpoints = quorum.endpoints.iter().find(|(id, _)| *id == replica.id).map(|(_, known)| known);
        let endpoints: Vec<String> = endpoints
            .into_iter()
            .flatten()
            .map(|(name, address)| format!("\"{}\"", controller::endpoint(name, address)))
            .collect();
        if !endpoints.is_empty() {
            parts.push(format!("\"endpoints\": [{}]", endpoints.join(", ")));
        }
        format!("{{{}}}", parts.join(", "))
    });
    format!("[{}]", shown.collect::<Vec<_>>().join(", "))
}

fn replication_of(quorum: &QuorumDescription, human_readable: bool) -> Result<String, Failure> {
    let leader = leader(quorum)?;
    let followers = quorum.voters.iter().filter(|voter| voter.id != leader.id);
    let all = std::iter::once((leader, "Leader"))
        .chain(followers.map(|voter| (voter, "Follower")))
        .chain(quorum.observers.iter().map(|observer| (observer, "Observer")));
    let now_ms = crate::now_ms();
    let mut rows = Vec::new();
    for (replica, status) in all {
        let shown = |time_ms: Option<i64>, what: &str| match time_ms {
            None => Ok("-1".to_owned()),
            Some(time_ms) if !human_readable => Ok(time_ms.to_string()),
            Some(time_ms) if (1..=now_ms).contains(&time_ms) => Ok(format!("{} ms ago", now_ms - time_ms)),
            Some(time_ms) => Err(Failure::of_class(
                "org.apache.kafka.common.KafkaException",
                format!(
                    "Error while computing relative time, possible drift in system clock.\nCurrent timestamp is {now_ms}, {what} timestamp is {time_ms}"
                ),
            )),
        };
        rows.push([
            replica.id.to_string(),
            replica.directory_id.to_string(),
            replica.log_end_offset.to_string(),
            (leader.log_end_offset - replica.log_end_offset).to_string(),
            shown(replica.last_fetch_ms, "last fetch")?,
            shown(replica.last_caught_up_ms, "last caught up")?,
            status.to_owned(),
        ]);
    }
    let heading = [
        "NodeId",
        "DirectoryId",
        "LogEndOffset",
        "Lag",
        "LastFetchTimestamp",
        "LastCaughtUpTimestamp",
        "Status",
    ];
    Ok(tabbed(heading, &rows))
}
