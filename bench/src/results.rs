//! Results as lines of JSON, one for each table, and the text of a table.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::effort::Effort;
use crate::pairs::{Figures, Outcome};
use crate::product::{self, Product};

/// One table, with what is needed to trust it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The row it belongs to.
    pub row: String,
    /// Which table of the row.
    pub title: String,
    /// Day, in UTC.
    pub date: String,
    /// What was checked out, marked where files differed from it.
    pub commit: String,
    /// Processor, cores and kernel.
    pub machine: String,
    /// Runs of each product.
    pub pairs: usize,
    /// Size of each run; below 100 it was a trial.
    pub scale_percent: usize,
    /// What a reader has to know beside the figures.
    pub notes: Vec<String>,
    /// Every run in its order: the product's name and its figures.
    pub runs: Vec<(String, Figures)>,
}

impl Record {
    /// Of what was just measured on this machine.
    pub fn of(effort: &Effort, row: &str, title: &str, notes: Vec<String>, outcome: &Outcome) -> Record {
        let runs = outcome.runs.iter().map(|(product, figures)| (product.to_string(), figures.clone()));
        Record {
            row: row.to_owned(),
            title: title.to_owned(),
            date: jiff::Timestamp::now().to_string().chars().take(10).collect(),
            commit: commit(),
            machine: machine(),
            pairs: effort.pairs,
            scale_percent: effort.scale_percent,
            notes,
            runs: runs.collect(),
        }
    }

    /// The runs again.
    pub fn outcome(&self) -> Outcome {
        let product = |name: &String| Product::of_name(name);
        let runs = self.runs.iter().filter_map(|(name, figures)| Some((product(name)?, figures.clone())));
        Outcome { runs: runs.collect(), notes: self.notes.clone() }
    }

    /// Whether its figures may be quoted.
    pub fn is_full(&self) -> bool {
        self.scale_percent >= 100
    }

    /// Title, table and notes.
    pub fn text(&self) -> String {
        let trial = if self.is_full() { "" } else { ", a trial: neither primed nor warm" };
        let mut text = format!(
            "{} {} ({} pairs, scale {} %{trial})\n{}",
            self.row,
            self.title,
            self.pairs,
            self.scale_percent,
            self.outcome().table()
        );
        for note in &self.notes {
            text += &format!("  {note}\n");
        }
        text
    }
}

/// Appends a record to a file.
pub fn append(path: &Path, record: &Record) -> Result<(), String> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let line = serde_json::to_string(record).map_err(std::io::Error::other)?;
        file.write_all((line + "\n").as_bytes())
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Every record of a file, in the order in which they were appended; none where there is no file.
pub fn read_all(path: Option<&Path>) -> Result<Vec<Record>, String> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let records = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    records.map_err(|error| format!("{}: {error}", path.display()))
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(product::root()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|files| !files.is_empty());
    if changed { commit + " with changes" } else { commit }
}

fn machine() -> String {
    let file = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = file("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = file("/proc/sys/kernel/osrelease");
    let version: Vec<&str> = kernel.trim().splitn(3, '.').take(2).collect();
    format!("{}, {cores} cores, Linux {}", model.unwrap_or("unknown processor"), version.join("."))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::pairs::Figure;

    /// A record with made-up figures.
    pub fn record(row: &str, title: &str, scale_percent: usize, rate: f64) -> Record {
        let run = |product: Product, rate| (product, vec![Figure::higher("rate", rate)]);
        let outcome =
            Outcome { runs: vec![run(Product::Kafka, 1.0), run(Product::Naru, rate)], notes: Vec::new() };
        let effort = Effort { scale_percent, pairs: 1, ..Effort::of(&[]).unwrap() };
        Record::of(&effort, row, title, vec!["a note".to_owned()], &outcome)
    }

    #[test]
    fn records_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results");
        let records = [record("1a", "one", 100, 2.0), record("3", "two", 10, 3.5)];
        for one in &records {
            append(&path, one).unwrap();
        }
        assert_eq!(read_all(Some(&path)).unwrap(), records);
        assert_eq!(read_all(None).unwrap(), []);
        assert!(read_all(Some(&folder.path().join("none"))).is_err());
    }

    #[test]
    fn the_text_of_a_trial_says_that_it_is_one() {
        assert!(record("3", "two", 10, 3.5).text().starts_with("3 two (1 pairs, scale 10 %, a trial"));
        let text = record("3", "two", 100, 3.5).text();
        assert!(text.starts_with("3 two (1 pairs, scale 100 %)\n") && text.ends_with("  a note\n"), "{text}");
        assert!(text.contains("3.50 (3.50 .. 3.50)"));
    }
}
