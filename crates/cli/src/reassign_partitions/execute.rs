//! `kafka-reassign-partitions --execute` and `--cancel`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use client::Admin;
use client::admin::TopicPartition;
use model::ErrorCode;
use tokio::time::{Instant, sleep};

use super::plan::{self, Plan};
use super::verify::{Way, ways};
use super::{Replicas, all_shown, log_dirs_of, plural, replicas_of, shown, throttles};
use crate::Output;
use crate::admin_tool::{refused, wrote};
use crate::failure::Failure;
use crate::options::Given;

const OTHER_MOVES: &str = "Cannot execute because there is an existing partition assignment.  Use --additional to override this and create a new partition assignment in addition to the existing one. The --additional flag can also be used to change the throttle by resubmitting the current reassignment.";
const THROTTLE_WARNING: &str = "Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is removed.";
/// Between two attempts to begin moves between log directories.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

pub(super) async fn run(
    admin: &Admin,
    given: &Given,
    text: &str,
    timeout: Duration,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let between_brokers = given.parsed("throttle").map_err(refused)?.unwrap_or(-1_i64);
    let between_log_dirs =
        given.parsed("replica-alter-log-dirs-throttle").map_err(refused)?.unwrap_or(-1_i64);
    let plan = Plan::parse(text)?;
    let proposed = plan.check()?;
    let moves = admin.list_partition_reassignments(None).await.map_err(Failure::executed)?;
    if !given.has("additional") && !moves.is_empty() {
        return Err(Failure::terse(OTHER_MOVES));
    }
    check_brokers(admin, &proposed).await?;
    let current = current(admin, &proposed).await?;
    let holders: BTreeSet<i32> = current.values().flatten().copied().collect();
    let written = plan::written(&current, &log_dirs_of(admin, holders.into_iter()).await?);
    wrote(writeln!(
        output.out,
        "Current partition replica assignment\n\n{written}\n\nSave this to use as the --reassignment-json-file option during rollback"
    ))?;
    if between_brokers >= 0 || between_log_dirs >= 0 {
        wrote(writeln!(output.out, "{THROTTLE_WARNING}"))?;
    }
    if between_brokers >= 0 {
        throttles::between_brokers(admin, between_brokers, (&moves, &proposed, &current), output).await?;
    }
    if between_log_dirs >= 0 {
        let brokers = plan.log_dirs.keys().map(|(broker, _)| *broker).collect();
        throttles::between_log_dirs(admin, between_log_dirs, brokers, output).await?;
    }
    let may_change_factor = !given.has("disallow-replication-factor-change");
    let wanted = proposed.iter().map(|(partition, replicas)| (partition.clone(), Some(replicas.clone())));
    let altered = admin.alter_partition_reassignments(&wanted.collect(), may_change_factor).await;
    let errors = errors(altered.map_err(Failure::executed)?);
    if !errors.is_empty() {
        return Err(Failure::terse(format!("Error reassigning partition(s):\n{}", errors.join("\n"))));
    }
    let (end, partitions) = (plural(proposed.len()), all_shown(proposed.keys()));
    wrote(writeln!(output.out, "Successfully started partition reassignment{end} for {partitions}"))?;
    move_log_dirs(admin, plan.log_dirs, timeout, output).await
}

/// Cancels the moves of a plan.
pub(super) async fn cancel(
    admin: &Admin,
    given: &Given,
    text: &str,
    timeout: Duration,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let plan = Plan::parse(text)?;
    let going = admin.list_partition_reassignments(None).await.map_err(Failure::executed)?;
    let meant = plan.partitions.iter().map(|(partition, _)| partition);
    let cancelled: BTreeMap<TopicPartition, Option<Vec<i32>>> =
        meant.filter(|partition| going.contains_key(partition)).map(|one| (one.clone(), None)).collect();
    if cancelled.is_empty() {
        wrote(writeln!(output.out, "None of the specified partition reassignments are active."))?;
    } else {
        let altered = admin.alter_partition_reassignments(&cancelled, true).await;
        let errors = errors(altered.map_err(Failure::executed)?);
        if !errors.is_empty() {
            let end = plural(errors.len());
            let errors = errors.join("\n");
            return Err(Failure::terse(format!(
                "Error cancelling partition reassignment{end} for:\n{errors}"
            )));
        }
        let (end, partitions) = (plural(cancelled.len()), all_shown(cancelled.keys()));
        wrote(writeln!(output.out, "Successfully cancelled partition reassignment{end} for: {partitions}"))?;
    }
    let mut back = BTreeMap::new();
    for (replica, way) in ways(admin, &plan).await? {
        if let Way::Going { from, .. } = way {
            back.insert(replica, from);
        }
    }
    if back.is_empty() {
        // The original leaves out the end of this line.
        wrote(write!(output.out, "None of the specified partition moves are active."))?;
    }
    move_log_dirs(admin, back, timeout, output).await?;
    if given.has("preserve-throttles") {
        return Ok(());
    }
    throttles::clear(admin, &plan.partitions, output).await
}

