//! Reads settings, wires roles, signals and the HTTP endpoint; no logic of any kind.

#![forbid(unsafe_code)]

mod descriptors;
mod home;
mod http;
mod json;
mod logging;
mod metrics;
mod node;
mod quorum_of_one;
mod znodes;
mod zookeeper_listener;

use std::process::ExitCode;

use config::{Inputs, Loaded};
use tracing::Level;

use crate::logging::LogFormat;

/// Runs a server until a signal ends it. Problems with the settings go to standard error, all of them at once.
pub fn run(inputs: &Inputs) -> ExitCode {
    let loaded = match config::load(inputs) {
        Ok(loaded) => loaded,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            return ExitCode::FAILURE;
        }
    };
    let format = if loaded.broker.own.logs_as_json { LogFormat::Json } else { LogFormat::Kafka };
    logging::start(format, Level::INFO);
    for notice in &loaded.notices {
        if notice.is_warning {
            tracing::warn!("{}", notice.text);
        } else {
            tracing::info!("{}", notice.text);
        }
    }
    match start(loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn start(loaded: Loaded) -> Result<(), String> {
    quorum_of_one::check(&loaded)?;
    let machine = || std::thread::available_parallelism().map_or(1, usize::from);
    let cores = loaded.broker.own.io_cores.unwrap_or_else(machine);
    let descriptors = descriptors::share_out(&loaded.broker, cores)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime could not be started: {error}"))?;
    runtime.block_on(node::run(loaded, cores, descriptors))
}
