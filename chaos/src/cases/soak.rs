//! Mixed load over time with kills and with hostile and greedy clients between: what the node takes stays level.

use std::time::{Duration, Instant};

use super::{Plan, Verdict};
use crate::client::{CallError, Client};
use crate::footprint::Footprint;
use crate::greed;
use crate::hostile::Frames;
use crate::load::{self, Producer};
use crate::node::{Node, NodeHome};
use crate::probe::{Prober, connect};
use crate::random::Random;
use crate::verify;

const PARTITIONS: i32 = 10;
const HOSTILE_TOPIC: &str = "hostile";
/// One round is that long in the long form: 60 of them and their kills are half an hour.
const ROUND: Duration = Duration::from_secs(28);
const SHORT_ROUND: Duration = Duration::from_secs(3);
/// A kill begins every so many rounds; what the node takes is compared between the rounds of one life.
const ROUNDS_PER_LIFE: u32 = 15;
const SHORT_ROUNDS_PER_LIFE: u32 = 3;
/// Rounds are written to one topic for a life, and then its records are read back.
const HOSTILE_FRAMES: u64 = 1_000;
const GREEDY: usize = 50;
/// How much more than after the first round of its life a node may take after the last.
const MEMORY_MORE: u64 = 32 << 20;
/// Threads for work that blocks come and go with the load; a leak of one a round would pass this within a life.
const THREADS_MORE: usize = 12;
/// New segment files.
const DESCRIPTORS_MORE: usize = 48;

struct Soak<'p> {
    plan: &'p Plan,
    frames: Frames,
    sampled: Vec<(u32, Footprint)>,
    records: u64,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let settings = ["auto.create.topics.enable=false", "log.segment.bytes=67108864"];
    let home = NodeHome::new(&plan.folder, &[plan.folder.join("data")], &settings)?;
    let frames = Frames::new(&plan.random(0), HOSTILE_TOPIC);
    let mut soak = Soak { plan, frames, sampled: Vec::new(), records: 0 };
    let per_life = if plan.is_short { SHORT_ROUNDS_PER_LIFE } else { ROUNDS_PER_LIFE };
    let mut first = 0;
    while first < plan.rounds {
        let end = (first + per_life).min(plan.rounds);
        soak.life(&home, first, end).map_err(|text| format!("rounds {first} to {end}: {text}"))?;
        first = end;
    }
    let mib = |footprint: &Footprint| footprint.resident_mib().to_string();
    let series: Vec<String> = soak.sampled.iter().map(|(_, seen)| mib(seen)).collect();
    let (least, most) = (
        soak.sampled.iter().map(|(_, seen)| seen.threads).min().unwrap_or(0),
        soak.sampled.iter().map(|(_, seen)| seen.threads).max().unwrap_or(0),
    );
    let descriptors: Vec<String> =
        soak.sampled.iter().map(|(_, seen)| seen.descriptors.to_string()).collect();
    Ok(Verdict::Held(vec![
        ("rounds", plan.rounds.to_string()),
        ("rounds between kills", per_life.to_string()),
        ("records read back", soak.records.to_string()),
        ("resident MiB after each round", series.join(" ")),
        ("descriptors after each round", descriptors.join(" ")),
        ("threads, least and most", format!("{least}, {most}")),
    ]))
}

