//! `naru server` and `kafka-server-start`: from the command line to the settings of a server.

use std::path::Path;

use config::{EnvironmentSettings, Inputs};

use crate::names::{Call, Tool};
use crate::{FAILED, KAFKA_VERSION, Outcome, Output, daemon, files};

pub(crate) const USAGE: &str =
    "USAGE: kafka-server-start [-daemon] server.properties [--override property=value]*";

/// What a command line that starts a server says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The properties file.
    pub file: Option<String>,
    /// Key and value of each `--override`.
    pub overrides: Vec<(String, String)>,
    /// `-daemon`: run apart from the terminal.
    pub is_daemon: bool,
    /// This process is what `-daemon` started.
    pub is_detached: bool,
    /// `--version`.
    pub shows_version: bool,
    /// `--help`.
    pub shows_help: bool,
}

impl Asked {
    /// Reads the words after the tool's name.
    pub fn parse(arguments: &[String]) -> Result<Asked, String> {
        let mut asked = Asked::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-daemon" | "--daemon" => asked.is_daemon = true,
                daemon::DETACHED_FLAG => asked.is_detached = true,
                "--version" | "-version" => asked.shows_version = true,
                "--help" | "-help" | "-h" => asked.shows_help = true,
                // Options of Kafka's script for the Java virtual machine.
                "-loggc" => {}
                "-name" => _ = words.next(),
                "--override" | "-override" => {
                    let pair = words.next().ok_or("--override needs KEY=VALUE after it")?;
                    asked.overrides.push(split_override(pair)?);
                }
                option if option.starts_with("--override=") => {
                    asked.overrides.push(split_override(&option["--override=".len()..])?);
                }
                option if option.starts_with('-') => {
                    return Err(format!("'{option}' is not a recognized option"));
                }
                file if asked.file.is_none() => asked.file = Some(file.to_owned()),
                other => return Err(format!("found non argument parameters: {other}")),
            }
        }
        Ok(asked)
    }

    /// The settings, with the file found from `folder` where its path is relative.
    pub fn inputs(&self, folder: &Path, variables: Vec<(String, String)>) -> Result<Inputs, String> {
        let mut inputs = Inputs {
            environment: EnvironmentSettings::from_variables(variables),
            overrides: self.overrides.clone(),
            ..Inputs::default()
        };
        if let Some(file) = &self.file {
            inputs.files.push((file.clone(), files::properties_or_sentence(folder.join(file))?));
        }
        Ok(inputs)
    }
}

fn split_override(pair: &str) -> Result<(String, String), String> {
    let (key, value) =
        pair.split_once('=').ok_or_else(|| format!("--override {pair}: KEY=VALUE is expected"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Starts a server here, or apart from the terminal.
pub(crate) fn run(call: &Call, variables: &[(String, String)], output: &mut Output<'_>) -> Outcome {
    match prepare(call, variables, output) {
        Ok(outcome) => outcome,
        Err(sentence) => Outcome::Done(output.fail(sentence)),
    }
}

fn prepare(call: &Call, variables: &[(String, String)], output: &mut Output<'_>) -> Result<Outcome, String> {
    let is_kafkas = call.tool != Tool::Server;
    let usage = if is_kafkas {
        USAGE
    } else {
        "USAGE: naru server [-daemon] [server.properties] [--override property=value]*"
    };
    let asked = Asked::parse(&call.arguments).map_err(|error| format!("{error}\n{usage}"))?;
    if asked.shows_version {
        let told = writeln!(output.out, "{KAFKA_VERSION}");
        return Ok(Outcome::Done(if told.is_ok() { 0 } else { FAILED }));
    }
    if asked.shows_help {
        let told = writeln!(output.out, "{usage}");
        return Ok(Outcome::Done(if told.is_ok() { 0 } else { FAILED }));
    }
    if is_kafkas && asked.file.is_none() {
        return Err(usage.to_owned());
    }
    let inputs = asked.inputs(Path::new(""), variables.to_vec())?;
    if asked.is_detached {
        daemon::leave_terminal()?;
    } else if asked.is_daemon {
        if let Err(problems) = config::load(&inputs) {
            // Whoever types this is still looking at the terminal; later only the log file would tell.
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            return Err(lines.join("\n"));
        }
        daemon::start(&call.arguments, variables)?;
        return Ok(Outcome::Done(0));
    }
    Ok(Outcome::Serve(Box::new(inputs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Asked::parse(&words)
    }

    #[test]
    fn options_stand_before_and_after_the_file() {
        let found = asked("-daemon -name x a.properties --override b=c=d --override=e=f").unwrap();
        assert!(found.is_daemon);
        assert_eq!(found.file.as_deref(), Some("a.properties"));
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(found.overrides, [pair("b", "c=d"), pair("e", "f")]);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let cases = [
            ("a.properties --override", "KEY=VALUE"),
            ("a.properties --override x", "--override x"),
            ("a.properties --frobnicate", "'--frobnicate'"),
            ("a.properties b.properties", "b.properties"),
        ];
        for (line, fragment) in cases {
            let message = asked(line).unwrap_err();
            assert!(message.contains(fragment), "{message}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let message = asked("no.properties").unwrap().inputs(dir.path(), Vec::new()).unwrap_err();
        assert!(message.contains("no.properties cannot be read"), "{message}");
    }

    #[test]
    fn file_environment_and_overrides_reach_the_server() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.properties"), "node.id=7\nnum.partitions=2\n").unwrap();
        let asked = asked("a.properties --override num.partitions=9").unwrap();
        let variables = vec![("KAFKA_BACKGROUND_THREADS".to_owned(), "4".to_owned())];
        let loaded = config::load(&asked.inputs(dir.path(), variables).unwrap()).unwrap();
        assert_eq!((loaded.broker.node_id, loaded.broker.topics.partitions), (7, 9));
        assert_eq!(loaded.settings.get("background.threads"), Some("4"));
    }
}
