//! `-daemon`: the server in a process of its own, apart from the terminal, as Kafka's script starts it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;

/// Tells a process that it was started by `-daemon`; not meant to be typed.
pub(crate) const DETACHED_FLAG: &str = "--detached";

/// Starts this executable again as a server; its output goes to `kafkaServer.out` in `LOG_DIR` or `./logs`.
pub(crate) fn start(arguments: &[String], variables: &[(String, String)]) -> Result<(), String> {
    let log_dir = variables.iter().find(|(name, value)| name == "LOG_DIR" && !value.is_empty());
    let log_dir = log_dir.map_or_else(|| PathBuf::from("logs"), |(_, value)| PathBuf::from(value));
    fs::create_dir_all(&log_dir)
        .map_err(|error| format!("the folder {} cannot be made: {error}", log_dir.display()))?;
    let path = log_dir.join("kafkaServer.out");
    let unwritable = |error: std::io::Error| format!("{} cannot be written: {error}", path.display());
    let out = OpenOptions::new().write(true).create(true).truncate(true).open(&path).map_err(unwritable)?;
    let err = out.try_clone().map_err(unwritable)?;
    let program = std::env::current_exe().unwrap_or_else(|_| Path::new("naru").to_owned());
    let rest = arguments.iter().filter(|word| !matches!(word.as_str(), "-daemon" | "--daemon"));
    let started = Command::new(program)
        .arg("server")
        .arg(DETACHED_FLAG)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn();
    started.map(drop).map_err(|error| format!("the server cannot be started: {error}"))
}

/// Makes this process the leader of its own session, which no terminal can hang up.
pub(crate) fn leave_terminal() -> Result<(), String> {
    match rustix::process::setsid() {
        // Refused where it already leads a process group of its own: then it is apart already.
        Ok(_) | Err(Errno::PERM) => Ok(()),
        Err(error) => Err(format!("the server cannot leave the terminal: {error}")),
    }
}
