//! Power cut under load: with `flush.policy=durable` nothing acknowledged is lost, with `kafka` only what is younger
//! than the documented window, and both start again.

use std::time::{Duration, Instant};

use super::{Plan, Verdict};
use crate::client::{CallError, Client};
use crate::load::{self, Producer};
use crate::loop_disk::{self, LoopDisk};
use crate::node::{Node, NodeHome};
use crate::random::Random;
use crate::verify::{self, Loss};

const PARTITIONS: i32 = 8;
const DISK_BYTES: u64 = 4 << 30;
/// Rounds on one topic.
const ROUNDS_PER_TOPIC: u32 = 5;
/// What docs/operating/durability.md allows `kafka` to lose: about four seconds, and the time that a flush takes, for
/// which a disk as slow as this one (shared, in a file) gets as much again.
const WINDOW: Duration = Duration::from_secs(8);
const READY_MAX: Duration = Duration::from_secs(60);

/// A node on a disk whose power is cut.
struct Bench {
    disk: LoopDisk,
    home: NodeHome,
    is_durable: bool,
    topic: String,
    producers: Vec<Producer>,
    kept: u64,
    lost: u64,
    rounds_with_loss: u32,
    oldest_lost: Duration,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    if let Some(reason) = loop_disk::lacking() {
        return Ok(Verdict::Skipped(reason));
    }
    let mut figures = Vec::new();
    for is_durable in [true, false] {
        let policy = if is_durable { "durable" } else { "kafka" };
        let mut bench = Bench::new(plan, policy)?;
        for round in 0..plan.rounds.div_ceil(2) {
            let random = plan.random(round).fork(u64::from(is_durable));
            bench.round(round, random).map_err(|text| format!("{policy}, round {round}: {text}"))?;
        }
        let names = if is_durable {
            ["cuts with flush.policy=durable", "acknowledged batches there", "acknowledged batches lost"]
        } else {
            [
                "cuts with flush.policy=kafka",
                "acknowledged batches there ",
                "acknowledged batches lost, all in the window",
            ]
        };
        let values = [u64::from(plan.rounds.div_ceil(2)), bench.kept, bench.lost];
        figures.extend(names.into_iter().zip(values.map(|value| value.to_string())));
        if !is_durable {
            figures.push(("cuts with flush.policy=kafka that lost some", bench.rounds_with_loss.to_string()));
            figures.push(("age of the oldest lost batch, ms", bench.oldest_lost.as_millis().to_string()));
        }
    }
    Ok(Verdict::Held(figures))
}

impl Bench {
    fn new(plan: &Plan, policy: &str) -> Result<Bench, String> {
        let disk = LoopDisk::create(&plan.folder, policy, DISK_BYTES)?;
        let policy_setting = format!("flush.policy={policy}");
        // A topic that is over makes room for the next before that is as large.
        let settings =
            [policy_setting.as_str(), "log.segment.bytes=4194304", "log.segment.delete.delay.ms=1000"];
        let home = NodeHome::new(&plan.folder, &[disk.root.join("data")], &settings)?;
        Ok(Bench {
            disk,
            home,
            is_durable: policy == "durable",
            topic: String::new(),
            producers: Vec::new(),
            kept: 0,
            lost: 0,
            rounds_with_loss: 0,
            oldest_lost: Duration::ZERO,
        })
    }

    fn round(&mut self, round: u32, mut random: Random) -> Result<(), String> {
        let node = self.home.start()?;
        let mut client = connect(&node)?;
        if round.is_multiple_of(ROUNDS_PER_TOPIC) || !self.is_durable {
            self.begin_topic(&mut client, round, &random)?;
        }
        drop(client);
        // Longer than the window, so that losing more than it shows.
        let longest_ms = if self.is_durable { 1500 } else { 12_000 };
        let time = Duration::from_millis(200 + random.below(longest_ms));
        let (address, topic) = (node.address, self.topic.clone());
        let disk = &self.disk;
        let mut cut_at = Instant::now();
        load::run_for(&mut self.producers, address, &topic, time, || {
            cut_at = Instant::now();
            // Whose power is gone says nothing any more, and a file system that was shut down may still call a sync done.
            node.freeze()?;
            disk.cut_power()?;
            node.kill()
        })?;
        self.disk.unmount()?;
        self.disk.mount()?;
        let node = self.home.start()?;
        let mut client = connect(&node)?;
        let loss = (!self.is_durable).then_some(Loss { cut_at, window: WINDOW });
        let found = verify::check_topic(&mut client, &self.topic, &self.producers, loss)
            .map_err(|text| format!("{text}\n{}", node.last_words()))?;
        self.kept += found.kept;
        self.lost += found.lost;
        self.oldest_lost = self.oldest_lost.max(found.oldest_lost);
        self.rounds_with_loss += u32::from(found.lost > 0);
        node.stop()
    }

    /// Producers with acks=all: idempotent ones where nothing may be lost.
    fn begin_topic(&mut self, client: &mut Client, round: u32, random: &Random) -> Result<(), String> {
        if !self.topic.is_empty() {
            client.delete_topic(&self.topic).map_err(CallError::into_text)?;
        }
        self.topic = format!("cut-{round}");
        client.create_topic(&self.topic, PARTITIONS, &[]).map_err(CallError::into_text)?;
        self.producers.clear();
        for worker in 0..3 {
            let identity = if self.is_durable && worker > 0 {
                Some(client.init_producer_id().map_err(CallError::into_text)?)
            } else {
                None
            };
            let random = random.fork(u64::from(worker) + 10);
            let producer = Producer::new(worker, identity, PARTITIONS, random);
            self.producers.push(producer.with_acks(-1).expecting_faults());
        }
        Ok(())
    }
}

/// Waits until the node serves.
fn connect(node: &Node) -> Result<Client, String> {
    let lacking =
        |error: CallError| format!("the node does not serve: {}\n{}", error.into_text(), node.last_words());
    Client::connect_until(node.address, Instant::now() + READY_MAX).map_err(lacking)
}
