//! Row 13: resident memory of a server that has just started, and under the load of row 1a.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::load::closed_loop;
use crate::pairs::{self, Figure};
use crate::process::{Prepared, Server};
use crate::{Effort, encoded, sides, topics};

use super::print;

/// Requests of one run at full effort: 2 GiB.
const REQUESTS: usize = 131_072;
/// Time without requests before memory counts as that of an idle server.
const IDLE: Duration = Duration::from_secs(5);
/// Between two looks at memory under load.
const SAMPLE: Duration = Duration::from_millis(50);

/// Each run has a server of its own, because memory that was used once stays resident.
pub fn run(effort: &Effort) -> Result<(), String> {
    let folder = sides::folder()?;
    let mut number = 0;
    let outcome = pairs::run(&effort.products, effort.pairs, |product| {
        number += 1;
        let folder = folder.path().join(number.to_string());
        let server = Prepared::in_folder(product, &folder)?.start()?;
        let figures = once(&server, effort)?;
        drop(server);
        std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
        Ok(figures)
    })?;
    print("13 resident memory", effort, &outcome);
    Ok(())
}

fn once(server: &Server, effort: &Effort) -> Result<Vec<Figure>, String> {
    thread::sleep(IDLE);
    let idle = server.resident_bytes()?;
    topics::create(server, "memory")?;
    let produce = encoded::produce("memory", 1, &encoded::batch(16 << 10, 1 << 10));
    let mut client = server.connect()?;
    let ended = AtomicBool::new(false);
    let loaded = thread::scope(|scope| {
        let sampler = scope.spawn(|| resident_max(server, &ended));
        let load = closed_loop(&mut client, &produce, effort.scaled(REQUESTS), 5);
        ended.store(true, Ordering::Release);
        let loaded = sampler.join().unwrap_or(Err("the sampler panicked".into()));
        load.and(loaded)
    })?;
    Ok(vec![
        Figure::lower("idle MiB", idle as f64 / f64::from(1 << 20)),
        Figure::lower("under load MiB", loaded as f64 / f64::from(1 << 20)),
    ])
}

/// Largest of the samples until `ended`.
fn resident_max(server: &Server, ended: &AtomicBool) -> Result<u64, String> {
    let mut most = 0;
    loop {
        most = most.max(server.resident_bytes()?);
        if ended.load(Ordering::Acquire) {
            return Ok(most);
        }
        thread::sleep(SAMPLE);
    }
}
