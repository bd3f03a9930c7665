//! `naru doctor`: what people get wrong most, looked for from where a client stands. Nothing is written to the cluster.

mod broker_settings;
mod client_settings;
mod clock;
mod health;
mod network;
mod probe;
mod report;
mod rules;

use std::time::Duration;

use clap::{ArgMatches, Command};

use crate::failure::{Failure, NOT_RUN};
use crate::session::{Session, block_on};
use report::Report;

/// The longest wait for one call: what is out of order may have many that are not answered.
const CALL_MAX: Duration = Duration::from_secs(10);

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    command.after_help(
        "It reads only. The exit code is 0 where nothing is wrong, 1 where something is, and 2 where it could not look.",
    )
}

/// Runs it.
pub(crate) fn run(_matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let report = block_on(examine(session))?;
    let is_cut_short = report.is_cut_short();
    let has_problems = report.has_problems();
    report.write(session)?;
    Ok(match (has_problems, is_cut_short) {
        (true, _) => 1,
        (false, true) => NOT_RUN,
        (false, false) => 0,
    })
}

async fn examine(session: &Session<'_>) -> Result<Report, Failure> {
    let mut report = Report::default();
    let servers = session.servers()?;
    let own = client_settings::Own::of(session)?;
    client_settings::check(&own, &mut report);
    let is_kafka = network::check_servers(&servers, &own, session.timeout, &mut report).await;
    if !is_kafka {
        report.cut_short(
            "no server speaks the Kafka protocol as this client would, so that the rest was not looked at",
        );
        return Ok(report);
    }
    let admin = match session.admin().await {
        Ok(admin) => admin.with_timeout(session.timeout.min(CALL_MAX)),
        Err(failure) => {
            report.cut_short(&format!("the rest was not looked at: {}", failure.message()));
            return Ok(report);
        }
    };
    let cluster = match admin.describe_cluster(true).await {
        Ok(cluster) => cluster,
        Err(error) => {
            report.cut_short(&format!(
                "the cluster does not describe itself, so that the rest was not looked at: {error}"
            ));
            return Ok(report);
        }
    };
    let reachable = network::check_advertised(&cluster, &servers, &own, session.timeout, &mut report).await;
    clock::check(&admin, &mut report).await;
    health::check_groups(&admin, &reachable, &mut report).await;
    health::check_disks(&admin, &reachable, &mut report).await;
    let topics = health::check_partitions(&admin, &mut report).await;
    broker_settings::check(&admin, &reachable, cluster.brokers.len(), &topics, &own, &mut report).await;
    Ok(report)
}
