//! Reads settings, wires roles, signals and the HTTP endpoint; no logic of any kind.

#![forbid(unsafe_code)]

mod home;
mod http;
mod logging;
mod metrics;
mod node;

use std::process::ExitCode;

use config::Inputs;
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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(node::run(loaded)),
        Err(error) => Err(format!("the runtime could not be started: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            tracing::error!("{message}");
            ExitCode::FAILURE
        }
    }
}
