//! Row 3: one request at a time, and what the broker adds to the round trip of a server that does nothing.

use crate::client::Client;
use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::latency::Latencies;
use crate::load::closed_loop;
use crate::null_server::Waiting;
use crate::pairs::{Figure, Figures};
use crate::placement::Placement;
use crate::process::Server;
use crate::product::THROUGHPUT;
use crate::sides::Sides;
use crate::topics::Shape;

use super::{Cost, Row, Table, acks_name, no_generator, null_client};

pub const ROW: Row = Row {
    name: "3",
    about: "serial round trip of one 100 B record",
    cost: Cost { once_s: 180.0, pair_s: 56.0 },
    run,
    // Each run measures the null server itself.
    calibrate: no_generator,
};

/// Requests of one run at full effort.
const REQUESTS: usize = 50_000;
/// Round trips to the null server within each run, at full effort.
const NULL_REQUESTS: usize = 20_000;
/// Turns of null server and broker within a run.
const TURNS: usize = 10;
const RECORD_BYTES: usize = 100;

fn run(effort: &Effort) -> Result<(), String> {
    let sides = Sides::start(effort, &THROUGHPUT)?;
    let batch_of_one = batch(RECORD_BYTES, RECORD_BYTES);
    let bulk = Produce::new("warm-up", 1, &batch(16 << 10, 1 << 10));
    let [one, all] = [1, -1].map(|acks| Produce::new("warm-up", acks, &batch_of_one));
    sides.warm_up(effort, "warm-up", &[(one, 1), (all, 1), (bulk, 5)])?;
    for placement in [Placement::Apart, Placement::Together] {
        for acks in [1, -1] {
            let nothing = Produce::new("null", acks, &batch_of_one);
            let mut null =
                placement.start_null(|| null_client(&nothing.frame, &nothing.answer(), Waiting::Sleeping))?;
            let place = format!("{placement:?}").to_lowercase();
            let name = format!("round-trip-{place}-{}", if acks < 0 { "all" } else { "1" });
            let outcome = sides.contest_on_topics(effort, &name, Shape::of(1), |effort, server, topic| {
                let _placed = placement.take(server.pid())?;
                let mut figures =
                    once(server, effort, &Produce::new(topic, acks, &batch_of_one), &mut null, &nothing)?;
                // Waking up takes longer than any work, and not always as long.
                figures
                    .retain(|figure| placement == Placement::Together || !figure.name.starts_with("added"));
                Ok(figures)
            })?;
            let title =
                format!("serial round trip, {RECORD_BYTES} B, {}, {}", acks_name(acks), placement.name());
            Table { row: &ROW, title, promises: &[], outcome, alone: None }.finish(effort)?;
        }
    }
    Ok(())
}

/// The null server is measured within each run, in turns with the broker, so that both see the machine in the same
/// state.
fn once(
    server: &Server,
    effort: &Effort,
    produce: &Produce,
    null: &mut Client,
    nothing: &Produce,
) -> Result<Figures, String> {
    let mut client = server.connect()?;
    let (mut latencies, mut null_latencies) = (Latencies::new(), Latencies::new());
    let (mut requests, mut cpu_s) = (0, 0.0);
    for _ in 0..TURNS {
        let turn = closed_loop(null, nothing, effort.scaled(NULL_REQUESTS / TURNS), 1)?;
        null_latencies.add(&turn.latencies);
        let cpu_s_before = server.cpu_s()?;
        let turn = closed_loop(&mut client, produce, effort.scaled(REQUESTS / TURNS), 1)?;
        cpu_s += server.cpu_s()? - cpu_s_before;
        latencies.add(&turn.latencies);
        requests += turn.requests;
    }
    let null = null_latencies;
    Ok(vec![
        Figure::lower("p50 us", latencies.us(50.0)),
        Figure::lower("p99 us", latencies.us(99.0)),
        Figure::context("null server p50 us", null.us(50.0)),
        Figure::context("null server p99 us", null.us(99.0)),
        Figure::lower("added p50 us", latencies.us(50.0) - null.us(50.0)),
        Figure::lower("added p99 us", latencies.us(99.0) - null.us(99.0)),
        Figure::lower("broker CPU us/request", cpu_s * 1e6 / requests as f64),
        Figure::context("broker resident MiB", server.resident_mib()?),
    ])
}
