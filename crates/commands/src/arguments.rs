//! The command line: options that all commands have, and the table of commands around them.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::failure::Failure;
use crate::place::{PLACES, Place, parse_duration};
use crate::profile::{self, Settings};
use crate::session::Format;
use crate::terminal::ColourChoice;
use crate::verbs::VERBS;

const TIMEOUT: &str = "30s";

/// All commands as one, from which help and completions follow.
pub(crate) fn root() -> Command {
    let verbs =
        VERBS.iter().map(|verb| (verb.define)(Command::new(verb.name).about(capitalised(verb.about))));
    Command::new("naru")
        .about("Kafka in one executable: the server, Kafka's tools, and these commands")
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .args(common())
        .subcommands(verbs)
}

/// What `naru help` says in a list, as the beginning of a text.
fn capitalised(about: &str) -> String {
    let mut letters = about.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn common() -> Vec<Arg> {
    vec![
        Arg::new("bootstrap-server")
            .short('b')
            .long("bootstrap-server")
            .value_name("HOST:PORT,...")
            .help("Servers to connect to first [default: localhost:9092]"),
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FORMAT")
            .value_parser(PossibleValuesParser::new(["table", "json", "yaml"]))
            .default_value("table")
            .hide_possible_values(true)
            .help("How results are written: table, json or yaml"),
        Arg::new("setting")
            .short('X')
            .value_name("KEY=VALUE")
            .action(ArgAction::Append)
            .value_parser(pair)
            .help("A setting of the client, stronger than those of the profile"),
        Arg::new("profile")
            .long("profile")
            .value_name("NAME")
            .help("A profile of ~/.config/naru/config.toml [env: NARU_PROFILE]"),
        Arg::new("timeout")
            .long("timeout")
            .value_name("TIME")
            .default_value(TIMEOUT)
            .value_parser(positive_duration)
            .help("How long a call to the cluster may take: 30s, 500ms, 2m"),
        Arg::new("color")
            .long("color")
            .value_name("WHEN")
            .value_parser(PossibleValuesParser::new(["auto", "always", "never"]))
            .default_value("auto")
            .hide_possible_values(true)
            .help("Colours: auto (on a terminal, without NO_COLOR), always or never"),
    ]
    .into_iter()
    .map(|argument| argument.global(true).help_heading("Common options"))
    .collect()
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() { Err("it has to be longer than nothing".to_owned()) } else { Ok(duration) }
}

/// What the options that all commands have say.
pub(crate) struct Common {
    pub(crate) format: Format,
    pub(crate) timeout: Duration,
    pub(crate) colours: ColourChoice,
    servers: Option<String>,
    profile: Option<String>,
    settings: Vec<(String, String)>,
}

impl Common {
    /// Takes them from the words of a command, where they may stand behind its own words.
    pub(crate) fn of(matches: &ArgMatches) -> Common {
        let mut innermost = matches;
        while let Some((_, inner)) = innermost.subcommand() {
            innermost = inner;
        }
        let text = |name: &str| text(innermost, name).map(str::to_owned);
        Common {
            format: match text("output").as_deref() {
                Some("json") => Format::Json,
                Some("yaml") => Format::Yaml,
                _ => Format::Table,
            },
            timeout: innermost.get_one::<Duration>("timeout").copied().unwrap_or(Duration::from_secs(30)),
            colours: match text("color").as_deref() {
                Some("always") => ColourChoice::Always,
                Some("never") => ColourChoice::Never,
                _ => ColourChoice::Auto,
            },
            servers: text("bootstrap-server"),
            profile: text("profile"),
            settings: pairs(innermost, "setting"),
        }
    }

    /// The settings of clients: the profile's, then those of `-X`, then the servers.
    pub(crate) fn settings(&self, variables: &[(String, String)]) -> Result<Settings, Failure> {
        let mut settings = profile::read(self.profile.as_deref(), variables)?;
        settings.extend(self.settings.iter().cloned());
        if let Some(servers) = &self.servers {
            settings.insert("bootstrap.servers".to_owned(), servers.clone());
        }
        Ok(settings)
    }
}

/// Reads `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("'{text}' is not KEY=VALUE"))?;
    if key.is_empty() {
        return Err(format!("'{text}' has no key"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Reads a place in a partition.
pub(crate) fn place(text: &str) -> Result<Place, String> {
    Place::parse(text, cli::now_ms())
}

/// An option that takes a place in a partition.
pub(crate) fn place_option(name: &'static str, what: &str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("PLACE")
        .value_parser(place)
        .allow_hyphen_values(true)
        .help(format!("{what}: {PLACES}"))
}

/// An option without a value.
pub(crate) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// The name of one topic.
pub(crate) fn topic() -> Arg {
    Arg::new("topic").value_name("TOPIC").required(true).help("The topic")
}

/// The names of topics.
pub(crate) fn topics() -> Arg {
    Arg::new("topic").value_name("TOPIC").required(true).num_args(1..).help("The topics")
}

/// Settings as `KEY=VALUE`.
pub(crate) fn settings_of(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("KEY=VALUE").action(ArgAction::Append).value_parser(pair).help(help)
}

/// The text of an option.
pub(crate) fn text<'m>(matches: &'m ArgMatches, name: &str) -> Option<&'m str> {
    matches.try_get_one::<String>(name).ok().flatten().map(String::as_str)
}

/// All texts of an option or an argument.
pub(crate) fn texts<'m>(matches: &'m ArgMatches, name: &str) -> Vec<&'m str> {
    let all = matches.try_get_many::<String>(name).ok().flatten();
    all.into_iter().flatten().map(String::as_str).collect()
}

/// All pairs of an option.
pub(crate) fn pairs(matches: &ArgMatches, name: &str) -> Vec<(String, String)> {
    let all = matches.try_get_many::<(String, String)>(name).ok().flatten();
    all.into_iter().flatten().cloned().collect()
}

/// All numbers of partitions of an option.
pub(crate) fn partitions(matches: &ArgMatches) -> Vec<i32> {
    let all = matches.try_get_many::<i32>("partition").ok().flatten();
    all.into_iter().flatten().copied().collect()
}

/// An option that names partitions by their numbers.
pub(crate) fn partition_option(help: &'static str) -> Arg {
    Arg::new("partition")
        .short('p')
        .long("partition")
        .value_name("N,...")
        .value_delimiter(',')
        .action(ArgAction::Append)
        .value_parser(clap::value_parser!(i32).range(0..))
        .help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_commands_is_sound() {
        root().debug_assert();
    }

    #[test]
    fn common_options_stand_anywhere() {
        let words =
            ["naru", "topic", "-X", "client.id=a=b", "list", "-o", "json", "--timeout", "500ms", "-b", "h:1"];
        let matches = root().try_get_matches_from(words).unwrap();
        let common = Common::of(matches.subcommand().unwrap().1);
        assert_eq!((common.format, common.timeout), (Format::Json, Duration::from_millis(500)));
        let settings = common.settings(&[]).unwrap();
        assert_eq!(settings.get("client.id").map(String::as_str), Some("a=b"));
        assert_eq!(settings.get("bootstrap.servers").map(String::as_str), Some("h:1"));
    }
}
