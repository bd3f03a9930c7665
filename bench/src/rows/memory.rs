//! Row 13: what an empty broker costs, and its memory under load and after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::load::closed_loop;
use crate::pairs::{Figure, Figures};
use crate::process::{Prepared, Server};
use crate::product::SMALL;
use crate::reader::Filled;
use crate::sides::OneByOne;
use crate::topics;

use super::{Cost, Promise, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "13",
    about: "resident memory and CPU of an empty broker; memory under load and after it",
    cost: Cost { once_s: 40.0, pair_s: 80.0 },
    run,
    calibrate: no_generator,
};

/// Requests of the load at full effort: 1 GiB.
const REQUESTS: usize = 65_536;
/// Bytes that are read back at full effort.
const READ_BYTES: usize = 512 << 20;
const FETCH_BYTES: i32 = 1 << 20;
const BATCH_BYTES: usize = 16 << 10;
const RECORD_BYTES: usize = 1 << 10;
/// Time without requests before memory counts as that of an idle server.
const SETTLE: Duration = Duration::from_secs(5);
/// Seconds over which idle CPU is counted, at full effort.
const IDLE_S: f64 = 15.0;
/// How long memory may take to come back after the load, at full effort.
const AFTERWARDS_S: f64 = 10.0;
/// What a broker may cost that has nothing to do, and what a load may leave behind.
const PROMISES: [Promise; 3] = [
    Promise::at_most("idle MiB", 20.0),
    Promise::at_most("idle CPU % of a core", 0.3),
    Promise::at_most("kept after load MiB", 30.0),
];
/// Between two looks at memory.
const SAMPLE: Duration = Duration::from_millis(50);

/// Each run has a server of its own, because memory that was used once stays resident in some.
fn run(effort: &Effort) -> Result<(), String> {
    let outcome = OneByOne::start(effort)?.contest(effort, &SMALL, |effort, product, folder| {
        let server = Prepared::in_folder(product, folder, &effort.layout(&SMALL, &[]))?.start()?;
        let figures = once(&server, effort)?;
        server.kill()?;
        Ok(figures)
    })?;
    let title = "an empty broker, and memory under load and after it".to_owned();
    Table { row: &ROW, title, promises: &PROMISES, outcome, alone: None }.finish(effort)
}

fn once(server: &Server, effort: &Effort) -> Result<Figures, String> {
    thread::sleep(SETTLE);
    let idle_mib = server.resident_mib()?;
    let cpu_percent = server.cpu_percent(Duration::from_secs_f64(effort.seconds(IDLE_S)))?;
    topics::create(server, "memory")?;
    let before_mib = server.resident_mib()?;
    let ended = AtomicBool::new(false);
    let loaded_mib = thread::scope(|scope| {
        let sampler = scope.spawn(|| resident_mib_max(server, &ended));
        let load = load(server, effort);
        ended.store(true, Ordering::Release);
        let loaded = sampler.join().unwrap_or(Err("the sampler panicked".into()));
        load.and(loaded)
    })?;
    let after_mib = resident_mib_afterwards(server, effort)?;
    Ok(vec![
        Figure::lower("idle MiB", idle_mib),
        Figure::lower("idle CPU % of a core", cpu_percent),
        Figure::lower("under load MiB", loaded_mib),
        Figure::lower("after load MiB", after_mib),
        Figure::context("kept after load MiB", after_mib - before_mib),
    ])
}

/// The load of row 1a, then a topic that is written and read.
fn load(server: &Server, effort: &Effort) -> Result<(), String> {
    let produce = Produce::new("memory", 1, &batch(BATCH_BYTES, RECORD_BYTES));
    closed_loop(&mut server.connect()?, &produce, effort.scaled(REQUESTS), 5)?;
    let filled = Filled::create(server, "read", effort.scaled(READ_BYTES), BATCH_BYTES, RECORD_BYTES)?;
    filled.read(&mut server.connect()?, FETCH_BYTES).map(drop)
}

/// Largest of the samples until `ended`.
fn resident_mib_max(server: &Server, ended: &AtomicBool) -> Result<f64, String> {
    let mut most: f64 = 0.0;
    loop {
        most = most.max(server.resident_mib()?);
        if ended.load(Ordering::Acquire) {
            return Ok(most);
        }
        thread::sleep(SAMPLE);
    }
}

/// Least of the samples within the time that memory may take to come back.
fn resident_mib_afterwards(server: &Server, effort: &Effort) -> Result<f64, String> {
    let deadline = Instant::now() + Duration::from_secs_f64(effort.seconds(AFTERWARDS_S));
    let mut least = server.resident_mib()?;
    while Instant::now() < deadline {
        thread::sleep(SAMPLE);
        least = least.min(server.resident_mib()?);
    }
    Ok(least)
}
