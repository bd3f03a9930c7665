//! Row 5: fetch of data that is in the page cache, by one reader and by eight at once.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::load::closed_loop;
use crate::pairs::Figure;
use crate::process::Server;
use crate::sides::Sides;
use crate::{Effort, encoded, topics};

use super::{null_client, print, print_headroom};

/// Bytes of the topic at full effort.
const TOPIC_BYTES: usize = 1 << 30;
/// The Java consumer's default `max.partition.fetch.bytes`.
const FETCH_BYTES: i32 = 1 << 20;
/// Readers at once, and how often each reads the topic in a run.
const READERS: [(usize, usize); 2] = [(1, 4), (8, 1)];
/// Least time of fetching before the first run, at full effort.
const WARM_UP_TIME: Duration = Duration::from_secs(60);
const RATE: &str = "MB/s";

/// Batches of 16 KiB and of 1 MB, records of 1 KiB.
pub fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort)?;
    for (name, batch_bytes) in [("16 KiB", 16 << 10), ("1 MB", 1 << 20)] {
        let topic = format!("fetch-{batch_bytes}");
        let batch = encoded::batch(batch_bytes, 1 << 10);
        sides.each(|server| {
            topics::create(server, &topic)?;
            fill(server, effort, &topic, &batch)?;
            warm_up(server, effort, &topic)
        })?;
        let alone = null_rate(&topic, &batch, effort)?;
        for (readers, passes) in READERS {
            let outcome = sides.contest(effort, |server| once(server, &topic, readers, passes))?;
            print(&format!("5 fetch, batches of {name}, readers: {readers}"), effort, &outcome);
            if readers == 1 {
                print_headroom(&outcome, RATE, alone);
            }
        }
        sides.each(|server| topics::delete(server, &topic))?;
    }
    Ok(())
}

fn fill(server: &Server, effort: &Effort, topic: &str, batch: &[u8]) -> Result<(), String> {
    let produce = encoded::produce(topic, -1, batch);
    let count = effort.scaled(TOPIC_BYTES).div_ceil(batch.len());
    closed_loop(&mut server.connect()?, &produce, count, 5).map(drop)
}

fn warm_up(server: &Server, effort: &Effort, topic: &str) -> Result<(), String> {
    eprintln!("warming {}", server.product);
    let deadline = Instant::now() + WARM_UP_TIME.mul_f64(effort.share().min(1.0));
    let end_offset = end_offset(server, topic)?;
    let mut client = server.connect()?;
    while Instant::now() < deadline {
        read_to(&mut client, topic, end_offset)?;
    }
    Ok(())
}

/// Learns the end by appending one more record.
fn end_offset(server: &Server, topic: &str) -> Result<i64, String> {
    let produce = encoded::produce(topic, -1, &encoded::batch(1, 1));
    Ok(encoded::produced_offset(server.connect()?.call(&produce)?)? + 1)
}

/// Reads the topic from its beginning; returns the bytes of records.
fn read_to(client: &mut Client, topic: &str, end_offset: i64) -> Result<usize, String> {
    let mut offset = 0;
    let mut bytes_read = 0;
    while offset < end_offset {
        let answer = client.call(&encoded::fetch(topic, offset, FETCH_BYTES))?;
        let (bytes, next_offset) =
            encoded::fetched(answer)?.ok_or("no records before the end of the topic")?;
        if next_offset <= offset {
            return Err(format!("fetch at {offset} went back to {next_offset}"));
        }
        bytes_read += bytes;
        offset = next_offset;
    }
    Ok(bytes_read)
}

fn once(server: &Server, topic: &str, readers: usize, passes: usize) -> Result<Vec<Figure>, String> {
    let end_offset = end_offset(server, topic)?;
    let mut clients = Vec::new();
    for _ in 0..readers {
        clients.push(server.connect()?);
    }
    let cpu_s_before = server.cpu_s()?;
    let begin = Instant::now();
    let counts: Vec<Result<usize, String>> = thread::scope(|scope| {
        let read = |mut client: Client| {
            (0..passes).map(|_| read_to(&mut client, topic, end_offset)).sum::<Result<usize, String>>()
        };
        let readers: Vec<_> = clients.into_iter().map(|client| scope.spawn(move || read(client))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap_or(Err("a reader panicked".into()))).collect()
    });
    let elapsed = begin.elapsed();
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let gigabytes = counts.into_iter().sum::<Result<usize, String>>()? as f64 / 1e9;
    Ok(vec![
        Figure::higher(RATE, gigabytes * 1e3 / elapsed.as_secs_f64()),
        Figure::lower("broker CPU-s/GB", cpu_s / gigabytes),
    ])
}

/// What one reader takes from a server that sends the same records again and again, in MB/s.
fn null_rate(topic: &str, batch: &[u8], effort: &Effort) -> Result<f64, String> {
    let records = batch.repeat((FETCH_BYTES as usize / batch.len()).max(1));
    let mut nothing = null_client(encoded::fetch_answer(topic, &records))?;
    let begin = Instant::now();
    let mut bytes_read = 0;
    while bytes_read < effort.scaled(TOPIC_BYTES) {
        let answer = nothing.call(&encoded::fetch(topic, 0, FETCH_BYTES))?;
        bytes_read += encoded::fetched(answer)?.ok_or("no records from the null server")?.0;
    }
    Ok(bytes_read as f64 / 1e6 / begin.elapsed().as_secs_f64())
}
