//! `kafka-log-dirs`: what is in the log directories of brokers, as JSON.

use client::Admin;
use client::admin::{LogDir, LogDirPartition};
use serde_json::json;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::java;
use crate::options::{Given, Opt, Options};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to query log directory usage on the specified brokers.",
    options: &[
        Opt::value("bootstrap-server", "The server(s) to use for bootstrapping", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("broker-list", "Broker list", "Ids of brokers, separated by commas; all brokers without."),
        Opt::value("command-config", "Admin client property file", "A file of settings for the admin client."),
        Opt::flag("describe", "Show the log directories."),
        Opt::value("topic-list", "Topic list", "Topics, separated by commas; all topics without."),
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    if let Err(refusal) = given.require(&["bootstrap-server", "describe"]) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match describe(&given, output) {
        Ok(()) => 0,
        Err(failure) => output.fail(failure.told()),
    }
}

fn describe(given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let topics = listed(given, "topic-list")?;
    let asked = listed(given, "broker-list")?
        .into_iter()
        .map(|id| id.parse::<i32>().map_err(|_| Failure::not_a_number(id)));
    let asked = asked.collect::<Result<Vec<_>, _>>()?;
    let admin = admin_tool::connect(given)?;
    admin_tool::run(async {
        let there: Vec<i32> = admin.brokers().await?.nodes.iter().map(|node| node.id).collect();
        let missing: Vec<i32> = asked.iter().copied().filter(|id| !there.contains(id)).collect();
        if !missing.is_empty() {
            return Err(Failure::argument(format!(
                "ERROR: The given brokers do not exist from --broker-list: {}. Current existent brokers: {}",
                joined(&missing),
                joined(&there)
            )));
        }
        let brokers = if asked.is_empty() { there } else { asked };
        wrote(writeln!(output.out, "Querying brokers for log directories information"))?;
        let told = tell(&admin, &brokers, &topics).await?;
        wrote(writeln!(output.out, "Received log directory information from brokers {}", joined(&brokers)))?;
        wrote(writeln!(output.out, "{told}"))
    })
}

/// The names of a list, without empty ones.
fn listed<'g>(given: &'g Given, option: &str) -> Result<Vec<&'g str>, Failure> {
    let text = given.value(option).map_err(refused)?.unwrap_or_default();
    Ok(text.split(',').filter(|name| !name.is_empty()).collect())
}

fn joined(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

async fn tell(admin: &Admin, brokers: &[i32], topics: &[&str]) -> Result<String, Failure> {
    let mut told = Vec::new();
    for broker in brokers {
        let mut log_dirs = admin.describe_log_dirs(*broker).await?;
        java::in_order_of_grown_map(&mut log_dirs, |log_dir| java::hash_of(&log_dir.path));
        let log_dirs: Vec<String> =
            log_dirs.iter_mut().map(|log_dir| log_dir_json(log_dir, topics)).collect();
        told.push(format!("{{\"broker\":{broker},\"logDirs\":[{}]}}", log_dirs.join(",")));
    }
    Ok(format!("{{\"brokers\":[{}],\"version\":1}}", told.join(",")))
}

/// Keys come in the order that the original prints them in.
fn log_dir_json(log_dir: &mut LogDir, topics: &[&str]) -> String {
    let of_topic =
        |partition: &LogDirPartition| topics.is_empty() || topics.contains(&partition.topic.as_str());
    log_dir.partitions.retain(of_topic);
    java::in_order_of_grown_map(&mut log_dir.partitions, |one| {
        java::hash_of_partition(&one.topic, one.partition)
    });
    let partitions = log_dir.partitions.iter().map(|one| {
        let LogDirPartition { topic, partition, size, offset_lag, is_future } = one;
        let name = json!(format!("{topic}-{partition}"));
        format!(
            "{{\"partition\":{name},\"size\":{size},\"offsetLag\":{offset_lag},\"isFuture\":{is_future}}}"
        )
    });
    let partitions = partitions.collect::<Vec<_>>().join(",");
    let error = json!(log_dir.error.as_ref().map(client::Error::exception));
    format!("{{\"partitions\":[{partitions}],\"error\":{error},\"logDir\":{}}}", json!(log_dir.path))
}
