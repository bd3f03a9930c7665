//! kill -9 under load: what was acknowledged is there, once, where the answer said, and soon after the start.

use std::time::{Duration, Instant};

use super::{Plan, Verdict};
use crate::client::{CallError, Client};
use crate::load::{self, Producer};
use crate::node::{Node, NodeHome};
use crate::random::Random;
use crate::verify::{self, Found};

const PARTITIONS: i32 = 20;
/// Rounds on one topic; all of it is read again after every kill.
const ROUNDS_PER_TOPIC: u32 = 5;
const READY_MAX: Duration = Duration::from_secs(1);
/// A node that takes longer is not waited for.
const GIVEN_UP: Duration = Duration::from_secs(60);

struct Campaign {
    home: NodeHome,
    topic: String,
    producers: Vec<Producer>,
    ready: Vec<Duration>,
    found: Found,
    found_before: Found,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let settings = [
        "log.segment.bytes=1048576",
        // Kafka's delay before the first checkpoint is longer than a round lives.
        "log.initial.task.delay.ms=0",
        "log.flush.offset.checkpoint.interval.ms=700",
        "log.flush.interval.ms=400",
        "metadata.log.segment.bytes=8388608",
    ];
    let home = NodeHome::new(&plan.folder, &[plan.folder.join("data")], &settings)?;
    let (found, found_before) = Default::default();
    let mut campaign = Campaign {
        home,
        topic: String::new(),
        producers: Vec::new(),
        ready: Vec::new(),
        found,
        found_before,
    };
    for round in 0..plan.rounds {
        let random = plan.random(round);
        campaign.round(round, random).map_err(|text| format!("round {round}: {text}"))?;
    }
    campaign.finish().map_err(|text| format!("the end: {text}"))?;
    campaign.verdict(plan)
}

impl Campaign {
    fn round(&mut self, round: u32, mut random: Random) -> Result<(), String> {
        if random.one_in(5) {
            // A start that is killed in its midst.
            let node = self.home.start()?;
            std::thread::sleep(Duration::from_millis(random.below(80)));
            node.kill()?;
        }
        let begin = Instant::now();
        let node = self.home.start()?;
        let mut client = self.wait_until_ready(&node, begin, round > 0)?;
        self.check(&mut client)?;
        if round.is_multiple_of(ROUNDS_PER_TOPIC) {
            self.begin_topic(&mut client, round, &random)?;
        }
        let (address, topic) = (node.address, self.topic.clone());
        let time = Duration::from_millis(100 + random.below(1200));
        load::run_for(&mut self.producers, address, &topic, time, || node.kill())
    }

    /// Waits until every partition of the current topic answers a fetch.
    fn wait_until_ready(&mut self, node: &Node, begin: Instant, has_topic: bool) -> Result<Client, String> {
        let deadline = begin + GIVEN_UP;
        let mut client =
            Client::connect_until(node.address, deadline).map_err(|error| lacking(node, error))?;
        for partition in 0..if has_topic { PARTITIONS } else { 0 } {
            loop {
                let fetched =
                    client.fetch(&self.topic, partition, 0).map_err(|error| lacking(node, error))?;
                if fetched.code.is_none() {
                    break;
                }
                if Instant::now() > deadline {
                    return Err(format!(
                        "partition {partition} answers {}:\n{}",
                        fetched.code,
                        node.last_words()
                    ));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if has_topic {
            self.ready.push(begin.elapsed());
        }
        Ok(client)
    }

    fn begin_topic(&mut self, client: &mut Client, round: u32, random: &Random) -> Result<(), String> {
        self.found_before.records += self.found.records;
        self.found_before.kept += self.found.kept;
        self.found = Found::default();
        self.topic = format!("chaos-{round}");
        client.create_topic(&self.topic, PARTITIONS, &[]).map_err(CallError::into_text)?;
        self.producers.clear();
        for worker in 0..4 {
            let is_idempotent = worker >= 2;
            let identity = if is_idempotent {
                Some(client.init_producer_id().map_err(CallError::into_text)?)
            } else {
                None
            };
            let random = random.fork(u64::from(worker) + 10);
            self.producers.push(Producer::new(worker, identity, PARTITIONS, random));
        }
        Ok(())
    }

    fn check(&mut self, client: &mut Client) -> Result<(), String> {
        if !self.producers.is_empty() {
            self.found = verify::check_topic(client, &self.topic, &self.producers, None)?;
        }
        Ok(())
    }

    /// After the last kill: what was not answered is sent again, a clean stop follows, all must still be there.
    fn finish(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        let node = self.home.start()?;
        let mut client = self.wait_until_ready(&node, begin, true)?;
        self.check(&mut client)?;
        let topic = self.topic.clone();
        load::run_for(&mut self.producers, node.address, &topic, Duration::from_millis(200), || Ok(()))?;
        self.check(&mut client)?;
        drop(client);
        node.stop()?;
        let node = self.home.start()?;
        let mut client = self.wait_until_ready(&node, Instant::now(), true)?;
        self.ready.pop();
        self.check(&mut client)
    }

    fn verdict(mut self, plan: &Plan) -> Result<Verdict, String> {
        self.ready.sort_unstable();
        let ms = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
        let slowest = self.ready.last().copied().unwrap_or_default();
        let figures = vec![
            ("kills", plan.rounds.to_string()),
            ("records read back", (self.found.records + self.found_before.records).to_string()),
            ("acknowledged batches found", (self.found.kept + self.found_before.kept).to_string()),
            (
                "start to all partitions served, median ms",
                ms(self.ready.get(self.ready.len() / 2)).to_string(),
            ),
            ("the same, slowest, ms", slowest.as_millis().to_string()),
        ];
        if !plan.is_short && slowest > READY_MAX {
            return Err(format!("a start took {} ms; {figures:?}", slowest.as_millis()));
        }
        if self.found.kept == 0 {
            return Err("nothing was acknowledged: this shows nothing".to_owned());
        }
        Ok(Verdict::Held(figures))
    }
}

fn lacking(node: &Node, error: CallError) -> String {
    format!("the node does not serve: {}\n{}", error.into_text(), node.last_words())
}
