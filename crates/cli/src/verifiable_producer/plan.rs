//! What a line of `kafka-verifiable-producer` says.

use crate::Output;
use crate::client_settings::Written;
use crate::subcommands::{Argument, Program, Said, Unsaid};
use crate::verifiable::config_file;

#[rustfmt::skip]
pub(crate) static PROGRAM: Program = Program {
    name: "verifiable-producer",
    about: "This tool produces increasing integers to the specified topic and prints JSON metadata to stdout on each \"send\" request, making externally visible which messages have been acked and which have not.",
    options: &[
        Argument::value("topic", "TOPIC", "The topic to write to.").required(),
        Argument::value("max-messages", "MAX-MESSAGES", "Number of records; -1, as without, for as many as come until it is stopped."),
        Argument::value("throughput", "THROUGHPUT", "Records a second at most, -1, as without, for as many as possible."),
        Argument::value("acks", "ACKS", "Who has to have a record before it counts as written: 0, 1 or -1 for all, as without."),
        Argument::value("producer.config", "CONFIG-FILE", "As --command-config; out of use."),
        Argument::value("message-create-time", "CREATE-TIME", "Timestamps begin there, in milliseconds since 1970."),
        Argument::value("value-prefix", "VALUE-PREFIX", "A number that stands before each value, with a dot between."),
        Argument::value("repeating-keys", "REPEATING-KEYS", "Keys go up from 0 to this number, which is not reached, and begin anew."),
        Argument::value("command-config", "CONFIG-FILE", "A file of settings for the producer; they go before what the options say."),
        Argument::value("bootstrap-server", "HOST1:PORT1[,HOST2:PORT2[...]]", "Servers to connect to first, host:port, separated by commas.").one_of(),
    ],
    commands: &[],
};

/// What is written.
pub(super) struct Plan {
    pub(super) topic: String,
    /// `None` for no end.
    pub(super) count: Option<u64>,
    /// Records a second; negative ones stand for no bound.
    pub(super) throughput: i32,
    pub(super) prefix: Option<i32>,
    pub(super) repeating_keys: Option<i32>,
    pub(super) create_time: Option<i64>,
    /// For the producer.
    pub(super) written: Written,
}

/// Reads what a line says.
pub(super) fn plan(said: &Said, output: &mut Output<'_>) -> Result<Plan, Unsaid> {
    let integer = |option: &str| said.number::<i32>(option, "Integer");
    let acks = integer("acks")?.unwrap_or(-1);
    if !(-1..=1).contains(&acks) {
        let sentence = format!("argument --acks: invalid choice: '{acks}' (choose from {{0,1,-1}})");
        return Err(said.complaint(&sentence));
    }
    let mut plan = Plan {
        topic: said.value("topic").unwrap_or_default().to_owned(),
        count: integer("max-messages")?.and_then(|count| u64::try_from(count).ok()),
        throughput: integer("throughput")?.unwrap_or(-1),
        prefix: integer("value-prefix")?,
        repeating_keys: integer("repeating-keys")?,
        create_time: said.number("message-create-time", "Long")?.filter(|time| *time != -1),
        written: Written::default(),
    };
    plan.written.set("bootstrap.servers", said.value("bootstrap-server").unwrap_or_default());
    plan.written.set("acks", acks.to_string());
    plan.written.set("retries", "0");
    let file = config_file(said, "producer.config", output)?;
    plan.written.extend(Written::of_file_if_any(file).map_err(|failure| said.unreadable(&failure))?);
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(line: &str) -> Result<Plan, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let output = &mut Output { out: &mut out, err: &mut err };
        let plan = PROGRAM.read_or_help(&words).and_then(|said| plan(&said, output));
        plan.map_err(|unsaid| match unsaid {
            Unsaid::Help(_) => "help".to_owned(),
            Unsaid::Complaint(complaint) => complaint.sentence,
        })
    }

    #[test]
    fn lines_are_refused_as_by_the_original() {
        for (line, complaint) in [
            ("", "help"),
            ("--topic t", "one of the arguments --bootstrap-server is required"),
            ("--bootstrap-server b", "argument --topic is required"),
            (
                "--bootstrap-server b --topic t --acks 2",
                "argument --acks: invalid choice: '2' (choose from {0,1,-1})",
            ),
            (
                "--bootstrap-server b --topic t --max-messages x",
                "argument --max-messages: could not convert 'x' to Integer (For input string: \"x\")",
            ),
            (
                "--bootstrap-server b --topic t --command-config a --producer.config b",
                "Options --producer.config and --command-config are mutually exclusive.",
            ),
        ] {
            assert_eq!(planned(line).map(drop).unwrap_err(), complaint, "{line}");
        }
    }
}
