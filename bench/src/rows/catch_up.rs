//! Row 6: a reader that catches up with what has left the page cache, beside a producer at a steady pace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::open_loop::{Schedule, run as open_loop};
use crate::page_cache;
use crate::pairs::{Figure, Figures};
use crate::process::{Server, write_back};
use crate::product::THROUGHPUT;
use crate::reader::Filled;
use crate::sides::Sides;
use crate::topics::Shape;
use crate::{contest, topics};

use super::{Cost, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "6",
    about: "cold catch-up of 10 GB beside a paced producer",
    cost: Cost { once_s: 320.0, pair_s: 80.0 },
    run,
    // The disk bounds it, and the reader is that of row 5.
    calibrate: no_generator,
};

/// Bytes of the cold topic at full effort.
const TOPIC_BYTES: usize = 10_000_000_000;
/// The Java consumer's default `max.partition.fetch.bytes`.
const FETCH_BYTES: i32 = 1 << 20;
const BATCH_BYTES: usize = 16 << 10;
const RECORD_BYTES: usize = 1 << 10;
/// The producer's pace: 33 MB/s.
const REQUESTS_PER_S: u32 = 2000;
/// Length of the producer's run without a reader, at full effort.
const UNDISTURBED_S: f64 = 10.0;
/// The producer goes on until the reader is done; this is longer than that.
const LONGEST_S: f64 = 3600.0;
/// Share of the bytes that has to come from the disk for a run to count as cold.
const COLD_SHARE_MIN: f64 = 0.8;

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort, &THROUGHPUT)?;
    let traffic = [(Produce::new("warm-up", 1, &batch(BATCH_BYTES, RECORD_BYTES)), 5)];
    sides.warm_up(effort, "warm-up", &traffic)?;
    // The contest has small topics of its own, because to fill a large one takes longer than to read it.
    let mut filled = Vec::new();
    let choice = contest::choose(effort, &THROUGHPUT, 1, |trial, product| {
        sides.quietly(trial, product, |server| {
            let cold = fill(server, trial, "cold-contest")?;
            filled.push(product);
            topics::create(server, "paced-contest")?;
            once(server, trial, &cold, "paced-contest")
        })
    })?;
    sides.delete(&["cold-contest", "paced-contest"].map(|topic| (topic.to_owned(), filled.clone())))?;
    let mut cold = Vec::new();
    for product in &choice.products {
        cold.push((*product, fill(sides.active(*product)?, effort, "cold")?));
    }
    let effort_of_chosen = Effort { products: choice.products, ..effort.clone() };
    let mut outcome =
        sides.contest_on_topics(&effort_of_chosen, "paced", Shape::of(1), |effort, server, topic| {
            let filled = cold.iter().find(|(product, _)| *product == server.product);
            once(server, effort, &filled.ok_or("a server without a topic")?.1, topic)
        })?;
    outcome.notes.extend(choice.note);
    let title = "cold catch-up beside a producer of 33 MB/s".to_owned();
    Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)
}

/// A topic that is written back and out of the page cache.
fn fill(server: &Server, effort: &Effort, topic: &str) -> Result<Filled, String> {
    eprintln!("filling {}", server.product);
    let filled = Filled::create(server, topic, effort.scaled(TOPIC_BYTES), BATCH_BYTES, RECORD_BYTES)?;
    // Warms the way to the reader, too.
    filled.verify(&mut server.connect()?, FETCH_BYTES)?;
    write_back(&server.folder)?;
    page_cache::evict(&server.folder)?;
    Ok(filled)
}

fn once(server: &Server, effort: &Effort, cold: &Filled, paced: &str) -> Result<Figures, String> {
    let produce = Produce::new(paced, 1, &batch(BATCH_BYTES, RECORD_BYTES));
    let mut producer = server.connect()?;
    let schedule = Schedule::soon(REQUESTS_PER_S, effort.seconds(UNDISTURBED_S));
    let undisturbed = open_loop(&mut producer, &produce, schedule, || true)?.latencies;
    write_back(&server.folder)?;
    page_cache::evict(&server.folder)?;
    let mut reader = server.connect()?;
    let reading = AtomicBool::new(true);
    let (cpu_s_before, disk_before) = (server.cpu_s()?, server.disk_read_bytes()?);
    let begin = Instant::now();
    let (produced, read) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let read = cold.read(&mut reader, FETCH_BYTES);
            reading.store(false, Ordering::Release);
            read.map(|bytes| (bytes, begin.elapsed()))
        });
        let schedule = Schedule::soon(REQUESTS_PER_S, LONGEST_S);
        let produced = open_loop(&mut producer, &produce, schedule, || reading.load(Ordering::Acquire));
        (produced, reader.join().unwrap_or(Err("the reader panicked".to_owned())))
    });
    let (bytes, elapsed) = read?;
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let cold_share = (server.disk_read_bytes()? - disk_before) as f64 / bytes as f64;
    if cold_share < COLD_SHARE_MIN {
        return Err(format!("only {:.0} % of the bytes came from the disk", cold_share * 100.0));
    }
    let produced = produced?;
    let gigabytes = bytes as f64 / 1e9;
    Ok(vec![
        Figure::higher("MB/s", gigabytes * 1e3 / elapsed.as_secs_f64()),
        Figure::lower("producer p99 us", produced.latencies.us(99.0)),
        Figure::lower("producer p50 us", produced.latencies.us(50.0)),
        Figure::context("undisturbed p99 us", undisturbed.us(99.0)),
        Figure::lower("broker CPU-s/GB", cpu_s / gigabytes),
        Figure::context("read from disk %", cold_share * 100.0),
        Figure::context("sent late %", produced.missed_share * 100.0),
    ])
}
