//! Row 5: fetch of data that is in the page cache, by one reader and by eight at once.

use std::thread;
use std::time::Instant;

use crate::client::Client;
use crate::effort::Effort;
use crate::encoded::{batch, fetch};
use crate::null_server::{self, Waiting};
use crate::pairs::{Figure, Figures};
use crate::process::Server;
use crate::product::THROUGHPUT;
use crate::reader::{Filled, read_alone};
use crate::sides::{Sides, WarmUp};

use super::{Alone, Cost, Row, Table};

pub const ROW: Row = Row {
    name: "5",
    about: "fetch of cached data, batches of 16 KiB and 1 MB, one reader and eight",
    cost: Cost { once_s: 240.0, pair_s: 40.0 },
    run,
    calibrate,
};

/// Bytes of the topic at full effort.
const TOPIC_BYTES: usize = 1 << 30;
/// The Java consumer's default `max.partition.fetch.bytes`.
const FETCH_BYTES: i32 = 1 << 20;
/// Readers at once, and how often each reads the topic in a run.
const READERS: [(usize, usize); 2] = [(1, 8), (8, 2)];
const BATCHES: [(&str, usize); 2] = [("16 KiB", 16 << 10), ("1 MB", 1 << 20)];
const RECORD_BYTES: usize = 1 << 10;
/// Share of the whole warm-up before the first run with batches of each size; the second finds a warm server.
const WARM_UP_PARTS: [f64; 2] = [1.0, 0.25];
const RATE: &str = "MB/s";

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort, &THROUGHPUT)?;
    for ((name, batch_bytes), warm_up_part) in BATCHES.into_iter().zip(WARM_UP_PARTS) {
        let topic = format!("fetch-{batch_bytes}");
        let mut topics_filled = Vec::new();
        sides.each(|server| {
            let topic_bytes = effort.scaled(TOPIC_BYTES);
            let one = Filled::create(server, &topic, topic_bytes, batch_bytes, RECORD_BYTES)?;
            eprintln!("warming {}", server.product);
            let mut client = server.connect()?;
            one.verify(&mut client, FETCH_BYTES)?;
            let time = WarmUp::of(server.product).time.mul_f64(effort.share().min(1.0) * warm_up_part);
            let deadline = Instant::now() + time;
            one.read_until(&mut client, FETCH_BYTES, deadline)?;
            topics_filled.push((server.product, one));
            Ok(())
        })?;
        for (readers, passes) in READERS {
            let outcome = sides.contest(effort, |size, server| {
                let passes = (passes * size.scale_percent).div_ceil(effort.scale_percent);
                let filled = topics_filled.iter().find(|(product, _)| *product == server.product);
                once(server, &filled.ok_or("a server without a topic")?.1, readers, passes)
            })?;
            let alone = Some(alone(effort, name, batch_bytes, readers)?);
            let title = title(name, readers);
            Table { row: &ROW, title, promises: &[], outcome, alone }.finish(effort)?;
        }
        sides.delete(&[(topic, effort.products.clone())])?;
    }
    Ok(())
}

fn title(batch: &str, readers: usize) -> String {
    format!("fetch, batches of {batch}, readers: {readers}")
}

fn once(server: &Server, filled: &Filled, readers: usize, passes: usize) -> Result<Figures, String> {
    let clients = (0..readers).map(|_| server.connect()).collect::<Result<Vec<_>, _>>()?;
    let cpu_s_before = server.cpu_s()?;
    let begin = Instant::now();
    let bytes = at_once(clients, |client| (0..passes).map(|_| filled.read(client, FETCH_BYTES)).sum())?;
    let elapsed = begin.elapsed();
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let gigabytes = bytes.iter().sum::<usize>() as f64 / 1e9;
    Ok(vec![
        Figure::higher(RATE, gigabytes * 1e3 / elapsed.as_secs_f64()),
        Figure::lower("broker CPU-s/GB", cpu_s / gigabytes),
        Figure::context("broker resident MiB", server.resident_mib()?),
    ])
}

/// Does the same on every connection at the same time.
fn at_once<T: Send>(
    clients: Vec<Client>,
    read: impl Fn(&mut Client) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    thread::scope(|scope| {
        let read = &read;
        let readers: Vec<_> =
            clients.into_iter().map(|mut client| scope.spawn(move || read(&mut client))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap_or(Err("a reader panicked".into()))).collect()
    })
}

fn calibrate(effort: &Effort) -> Result<Vec<Alone>, String> {
    let tables = BATCHES.iter().flat_map(|batch| READERS.map(|(readers, _)| (*batch, readers)));
    tables.map(|((name, batch_bytes), readers)| alone(effort, name, batch_bytes, readers)).collect()
}

fn alone(effort: &Effort, name: &str, batch_bytes: usize, readers: usize) -> Result<Alone, String> {
    let batch = batch(batch_bytes, RECORD_BYTES);
    let records = batch.repeat((FETCH_BYTES as usize / batch.len()).max(1));
    let request = fetch::FetchSession::new("null", FETCH_BYTES).request_from(0).to_vec();
    // It is seldom asked and has much to send, so it may as well sleep; spinning it would take the reader's core.
    let address = null_server::start(&request, &fetch::answer("null", &records), Waiting::Sleeping);
    let address = address.map_err(|error| format!("the null server failed: {error}"))?;
    let connect = || Client::connect(address, Instant::now()).map_err(|error| error.to_string());
    let clients = (0..readers).map(|_| connect()).collect::<Result<Vec<_>, _>>()?;
    let bytes = effort.scaled(TOPIC_BYTES) * 4 / readers;
    let rates = at_once(clients, |client| read_alone(client, FETCH_BYTES, bytes))?;
    Ok(Alone { title: title(name, readers), figure: RATE, value: rates.iter().sum(), cpu_us: None })
}