impl Soak<'_> {
    /// From a start to a kill -9 under load, and the look at what is left.
    fn life(&mut self, home: &NodeHome, first: u32, end: u32) -> Result<(), String> {
        let text = CallError::into_text;
        let mut node = home.start()?;
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut client = Client::connect_until(node.address, deadline).map_err(text)?;
        let topic = format!("soak-{first}");
        client.create_topic(HOSTILE_TOPIC, 4, &[("retention.ms", "-1")]).map_err(text)?;
        client.create_topic(&topic, PARTITIONS, &[]).map_err(text)?;
        let mut producers = Vec::new();
        for worker in 0..4 {
            let identity = if worker < 2 { None } else { Some(client.init_producer_id().map_err(text)?) };
            let random = self.plan.random(first).fork(u64::from(worker) + 10);
            producers.push(Producer::new(worker, identity, PARTITIONS, random));
        }
        let mut after_first = None;
        for round in first..end {
            self.round(&node, &mut producers, &topic, round)?;
            if let Some(status) = node.ended() {
                return Err(format!("the node ended with {status}: {}", node.last_words()));
            }
            let seen = Footprint::of(node.process_id())?;
            self.sampled.push((round, seen));
            level(*after_first.get_or_insert(seen), seen).map_err(|text| format!("round {round}: {text}"))?;
        }
        if node.said().contains("panicked at") {
            return Err(format!("something in the node panicked: {}", node.last_words()));
        }
        load::run_for(&mut producers, node.address, &topic, Duration::from_millis(300), || node.kill())?;
        let node = home.start()?;
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut client = Client::connect_until(node.address, deadline).map_err(text)?;
        wait_until_served(&mut client, &topic, deadline)?;
        self.records += verify::check_topic(&mut client, &topic, &producers, None)?.records as u64;
        drop(client);
        node.stop()
    }

    fn round(&self, node: &Node, producers: &mut [Producer], topic: &str, round: u32) -> Result<(), String> {
        let time = if self.plan.is_short { SHORT_ROUND } else { ROUND };
        let random = self.plan.random(round);
        std::thread::scope(|scope| {
            let hostile = scope.spawn(|| self.trouble(node, round));
            let greedy = scope.spawn(|| ask_for_much(node, topic, time / 2, &random));
            let written = load::run_for(producers, node.address, topic, time, || Ok(()));
            let joined = |outcome: std::thread::Result<Result<(), String>>| {
                outcome.unwrap_or_else(|_| Err("a thread panicked".to_owned()))
            };
            let (hostile, greedy) = (joined(hostile.join()), joined(greedy.join()));
            written.and(hostile).and(greedy)
        })
    }

    fn trouble(&self, node: &Node, round: u32) -> Result<(), String> {
        let mut prober = Prober::new(node.address);
        let first = u64::from(round) * HOSTILE_FRAMES;
        for number in first..first + if self.plan.is_short { HOSTILE_FRAMES / 10 } else { HOSTILE_FRAMES } {
            let (kind, bytes) = self.frames.frame(number);
            prober.send(&bytes).map_err(|text| format!("frame {number} ({kind:?}): {text}"))?;
        }
        Ok(())
    }
}

/// Readers that never read and frames that never end, for a while.
fn ask_for_much(node: &Node, topic: &str, time: Duration, random: &Random) -> Result<(), String> {
    use std::io::Write;
    let wanted = greed::fetch_frame(topic, PARTITIONS, 50 << 20)?;
    let mut held = Vec::new();
    let mut random = random.clone();
    for _ in 0..GREEDY {
        let mut stream = connect(node.address)?;
        let sent = if random.one_in(2) { wanted.len() } else { random.place(wanted.len()) };
        stream.write_all(wanted.get(..sent).unwrap_or_default()).map_err(|error| error.to_string())?;
        held.push(stream);
    }
    std::thread::sleep(time);
    Ok(())
}

/// Compares a node with itself after the first round of its life.
fn level(before: Footprint, now: Footprint) -> Result<(), String> {
    let is_level = now.resident_bytes <= before.resident_bytes + MEMORY_MORE
        && now.threads <= before.threads + THREADS_MORE
        && now.descriptors <= before.descriptors + DESCRIPTORS_MORE;
    if is_level { Ok(()) } else { Err(format!("it takes {now:?}, after the first round it was {before:?}")) }
}

fn wait_until_served(client: &mut Client, topic: &str, deadline: Instant) -> Result<(), String> {
    for partition in 0..PARTITIONS {
        while !client.fetch(topic, partition, 0).map_err(CallError::into_text)?.code.is_none() {
            if Instant::now() > deadline {
                return Err(format!("partition {partition} of {topic} is not served"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_memory_descriptors_or_threads_than_after_the_first_round_is_a_finding() {
        let before = Footprint { resident_bytes: 50 << 20, descriptors: 100, threads: 9 };
        assert!(level(before, before).is_ok());
        assert!(level(before, Footprint { resident_bytes: 90 << 20, ..before }).is_err());
        assert!(level(before, Footprint { descriptors: 200, ..before }).is_err());
        assert!(level(before, Footprint { threads: 22, ..before }).is_err());
    }
}
