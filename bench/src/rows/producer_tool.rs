//! Row 1c: Kafka's own producer-perf tool, as a drop-in proof.

use crate::effort::Effort;
use crate::encoded;
use crate::pairs::{Figure, Figures};
use crate::process::Server;
use crate::product::THROUGHPUT;
use crate::sides::Sides;
use crate::tool::java;
use crate::topics::Shape;

use super::{Cost, Row, Table, acks_name, no_generator};

pub const ROW: Row = Row {
    name: "1c",
    about: "Kafka's producer-perf tool, 1 KiB records, 16 KiB batches",
    cost: Cost { once_s: 220.0, pair_s: 80.0 },
    run,
    calibrate: no_generator,
};

/// Records of one run at full effort: 2 GB.
const RECORDS: usize = 2_000_000;
const RECORD_BYTES: usize = 1 << 10;

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort, &THROUGHPUT)?;
    let batch = encoded::batch(16 << 10, RECORD_BYTES);
    let traffic = [1, -1].map(|acks| (encoded::Produce::new("warm-up", acks, &batch), 5));
    sides.warm_up(effort, "warm-up", &traffic)?;
    for acks in [1, -1] {
        let name = format!("tool-{}", if acks < 0 { "all" } else { "1" });
        let outcome = sides.contest_on_topics(effort, &name, Shape::of(1), |effort, server, topic| {
            once(server, effort, topic, acks)
        })?;
        let title = format!("producer-perf tool, {}", acks_name(acks));
        Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)?;
    }
    Ok(())
}

fn once(server: &Server, effort: &Effort, topic: &str, acks: i16) -> Result<Figures, String> {
    let records = effort.scaled(RECORDS);
    let cpu_s_before = server.cpu_s()?;
    let output = tool(server, topic, records, acks)?;
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let tool = Totals::read(&output)?;
    if tool.records != records as f64 {
        return Err(format!("the tool sent {} of {records} records", tool.records));
    }
    let gigabytes = (records * RECORD_BYTES) as f64 / 1e9;
    Ok(vec![
        Figure::higher("MB/s", tool.records_per_s * RECORD_BYTES as f64 / 1e6),
        Figure::lower("p50 ms", tool.p50_ms),
        Figure::lower("p99 ms", tool.p99_ms),
        Figure::lower("broker CPU-s/GB", cpu_s / gigabytes),
        Figure::context("broker resident MiB", server.resident_mib()?),
    ])
}

fn tool(server: &Server, topic: &str, records: usize, acks: i16) -> Result<String, String> {
    let output =
        java(&server.folder, &["-Xmx512m", "-XX:+UseG1GC"], "org.apache.kafka.tools.ProducerPerformance")?
            .args(["--topic", topic])
            .args(["--num-records", &records.to_string(), "--record-size", &RECORD_BYTES.to_string()])
            .args(["--throughput", "-1", "--bootstrap-server", &server.address.to_string()])
            .args(["--command-property", "batch.size=16384"])
            .arg(format!("acks={}", if acks < 0 { "all" } else { "1" }))
            .output()
            .map_err(|error| format!("cannot run java: {error}"))?;
    if !output.status.success() {
        return Err(format!("the tool failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last line of the tool's output.
#[derive(Debug, PartialEq)]
pub(super) struct Totals {
    records: f64,
    pub(super) records_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Totals {
    pub(super) fn read(output: &str) -> Result<Totals, String> {
        Totals::of(output).ok_or_else(|| format!("the tool's output has no totals:\n{output}"))
    }

    fn of(output: &str) -> Option<Totals> {
        let line = output.lines().rev().find(|line| line.contains("ms 99th"))?;
        let before = |what: &str| -> Option<f64> {
            line.split(", ").find_map(|part| part.strip_suffix(what))?.split(' ').next()?.parse().ok()
        };
        let rate = line.split(", ").find_map(|part| part.split_once(" records/sec"))?.0;
        Some(Totals {
            records: before(" records sent")?,
            records_per_s: rate.parse().ok()?,
            p50_ms: before(" ms 50th")?,
            p99_ms: before(" ms 99th")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_are_those_of_the_last_line() {
        let output = "5 records sent, 1.0 records/sec (0.00 MB/sec), 2.0 ms avg latency, 3.0 ms max latency.\n\
                      9000 records sent, 4500.5 records/sec (4.39 MB/sec), 12.50 ms avg latency, \
                      99.00 ms max latency, 7 ms 50th, 20 ms 95th, 41 ms 99th, 98 ms 99.9th.\n";
        let totals = Totals { records: 9000.0, records_per_s: 4500.5, p50_ms: 7.0, p99_ms: 41.0 };
        assert_eq!(Totals::of(output), Some(totals));
        assert_eq!(Totals::of(""), None);
    }
}
