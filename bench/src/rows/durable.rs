//! The durable row: acks=all answered only when the records are on stable storage, beside what one sync costs.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::crowd::{Until, closed_loops};
use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::latency::Latencies;
use crate::pairs::{Figure, Figures};
use crate::process::Server;
use crate::product::{Product, THROUGHPUT};
use crate::sides::Sides;
use crate::topics::{Settings, Shape};

use super::{Cost, Promise, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "durable",
    about: "64 connections to 8 durable partitions, one 100 B record each request, acks=all",
    cost: Cost { once_s: 190.0, pair_s: 50.0 },
    run,
    // The disk bounds it, and the generator is that of row 2.
    calibrate: no_generator,
};

const CONNECTIONS: usize = 64;
const PARTITIONS: i32 = 8;
const RECORD_BYTES: usize = 100;
/// Requests in flight on each connection, a table for each.
const IN_FLIGHT: [usize; 2] = [1, 5];
/// Length of a run at full effort.
const RUN_S: f64 = 10.0;
/// Requests of each connection before the run, because the first ones cost more.
const FIRST_REQUESTS: usize = 5;
/// Syncs whose median tells what one costs.
const LONE_SYNCS: usize = 200;
/// What is promised where a lone sync takes no longer than [`PROMISED_SYNC_US`]; a slower disk makes it less.
const PROMISED_PER_S: f64 = 5000.0;
const PROMISED_SYNC_US: f64 = 500.0;
const PROMISE: Promise = Promise::at_least(OF_PROMISED, 1.0);
const OF_PROMISED: &str = "times the promised rate";

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort, &THROUGHPUT)?;
    let bulk = Produce::new("warm-up", 1, &batch(16 << 10, 1 << 10));
    let small = Produce::new("warm-up", -1, &batch(RECORD_BYTES, RECORD_BYTES));
    sides.warm_up(effort, "warm-up", &[(small, 20), (bulk, 5)])?;
    let shape = Shape { partitions: PARTITIONS, settings };
    for in_flight in IN_FLIGHT {
        let name = format!("durable-{in_flight}");
        let outcome = sides.contest_on_topics(effort, &name, shape, |effort, server, topic| {
            once(server, effort, topic, in_flight)
        })?;
        let title = format!("durable, 64 connections to 8 partitions, in flight on each: {in_flight}");
        Table { row: &ROW, title, promises: &[PROMISE], outcome, alone: None }.finish(effort)?;
    }
    Ok(())
}

/// What makes every record wait for stable storage before it is answered.
fn settings(product: Product) -> Settings {
    match product {
        Product::Kafka | Product::KafkaTuned => &[("flush.messages", "1")],
        Product::Previous | Product::Naru => &[("flush.policy", "durable")],
    }
}

fn once(server: &Server, effort: &Effort, topic: &str, in_flight: usize) -> Result<Figures, String> {
    let lone_sync = lone_sync(&server.folder)
        .map_err(|error| format!("cannot sync in {}: {error}", server.folder.display()))?;
    let batch = batch(RECORD_BYTES, RECORD_BYTES);
    let requests: Vec<Produce> =
        (0..PARTITIONS).map(|partition| Produce::to_partition(topic, partition, -1, &batch)).collect();
    let mut clients = (0..CONNECTIONS).map(|_| server.connect()).collect::<Result<Vec<_>, _>>()?;
    closed_loops(&mut clients, &requests, in_flight, Until::Answers(FIRST_REQUESTS * CONNECTIONS))?;
    let cpu_s_before = server.cpu_s()?;
    let end = Instant::now() + Duration::from_secs_f64(effort.seconds(RUN_S));
    let run = closed_loops(&mut clients, &requests, in_flight, Until::Time(end))?;
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let lone_sync_us = lone_sync.us(50.0);
    Ok(vec![
        Figure::higher("requests/s", run.requests_per_s()),
        Figure::lower("p50 us", run.latencies.us(50.0)),
        Figure::lower("p99 us", run.latencies.us(99.0)),
        Figure::lower("broker CPU us/request", cpu_s * 1e6 / run.requests as f64),
        Figure::context("lone sync p50 us", lone_sync_us),
        Figure::context("lone sync p99 us", lone_sync.us(99.0)),
        Figure::context(OF_PROMISED, run.requests_per_s() / promised_per_s(lone_sync_us)),
    ])
}

/// Requests per second that are promised on a disk whose sync takes so long.
fn promised_per_s(lone_sync_us: f64) -> f64 {
    PROMISED_PER_S * (PROMISED_SYNC_US / lone_sync_us).min(1.0)
}

/// What appending a small batch and `fdatasync` take while nobody else writes, on the file system of the data.
fn lone_sync(folder: &Path) -> std::io::Result<Latencies> {
    let path = folder.join("synced");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let batch = batch(RECORD_BYTES, RECORD_BYTES);
    let mut latencies = Latencies::new();
    for _ in 0..LONE_SYNCS {
        let begin = Instant::now();
        file.write_all(&batch)?;
        file.sync_data()?;
        latencies.record(begin.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_disk_makes_the_promise_less_and_a_quick_one_makes_it_no_more() {
        assert_eq!([100.0, 500.0, 2500.0].map(promised_per_s), [5000.0, 5000.0, 1000.0]);
    }

    #[test]
    fn a_lone_sync_is_measured_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(lone_sync(folder.path()).unwrap().count() as usize, LONE_SYNCS);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
