//! Row 3: one request at a time, and what the broker adds to the round trip of a server that does nothing.

use crate::client::Client;
use crate::load::closed_loop;
use crate::pairs::Figure;
use crate::process::Server;
use crate::sides::Sides;
use crate::{Effort, encoded, topics};

use super::{acks_name, null_client, print};

/// Requests of one run at full effort.
const REQUESTS: usize = 50_000;
/// Round trips to the null server before each run, at full effort.
const NULL_REQUESTS: usize = 20_000;
const RECORD_BYTES: usize = 100;

/// One record of 100 B per request, acks of the leader and of all.
pub fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort)?;
    let batch = encoded::batch(RECORD_BYTES, RECORD_BYTES);
    let serial = [1, -1].map(|acks| encoded::produce("warm-up", acks, &batch));
    let bulk = encoded::produce("warm-up", 1, &encoded::batch(16 << 10, 1 << 10));
    let [one, all] = &serial;
    sides.warm_up(effort, "warm-up", &[(one, 1), (all, 1), (&bulk, 5)])?;
    for acks in [1, -1] {
        let topic = format!("round-trip-{}", if acks < 0 { "all" } else { "1" });
        let produce = encoded::produce(&topic, acks, &batch);
        let mut nothing = null_client(encoded::produce_answer(&topic))?;
        sides.each(|server| topics::create(server, &topic))?;
        let outcome = sides.contest(effort, |server| once(server, effort, &produce, &mut nothing))?;
        print(&format!("3 serial round trip, {RECORD_BYTES} B, {}", acks_name(acks)), effort, &outcome);
    }
    Ok(())
}

/// The null server is measured within each run, so that both see the machine in the same state.
fn once(
    server: &Server,
    effort: &Effort,
    produce: &[u8],
    nothing: &mut Client,
) -> Result<Vec<Figure>, String> {
    let null = closed_loop(nothing, produce, effort.scaled(NULL_REQUESTS), 1)?;
    let mut client = server.connect()?;
    let cpu_s_before = server.cpu_s()?;
    let run = closed_loop(&mut client, produce, effort.scaled(REQUESTS), 1)?;
    let cpu_s = server.cpu_s()? - cpu_s_before;
    let us = |run: &crate::load::Run, percent| run.latency(percent).as_secs_f64() * 1e6;
    Ok(vec![
        Figure::lower("p50 us", us(&run, 50.0)),
        Figure::lower("p99 us", us(&run, 99.0)),
        Figure::context("null server p50 us", us(&null, 50.0)),
        Figure::lower("added p50 us", us(&run, 50.0) - us(&null, 50.0)),
        Figure::lower("added p99 us", us(&run, 99.0) - us(&null, 99.0)),
        Figure::lower("broker CPU us/request", cpu_s * 1e6 / run.requests as f64),
    ])
}
