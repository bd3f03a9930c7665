//! Row 7: five thousand partitions: created, idle, and served again after a stop and after a kill.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::effort::Effort;
use crate::encoded::{admin, batch, produce};
use crate::pairs::{Figure, Figures};
use crate::process::{Prepared, Server, write_back};
use crate::product::{Product, SMALL};
use crate::sides::OneByOne;
use crate::{profile, topics};

use super::{Cost, Promise, Row, Table, no_generator};

pub const ROW: Row = Row {
    name: "7",
    about: "5,000 partitions: create, memory, idle CPU, restart after a stop and after a kill",
    cost: Cost { once_s: 260.0, pair_s: 150.0 },
    run,
    calibrate: no_generator,
};

const PARTITIONS: usize = 5000;
/// Partitions of one produce request.
const PARTITIONS_PER_REQUEST: i32 = 500;
const TOPIC: &str = "wide";
/// Seconds without requests before memory is read, and over which idle CPU is counted, at full effort.
const SETTLE_S: f64 = 10.0;
const IDLE_S: f64 = 10.0;
/// How long the partitions may take to be led.
const LED_MAX: Duration = Duration::from_secs(300);

/// Each run has a server of its own.
fn run(effort: &Effort) -> Result<(), String> {
    let outcome = OneByOne::start(effort)?.contest(effort, &SMALL, once)?;
    let title = "5,000 partitions, one record in each".to_owned();
    Table { row: &ROW, title, promises: &[Promise::at_most("resident MiB", 60.0)], outcome, alone: None }
        .finish(effort)
}

fn once(effort: &Effort, product: Product, folder: &Path) -> Result<Figures, String> {
    let count = i32::try_from(effort.scaled(PARTITIONS)).map_err(|error| error.to_string())?;
    let prepared = Prepared::in_folder(product, folder, &effort.layout(&SMALL, &[]))?;
    let server = prepared.start()?;
    // What a first topic needs is not what many cost.
    topics::create(&server, "first")?;
    let (answered_s, served_s) = create(&server, count)?;
    write_one_record_each(&server, count)?;
    std::thread::sleep(Duration::from_secs_f64(effort.seconds(SETTLE_S)));
    let resident_mib = server.resident_mib()?;
    let cpu_percent = server.cpu_percent(Duration::from_secs_f64(effort.seconds(IDLE_S)))?;
    server.stop()?;
    write_back(folder)?;
    let (server, clean_s) = restart(&prepared, count)?;
    write_one_record_each(&server, count)?;
    server.kill()?;
    write_back(folder)?;
    let killed_s = profile::around_start(effort, || {
        let (server, killed_s) = restart(&prepared, count)?;
        let pid = server.pid();
        // Nobody needs its data any more, so it need not write them.
        server.kill()?;
        Ok((killed_s, pid))
    })?;
    Ok(vec![
        Figure::lower("create, answered s", answered_s),
        Figure::lower("create, all served s", served_s),
        Figure::lower("resident MiB", resident_mib),
        Figure::lower("idle CPU % of a core", cpu_percent),
        Figure::lower("restart after stop s", clean_s),
        Figure::lower("restart after kill -9 s", killed_s),
    ])
}

/// Creates the topic; seconds until CreateTopics is answered, and until every partition is led and tells its end,
/// which Kafka sees to after its answer.
fn create(server: &Server, count: i32) -> Result<(f64, f64), String> {
    let mut client = server.connect()?;
    let begin = Instant::now();
    let error_code = admin::created(client.call(&admin::create_topic(TOPIC, count, &[]))?)?;
    if !error_code.is_none() {
        return Err(format!("{} did not create {TOPIC}: {error_code}", server.product));
    }
    let answered_s = begin.elapsed().as_secs_f64();
    let deadline = begin + LED_MAX;
    let request = admin::metadata(TOPIC);
    while admin::led(client.call(&request)?)? < count as usize {
        if Instant::now() > deadline {
            return Err(format!("{} does not lead {count} partitions", server.product));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    topics::wait_until_served(server, TOPIC, count)?;
    Ok((answered_s, begin.elapsed().as_secs_f64()))
}

fn write_one_record_each(server: &Server, count: i32) -> Result<(), String> {
    let mut client = server.connect()?;
    let batch = batch(100, 100);
    for first in (0..count).step_by(PARTITIONS_PER_REQUEST as usize) {
        let partitions = first..count.min(first + PARTITIONS_PER_REQUEST);
        let expected = partitions.len();
        let taken = produce::all_taken(client.call(&produce::to_many(TOPIC, partitions, &batch))?)?;
        if taken != expected {
            return Err(format!("{taken} of {expected} partitions took a record"));
        }
    }
    Ok(())
}

/// Starts the server again; seconds until it tells the end of every partition.
fn restart(prepared: &Prepared, count: i32) -> Result<(Server, f64), String> {
    let server = prepared.start()?;
    let records = topics::wait_until_served(&server, TOPIC, count)?;
    let seconds = server.begin.elapsed().as_secs_f64();
    if records < i64::from(count) {
        return Err(format!("{} has {records} records left in {count} partitions", server.product));
    }
    Ok((server, seconds))
}
