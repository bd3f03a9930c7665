//! `kafka-leader-election`: elects leaders of partitions.

use client::admin::{ElectionType, TopicPartition};
use model::ErrorCode;
use serde_json::Value;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options};
use crate::{java, partitions_file};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are preferred replicas and unclean replicas.",
    options: &[
        Opt::value("admin.config", "config file", "The former name of --command-config."),
        Opt::flag("all-topic-partitions", "All partitions that need the election."),
        Opt::value("bootstrap-server", "host:port", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("command-config", "Config file", "A file of settings for the admin client."),
        Opt::value("election-type", "[PREFERRED,UNCLEAN]", "preferred: the first replica, where it is in sync; unclean: any replica, where nobody leads."),
        Opt::value("partition", "partition id", "With --topic: the number of the partition."),
        Opt::value("path-to-json-file", "Path to JSON file", "A file that names the partitions: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1}]}"),
        Opt::value("topic", "topic name", "The topic of a single partition."),
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    match elect(&given, output) {
        Ok(()) => 0,
        Err(failure) => output.fail(failure.told()),
    }
}

fn elect(given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    check(given)?;
    if given.has("admin.config") {
        let sentence = "Option --admin.config has been deprecated and will be removed in a future version. Use --command-config instead.";
        wrote(writeln!(output.out, "{sentence}"))?;
    }
    let (election, name) = election(given.value("election-type").map_err(refused)?.unwrap_or_default())?;
    let partitions = partitions(given)?;
    let admin = admin_tool::connect(given)?;
    let elected = admin_tool::run(async { Ok(admin.elect_leaders(election, partitions.as_deref()).await?) })?;
    let mut elected: Vec<_> = elected.into_iter().collect();
    java::in_order_of_grown_map(&mut elected, |((topic, partition), _)| {
        java::hash_of_partition(topic, *partition)
    });
    let (mut succeeded, mut needless, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for ((topic, partition), outcome) in elected {
        let partition = format!("{topic}-{partition}");
        match outcome {
            Ok(()) => succeeded.push(partition),
            Err(error) if error.code() == Some(ErrorCode::ELECTION_NOT_NEEDED) => needless.push(partition),
            Err(error) => failed.push((partition, error)),
        }
    }
    if !succeeded.is_empty() {
        let partitions = succeeded.join(", ");
        let sentence = format!("Successfully completed leader election ({name}) for partitions {partitions}");
        wrote(writeln!(output.out, "{sentence}"))?;
    }
    if !needless.is_empty() {
        let partitions = needless.join(", ");
        wrote(writeln!(output.out, "Valid replica already elected for partitions {partitions}"))?;
    }
    for (partition, error) in &failed {
        let exception = error.exception();
        let sentence = format!(
            "Error completing leader election ({name}) for partition: {partition}: {exception}: {error}"
        );
        wrote(writeln!(output.out, "{sentence}"))?;
    }
    match failed.len() {
        0 => Ok(()),
        count => Err(Failure::command_failed(format!("{count} replica(s) could not be elected"))),
    }
}

fn check(given: &Given) -> Result<(), Failure> {
    let required = ["bootstrap-server", "election-type"];
    let missing: Vec<&str> = required.into_iter().filter(|option| !given.has(option)).collect();
    if !missing.is_empty() {
        return Err(Failure::command_failed(format!("Missing required option(s): {}", missing.join(", "))));
    }
    let exclusive = ["topic", "all-topic-partitions", "path-to-json-file"];
    if exclusive.into_iter().filter(|option| given.has(option)).count() != 1 {
        let options = exclusive.join(", ");
        return Err(Failure::command_failed(format!(
            "One and only one of the following options is required: {options}"
        )));
    }
    if given.has("topic") && !given.has("partition") {
        return Err(Failure::command_failed("Missing required option(s): partition".to_owned()));
    }
    if !given.has("topic") && given.has("partition") {
        return Err(Failure::command_failed("Option partition is only allowed if topic is used".to_owned()));
    }
    Ok(())
}

/// The type of an election, and its name as the original prints it.
fn election(text: &str) -> Result<(ElectionType, &'static str), Failure> {
    match text.to_ascii_uppercase().as_str() {
        "PREFERRED" => Ok((ElectionType::Preferred, "PREFERRED")),
        "UNCLEAN" => Ok((ElectionType::Unclean, "UNCLEAN")),
        _ => Err(Failure::of_class(
            "joptsimple.OptionArgumentConversionException",
            format!("Cannot parse argument '{text}' of option election-type"),
        )),
    }
}

/// The partitions that are meant; `None` for all.
fn partitions(given: &Given) -> Result<Option<Vec<TopicPartition>>, Failure> {
    if let Some(topic) = given.value("topic").map_err(refused)? {
        let partition = given.number("partition").map_err(refused)?.unwrap_or_default();
        return Ok(Some(vec![(topic.to_owned(), partition)]));
    }
    let Some(path) = given.value("path-to-json-file").map_err(refused)? else { return Ok(None) };
    parse(&crate::files::text(path).map_err(Failure::at_run_time)?).map(Some)
}

fn parse(text: &str) -> Result<Vec<TopicPartition>, Failure> {
    let json: Value = serde_json::from_str(text)
        .map_err(|_| partitions_file::unusable("Replica election data is empty"))?;
    let partitions = json
        .get("partitions")
        .and_then(Value::as_array)
        .ok_or_else(|| partitions_file::unusable("Replica election data is missing \"partitions\" field"))?;
    let named = partitions_file::named(partitions, "topic and partition")?;
    if named.twice.is_empty() {
        return Ok(named.partitions.into_keys().collect());
    }
    let twice: Vec<String> = named.twice.into_iter().collect();
    let sentence = format!("Replica election data contains duplicate partitions: [{}]", twice.join(", "));
    Err(partitions_file::unusable(sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_each_partition_once() {
        let parsed = |text: &str| parse(text).map_err(|failure| failure.message().to_owned());
        let one = r#"{"partitions":[{"topic":"t","partition":3}]}"#;
        assert_eq!(parsed(one), Ok(vec![("t".to_owned(), 3)]));
        for (text, sentence) in [
            ("", "Replica election data is empty"),
            ("{}", "Replica election data is missing \"partitions\" field"),
            (
                r#"{"partitions":[{"topic":"t","partition":3},{"topic":"t","partition":3}]}"#,
                "Replica election data contains duplicate partitions: [t-3]",
            ),
            (
                r#"{"partitions":[{"topic":"t"}]}"#,
                r#"A partition needs topic and partition, but there is {"topic":"t"}"#,
            ),
        ] {
            assert_eq!(parsed(text), Err(sentence.to_owned()));
        }
    }
}
