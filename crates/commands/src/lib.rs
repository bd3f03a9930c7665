//! Naru's own commands beside the drop-in tools: `naru topic`, `naru consume`, `naru doctor` and the rest.
//!
//! [`run`] reads the words behind `naru` by one table ([`verbs`]), from which help and completions follow as well. Results go
//! to standard output, as a table, JSON or YAML; everything else goes to standard error.

#![forbid(unsafe_code)]

mod arguments;
mod bench;
mod cluster;
mod completions;
mod config_entries;
mod consume;
mod doctor;
mod document;
mod failure;
mod format;
mod group;
mod log;
mod place;
mod produce;
mod profile;
mod reach;
mod record;
mod session;
mod table;
mod terminal;
mod topic;
pub mod verbs;
mod yaml;

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ArgMatches;
use clap::error::ErrorKind;

use arguments::Common;
use failure::{Failure, NOT_RUN};
use session::Session;
use terminal::Paint;
use verbs::VERBS;

/// Room for output that is written at once.
const OUTPUT_BYTES: usize = 64 << 10;

/// Runs a command by the words behind `naru` and the variables of the environment; gives the exit code.
pub fn run(arguments: &[String], variables: &[(String, String)]) -> u8 {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let is_terminal = stdout.is_terminal();
    let out = &mut BufWriter::with_capacity(OUTPUT_BYTES, stdout.lock());
    run_to(arguments, variables, is_terminal, out, &mut stderr.lock())
}

/// The same, written elsewhere.
fn run_to(
    arguments: &[String],
    variables: &[(String, String)],
    is_terminal: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let words = std::iter::once("naru").chain(arguments.iter().map(String::as_str));
    let matches = match arguments::root().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => return answer_parser(&error, out, err),
    };
    let ended = begin(&matches, variables, is_terminal, out, err);
    let (ended, flushed) = (ended, out.flush().map_err(Failure::from));
    match ended.and_then(|code| flushed.map(|()| code)) {
        Ok(code) => code,
        Err(failure) => {
            failure.tell(err);
            failure.code()
        }
    }
}

fn begin(
    matches: &ArgMatches,
    variables: &[(String, String)],
    is_terminal: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Failure> {
    let Some((name, inner)) = matches.subcommand() else { return Ok(NOT_RUN) };
    let Some(verb) = VERBS.iter().find(|verb| verb.name == name) else { return Ok(NOT_RUN) };
    let common = Common::of(inner);
    let written = common.settings(variables)?;
    let paint = Paint::choose(common.colours, is_terminal, variables);
    let mut session = Session { out, err, format: common.format, paint, timeout: common.timeout, written };
    session.warn_of_unknown();
    (verb.run)(inner, &mut session).map_err(|failure| {
        let servers = session.servers().unwrap_or_default();
        let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
        if !failure.is_silence() || servers.is_empty() {
            return failure;
        }
        let servers = servers.join(",");
        failure.hint(format!("asked through {servers}; 'naru doctor -b {servers}' looks closer"))
    })
}

/// Help is a result; a line that cannot be read is told in one line, with what the parser advises as hints.
fn answer_parser(error: &clap::Error, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => 0,
            Err(error) => Failure::from(error).code(),
        };
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let sentence = lines.next().unwrap_or_default();
    let mut failure = Failure::not_run(sentence.strip_prefix("error: ").unwrap_or(sentence));
    for line in lines {
        failure = failure.hint(line.strip_prefix("tip: ").unwrap_or(line));
    }
    failure.tell(err);
    failure.code()
}

#[cfg(test)]
mod tests;
