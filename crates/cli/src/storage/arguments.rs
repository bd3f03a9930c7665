//! The command line of `kafka-storage`, with the usage lines and complaints of Kafka's parser.

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

/// What the tool is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Print this text.
    Help(String),
    /// Make an id.
    RandomUuid,
    /// Show the feature levels of a release; of the latest one without.
    VersionMapping(Option<String>),
    /// Show what features need, each as `name=level`.
    FeatureDependencies(Vec<String>),
    /// Show the log directories of this settings file.
    Info(PathBuf),
    /// Format them.
    Format(Box<FormatOptions>),
}

/// Options of `format`.
#[derive(Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// The settings file.
    pub config: PathBuf,
    /// Id of the cluster.
    pub cluster_id: String,
    /// SCRAM credentials for the first metadata.
    pub add_scram: Vec<String>,
    /// Formatted directories are no error.
    pub ignores_formatted: bool,
    /// Release whose feature levels the cluster begins with.
    pub release: Option<String>,
    /// Feature levels that differ from the release's, each as `name=level`.
    pub features: Vec<String>,
    /// Who votes at first.
    pub controllers: ControllersOption,
}

/// At most one of the options about the first voters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControllersOption {
    /// None of them.
    Unsaid,
    /// `--standalone`.
    Standalone,
    /// `--no-initial-controllers`.
    NoInitial,
    /// `--initial-controllers`.
    Initial(String),
}

const CHOICES: [&str; 5] = ["info", "format", "version-mapping", "feature-dependencies", "random-uuid"];

const USAGE: &str = "usage: kafka-storage [-h]
                     {info,format,version-mapping,feature-dependencies,random-uuid}
                     ...
";
const USAGE_FORMAT: &str = "usage: kafka-storage format [-h] --config CONFIG --cluster-id CLUSTER_ID
                     [--add-scram ADD_SCRAM] [--ignore-formatted]
                     [--release-version RELEASE_VERSION]
                     [--feature FEATURE] [--standalone |
                     --no-initial-controllers |
                     --initial-controllers INITIAL_CONTROLLERS]
";
const USAGE_INFO: &str = "usage: kafka-storage info [-h] --config CONFIG\n";
const USAGE_MAPPING: &str = "usage: kafka-storage version-mapping [-h]
                     [--release-version RELEASE_VERSION]
";
const USAGE_DEPENDENCIES: &str = "usage: kafka-storage feature-dependencies [-h] --feature FEATURE\n";
const USAGE_UUID: &str = "usage: kafka-storage random-uuid [-h]\n";

fn usage_of(name: &str) -> &'static str {
    match name {
        "format" => USAGE_FORMAT,
        "info" => USAGE_INFO,
        "version-mapping" => USAGE_MAPPING,
        "feature-dependencies" => USAGE_DEPENDENCIES,
        "random-uuid" => USAGE_UUID,
        _ => USAGE,
    }
}

fn valued(long: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(long).long(long).short(short).help(help).action(ArgAction::Set)
}

fn flag(long: &'static str, short: char, help: &'static str) -> Arg {
    Arg::new(long).long(long).short(short).help(help).action(ArgAction::SetTrue)
}

fn settings_file() -> Arg {
    valued("config", 'c', "settings file of the server")
}

/// The subcommands and their options.
pub fn command() -> Command {
    let release = || valued("release-version", 'r', "release of Kafka, for example 4.3 or 4.3-IV0");
    let feature = || valued("feature", 'f', "feature=level, repeatable").action(ArgAction::Append);
    let format = Command::new("format").about("formats the log directories of a node").args([
        settings_file(),
        valued("cluster-id", 't', "id of the cluster, the same on every node"),
        valued("add-scram", 'S', "SCRAM credential to begin with").action(ArgAction::Append),
        flag("ignore-formatted", 'g', "leave formatted directories alone instead of failing"),
        release(),
        feature(),
        flag("standalone", 's', "this node is the first and only voter"),
        flag("no-initial-controllers", 'N', "this node joins voters that exist"),
        valued("initial-controllers", 'I', "the first voters: id@host:port:directory,..."),
    ]);
    let commands = [
        Command::new("info").about("shows the log directories of a node").arg(settings_file()),
        format,
        Command::new("version-mapping").about("shows the feature levels of a release").arg(release()),
        Command::new("feature-dependencies").about("shows what feature levels need").arg(feature()),
        Command::new("random-uuid").about("prints a fresh id for a cluster"),
    ];
    let commands =
        commands.map(|command| command.disable_help_flag(true).arg(flag("help", 'h', "this text")));
    Command::new("kafka-storage")
        .about("makes, formats and shows what a server stores")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .infer_long_args(true)
        .infer_subcommands(true)
        .args_override_self(true)
        .arg(flag("help", 'h', "this text"))
        .subcommands(commands)
}

