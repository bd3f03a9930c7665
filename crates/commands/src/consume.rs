//! `naru consume`: reads records, all of topics or the share of a member of a group.

mod reading;

use clap::{Arg, ArgMatches, Command};

use crate::arguments::{flag, partition_option, place_option, text};
use crate::failure::Failure;
use crate::format::{self, Format};
use crate::session::{self, Session, block_on};
use reading::Reading;

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    let count = clap::value_parser!(u64).range(1..);
    command
        .arg(crate::arguments::topics())
        .arg(
            Arg::new("group")
                .short('g')
                .long("group")
                .value_name("GROUP")
                .help("Read as a member of this group, and commit what was written out"),
        )
        .arg(partition_option("Only these partitions").conflicts_with("group"))
        .arg(place_option(
            "from",
            "Where to begin [default: beginning]; with a group where it has committed nothing",
        ))
        .arg(place_option("to", "Where to end, this place left out").conflicts_with("group"))
        .arg(
            Arg::new("count")
                .short('n')
                .visible_short_alias('c')
                .long("count")
                .value_name("N")
                .value_parser(count)
                .help("End after so many records"),
        )
        .arg(flag("exit", "End at the end").short('e'))
        .arg(
            Arg::new("format")
                .short('f')
                .long("format")
                .value_name("FORMAT")
                .help(format!("How a record is written, as kcat has it: {}", format::TOKENS)),
        )
        .arg(
            Arg::new("key-separator")
                .short('K')
                .long("key-separator")
                .value_name("TEXT")
                .conflicts_with("format")
                .help("Write the key and this before the value"),
        )
        .arg(flag("null", "Write NULL for a key or a value that is not there").short('Z'))
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let writer = writer(matches, session)?;
    block_on(async {
        let mut reading = Reading::begin(matches, session).await?;
        let interrupted = cli::interrupt::interrupted();
        tokio::pin!(interrupted);
        loop {
            let step = reading.step(session, &writer);
            tokio::select! {
                is_over = step => if is_over? { break },
                code = &mut interrupted => {
                    // Who is told twice does not wait for a broker that may be gone.
                    tokio::select! {
                        ended = reading.end() => ended?,
                        _ = cli::interrupt::interrupted() => {}
                    }
                    return Ok(code);
                }
            }
        }
        reading.end().await?;
        Ok(0)
    })
}

/// How records are written.
pub(crate) enum Writer {
    Format(Format),
    Json,
    Yaml,
}

fn writer(matches: &ArgMatches, session: &Session<'_>) -> Result<Writer, Failure> {
    let separator =
        text(matches, "key-separator").map(|separator| format!("%k{}%s\\n", separator.replace('%', "%%")));
    let written = text(matches, "format").map(str::to_owned).or(separator);
    let format = match (written, session.format) {
        (Some(written), _) => written,
        (None, session::Format::Json) => return Ok(Writer::Json),
        (None, session::Format::Yaml) => return Ok(Writer::Yaml),
        (None, session::Format::Table) => "%s\\n".to_owned(),
    };
    Format::parse(&format, matches.get_flag("null")).map(Writer::Format).map_err(Failure::not_run)
}
