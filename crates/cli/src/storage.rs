//! `kafka-storage`: makes ids, formats log directories, shows them, and tells which release knows what.

mod arguments;
pub(crate) mod features;
mod format;
mod info;
pub(crate) mod releases;

use std::path::PathBuf;

use crate::Output;
use arguments::Request;
pub(crate) use arguments::command;

/// Runs the tool; gives its exit code, 1 for everything that went wrong.
pub fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let request = match arguments::parse(arguments) {
        Ok(request) => request,
        Err(refusal) => return output.fail(refusal.trim_end()),
    };
    let done = match request {
        Request::Help(text) => Ok(text),
        Request::RandomUuid => random_uuid(),
        Request::VersionMapping(release) => releases::mapping(release.as_deref()),
        Request::FeatureDependencies(features) => features::dependencies(&features, output),
        Request::Info(config) => return info::run(&config, output),
        Request::Format(options) => format::run(&options, crate::now_ms()),
    };
    match done {
        Ok(text) => crate::written(output.out.write_all(text.as_bytes()), output),
        Err(sentence) => output.fail(sentence),
    }
}

fn random_uuid() -> Result<String, String> {
    let id = quorum::format::random_id().map_err(|error| error.to_string())?;
    Ok(format!("{id}\n"))
}

/// The settings a server would run with that is given this file alone.
fn load(path: &PathBuf) -> Result<config::BrokerConfig, String> {
    let mut inputs = config::Inputs::default();
    let properties = crate::files::properties(path);
    let properties = properties.map_err(|failure| format!("Exception in thread \"main\" {failure}"))?;
    inputs.files.push((path.display().to_string(), properties));
    match config::load(&inputs) {
        Ok(loaded) => Ok(loaded.broker),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Err(lines.join("\n"))
        }
    }
}

/// Every directory that has a `meta.properties`, ascending.
fn directories(broker: &config::BrokerConfig) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = broker.log_dirs.iter().map(PathBuf::from).collect();
    directories.push(PathBuf::from(&broker.metadata_log_dir));
    directories.sort();
    directories.dedup();
    directories
}