/// Reads the words after the tool's name; the error is usage and complaint.
pub fn parse(arguments: &[String]) -> Result<Request, String> {
    let name = subcommand_name(arguments);
    let usage = usage_of(name);
    let refuse = |complaint: &str| format!("{usage}kafka-storage: error: {complaint}");
    let matches =
        command().try_get_matches_from(arguments).map_err(|error| refuse(&complaint(&error, name)))?;
    let Some((name, matches)) = matches.subcommand() else {
        if matches.get_flag("help") {
            return Ok(Request::Help(help("")));
        }
        return Err(refuse("too few arguments"));
    };
    if matches.get_flag("help") {
        return Ok(Request::Help(help(name)));
    }
    request(name, matches).map_err(|complaint| refuse(&complaint))
}

fn request(name: &str, matches: &ArgMatches) -> Result<Request, String> {
    let text = |option: &str| matches.get_one::<String>(option).cloned();
    let texts = |option: &str| {
        matches.get_many::<String>(option).map(|values| values.cloned().collect()).unwrap_or_default()
    };
    let required = |option: &str, short: char| {
        text(option).ok_or_else(|| format!("argument --{option}/-{short} is required"))
    };
    Ok(match name {
        "info" => Request::Info(required("config", 'c')?.into()),
        "version-mapping" => Request::VersionMapping(text("release-version")),
        "feature-dependencies" => {
            let features: Vec<String> = texts("feature");
            if features.is_empty() {
                return Err("argument --feature/-f is required".to_owned());
            }
            Request::FeatureDependencies(features)
        }
        "format" => {
            let controllers = controllers(matches)?;
            Request::Format(Box::new(FormatOptions {
                cluster_id: required("cluster-id", 't')?,
                config: required("config", 'c')?.into(),
                add_scram: texts("add-scram"),
                ignores_formatted: matches.get_flag("ignore-formatted"),
                release: text("release-version"),
                features: texts("feature"),
                controllers,
            }))
        }
        _ => Request::RandomUuid,
    })
}

fn controllers(matches: &ArgMatches) -> Result<ControllersOption, String> {
    let initial = matches.get_one::<String>("initial-controllers").cloned();
    let mut given: Vec<(usize, &str, ControllersOption)> = Vec::new();
    let mut note = |name: &'static str, is_given: bool, shown: &'static str, option: ControllersOption| {
        if is_given {
            given.push((matches.index_of(name).unwrap_or(0), shown, option));
        }
    };
    let standalone = matches.get_flag("standalone");
    note("standalone", standalone, "--standalone/-s", ControllersOption::Standalone);
    let none = matches.get_flag("no-initial-controllers");
    note("no-initial-controllers", none, "--no-initial-controllers/-N", ControllersOption::NoInitial);
    let is_given = initial.is_some();
    let option = ControllersOption::Initial(initial.unwrap_or_default());
    note("initial-controllers", is_given, "--initial-controllers/-I", option);
    given.sort_by_key(|(place, _, _)| *place);
    match given.as_slice() {
        [] => Ok(ControllersOption::Unsaid),
        [(_, _, option)] => Ok(option.clone()),
        [(_, first, _), (_, second, _), ..] => {
            Err(format!("argument {second}: not allowed with argument {first}"))
        }
    }
}

