//! The rows: one file each. Their numbers are those of the table of aims (see bench/README.md).

mod fetch_cached;
mod memory;
mod produce_pipelined;
mod round_trip;
mod start;

use crate::Effort;
use crate::client::Client;
use crate::pairs::Outcome;

/// Runs one row and prints its tables.
pub fn run(row: &str, effort: &Effort) -> Result<(), String> {
    match row {
        "1a" => produce_pipelined::run(effort),
        "3" => round_trip::run(effort),
        "5" => fetch_cached::run(effort),
        "11" => start::run(effort),
        "13" => memory::run(effort),
        _ => Err(format!("there is no row {row}\n{}", crate::USAGE)),
    }
}

/// How a title names acks.
fn acks_name(acks: i16) -> &'static str {
    if acks < 0 { "acks=all" } else { "acks=1" }
}

/// Connects to a server that answers everything with `answer`.
fn null_client(answer: Vec<u8>) -> Result<Client, String> {
    let connect = || Client::connect(crate::null_server::start(answer)?, std::time::Instant::now());
    connect().map_err(|error| format!("the null server failed: {error}"))
}

fn print(title: &str, effort: &Effort, outcome: &Outcome) {
    let trial = if effort.is_full() { "" } else { ", a trial: neither primed nor warm" };
    println!(
        "{title} ({} pairs, scale {} %{trial})\n{}",
        effort.pairs,
        effort.scale_percent,
        outcome.table()
    );
}

/// Says whether the generator is at least twice as fast against a server that does nothing.
fn print_headroom(outcome: &Outcome, name: &str, generator: f64) {
    let rate = outcome.median_max(name);
    let verdict = if generator >= 2.0 * rate { "enough" } else { "TOO SLOW: the ratio is understated" };
    println!(
        "  generator alone: {generator:.0} {name}, {:.1} times the row's rate, {verdict}\n",
        generator / rate
    );
}