/// The sentences about partitions that were refused.
fn errors(outcomes: BTreeMap<TopicPartition, Result<(), client::Error>>) -> Vec<String> {
    let refused = outcomes.into_iter().filter_map(|(partition, outcome)| Some((partition, outcome.err()?)));
    refused.map(|(partition, error)| format!("{}: {error}", shown(&partition))).collect()
}

async fn check_brokers(admin: &Admin, proposed: &Replicas) -> Result<(), Failure> {
    let cluster = admin.describe_cluster(false).await.map_err(Failure::executed)?;
    let is_known = |id: i32| cluster.brokers.iter().any(|broker| broker.node.id == id);
    let wanted: BTreeSet<i32> = proposed.values().flatten().copied().collect();
    match wanted.into_iter().find(|id| !is_known(*id)) {
        Some(unknown) => Err(Failure::command_failed(format!("Unknown broker id {unknown}"))),
        None => Ok(()),
    }
}

/// Where the partitions of a plan are now; all of them have to be there.
async fn current(admin: &Admin, proposed: &Replicas) -> Result<Replicas, Failure> {
    let topics: BTreeSet<&str> = proposed.keys().map(|(topic, _)| topic.as_str()).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let mut current = replicas_of(admin, &topics).await?;
    current.retain(|partition, _| proposed.contains_key(partition));
    let missing: Vec<String> =
        proposed.keys().filter(|partition| !current.contains_key(*partition)).map(shown).collect();
    if missing.is_empty() {
        return Ok(current);
    }
    Err(super::not_found(format!("Unable to find partition: {}", missing.join(", "))))
}

/// Begins moves between log directories; a replica may first have to come to its broker.
async fn move_log_dirs(
    admin: &Admin,
    mut pending: BTreeMap<(i32, TopicPartition), String>,
    timeout: Duration,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let deadline = Instant::now() + timeout;
    while !pending.is_empty() {
        let mut by_broker: BTreeMap<i32, BTreeMap<TopicPartition, String>> = BTreeMap::new();
        for ((broker, partition), log_dir) in &pending {
            by_broker.entry(*broker).or_default().insert(partition.clone(), log_dir.clone());
        }
        for (broker, log_dirs) in by_broker {
            let moved = admin.alter_replica_log_dirs(broker, &log_dirs).await;
            for (partition, outcome) in moved.map_err(Failure::executed)? {
                match outcome {
                    Ok(()) => {
                        let log_dir = pending.remove(&(broker, partition.clone())).unwrap_or_default();
                        let partition = shown(&partition);
                        wrote(writeln!(
                            output.out,
                            "Successfully started moving log directory to {log_dir} for replica {partition} with broker {broker} "
                        ))?;
                    }
                    Err(error) if error.code() == Some(ErrorCode::REPLICA_NOT_AVAILABLE) => {}
                    Err(error) => {
                        let replica = format!("{}-{broker}", shown(&partition));
                        let sentence = format!("Failed to alter dir for {replica}");
                        return Err(Failure::command_failed(format!("{sentence}: {error}")));
                    }
                }
            }
        }
        if pending.is_empty() {
            break;
        }
        if Instant::now() >= deadline {
            let replicas: Vec<String> =
                pending.keys().map(|(broker, partition)| format!("{}-{broker}", shown(partition))).collect();
            let (end, replicas) = (plural(replicas.len()), replicas.join(","));
            return Err(Failure::terse(format!(
                "Timed out before log directory move{end} could be started for: {replicas}"
            )));
        }
        sleep(AGAIN_AFTER).await;
    }
    Ok(())
}
