//! `kafka-storage info`: what the log directories of a node say about themselves.

use std::path::{Path, PathBuf};

use quorum::{MetaProperties, MetaPropertiesError};

use super::{directories, load};
use crate::{FAILED, Output};

/// Prints what was found; exit code 1 if there is any problem.
pub fn run(config: &PathBuf, output: &mut Output<'_>) -> u8 {
    let broker = match load(config) {
        Ok(broker) => broker,
        Err(sentence) => return output.fail(sentence),
    };
    let report = Report::of(&directories(&broker));
    let code = crate::written(output.out.write_all(report.text().as_bytes()), output);
    if report.problems.is_empty() { code } else { FAILED }
}

#[derive(Debug, Default)]
struct Report {
    found: Vec<String>,
    metadata: Option<MetaProperties>,
    problems: Vec<String>,
}

impl Report {
    fn of(directories: &[PathBuf]) -> Report {
        let mut report = Report::default();
        for directory in directories {
            report.look_at(directory);
        }
        if report.metadata.as_ref().is_some_and(|metadata| metadata.version == 0) {
            report.problems.push("The kafka configuration file appears to be for a cluster in KRaft mode, but the directories are formatted for legacy mode.".to_owned());
        }
        report
    }

    fn look_at(&mut self, directory: &Path) {
        let shown = directory.display();
        match std::fs::metadata(directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.problems.push(format!("{shown} does not exist"));
            }
            Err(error) => return self.problems.push(format!("{shown} cannot be read: {error}")),
            Ok(metadata) if !metadata.is_dir() => {
                return self.problems.push(format!("{shown} is not a directory"));
            }
            Ok(_) => self.found.push(shown.to_string()),
        }
        match MetaProperties::read(directory) {
            Ok(None) => self.problems.push(format!("{shown} is not formatted.")),
            Err(MetaPropertiesError::Unreadable(path, error)) => {
                self.problems.push(format!("Error loading {}: {error}", path.display()));
            }
            // Kafka's tool names no remedy, and scripts know its words.
            Err(MetaPropertiesError::Malformed(path, reason)) => {
                self.problems.push(format!("Error loading {}: {reason}", path.display()));
            }
            Ok(Some(properties)) => match &self.metadata {
                None => self.metadata = Some(properties),
                Some(first) if first.cluster_id != properties.cluster_id => {
                    self.problems.push("Mismatched cluster IDs between storage directories.".to_owned());
                }
                Some(first) if first.node_id != properties.node_id => {
                    self.problems.push("Mismatched node IDs between storage directories.".to_owned());
                }
                Some(_) => {}
            },
        }
    }

    fn text(&self) -> String {
        let section = |one: &str, several: &str, lines: &[String]| match lines {
            [] => String::new(),
            [line] => format!("Found {one}:\n  {line}\n\n"),
            lines => format!("Found {several}:\n  {}\n\n", lines.join("\n  ")),
        };
        let mut text = section("log directory", "log directories", &self.found);
        if let Some(metadata) = &self.metadata {
            text.push_str(&format!("Found metadata: {metadata}\n\n"));
        }
        text.push_str(&section("problem", "problems", &self.problems));
        text
    }
}
