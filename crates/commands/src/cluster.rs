//! `naru cluster`: who is in the cluster and what it is made of.

use clap::{ArgMatches, Command};
use client::Admin;
use client::admin::QuorumReplica;

use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::session::{Session, block_on};
use crate::table::Column;

const BROKERS: [Column<'_>; 6] = [
    ("BROKER", "id"),
    ("HOST", "host"),
    ("PORT", "port"),
    ("RACK", "rack"),
    ("FENCED", "fenced"),
    ("CONTROLLER", "controller"),
];
const FEATURES: [Column<'_>; 4] =
    [("FEATURE", "name"), ("IN USE", "level"), ("FROM", "levelMin"), ("TO", "levelMax")];
const REPLICAS: [Column<'_>; 7] = [
    ("NODE", "id"),
    ("DIRECTORY", "directoryId"),
    ("ROLE", "role"),
    ("LOG END", "logEndOffset"),
    ("LAG", "lag"),
    ("FETCHED MS AGO", "fetchedMsAgo"),
    ("CAUGHT UP MS AGO", "caughtUpMsAgo"),
];

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    command.subcommand_required(true).subcommands([
        Command::new("show").about("Show the cluster as a whole"),
        Command::new("brokers").about("List the brokers and where they can be reached"),
        Command::new("features").about("List the features and their levels"),
        Command::new("quorum").about("Show who keeps the cluster's metadata"),
    ])
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let Some((name, _)) = matches.subcommand() else { return Ok(0) };
    block_on(async {
        let admin = session.admin().await?;
        match name {
            "show" => show(&admin, session).await,
            "brokers" => brokers(&admin, session).await,
            "features" => features(&admin, session).await,
            _ => quorum(&admin, session).await,
        }
    })?;
    Ok(0)
}

async fn show(admin: &Admin, session: &mut Session<'_>) -> Result<(), Failure> {
    let cluster = admin.describe_cluster(true).await?;
    let listed = admin.list_topics().await?;
    let names: Vec<&str> = listed.iter().map(|topic| topic.name.as_str()).collect();
    let topics = if names.is_empty() { Vec::new() } else { admin.describe_topics(&names).await? };
    let partitions = || topics.iter().flat_map(|topic| &topic.partitions);
    let features = admin.describe_features(None).await?;
    let doc = map([
        ("clusterId", cluster.cluster_id.as_str().into()),
        ("controller", cluster.controller_id.into()),
        ("brokers", cluster.brokers.len().into()),
        ("fencedBrokers", cluster.brokers.iter().filter(|broker| broker.is_fenced).count().into()),
        ("topics", topics.len().into()),
        ("partitions", partitions().count().into()),
        (
            "underReplicatedPartitions",
            partitions().filter(|one| one.isr.len() < one.replicas.len()).count().into(),
        ),
        ("offlinePartitions", partitions().filter(|one| one.leader.is_none()).count().into()),
        ("metadataVersion", features.features.get("metadata.version").map(|feature| feature.level).into()),
    ]);
    session.show(&doc, &[])
}

async fn brokers(admin: &Admin, session: &mut Session<'_>) -> Result<(), Failure> {
    let cluster = admin.describe_cluster(true).await?;
    let rows = cluster.brokers.iter().map(|broker| {
        let node = &broker.node;
        map([
            ("id", node.id.into()),
            ("host", node.address.host.as_str().into()),
            ("port", node.address.port.into()),
            ("rack", node.rack.as_deref().into()),
            ("fenced", broker.is_fenced.into()),
            ("controller", (cluster.controller_id == Some(node.id)).into()),
        ])
    });
    session.show_rows(&BROKERS, rows.collect())
}

async fn features(admin: &Admin, session: &mut Session<'_>) -> Result<(), Failure> {
    let features = admin.describe_features(None).await?;
    let rows = features.features.iter().map(|(name, feature)| {
        map([
            ("name", name.as_str().into()),
            ("level", feature.level.into()),
            ("levelMin", feature.level_min.into()),
            ("levelMax", feature.level_max.into()),
        ])
    });
    session.show_rows(&FEATURES, rows.collect())
}

async fn quorum(admin: &Admin, session: &mut Session<'_>) -> Result<(), Failure> {
    let quorum = admin.describe_quorum().await?;
    let leader_end = quorum.voters.iter().find(|voter| voter.id == quorum.leader_id);
    let leader_end = leader_end.map_or(quorum.high_watermark, |leader| leader.log_end_offset);
    let now_ms = cli::now_ms();
    let row = |replica: &QuorumReplica, role: &str| {
        let role = if replica.id == quorum.leader_id && role == "voter" { "leader" } else { role };
        map([
            ("id", replica.id.into()),
            ("directoryId", replica.directory_id.to_string().into()),
            ("role", role.into()),
            ("logEndOffset", replica.log_end_offset.into()),
            ("lag", (leader_end - replica.log_end_offset).into()),
            ("fetchedMsAgo", replica.last_fetch_ms.map(|time| now_ms - time).into()),
            ("caughtUpMsAgo", replica.last_caught_up_ms.map(|time| now_ms - time).into()),
        ])
    };
    let voters = quorum.voters.iter().map(|replica| row(replica, "voter"));
    let replicas = voters.chain(quorum.observers.iter().map(|replica| row(replica, "observer")));
    let doc = map([
        ("leader", quorum.leader_id.into()),
        ("leaderEpoch", quorum.leader_epoch.into()),
        ("highWatermark", quorum.high_watermark.into()),
        ("replicas", Doc::List(replicas.collect())),
    ]);
    session.show(&doc, &[("replicas", &REPLICAS)])
}
