//! The rows: one file each. Their numbers are those of the table of aims (see bench/README.md).

mod catch_up;
mod connections;
mod fetch_cached;
mod memory;
mod open_loop;
mod partitions;
mod produce_large;
mod produce_pipelined;
mod producer_tool;
mod recovery;
mod round_trip;
mod start;

use std::time::Instant;

use crate::client::Client;
use crate::effort::Effort;
use crate::null_server::{self, Waiting};
use crate::pairs::{Better, Outcome};
use crate::product::{Product, Tuned};
use crate::results::Record;
use crate::{profile, results};

/// One row of the table of aims.
pub struct Row {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    run: fn(&Effort) -> Result<(), String>,
    /// What its generator does against the null server, for each of its tables that a generator bounds.
    calibrate: fn(&Effort) -> Result<Vec<Alone>, String>,
}

/// All of them, in the order in which `--all` runs them.
pub const ROWS: [Row; 12] = [
    produce_pipelined::ROW,
    produce_large::ROW,
    producer_tool::ROW,
    connections::ROW,
    round_trip::ROW,
    open_loop::ROW,
    fetch_cached::ROW,
    catch_up::ROW,
    partitions::ROW,
    start::ROW,
    recovery::ROW,
    memory::ROW,
];

/// Runs one row and prints its tables.
pub fn run(name: &str, effort: &Effort) -> Result<(), String> {
    (named(name)?.run)(effort)
}

/// Prints what the generators do against the null server, of one row or of all.
pub fn calibrate(name: Option<&str>, effort: &Effort) -> Result<(), String> {
    let measured = results::read_all(effort.json.as_deref())?;
    for row in &ROWS {
        if name.is_some_and(|name| name != row.name) {
            continue;
        }
        for alone in (row.calibrate)(effort)? {
            let record = measured.iter().rev().find(|record| record.title == alone.title);
            let beside = record.map_or_else(
                || format!("{:.0} {}", alone.value, alone.figure),
                |record| alone.verdict(&record.outcome()),
            );
            println!("{:<48} {beside}", alone.title);
        }
    }
    name.map_or(Ok(()), |name| named(name).map(drop))
}

fn named(name: &str) -> Result<&'static Row, String> {
    const TABLE: &[Row] = &ROWS;
    TABLE
        .iter()
        .find(|row| row.name == name)
        .ok_or_else(|| format!("there is no row {name}\n{}", crate::usage()))
}

/// For rows that no generator bounds.
fn no_generator(_: &Effort) -> Result<Vec<Alone>, String> {
    Ok(Vec::new())
}

/// What the generator does alone, against a server that does nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Alone {
    /// Title of the table that it bounds.
    pub title: String,
    /// Name of the figure that it bounds.
    pub figure: &'static str,
    /// How much of it the generator reaches.
    pub value: f64,
}

impl Alone {
    /// Whether the generator is at least twice as fast as what was measured with it.
    pub fn verdict(&self, outcome: &Outcome) -> String {
        let rate = outcome.median_max(self.figure);
        let verdict = if self.value >= 2.0 * rate { "enough" } else { "TOO SLOW: the ratio is understated" };
        format!("{:.0} {}, {:.1} times the row's rate, {verdict}", self.value, self.figure, self.value / rate)
    }
}

/// A table of a row that has been measured.
struct Table<'a> {
    row: &'a Row,
    title: String,
    tuned: &'a Tuned,
    outcome: Outcome,
    alone: Option<Alone>,
}

impl Table<'_> {
    /// Prints the table, and writes it and its profile down where that is wanted.
    fn finish(self, effort: &Effort) -> Result<(), String> {
        let notes = self.notes();
        let record = Record::of(effort, self.row.name, &self.title, notes, &self.outcome);
        println!("{}", record.text());
        if let Some(path) = &effort.json {
            results::append(path, &record)?;
        }
        profile::section(effort, &record)
    }

    /// Under which settings Kafka did better, and whether the generator was fast enough.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let medians = self.outcome.runs.first().and_then(|(_, figures)| {
            let name = &figures.iter().find(|figure| figure.better != Better::Neither)?.name;
            let of = |product| self.outcome.median(product, name);
            Some((name, of(Product::Kafka)?, of(Product::KafkaTuned)?))
        });
        if let Some((name, default, tuned)) = medians {
            let [default, tuned] = [default, tuned].map(crate::pairs::digits);
            let set = self.tuned.name;
            notes.push(format!("Kafka's {name}: {default} with its defaults, {tuned} tuned for {set}"));
        }
        if let Some(alone) = &self.alone {
            notes.push(format!("generator alone: {}", alone.verdict(&self.outcome)));
        }
        notes
    }
}

/// How a title names acks.
fn acks_name(acks: i16) -> &'static str {
    if acks < 0 { "acks=all" } else { "acks=1" }
}

/// Connects to a server that answers all such requests with `answer`.
fn null_client(request: &[u8], answer: &[u8], waiting: Waiting) -> Result<Client, String> {
    let connect = || Client::connect(null_server::start(request, answer, waiting)?, Instant::now());
    connect().map_err(|error| format!("the null server failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::Figure;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        for row in &ROWS {
            assert_eq!(ROWS.iter().filter(|other| other.name == row.name).count(), 1);
            assert!(crate::usage().contains(row.about));
        }
        assert!(named("99").is_err());
    }

    #[test]
    fn a_generator_that_is_not_twice_as_fast_is_told() {
        let outcome = Outcome { runs: vec![(Product::Naru, vec![Figure::higher("MB/s", 100.0)])] };
        let alone = |value| Alone { title: String::new(), figure: "MB/s", value };
        assert_eq!(alone(200.0).verdict(&outcome), "200 MB/s, 2.0 times the row's rate, enough");
        assert!(alone(199.0).verdict(&outcome).contains("TOO SLOW"));
    }
}
