//! Row 1a: produce over one connection, 5 requests in flight, batches of 16 KiB.

use crate::effort::Effort;
use crate::encoded::{Produce, batch};
use crate::load::closed_loop;
use crate::null_server::Waiting;
use crate::pairs::{Figure, Figures};
use crate::process::Server;
use crate::product::THROUGHPUT;
use crate::sides::Sides;
use crate::topics::Shape as TopicShape;

use super::{Alone, Cost, Row, Table, acks_name, null_client};

pub const ROW: Row = Row {
    name: "1a",
    about: "produce, one connection, 5 in flight, 16 KiB batches",
    cost: Cost { once_s: 200.0, pair_s: 62.0 },
    run: |effort| SHAPE.run(effort),
    calibrate: |effort| SHAPE.calibrate(effort),
};

const SHAPE: Shape = Shape {
    row: &ROW,
    // The Java producer's default `batch.size`.
    batch_bytes: 16 << 10,
    // 1 GiB.
    requests: 65_536,
    // Records of 100 B and of 1 KiB, acks of the leader and of all.
    tables: &[(100, 1), (100, -1), (1 << 10, 1), (1 << 10, -1)],
};

/// What the Java producer keeps in flight by default (`max.in.flight.requests.per.connection`).
const IN_FLIGHT: usize = 5;
const RATE: &str = "requests/s";

/// A row of pipelined produce requests.
pub struct Shape {
    pub row: &'static Row,
    pub batch_bytes: usize,
    /// Of one run at full effort.
    pub requests: usize,
    /// Bytes of a record, and acks.
    pub tables: &'static [(usize, i16)],
}

impl Shape {
    pub fn run(&self, effort: &Effort) -> Result<(), String> {
        let sides = Sides::start(effort, &THROUGHPUT)?;
        let mut traffic = Vec::new();
        for (record_bytes, acks) in self.tables {
            let batch = batch(self.batch_bytes, *record_bytes);
            traffic.push((Produce::new("warm-up", *acks, &batch), IN_FLIGHT));
        }
        sides.warm_up(effort, "warm-up", &traffic)?;
        for (record_bytes, acks) in self.tables {
            let name = format!("produce-{record_bytes}-{}", if *acks < 0 { "all" } else { "1" });
            let batch = batch(self.batch_bytes, *record_bytes);
            let outcome =
                sides.contest_on_topics(effort, &name, TopicShape::of(1), |effort, server, topic| {
                    self.once(server, effort, &Produce::new(topic, *acks, &batch))
                })?;
            let alone = Some(self.alone(effort, *record_bytes, *acks)?);
            let title = self.title(*record_bytes, *acks);
            Table { row: self.row, title, promises: &[], outcome, alone }.finish(effort)?;
        }
        Ok(())
    }

    pub fn calibrate(&self, effort: &Effort) -> Result<Vec<Alone>, String> {
        self.tables.iter().map(|(record_bytes, acks)| self.alone(effort, *record_bytes, *acks)).collect()
    }

    fn once(&self, server: &Server, effort: &Effort, produce: &Produce) -> Result<Figures, String> {
        let mut client = server.connect()?;
        let cpu_s_before = server.cpu_s()?;
        let run = closed_loop(&mut client, produce, effort.scaled(self.requests), IN_FLIGHT)?;
        let cpu_s = server.cpu_s()? - cpu_s_before;
        let gigabytes = (run.requests * produce.batch_bytes) as f64 / 1e9;
        Ok(vec![
            Figure::higher(RATE, run.requests_per_s()),
            Figure::higher("MB/s", gigabytes * 1e3 / run.elapsed.as_secs_f64()),
            Figure::lower("p50 us", run.latencies.us(50.0)),
            Figure::lower("p99 us", run.latencies.us(99.0)),
            Figure::lower("broker CPU-s/GB", cpu_s / gigabytes),
            Figure::context("broker resident MiB", server.resident_mib()?),
        ])
    }

    fn alone(&self, effort: &Effort, record_bytes: usize, acks: i16) -> Result<Alone, String> {
        let produce = Produce::new("null", acks, &batch(self.batch_bytes, record_bytes));
        let mut client = null_client(&produce.frame, &produce.answer(), Waiting::Spinning)?;
        let run = closed_loop(&mut client, &produce, effort.scaled(self.requests), IN_FLIGHT)?;
        let title = self.title(record_bytes, acks);
        Ok(Alone { title, figure: RATE, value: run.requests_per_s(), cpu_us: Some(run.cpu_us()) })
    }

    fn title(&self, record_bytes: usize, acks: i16) -> String {
        let kib = self.batch_bytes >> 10;
        format!("produce, batches of {kib} KiB, records of {record_bytes} B, {}", acks_name(acks))
    }
}
