//! `kafka-delete-records`: deletes the records of partitions below offsets that a file names.

use std::collections::BTreeMap;

use client::admin::TopicPartition;
use serde_json::Value;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::java;
use crate::options::{Given, Opt, Options};

#[rustfmt::skip]
const OPTIONS: Options = Options {
    about: "This tool helps to delete records of the given partitions down to the specified offset.",
    options: &[
        Opt::value("bootstrap-server", "server(s) to use for bootstrapping", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("command-config", "command config property file path", "A file of settings for the admin client."),
        Opt::value("offset-json-file", "Offset json file path", "A file that names partitions with the offset of the first record to be kept, -1 for none: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}], \"version\": 1}"),
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match OPTIONS.read(arguments) {
        Ok(given) => given,
        Err(refusal) => return admin_tool::refuse(&OPTIONS, &refusal, output),
    };
    if let Some(code) = admin_tool::answered(&OPTIONS, &given, output) {
        return code;
    }
    if let Err(refusal) = given.require(&["bootstrap-server", "offset-json-file"]) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match delete(&given, output) {
        Ok(()) => 0,
        Err(failure) => output.fail(failure.message()),
    }
}

fn delete(given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let admin = admin_tool::connect(given)?;
    let file = given.value("offset-json-file").map_err(refused)?.unwrap_or_default();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::of_class("java.nio.file.NoSuchFileException", format!("{file}: {error}"))
    })?;
    let wanted: Vec<(TopicPartition, i64)> = parse(&text)?.into_iter().collect();
    admin_tool::run(async {
        wrote(writeln!(output.out, "Executing records delete operation"))?;
        let deleted = admin.delete_records(&wanted).await?;
        wrote(writeln!(output.out, "Records delete operation completed:"))?;
        let mut deleted: Vec<_> = deleted.into_iter().collect();
        java::in_order_of_grown_map(&mut deleted, |((topic, partition), _)| {
            java::hash_of_partition(topic, *partition)
        });
        for ((topic, partition), outcome) in deleted {
            let outcome = match outcome {
                Ok(low_watermark) => format!("low_watermark: {low_watermark}"),
                Err(error) => format!("error: {}: {error}", error.exception()),
            };
            wrote(writeln!(output.out, "partition: {topic}-{partition}\t{outcome}"))?;
        }
        Ok(())
    })
}

fn parse(text: &str) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let operation =
        |sentence: String| Failure::of_class("org.apache.kafka.tools.AdminOperationException", sentence);
    let json: Value = serde_json::from_str(text)
        .map_err(|_| operation("The input string is not a valid JSON".to_owned()))?;
    if let Some(version) = json.get("version").filter(|version| **version != 1) {
        return Err(operation(format!("Not supported version field value {version}")));
    }
    let partitions =
        json.get("partitions").ok_or_else(|| operation("Missing partitions field".to_owned()))?;
    let mut wanted = BTreeMap::new();
    let mut twice: Vec<String> = Vec::new();
    for one in partitions.as_array().into_iter().flatten() {
        let number = |field: &str| one.get(field).and_then(Value::as_i64);
        let topic = one.get("topic").and_then(Value::as_str);
        let partition = number("partition").and_then(|partition| i32::try_from(partition).ok());
        let (Some(topic), Some(partition), Some(offset)) = (topic, partition, number("offset")) else {
            return Err(operation(format!(
                "A partition needs topic, partition and offset, but there is {one}"
            )));
        };
        if wanted.insert((topic.to_owned(), partition), offset).is_some() {
            twice.push(format!("{topic}-{partition}"));
        }
    }
    twice.dedup();
    if twice.is_empty() {
        return Ok(wanted);
    }
    Err(Failure::of_class(
        "org.apache.kafka.tools.AdminCommandFailedException",
        format!("Offset json file contains duplicate topic partitions: {}", twice.join(",")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_each_partition_once() {
        let parsed = |text: &str| parse(text).map_err(|failure| failure.message().to_owned());
        let one = r#"{"partitions":[{"topic":"keep","partition":0,"offset":1}],"version":1}"#;
        assert_eq!(parsed(one), Ok(BTreeMap::from([(("keep".to_owned(), 0), 1)])));
        let twice = r#"{"partitions":[{"topic":"a","partition":0,"offset":1},{"topic":"a","partition":0,"offset":2}]}"#;
        for (text, sentence) in [
            ("x", "The input string is not a valid JSON"),
            ("{}", "Missing partitions field"),
            (r#"{"version":2}"#, "Not supported version field value 2"),
            (twice, "Offset json file contains duplicate topic partitions: a-0"),
        ] {
            assert_eq!(parsed(text), Err(sentence.to_owned()));
        }
    }
}
