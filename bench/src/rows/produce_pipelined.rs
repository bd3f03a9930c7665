//! Row 1a: produce over one connection, 5 requests in flight, batches of 16 KiB.

use crate::load::closed_loop;
use crate::pairs::Figure;
use crate::process::Server;
use crate::sides::Sides;
use crate::{Effort, encoded, topics};

use super::{acks_name, null_client, print, print_headroom};

/// Requests of one run at full effort: 1 GiB.
const REQUESTS: usize = 65_536;
/// What the Java producer keeps in flight by default (`max.in.flight.requests.per.connection`).
const IN_FLIGHT: usize = 5;
/// The Java producer's default `batch.size`.
const BATCH_BYTES: usize = 16 << 10;
const RATE: &str = "requests/s";

/// Records of 100 B and of 1 KiB, acks of the leader and of all.
pub fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort)?;
    let warm = [100, 1 << 10]
        .map(|record_bytes| encoded::produce("warm-up", -1, &encoded::batch(BATCH_BYTES, record_bytes)));
    let [small, large] = &warm;
    sides.warm_up(effort, "warm-up", &[(small, IN_FLIGHT), (large, IN_FLIGHT)])?;
    for record_bytes in [100, 1 << 10] {
        for acks in [1, -1] {
            let topic = format!("produce-{record_bytes}-{}", if acks < 0 { "all" } else { "1" });
            let batch = encoded::batch(BATCH_BYTES, record_bytes);
            let produce = encoded::produce(&topic, acks, &batch);
            sides.each(|server| topics::create(server, &topic))?;
            let outcome = sides.contest(effort, |server| once(server, effort, &produce, batch.len()))?;
            print(&format!("1a produce, {record_bytes} B records, {}", acks_name(acks)), effort, &outcome);
            let mut nothing = null_client(encoded::produce_answer(&topic))?;
            let alone = closed_loop(&mut nothing, &produce, effort.scaled(REQUESTS), IN_FLIGHT)?;
            print_headroom(&outcome, RATE, alone.requests_per_s());
            sides.each(|server| topics::delete(server, &topic))?;
        }
    }
    Ok(())
}

fn once(server: &Server, effort: &Effort, produce: &[u8], batch_bytes: usize) -> Result<Vec<Figure>, String> {
    let mut client = server.connect()?;
    let cpu_s_before = server.cpu_s()?;
    let run = closed_loop(&mut client, produce, effort.scaled(REQUESTS), IN_FLIGHT)?;
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let gigabytes = (run.requests * batch_bytes) as f64 / 1e9;
    Ok(vec![
        Figure::higher(RATE, run.requests_per_s()),
        Figure::higher("MB/s", gigabytes * 1e3 / run.elapsed.as_secs_f64()),
        Figure::lower("p50 us", run.latency(50.0).as_secs_f64() * 1e6),
        Figure::lower("p99 us", run.latency(99.0).as_secs_f64() * 1e6),
        Figure::lower("broker CPU-s/GB", cpu_s / gigabytes),
    ])
}