/// The subcommand that the words name, empty where they name none.
fn subcommand_name(arguments: &[String]) -> &'static str {
    let first = arguments.iter().find(|word| !word.starts_with('-'));
    let Some(first) = first else { return "" };
    let mut fitting = CHOICES.iter().filter(|name| name.starts_with(first.as_str()));
    match (CHOICES.iter().find(|name| *name == first), fitting.next(), fitting.next()) {
        (Some(name), _, _) | (None, Some(name), None) => name,
        _ => "",
    }
}

/// The parser's complaint in the words of Kafka's.
fn complaint(error: &clap::Error, name: &str) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let choices: Vec<String> = CHOICES.iter().map(|name| format!("'{name}'")).collect();
            let word = context(ContextKind::InvalidSubcommand);
            format!("invalid choice: '{word}' (choose from {})", choices.join(", "))
        }
        ErrorKind::InvalidValue => {
            // `--config <config>`
            let shown = context(ContextKind::InvalidArg);
            let long = shown.split(' ').next().unwrap_or_default().trim_start_matches("--");
            let arg = find_arg(name, |arg| arg.get_long() == Some(long));
            let short = arg.and_then(|arg| arg.get_short()).map(|short| format!("/-{short}"));
            format!("argument --{long}{}: expected one argument", short.unwrap_or_default())
        }
        _ => {
            let word = context(ContextKind::InvalidArg);
            let prefix = word.trim_start_matches('-');
            let fitting =
                longs(name).into_iter().filter(|long| !prefix.is_empty() && long.starts_with(prefix));
            let mut fitting: Vec<String> = fitting.map(|long| format!("--{long}")).collect();
            fitting.sort();
            if fitting.len() > 1 {
                return format!("ambiguous option: {word} could match {}", fitting.join(", "));
            }
            format!("unrecognized arguments: '{word}'")
        }
    }
}

fn longs(name: &str) -> Vec<String> {
    let command = command();
    let found = command.find_subcommand(name);
    let longs = found.into_iter().flat_map(|command| command.get_arguments()).filter_map(Arg::get_long);
    longs.map(str::to_owned).collect()
}

fn find_arg(name: &str, wanted: impl Fn(&Arg) -> bool) -> Option<Arg> {
    let command = command();
    let subcommand = command.find_subcommand(name)?;
    subcommand.get_arguments().find(|arg| wanted(arg)).cloned()
}

fn help(name: &str) -> String {
    let mut text = usage_of(name).to_owned();
    let command = command();
    let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    if name.is_empty() {
        text.push_str(&format!("\nkafka-storage {}.\n\ncommands:\n", about(&command)));
        for subcommand in command.get_subcommands() {
            text.push_str(&format!("  {:<22} {}\n", subcommand.get_name(), about(subcommand)));
        }
    }
    text.push_str("\noptions:\n");
    let shown = if name.is_empty() { Some(&command) } else { command.find_subcommand(name) };
    for arg in shown.into_iter().flat_map(|command| command.get_arguments()) {
        let spelled =
            format!("-{}, --{}", arg.get_short().unwrap_or_default(), arg.get_long().unwrap_or_default());
        let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("  {spelled:<30} {about}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn every_spelling_of_an_option_is_understood() {
        for line in [
            "format -t x -c f -g -s",
            "format --cluster-id=x -cf -gs",
            "form --cluster x --conf f --ignore --stand",
            "format -t w -t x -c f -s -g",
        ] {
            let Ok(Request::Format(options)) = parsed(line) else { panic!("{line}: {:?}", parsed(line)) };
            assert_eq!((options.cluster_id.as_str(), options.config.to_str()), ("x", Some("f")), "{line}");
            assert!(options.ignores_formatted, "{line}");
            assert_eq!(options.controllers, ControllersOption::Standalone, "{line}");
        }
    }

    #[test]
    fn help_begins_with_the_usage_and_names_every_option() {
        for name in CHOICES {
            let Ok(Request::Help(text)) = parsed(&format!("{name} --help")) else { panic!("{name}") };
            assert!(text.starts_with(usage_of(name)), "{text}");
            for long in longs(name) {
                assert!(text.contains(&format!("--{long} ")), "{text}");
            }
        }
        assert!(matches!(parsed("-h"), Ok(Request::Help(text)) if text.contains("random-uuid")));
    }
}
