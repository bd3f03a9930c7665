//! Row 12: killed with much that was never flushed, to ready again.

use std::path::Path;

use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::load::closed_loop;
use crate::pairs::{Figure, Figures};
use crate::process::{Prepared, Server};
use crate::product::{Product, SMALL};
use crate::sides::OneByOne;
use crate::topics::Shape;
use crate::{profile, topics};

use super::{Cost, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "12",
    about: "kill -9 with 4 GB unflushed, to ready",
    cost: Cost { once_s: 130.0, pair_s: 110.0 },
    run,
    calibrate: no_generator,
};

/// Bytes written before the kill at full effort.
const BYTES: usize = 4_000_000_000;
const PARTITIONS: i32 = 4;
const BATCH_BYTES: usize = 16 << 10;
const RECORD_BYTES: usize = 1 << 10;
const TOPIC: &str = "unflushed";
/// Kafka waits after a kill until its own earlier registration has expired, so both ways are shown.
const SESSION_TIMEOUTS: [(&str, &[(&str, &str)]); 2] = [
    ("the default session timeout", &[]),
    (
        "broker.session.timeout.ms=1000",
        &[("broker.session.timeout.ms", "1000"), ("broker.heartbeat.interval.ms", "200")],
    ),
];

/// Each run has a server of its own.
fn run(effort: &Effort) -> Result<(), String> {
    let mut servers = OneByOne::start(effort)?;
    for (name, settings) in SESSION_TIMEOUTS {
        let outcome = servers
            .contest(effort, &SMALL, |effort, product, folder| once(effort, product, folder, settings))?;
        let title = format!("kill -9 with 4 GB unflushed, {name}");
        Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)?;
    }
    Ok(())
}

fn once(
    effort: &Effort,
    product: Product,
    folder: &Path,
    settings: &[(&str, &str)],
) -> Result<Figures, String> {
    let prepared = Prepared::in_folder(product, folder, &effort.layout(&SMALL, settings))?;
    let server = prepared.start()?;
    topics::create_with(&server, TOPIC, Shape::of(PARTITIONS))?;
    fill(&server, effort)?;
    let acknowledged = topics::wait_until_served(&server, TOPIC, PARTITIONS)?;
    server.kill()?;
    let (seconds, first_answer_s, cpu_s) = profile::around_start(effort, || {
        let server = prepared.start()?;
        let records = topics::wait_until_served(&server, TOPIC, PARTITIONS)?;
        let seconds = server.begin.elapsed().as_secs_f64();
        let figures = (seconds, server.start_time.as_secs_f64(), server.cpu_s()?);
        let pid = server.pid();
        // Nobody needs its data any more, so it need not write them.
        server.kill()?;
        if records == acknowledged {
            Ok((figures, pid))
        } else {
            Err(format!("{product} has {records} of {acknowledged} acknowledged records"))
        }
    })?;
    Ok(vec![
        Figure::lower("ready s", seconds),
        Figure::context("first answer s", first_answer_s),
        Figure::lower("broker CPU s until ready", cpu_s),
    ])
}

fn fill(server: &Server, effort: &Effort) -> Result<(), String> {
    let batch = batch(BATCH_BYTES, RECORD_BYTES);
    let count = effort.scaled(BYTES).div_ceil(batch.len() * PARTITIONS as usize);
    // At once, because this is most of the row's time and no figure of it.
    std::thread::scope(|scope| {
        let fill_one = |partition| {
            let produce = Produce::to_partition(TOPIC, partition, 1, &batch);
            closed_loop(&mut server.connect()?, &produce, count, 5).map(drop)
        };
        let fillers: Vec<_> =
            (0..PARTITIONS).map(|partition| scope.spawn(move || fill_one(partition))).collect();
        fillers.into_iter().try_for_each(|one| one.join().unwrap_or(Err("a producer panicked".to_owned())))
    })
}
