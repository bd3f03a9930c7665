//! Row 4: five thousand requests a second whatever the server does; alone, and with a consumer at the tail.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::null_server::Waiting;
use crate::open_loop::{OpenRun, Schedule, run as open_loop, tail};
use crate::pairs::{Figure, Figures};
use crate::process::Server;
use crate::product::THROUGHPUT;
use crate::sides::Sides;
use crate::topics::{self, Shape};

use super::{Alone, Cost, Row, Table, null_client};

pub const ROW: Row = Row {
    name: "4",
    about: "open loop, 5,000 requests a second, alone and with a tailing consumer",
    cost: Cost { once_s: 190.0, pair_s: 58.0 },
    run,
    calibrate: |effort| Ok(vec![alone(effort)?]),
};

const RATE_PER_S: u32 = 5000;
/// Length of a run at full effort.
const RUN_S: f64 = 10.0;
/// Length of the null server's run, at full effort.
const NULL_S: f64 = 5.0;
const RECORD_BYTES: usize = 100;
/// Requests of the generator's run against the null server, at full effort.
const ALONE_REQUESTS: usize = 500_000;
const RATE: &str = "requests/s";
const TITLE: &str = "open loop, 5,000 requests/s of 100 B";
/// Runs that are made again because the generator was late, before the row is given up.
const VOID_RUNS_MAX: usize = 5;

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort, &THROUGHPUT)?;
    let batch_of_one = batch(RECORD_BYTES, RECORD_BYTES);
    let bulk = Produce::new("warm-up", 1, &batch(16 << 10, 1 << 10));
    let one = Produce::new("warm-up", 1, &batch_of_one);
    sides.warm_up(effort, "warm-up", &[(one, 1), (bulk, 5)])?;
    let nothing = Produce::new("null", 1, &batch_of_one);
    let mut null = null_client(&nothing.frame, &nothing.answer(), Waiting::Sleeping)?;
    let outcome = sides.contest_on_topics(effort, "open", Shape::of(1), |effort, server, topic| {
        let null = on_schedule(|| {
            let schedule = Schedule::soon(RATE_PER_S, effort.seconds(NULL_S));
            open_loop(&mut null, &nothing, schedule, || true).map(|run| (run, ()))
        })?;
        produce_only(server, effort, &Produce::new(topic, 1, &batch_of_one), &null.0)
    })?;
    let alone = Some(alone(effort)?);
    Table { row: &ROW, title: TITLE.to_owned(), promises: &[], outcome, alone }.finish(effort)?;
    let outcome = sides.contest_on_topics(effort, "tailed", Shape::of(1), |effort, server, topic| {
        end_to_end(server, effort, topic, &Produce::new(topic, 1, &batch_of_one))
    })?;
    let title = "open loop with a tailing consumer, from intended send to arrival".to_owned();
    Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)
}

/// Repeats a run that the generator was late in.
fn on_schedule<T>(mut run: impl FnMut() -> Result<(OpenRun, T), String>) -> Result<(OpenRun, T), String> {
    for _ in 0..VOID_RUNS_MAX {
        let (open, more) = run()?;
        if !open.is_void() {
            return Ok((open, more));
        }
        eprintln!("void: {:.1} % of the requests were sent late", open.missed_share * 100.0);
    }
    Err(format!("{VOID_RUNS_MAX} runs missed their schedule: the machine is too busy for this row"))
}

fn produce_only(
    server: &Server,
    effort: &Effort,
    produce: &Produce,
    null: &OpenRun,
) -> Result<Figures, String> {
    let mut client = server.connect()?;
    let (run, cpu_s) = on_schedule(|| {
        let cpu_s_before = server.cpu_s()?;
        let schedule = Schedule::soon(RATE_PER_S, effort.seconds(RUN_S));
        let run = open_loop(&mut client, produce, schedule, || true)?;
        Ok((run, server.cpu_s()? - cpu_s_before))
    })?;
    let (latencies, null) = (&run.latencies, &null.latencies);
    Ok(vec![
        Figure::lower("p50 us", latencies.us(50.0)),
        Figure::lower("p99 us", latencies.us(99.0)),
        Figure::context("p99.9 us", latencies.us(99.9)),
        Figure::context("null server p50 us", null.us(50.0)),
        Figure::context("null server p99 us", null.us(99.0)),
        Figure::lower("added p50 us", latencies.us(50.0) - null.us(50.0)),
        Figure::lower("added p99 us", latencies.us(99.0) - null.us(99.0)),
        Figure::lower("broker CPU us/request", cpu_s * 1e6 / latencies.count() as f64),
        Figure::context("sent late %", run.missed_share * 100.0),
        Figure::context(RATE, run.requests_per_s),
    ])
}

fn end_to_end(server: &Server, effort: &Effort, topic: &str, produce: &Produce) -> Result<Figures, String> {
    let mut producer = server.connect()?;
    let (run, (arrivals, cpu_s)) = on_schedule(|| {
        let first_offset = topics::end_offset(server, topic)?;
        let mut consumer: Client = server.connect()?;
        let cpu_s_before = server.cpu_s()?;
        let schedule = Schedule::soon(RATE_PER_S, effort.seconds(RUN_S));
        let (run, arrivals) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| tail(&mut consumer, topic, first_offset, schedule));
            let run = open_loop(&mut producer, produce, schedule, || true);
            (run, reader.join().unwrap_or(Err("the consumer panicked".to_owned())))
        });
        Ok((run?, (arrivals?, server.cpu_s()? - cpu_s_before)))
    })?;
    Ok(vec![
        Figure::lower("end to end p50 us", arrivals.us(50.0)),
        Figure::lower("end to end p99 us", arrivals.us(99.0)),
        Figure::context("end to end p99.9 us", arrivals.us(99.9)),
        Figure::lower("answer p50 us", run.latencies.us(50.0)),
        Figure::lower("answer p99 us", run.latencies.us(99.0)),
        Figure::lower("broker CPU us/record", cpu_s * 1e6 / arrivals.count() as f64),
        Figure::context("sent late %", run.missed_share * 100.0),
    ])
}

/// How many requests a second the generator can keep to a schedule at most: all are due at once.
fn alone(effort: &Effort) -> Result<Alone, String> {
    let nothing = Produce::new("null", 1, &batch(RECORD_BYTES, RECORD_BYTES));
    let mut null = null_client(&nothing.frame, &nothing.answer(), Waiting::Spinning)?;
    let count = u32::try_from(effort.scaled(ALONE_REQUESTS)).map_err(|error| error.to_string())?;
    let schedule = Schedule { begin: Instant::now(), interval: Duration::from_nanos(1), count };
    let run = open_loop(&mut null, &nothing, schedule, || true)?;
    Ok(Alone { title: TITLE.to_owned(), figure: RATE, value: run.requests_per_s, cpu_us: None })
}
