//! Row 2: two hundred connections with small requests, and what five thousand idle ones beside them cost.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::crowd::{Until, closed_loops, idle_connections};
use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::null_server::{self, Waiting};
use crate::pairs::{Figure, Figures};
use crate::process::Server;
use crate::product::THROUGHPUT;
use crate::sides::Sides;
use crate::topics::Shape;

use super::{Alone, Cost, Promise, Row, Table};

pub const ROW: Row = Row {
    name: "2",
    about: "200 connections, one 100 B record each request; 5,000 idle connections beside them",
    cost: Cost { once_s: 240.0, pair_s: 77.0 },
    run,
    calibrate: |effort| Ok(vec![alone(effort)?]),
};

const CONNECTIONS: usize = 200;
const IDLE_CONNECTIONS: usize = 5000;
/// Requests of one run at full effort.
const REQUESTS: usize = 500_000;
/// Each partition is written by as many connections as any other.
const PARTITIONS: i32 = 20;
const RECORD_BYTES: usize = 100;
/// Seconds over which the CPU of idle connections is counted, at full effort.
const IDLE_S: f64 = 10.0;
/// Time for a server to settle before its memory is read.
const SETTLE: Duration = Duration::from_secs(2);
/// What an idle connection may cost.
const IDLE_PROMISES: [Promise; 2] =
    [Promise::at_most("KiB per idle connection", 12.0), Promise::at_most("idle CPU % of a core", 0.3)];
const RATE: &str = "requests/s";
const TITLE: &str = "200 connections, one 100 B record each request";

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort, &THROUGHPUT)?;
    let small = batch(RECORD_BYTES, RECORD_BYTES);
    let bulk = Produce::new("warm-up", 1, &batch(16 << 10, 1 << 10));
    sides.warm_up(effort, "warm-up", &[(Produce::new("warm-up", 1, &small), 20), (bulk, 5)])?;
    let outcome =
        sides.contest_on_topics(effort, "many", Shape::of(PARTITIONS), |effort, server, topic| {
            busy(server, effort, &requests(topic))
        })?;
    let alone = Some(alone(effort)?);
    Table { row: &ROW, title: TITLE.to_owned(), promises: &[], outcome, alone }.finish(effort)?;
    let outcome =
        sides.contest_on_topics(effort, "idle", Shape::of(PARTITIONS), |effort, server, topic| {
            beside_idle(server, effort, &requests(topic))
        })?;
    let title = "5,000 idle connections, then the same load beside them".to_owned();
    Table { row: &ROW, title, promises: &IDLE_PROMISES, outcome, alone: None }.finish(effort)
}

fn requests(topic: &str) -> Vec<Produce> {
    let batch = batch(RECORD_BYTES, RECORD_BYTES);
    (0..PARTITIONS).map(|partition| Produce::to_partition(topic, partition, 1, &batch)).collect()
}

fn busy(server: &Server, effort: &Effort, requests: &[Produce]) -> Result<Figures, String> {
    let mut clients = (0..CONNECTIONS).map(|_| server.connect()).collect::<Result<Vec<_>, _>>()?;
    // The first requests of a connection cost more than those that follow.
    closed_loops(&mut clients, requests, 1, Until::Answers(5 * CONNECTIONS))?;
    let cpu_s_before = server.cpu_s()?;
    let run = closed_loops(&mut clients, requests, 1, Until::Answers(effort.scaled(REQUESTS)))?;
    let cpu_s = server.cpu_s()? - cpu_s_before;
    Ok(vec![
        Figure::higher(RATE, run.requests_per_s()),
        Figure::lower("p50 us", run.latencies.us(50.0)),
        Figure::lower("p99 us", run.latencies.us(99.0)),
        Figure::lower("broker CPU us/request", cpu_s * 1e6 / run.requests as f64),
        Figure::context("broker resident MiB", server.resident_mib()?),
    ])
}

fn beside_idle(server: &Server, effort: &Effort, requests: &[Produce]) -> Result<Figures, String> {
    std::thread::sleep(SETTLE);
    let before = server.resident_bytes()? as f64;
    let idle = idle_connections(server.address, effort.scaled(IDLE_CONNECTIONS))?;
    std::thread::sleep(SETTLE);
    let growth = (server.resident_bytes()? as f64 - before) / 1024.0 / idle.len() as f64;
    let cpu_percent = server.cpu_percent(Duration::from_secs_f64(effort.seconds(IDLE_S)))?;
    let mut figures = busy(server, effort, requests)?;
    figures.push(Figure::lower("KiB per idle connection", growth));
    figures.push(Figure::lower("idle CPU % of a core", cpu_percent));
    drop(idle);
    Ok(figures)
}

fn alone(effort: &Effort) -> Result<Alone, String> {
    let requests = requests("null");
    let answer = requests.first().map(Produce::answer).unwrap_or_default();
    let frame = requests.first().map_or(&[][..], |produce| &produce.frame);
    let address = null_server::start(frame, &answer, Waiting::Spinning).map_err(|error| error.to_string())?;
    let connect = || Client::connect(address, Instant::now()).map_err(|error| error.to_string());
    let mut clients = (0..CONNECTIONS).map(|_| connect()).collect::<Result<Vec<_>, _>>()?;
    // All to partition 0: that is what the null server answers.
    let until = Until::Answers(effort.scaled(REQUESTS));
    let run = closed_loops(&mut clients, requests.get(..1).unwrap_or_default(), 1, until)?;
    let (value, cpu_us) = (run.requests_per_s(), Some(run.cpu_us()));
    Ok(Alone { title: TITLE.to_owned(), figure: RATE, value, cpu_us })
}
