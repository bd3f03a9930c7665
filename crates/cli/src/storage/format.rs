//! `kafka-storage format`: checks what is asked as Kafka does, then formats what is empty.

use std::path::Path;

use config::BrokerConfig;
use model::Uuid;
use quorum::format::{DirRole, FormatError, FormatPlan, FormattedDir, InitialVoters};
use quorum::{LogDirSurvey, Voter, VoterEndpoint};

use super::arguments::{ControllersOption, FormatOptions};
use super::features::Levels;
use super::{directories, load, releases};

/// What Kafka calls the listener of controllers where no setting does.
const CONTROLLER_LISTENER: &str = "CONTROLLER";

/// Formats the empty directories of a node; gives what is to be printed.
pub fn run(options: &FormatOptions, now_ms: i64) -> Result<String, String> {
    let broker = load(&options.config)?;
    check_scram(&options.add_scram)?;
    let voters = voters(options, &broker)?;
    let levels = Levels::new(options.release.as_deref(), &options.features)?;
    check_kraft_version(&levels, options, &broker)?;
    let directories = directories(&broker);
    let survey = LogDirSurvey::of(directories.iter().map(|directory| directory.as_path()));
    survey.check(Some(&options.cluster_id), broker.node_id).map_err(|foreign| foreign.to_string())?;
    let mut text = String::new();
    for log_dir in survey.failed.keys() {
        text.push_str(&format!(
            "I/O error trying to read log directory {}. Ignoring...\n",
            log_dir.display()
        ));
    }
    if let Some(formatted) = survey.formatted.keys().next().filter(|_| !options.ignores_formatted) {
        return Err(format!(
            "Log directory {} is already formatted. Use --ignore-formatted to ignore this directory and format the others.",
            formatted.display()
        ));
    }
    if survey.empty.is_empty() {
        if survey.formatted.is_empty() {
            let causes: Vec<String> = survey.failed.values().map(ToString::to_string).collect();
            return Err(format!("{}\nNo available log directories to format.", causes.join("\n")));
        }
        text.push_str("All of the log directories are already formatted.\n");
        return Ok(text);
    }
    let plan = FormatPlan {
        cluster_id: &options.cluster_id,
        node_id: broker.node_id,
        metadata_log_dir: Path::new(&broker.metadata_log_dir),
        voters,
        features: &levels.records(),
        now_ms,
    };
    let done = quorum::format::format(&survey, &plan).map_err(|error: FormatError| error.to_string())?;
    text.push_str(&levels.summary());
    for formatted in &done {
        text.push_str(&line(formatted, levels.metadata_version));
    }
    Ok(text)
}

fn line(formatted: &FormattedDir, metadata_version: i16) -> String {
    let role = match formatted.role {
        DirRole::Data => "data directory",
        DirRole::Metadata => "metadata directory",
        DirRole::MetadataObserver => "dynamic metadata directory",
        DirRole::MetadataVoter => "dynamic metadata voter directory",
    };
    let release = releases::name_of(metadata_version).unwrap_or_default();
    format!("Formatting {role} {} with metadata.version {release}.\n", formatted.log_dir.display())
}

fn check_scram(credentials: &[String]) -> Result<(), String> {
    for credential in credentials {
        if !credential.contains('=') {
            return Err(format!("Failed to find equals sign in SCRAM argument '{credential}'"));
        }
    }
    if credentials.is_empty() {
        return Ok(());
    }
    Err("--add-scram: SCRAM credentials cannot be given at the format yet; format without them".to_owned())
}

fn voters(options: &FormatOptions, broker: &BrokerConfig) -> Result<InitialVoters, String> {
    let names_voters = !broker.controller.voters.is_empty();
    match &options.controllers {
        ControllersOption::Standalone | ControllersOption::Initial(_) if names_voters => {
            Err("You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.".to_owned())
        }
        ControllersOption::Unsaid if broker.is_controller && !names_voters => {
            Err("Because controller.quorum.voters is not set on this controller, you must specify one of the following: --standalone, --initial-controllers, or --no-initial-controllers.".to_owned())
        }
        ControllersOption::Unsaid | ControllersOption::NoInitial => Ok(InitialVoters::Unnamed),
        ControllersOption::Standalone if !broker.is_controller => {
            Err("You can only use --standalone on a controller.".to_owned())
        }
        ControllersOption::Standalone => Ok(InitialVoters::Standalone(own_endpoint(broker))),
        ControllersOption::Initial(text) => {
            let name = controller_listener(broker);
            let voters: Result<Vec<Voter>, String> =
                text.split(',').map(|voter| parse_voter(voter.trim(), name)).collect();
            Ok(InitialVoters::Named(voters?))
        }
    }
}

fn controller_listener(broker: &BrokerConfig) -> &str {
    broker.listeners.controller.first().map_or(CONTROLLER_LISTENER, |listener| listener.name.as_str())
}

/// Where this node's controller is reached; nowhere where it listens to nobody else.
fn own_endpoint(broker: &BrokerConfig) -> Vec<VoterEndpoint> {
    let own = broker.listeners.controller.first().map(|listener| VoterEndpoint {
        name: listener.name.clone(),
        host: if listener.host.is_empty() { "localhost".to_owned() } else { listener.host.clone() },
        port: listener.port,
    });
    own.into_iter().collect()
}

/// Reads `id@host:port:directory`; an IPv6 address stands in brackets.
fn parse_voter(text: &str, listener: &str) -> Result<Voter, String> {
    let voter = "in dynamic voter string.";
    let (id, rest) = text.split_once('@').ok_or(format!("No @ found {voter}"))?;
    let id = id.parse().map_err(|_| format!("Failed to parse node id {voter}"))?;
    let (host, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed
            .split_once(']')
            .and_then(|(host, rest)| Some((host, rest.strip_prefix(':')?)))
            .ok_or(format!("Hostname began with left bracket, but no right bracket was found {voter}"))?,
        None => rest.split_once(':').ok_or("No colon following hostname could be found.")?,
    };
    let (port, directory) = rest.split_once(':').ok_or("No colon following port could be found.")?;
    let port = port.parse().map_err(|_| format!("Failed to parse port {voter}"))?;
    let directory_id: Uuid =
        directory.parse().map_err(|_| format!("Failed to parse directory ID {voter}"))?;
    let endpoint = VoterEndpoint { name: listener.to_owned(), host: host.to_owned(), port };
    Ok(Voter { id, directory_id, endpoints: vec![endpoint] })
}

/// `kraft.version` 1 keeps the voters in the log, which needs their names at the format (KIP-853).
fn check_kraft_version(
    levels: &Levels,
    options: &FormatOptions,
    broker: &BrokerConfig,
) -> Result<(), String> {
    let is_dynamic = broker.controller.voters.is_empty() && options.controllers != ControllersOption::Unsaid;
    match levels.kraft_version {
        Some(0) if is_dynamic => Err("Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing the --feature flag for kraft.version.".to_owned()),
        Some(1) if !is_dynamic => Err("Cannot set kraft.version to 1 unless controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try using one of --standalone, --initial-controllers, or --no-initial-controllers and removing controller.quorum.voters.".to_owned()),
        _ => Ok(()),
    }
}
