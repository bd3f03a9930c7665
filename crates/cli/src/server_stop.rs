//! `kafka-server-stop`: ends the servers of this machine in order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use crate::Output;
use crate::names::{self, Tool};
use crate::server_start::Asked;
use crate::tools::{KafkaTool, Run};

pub(crate) const USAGE: &str = "usage: kafka-server-stop [--node-id ID] [--process-role broker|controller]";

/// Which servers are to stop; all where nothing is said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chosen {
    node_id: Option<i32>,
    role: Option<String>,
}

impl Chosen {
    /// Files, as the seeds' era wrote them after the name, choose nothing.
    fn parse(arguments: &[String]) -> Result<Chosen, String> {
        let mut chosen = Chosen::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            let mut value =
                || inline.clone().or_else(|| words.next().cloned()).ok_or(format!("{name} needs a value"));
            match name {
                "--node-id" => {
                    let text = value()?;
                    let id = text.parse().map_err(|_| format!("--node-id {text}: a number is expected"))?;
                    chosen.node_id = Some(id);
                }
                "--process-role" => {
                    let role = value()?;
                    if !matches!(role.as_str(), "broker" | "controller") {
                        return Err(format!("--process-role {role}: broker or controller is expected"));
                    }
                    chosen.role = Some(role);
                }
                option if option.starts_with("--") => {
                    return Err(format!(
                        "'{option}' is not a recognized option; --node-id and --process-role are"
                    ));
                }
                _ => {}
            }
        }
        Ok(chosen)
    }

    /// A node's id is the stronger choice, as in Kafka's script.
    fn takes(&self, process: &ServerProcess) -> bool {
        if self.node_id.is_none() && self.role.is_none() {
            return true;
        }
        let inputs = process.asked.inputs(&process.folder, process.variables.clone()).ok();
        let Some(loaded) = inputs.and_then(|inputs| config::load(&inputs).ok()) else { return false };
        match (self.node_id, self.role.as_deref()) {
            (Some(id), _) => loaded.broker.node_id == id,
            (None, Some("broker")) => loaded.broker.is_broker,
            (None, _) => loaded.broker.is_controller,
        }
    }
}

/// A running server of this executable.
struct ServerProcess {
    pid: Pid,
    asked: Asked,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// Sends SIGTERM to every chosen server; exit code 1 where none runs.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let chosen = match Chosen::parse(arguments) {
        Ok(chosen) => chosen,
        Err(sentence) => return output.fail(sentence),
    };
    let servers = match servers(Path::new("/proc")) {
        Ok(servers) => servers,
        Err(error) => return output.fail(format!("/proc cannot be read: {error}")),
    };
    let mut code = 0;
    let mut found = 0;
    for process in servers.iter().filter(|process| chosen.takes(process)) {
        found += 1;
        if let Err(error) = kill_process(process.pid, Signal::TERM) {
            let pid = process.pid.as_raw_nonzero();
            code = output.fail(format!("the server of process {pid} cannot be stopped: {error}"));
        }
    }
    if found == 0 {
        // Scripts look for this line where Kafka's script writes it: on standard output.
        if writeln!(output.out, "No kafka server to stop").is_err() {
            return crate::FAILED;
        }
        return crate::FAILED;
    }
    code
}

fn servers(proc: &Path) -> io::Result<Vec<ServerProcess>> {
    let own = std::process::id();
    let own_program = fs::read_link("/proc/self/exe").ok();
    let mut found = Vec::new();
    for entry in fs::read_dir(proc)? {
        let entry = entry?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
        if u32::try_from(pid.as_raw_nonzero().get()) == Ok(own) {
            continue;
        }
        // A process may end while it is looked at, or belong to somebody else: then it is not ours to stop.
        if let Some(process) = server_process(&entry.path(), pid, own_program.as_deref()) {
            found.push(process);
        }
    }
    Ok(found)
}

fn server_process(proc: &Path, pid: Pid, own_program: Option<&Path>) -> Option<ServerProcess> {
    let program = fs::read_link(proc.join("exe")).ok()?;
    // The name says so for another copy, " (deleted)" follows it after an upgrade in place.
    let name = program.file_name()?.to_str()?;
    if own_program != Some(&program) && name != "naru" && name != "naru (deleted)" {
        return None;
    }
    let words = texts(&fs::read(proc.join("cmdline")).ok()?);
    let asked = asked_of(&words)?;
    let folder = fs::read_link(proc.join("cwd")).ok()?;
    let environment = texts(&fs::read(proc.join("environ")).unwrap_or_default());
    let variables = environment.iter().filter_map(|pair| pair.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(ServerProcess { pid, asked, folder, variables })
}

/// The texts of a file in which each ends with a zero byte.
fn texts(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

/// What a command line asks a server to do; `None` if it does not run one.
fn asked_of(words: &[String]) -> Option<Asked> {
    let (program, arguments) = words.split_first()?;
    let call = names::tool_of(program, arguments);
    if !matches!(call.tool, Tool::Server | Tool::Here(KafkaTool { run: Run::Server, .. })) {
        return None;
    }
    Asked::parse(&call.arguments).ok().filter(|asked| !asked.shows_version && !asked.shows_help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_command_lines_that_run_a_server_count() {
        for line in ["naru", "/opt/naru server a", "kafka-server-start.sh a", "naru kafka-server-start a"] {
            assert!(asked_of(&words(line)).is_some(), "{line}");
        }
        for line in ["naru kafka-server-stop", "kafka-storage info", "naru help", "naru server --version"] {
            assert_eq!(asked_of(&words(line)), None, "{line}");
        }
    }

    #[test]
    fn a_file_after_the_name_chooses_nothing() {
        assert_eq!(Chosen::parse(&words("config/server.properties")), Ok(Chosen::default()));
        let chosen = Chosen::parse(&words("--node-id=3 --process-role broker")).unwrap();
        assert_eq!((chosen.node_id, chosen.role.as_deref()), (Some(3), Some("broker")));
        for line in ["--node-id", "--node-id x", "--process-role observer", "--frobnicate"] {
            assert!(Chosen::parse(&words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn servers_are_chosen_by_the_settings_they_run_with() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.properties"), "node.id=3\nprocess.roles=broker,controller\n").unwrap();
        let process = |line: &str, variables: &[(&str, &str)]| ServerProcess {
            pid: Pid::INIT,
            asked: asked_of(&words(line)).unwrap(),
            folder: dir.path().to_owned(),
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        };
        let by_id = Chosen { node_id: Some(3), role: None };
        assert!(by_id.takes(&process("naru server a.properties", &[])));
        assert!(!by_id.takes(&process("naru server", &[])));
        assert!(by_id.takes(&process("naru server", &[("KAFKA_NODE_ID", "3")])));
        let by_role = Chosen { node_id: None, role: Some("controller".to_owned()) };
        assert!(by_role.takes(&process("naru server a.properties", &[])));
    }
}
