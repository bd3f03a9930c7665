//! `kafka-get-offsets`: prints an offset of each partition.

mod filter;

use client::Admin;
use client::admin::{OffsetSpec, TopicPartition};

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};
use filter::Filter;

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "An interactive shell for getting topic-partition offsets.",
    options: &[
        Opt::value("bootstrap-server", "HOST1:PORT1,...,HOST3:PORT3", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("command-config", "config file", "A file of settings for the admin client."),
        Opt::flag("exclude-internal-topics", "Without the cluster's own topics."),
        Opt::value("partitions", "partition ids", "Numbers of partitions, separated by commas; all without."),
        Opt::value("time", "time", "Which offset: latest (the default, -1), earliest (-2), max-timestamp (-3), earliest-local (-4), latest-tiered (-5), earliest-pending-upload (-6), or that of the first record since a timestamp in milliseconds."),
        Opt::value("topic", "topic", "A topic or a regular expression; all topics without."),
        Opt::value("topic-partitions", "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3", "Topics or regular expressions, each with a partition or a range of them, whose end does not belong to it."),
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match OPTIONS.read(arguments) {
        Ok(given) if !arguments.is_empty() => given,
        Ok(_) => return admin_tool::refuse(&OPTIONS, &Refusal::Usage(OPTIONS.about.to_owned()), output),
        Err(Refusal::Parser(_, sentence) | Refusal::Usage(sentence)) => {
            return output.fail(format!("Error occurred: {sentence}"));
        }
    };
    if let Some(code) = admin_tool::answered(&OPTIONS, &given, output) {
        return code;
    }
    let refused = given.require(&["bootstrap-server"]).and_then(|()| check_servers(&given));
    if let Err(refusal) = refused {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match offsets(&given, output) {
        Ok(()) => 0,
        Err(failure) => output.fail(format!("Error occurred: {}", failure.told())),
    }
}

/// The original looks at the servers before it does anything else.
fn check_servers(given: &Given) -> Result<(), Refusal> {
    let servers = given.value("bootstrap-server")?.unwrap_or_default();
    let is_fine = |server: &str| config::listener::parse_host_port(server).is_some();
    if servers.split(',').all(is_fine) {
        return Ok(());
    }
    Err(Refusal::Usage("Please provide valid host:port like host1:9091,host2:9092\n ".to_owned()))
}

fn offsets(given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    if given.has("topic-partitions") && (given.has("topic") || given.has("partitions")) {
        return Err(Failure::argument("--topic-partitions cannot be used with --topic or --partitions"));
    }
    let spec = offset_spec(given.value("time").map_err(refused)?.unwrap_or("latest"))?;
    let filter = Filter::of(given)?;
    let admin = admin_tool::connect(given)?;
    admin_tool::run(async {
        let partitions = partitions(&admin, &filter, given.has("exclude-internal-topics")).await?;
        if partitions.is_empty() {
            return Err(Failure::argument("Could not match any topic-partitions with the specified filters"));
        }
        let asked: Vec<(TopicPartition, OffsetSpec)> =
            partitions.into_iter().map(|partition| (partition, spec)).collect();
        let mut lines = Vec::new();
        for ((topic, partition), found) in admin.list_offsets(&asked).await? {
            match found {
                // No record is as asked for.
                Ok(found) if found.offset < 0 => {}
                Ok(found) => lines
                    .push((format!("{topic}-{partition}"), format!("{topic}:{partition}:{}", found.offset))),
                Err(error) => {
                    let exception = error.exception();
                    let _ = writeln!(
                        output.err,
                        "Skip getting offsets for topic-partition {topic}-{partition} due to error: {exception}: {error}"
                    );
                }
            }
        }
        lines.sort();
        lines.iter().try_for_each(|(_, line)| wrote(writeln!(output.out, "{line}")))
    })
}

fn offset_spec(text: &str) -> Result<OffsetSpec, Failure> {
    Ok(match text {
        "latest" | "-1" => OffsetSpec::Latest,
        "earliest" | "-2" => OffsetSpec::Earliest,
        "max-timestamp" | "-3" => OffsetSpec::MaxTimestamp,
        "earliest-local" | "-4" => OffsetSpec::EarliestLocal,
        "latest-tiered" | "-5" => OffsetSpec::LatestTiered,
        "earliest-pending-upload" | "-6" => OffsetSpec::EarliestPendingUpload,
        _ => OffsetSpec::Timestamp(text.parse().map_err(|_| {
            Failure::argument(format!("Malformed time argument {text}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp"))
        })?),
    })
}

async fn partitions(
    admin: &Admin,
    filter: &Filter,
    without_internal: bool,
) -> Result<Vec<TopicPartition>, Failure> {
    let listed = admin.list_topics().await?;
    let names: Vec<&str> = listed
        .iter()
        .filter(|topic| !(without_internal && topic.is_internal))
        .map(|topic| topic.name.as_str())
        .filter(|name| filter.has_topic(name))
        .collect();
    let described = admin.describe_topics(&names).await?;
    let all = described.into_iter().flat_map(|topic| {
        let name = topic.name;
        topic.partitions.into_iter().map(move |partition| (name.clone(), partition.partition))
    });
    Ok(all.filter(|(topic, partition)| filter.has(topic, *partition)).collect())
}
