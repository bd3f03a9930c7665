//! `kafka-delete-records`: deletes the records of partitions below offsets that a file names.

use std::collections::BTreeMap;

use client::admin::TopicPartition;
use serde_json::Value;

use crate::Output;
use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options};
use crate::{java, partitions_file};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to delete records of the given partitions down to the specified offset.",
    options: &[
        Opt::value("bootstrap-server", "server(s) to use for bootstrapping", "Servers to connect to first, host:port, separated by commas."),
        Opt::value("command-config", "command config property file path", "A file of settings for the admin client."),
        Opt::value("offset-json-file", "Offset json file path", "A file that names partitions with the offset of the first record to be kept, -1 for none: {\"partitions\": [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}], \"version\": 1}"),
    ],
};

/// What has to be said of a partition.
const NEEDED: &str = "topic, partition and offset";

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
        Err(failure) => output.fail(failure.told()),
    }
}

fn delete(given: &Given, output: &mut Output<'_>) -> Result<(), Failure> {
    let admin = admin_tool::connect(given)?;
    let file = given.value("offset-json-file").map_err(refused)?.unwrap_or_default();
    let text = crate::files::text(file)?;
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
    let json: Value = serde_json::from_str(text)
        .map_err(|_| partitions_file::unusable("The input string is not a valid JSON"))?;
    if let Some(version) = json.get("version").filter(|version| **version != 1) {
        return Err(partitions_file::unusable(format!("Not supported version field value {version}")));
    }
    let partitions =
        json.get("partitions").ok_or_else(|| partitions_file::unusable("Missing partitions field"))?;
    let list = partitions.as_array().map(Vec::as_slice).unwrap_or_default();
    let named = partitions_file::named(list, NEEDED)?;
    if !named.twice.is_empty() {
        let twice: Vec<String> = named.twice.into_iter().collect();
        return Err(Failure::command_failed(format!(
            "Offset json file contains duplicate topic partitions: {}",
            twice.join(",")
        )));
    }
    let wanted = named.partitions.into_iter().map(|(partition, one)| {
        let offset = one.get("offset").and_then(Value::as_i64);
        Ok((partition, offset.ok_or_else(|| partitions_file::incomplete(one, NEEDED))?))
    });
    wanted.collect()
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
