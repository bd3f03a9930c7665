//! The drop-in command-line tools.
//!
//! [`run`] takes the words of a command line, finds out by [`names`] which tool is meant, and either does its
//! work or hands back the settings a server is to run with.

#![forbid(unsafe_code)]

mod acls;
mod admin_tool;
mod broker_api_versions;
mod classes;
mod client_settings;
mod cluster;
mod columns;
mod configs;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod consumer_perf;
mod daemon;
mod delete_records;
mod dump_log;
mod e2e_latency;
mod failure;
mod features;
mod files;
mod get_offsets;
mod groups;
mod help;
mod install_tools;
pub mod interrupt;
mod java;
mod leader_election;
mod log_dirs;
mod log_lines;
mod manual;
mod metadata_quorum;
pub mod names;
mod options;
mod partitions_file;
mod producer_perf;
mod reassign_partitions;
mod record_json;
mod replica_verification;
mod server_start;
mod server_stop;
pub mod storage;
mod subcommands;
mod tools;
mod topics;
mod transactions;
mod verifiable;
mod verifiable_consumer;
mod verifiable_producer;
mod zookeeper_server;
mod zookeeper_shell;

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use names::Tool;
use tools::Run;

pub use dump_log::{BatchFile, Head};
pub use failure::Failure;
pub use manual::words_of_tools;
pub use producer_perf::fill_with_letters;
pub use tools::KafkaTool;

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The release of Apache Kafka it stands in for.
pub const KAFKA_VERSION: &str = "4.3.1";

/// Exit code of everything that went wrong, as in Kafka's tools.
pub(crate) const FAILED: u8 = 1;
/// Exit code of a tool without an end whose reader is gone: the one that shells show for SIGPIPE.
pub(crate) const READER_GONE: u8 = 141;

/// How a tool ended.
#[derive(Debug)]
pub enum Outcome {
    /// It has done its work; the exit code.
    Done(u8),
    /// A server is to run in this process, with these settings.
    Serve(Box<config::Inputs>),
    /// One of naru's own commands is to run, by these words: its name first.
    Own(Vec<String>),
}

/// Where a tool writes.
pub struct Output<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

impl Output<'_> {
    /// Writes what helps to standard error, where there is something.
    pub(crate) fn hint(&mut self, hint: Option<&str>) {
        if let Some(hint) = hint {
            let _ = writeln!(self.err, "naru: {hint}");
        }
    }

    /// Writes a line to standard error and gives the exit code of a failure.
    pub(crate) fn fail(&mut self, line: impl std::fmt::Display) -> u8 {
        // Where standard error is closed, nothing is left to tell anyone.
        let _ = writeln!(self.err, "{line}");
        FAILED
    }
}

/// Runs the tool that a command line names: the program's own name first, then its arguments. `own` are the names of naru's
/// own commands, each with what it is for; they run elsewhere.
pub fn run(words: &[String], variables: &[(String, String)], own: &[(&str, &str)]) -> Outcome {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let output = &mut Output { out: &mut stdout.lock(), err: &mut stderr.lock() };
    let program = words.first().map_or("naru", String::as_str);
    let call = names::tool_of(program, words.get(1..).unwrap_or_default());
    let is_own = |name: &str| own.iter().any(|(known, _)| *known == name);
    let done = match call.tool {
        Tool::Unknown(name) if is_own(&name) => {
            return Outcome::Own(std::iter::once(name).chain(call.arguments).collect());
        }
        Tool::Help | Tool::Manual if call.arguments.first().is_some_and(|name| is_own(name)) => {
            return Outcome::Own(call.arguments.into_iter().chain(["--help".to_owned()]).collect());
        }
        Tool::Server | Tool::Here(KafkaTool { run: Run::Server, .. }) => {
            return server_start::run(&call, variables, output);
        }
        Tool::Here(KafkaTool { run: Run::Work(work), .. }) => work(&call.arguments, variables, output),
        Tool::InstallTools => install_tools::run(&call.arguments, output),
        Tool::Manual => manual::run(&call.arguments, output),
        Tool::Help => written(output.out.write_all(help::text(own).as_bytes()), output),
        Tool::Version => {
            let line = format!("naru {VERSION}, compatible with Apache Kafka {KAFKA_VERSION}\n");
            written(output.out.write_all(line.as_bytes()), output)
        }
        // With a class it is that class's tool.
        Tool::Here(KafkaTool { run: Run::Class, .. }) => output.fail(classes::USAGE),
        Tool::Refused(sentence) => output.fail(sentence),
        Tool::Missing(name) => {
            output.fail(format!("{name}: this tool is not part of naru {VERSION}; the one of Apache Kafka {KAFKA_VERSION} works with a naru server"))
        }
        Tool::Unknown(name) => {
            let known = names::all().chain(names::OWN_WORDS).chain(own.iter().map(|(name, _)| *name));
            let meant = config::nearest(&name, known).map(|near| format!("\n  hint: did you mean '{near}'?"));
            let meant = meant.unwrap_or_default();
            output.fail(format!("naru: '{name}' is no command; 'naru help' lists them{meant}"))
        }
    };
    Outcome::Done(done)
}

/// Exit code of a tool whose whole work was to write.
fn written(result: io::Result<()>, output: &mut Output<'_>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => output.fail(format!("standard output cannot be written: {error}")),
    }
}

/// Milliseconds since 1970 by the clock of this machine.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
