//! What a line of `kafka-verifiable-consumer` says.

use crate::Output;
use crate::client_settings::Written;
use crate::failure::Failure;
use crate::subcommands::{Argument, Program, Said, Unsaid};
use crate::verifiable::config_file;

#[rustfmt::skip]
pub(crate) static PROGRAM: Program = Program {
    name: "verifiable-consumer",
    about: "This tool consumes messages from a specific topic and emits consumer events (e.g. group rebalances, received messages, and offsets committed) as JSON objects to STDOUT.",
    options: &[
        Argument::value("topic", "TOPIC", "The topic to read.").required(),
        Argument::value("group-protocol", "GROUP-PROTOCOL", "How the group divides partitions: classic, as without, or consumer."),
        Argument::value("group-remote-assignor", "GROUP-REMOTE-ASSIGNOR", "By the consumer protocol: what the server is to divide them by."),
        Argument::value("group-id", "GROUP-ID", "Id of the group.").required(),
        Argument::value("group-instance-id", "GROUP-INSTANCE-ID", "Id of a member that keeps its partitions when it comes back."),
        Argument::value("max-messages", "MAX-MESSAGES", "Number of records; -1, as without, for as many as come until it is stopped."),
        Argument::value("session-timeout", "TIMEOUT-MS", "By the classic protocol: milliseconds of silence after which a member is out."),
        Argument::flag("verbose", "Tell of each record."),
        Argument::flag("enable-autocommit", "Let the consumer commit by itself."),
        Argument::value("reset-policy", "RESET-POLICY", "Where to begin without a committed offset: earliest, as without, latest or none."),
        Argument::value("assignment-strategy", "ASSIGNMENT-STRATEGY", "By the classic protocol: the class that divides the partitions."),
        Argument::value("consumer.config", "CONFIG-FILE", "As --command-config; out of use."),
        Argument::value("command-config", "CONFIG-FILE", "A file of settings for the consumer; what the options say goes before them."),
        Argument::value("bootstrap-server", "HOST1:PORT1[,HOST2:PORT2[...]]", "Servers to connect to first, host:port, separated by commas.").required_last(),
    ],
    commands: &[],
};

const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";

/// What is read, and how far.
pub(super) struct Plan {
    pub(super) topic: String,
    /// `None` for no end.
    pub(super) count: Option<usize>,
    pub(super) is_verbose: bool,
    /// The consumer commits by itself.
    pub(super) commits: bool,
    /// For the consumer.
    pub(super) written: Written,
}

/// Why a line is not followed.
pub(super) enum Refused {
    Line(Unsaid),
    Value(Failure),
}

impl From<Unsaid> for Refused {
    fn from(unsaid: Unsaid) -> Refused {
        Refused::Line(unsaid)
    }
}

/// Reads what a line says.
pub(super) fn plan(said: &Said, output: &mut Output<'_>) -> Result<Plan, Refused> {
    let count = said.number::<i32>("max-messages", "Integer")?.unwrap_or(-1);
    let session_timeout = said.number::<i32>("session-timeout", "Integer")?;
    let file = config_file(said, "consumer.config", output)?;
    let mut written = Written::of_file_if_any(file).map_err(|failure| said.unreadable(&failure))?;
    let protocol = said.value("group-protocol").unwrap_or("classic");
    match protocol.to_ascii_lowercase().as_str() {
        "consumer" => {
            written.set("group.protocol", protocol);
            if let Some(assignor) = said.value("group-remote-assignor") {
                written.set("group.remote.assignor", assignor);
            }
        }
        "classic" => {
            let strategy = said.value("assignment-strategy").unwrap_or(RANGE);
            written.set("partition.assignment.strategy", strategy);
        }
        _ => {
            let name = protocol.to_ascii_uppercase();
            let sentence = format!("No enum constant org.apache.kafka.clients.consumer.GroupProtocol.{name}");
            return Err(Refused::Value(Failure::argument(sentence)));
        }
    }
    let commits = said.has("enable-autocommit");
    written.set("group.id", said.value("group-id").unwrap_or_default());
    if let Some(instance) = said.value("group-instance-id") {
        written.set("group.instance.id", instance);
    }
    written.set("bootstrap.servers", said.value("bootstrap-server").unwrap_or_default());
    written.set("enable.auto.commit", commits.to_string());
    written.set("auto.offset.reset", said.value("reset-policy").unwrap_or("earliest"));
    if let Some(timeout) = session_timeout {
        written.set("session.timeout.ms", timeout.to_string());
    }
    Ok(Plan {
        topic: said.value("topic").unwrap_or_default().to_owned(),
        count: usize::try_from(count).ok(),
        is_verbose: said.has("verbose"),
        commits,
        written,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(line: &str) -> Result<Plan, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let output = &mut Output { out: &mut out, err: &mut err };
        let plan = PROGRAM.read_or_help(&words).map_err(Refused::Line).and_then(|said| plan(&said, output));
        plan.map_err(|refused| match refused {
            Refused::Line(Unsaid::Help(_)) => "help".to_owned(),
            Refused::Line(Unsaid::Complaint(complaint)) => complaint.sentence,
            Refused::Value(failure) => failure.to_string(),
        })
    }

    #[test]
    fn lines_are_refused_as_by_the_original() {
        let all = "--bootstrap-server b --topic t --group-id g";
        for (line, complaint) in [
            (String::new(), "help"),
            ("--bootstrap-server b --topic t".to_owned(), "argument --group-id is required"),
            (
                format!("{all} --group-protocol mine"),
                "java.lang.IllegalArgumentException: No enum constant org.apache.kafka.clients.consumer.GroupProtocol.MINE",
            ),
            (format!("{all} more"), "unrecognized arguments: 'more'"),
        ] {
            assert_eq!(planned(&line).map(drop).unwrap_err(), complaint, "{line}");
        }
    }

    #[test]
    fn each_protocol_has_settings_of_its_own() {
        let all = "--bootstrap-server b --topic t --group-id g";
        let classic = planned(&format!("{all} --group-remote-assignor uniform")).unwrap().written;
        assert_eq!(classic.get("partition.assignment.strategy"), Some(RANGE));
        assert_eq!(classic.get("group.remote.assignor"), None);
        assert_eq!(classic.get("session.timeout.ms"), None);
        let line = format!("{all} --group-protocol Consumer --group-remote-assignor uniform");
        let consumer = planned(&line).unwrap().written;
        assert_eq!(consumer.get("partition.assignment.strategy"), None);
        assert_eq!(consumer.get("group.remote.assignor"), Some("uniform"));
    }
}
