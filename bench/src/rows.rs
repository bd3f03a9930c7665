//! The rows: one file each. Their numbers are those of the table of aims (see bench/README.md).

mod catch_up;
mod connections;
mod durable;
mod fetch_cached;
mod groups;
mod memory;
mod open_loop;
mod partitions;
mod produce_large;
mod produce_pipelined;
mod producer_tool;
mod recovery;
mod round_trip;
mod start;
mod tools;

use std::time::Instant;

use crate::client::Client;
use crate::effort::Effort;
use crate::null_server::{self, Waiting};
use crate::pairs::Outcome;
use crate::product::Product;
use crate::results::Record;
use crate::{profile, results};

/// One row of the table of aims.
pub struct Row {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    /// How long it takes at full effort.
    pub cost: Cost,
    run: fn(&Effort) -> Result<(), String>,
    /// What its generator does against the null server, for each of its tables that a generator bounds.
    calibrate: fn(&Effort) -> Result<Vec<Alone>, String>,
}

/// How long a row takes on a machine of two cores, in seconds; measured in small and worked out from the rates.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Before the first pair: priming, starting, warming, the contest of Kafka's settings.
    pub once_s: f64,
    /// Each pair of all tables of the row.
    pub pair_s: f64,
}

impl Cost {
    /// Minutes of the row with so many pairs.
    pub fn minutes(self, pairs: usize) -> f64 {
        (self.once_s + self.pair_s * pairs as f64) / 60.0
    }
}

/// The rows with what each takes, and the sum.
pub fn list(effort: &Effort) -> String {
    let mut text = String::new();
    let mut sum = 0.0;
    for row in &ROWS {
        let minutes = row.cost.minutes(effort.pairs);
        sum += minutes;
        text += &format!("{minutes:>6.1} min  {:<8} {}\n", row.name, row.about);
    }
    text + &format!("{sum:>6.1} min  for all, at full scale with {} pairs\n", effort.pairs)
}

/// All of them, in the order in which `--all` runs them.
pub const ROWS: [Row; 15] = [
    produce_pipelined::ROW,
    produce_large::ROW,
    producer_tool::ROW,
    connections::ROW,
    round_trip::ROW,
    open_loop::ROW,
    fetch_cached::ROW,
    catch_up::ROW,
    partitions::ROW,
    groups::ROW,
    start::ROW,
    recovery::ROW,
    memory::ROW,
    durable::ROW,
    tools::ROW,
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
            let beside = record.map_or_else(|| alone.text(), |record| alone.verdict(&record.outcome()));
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
    /// CPU of the generator for each request, in microseconds, where it counts them.
    pub cpu_us: Option<f64>,
}

impl Alone {
    /// What it reaches, beside nothing.
    fn text(&self) -> String {
        let cpu = self.cpu_us.map_or(String::new(), |cpu_us| format!("; its CPU {cpu_us:.1} us/request"));
        format!("{:.0} {}{cpu}", self.value, self.figure)
    }

    /// Whether the generator is at least twice as fast as what was measured with it.
    pub fn verdict(&self, outcome: &Outcome) -> String {
        let rate = outcome.median_max(self.figure);
        let verdict = if self.value >= 2.0 * rate { "enough" } else { "TOO SLOW: the ratio is understated" };
        let times = self.value / rate;
        let busy = self.cpu_us.map_or(String::new(), |cpu_us| {
            format!(
                "; its CPU {cpu_us:.1} us/request, {:.0} % of a core at the row's rate",
                cpu_us * rate / 1e4
            )
        });
        format!("{:.0} {}, {times:.1} times the row's rate, {verdict}{busy}", self.value, self.figure)
    }
}

/// What Naru promises of a figure, whatever Kafka does.
#[derive(Debug, Clone, Copy)]
struct Promise {
    figure: &'static str,
    limit: f64,
    is_least: bool,
}

impl Promise {
    const fn at_most(figure: &'static str, limit: f64) -> Promise {
        Promise { figure, limit, is_least: false }
    }

    const fn at_least(figure: &'static str, limit: f64) -> Promise {
        Promise { figure, limit, is_least: true }
    }

    /// Whether the median of the runs keeps it; nothing where Naru took no part.
    fn verdict(&self, outcome: &Outcome) -> Option<String> {
        let median = outcome.median(Product::Naru, self.figure)?;
        let (bound, is_kept) = if self.is_least {
            ("at least", median >= self.limit)
        } else {
            ("at most", median <= self.limit)
        };
        let verdict = if is_kept { "kept" } else { "NOT KEPT" };
        Some(format!("promised of Naru's {}: {bound} {}, {verdict}", self.figure, self.limit))
    }
}

/// A table of a row that has been measured.
struct Table<'a> {
    row: &'a Row,
    title: String,
    promises: &'a [Promise],
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

    /// Under which settings Kafka did better, what was promised, and whether the generator was fast enough.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.outcome.notes.clone();
        notes.extend(self.promises.iter().filter_map(|promise| promise.verdict(&self.outcome)));
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

    fn outcome(figure: Figure) -> Outcome {
        Outcome { runs: vec![(Product::Naru, vec![figure])], notes: Vec::new() }
    }

    #[test]
    fn a_promise_that_is_not_kept_is_told() {
        for (value, least, most) in
            [(2.0, "NOT KEPT", "kept"), (3.0, "kept", "kept"), (4.0, "kept", "NOT KEPT")]
        {
            let outcome = outcome(Figure::context("MiB", value));
            let told = |promise: Promise| promise.verdict(&outcome).unwrap();
            assert_eq!(
                told(Promise::at_least("MiB", 3.0)),
                format!("promised of Naru's MiB: at least 3, {least}")
            );
            assert_eq!(
                told(Promise::at_most("MiB", 3.0)),
                format!("promised of Naru's MiB: at most 3, {most}")
            );
            assert_eq!(Promise::at_most("other", 3.0).verdict(&outcome), None);
        }
    }

    #[test]
    fn all_rows_with_five_pairs_fit_in_one_sitting() {
        let minutes: f64 = ROWS.iter().map(|row| row.cost.minutes(5)).sum();
        assert!(minutes <= 140.0, "{minutes}");
        let text = list(&Effort::of(&[]).unwrap());
        assert_eq!(text.lines().count(), ROWS.len() + 1);
    }

    #[test]
    fn a_generator_that_is_not_twice_as_fast_is_told() {
        let outcome = outcome(Figure::higher("MB/s", 100.0));
        let alone = |value| Alone { title: String::new(), figure: "MB/s", value, cpu_us: None };
        assert_eq!(alone(200.0).verdict(&outcome), "200 MB/s, 2.0 times the row's rate, enough");
        assert!(alone(199.0).verdict(&outcome).contains("TOO SLOW"));
        let busy = Alone { cpu_us: Some(2000.0), ..alone(199.0) };
        assert!(
            busy.verdict(&outcome).ends_with("; its CPU 2000.0 us/request, 20 % of a core at the row's rate")
        );
    }
}
