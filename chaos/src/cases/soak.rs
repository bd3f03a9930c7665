//! Half an hour of mixed load, beside hostile and greedy clients in each round and with kills between: what the node takes
//! stays level.

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
/// One round is that long in the long form: 60 of them are half an hour of load.
const ROUND: Duration = Duration::from_secs(30);
const SHORT_ROUND: Duration = Duration::from_secs(3);
/// A kill begins every so many rounds; what the node takes is compared between the rounds of one life.
const ROUNDS_PER_LIFE: u32 = 15;
const SHORT_ROUNDS_PER_LIFE: u32 = 3;
const HOSTILE_FRAMES: u64 = 1_000;
const GREEDY: usize = 50;
/// Threads that a node of two cores starts when it first needs them: eight flushers, and four of each core for reads that
/// wait for the disk, which end again. The first round may have needed none.
const SIDE_THREADS: usize = 16;
/// How much more than after the first round of its life a node may take after any other.
const MORE: Footprint = Footprint { resident_bytes: 32 << 20, descriptors: 48, threads: SIDE_THREADS };
/// How much more the last third of a life's rounds may take than the first, each by its median: what comes and goes shows
/// in neither, what comes and stays in both.
const CREEP: Footprint = Footprint { resident_bytes: 14 << 20, descriptors: 16, threads: SIDE_THREADS / 2 };

/// Rounds of a life from which on its thirds are compared.
const CREEP_ROUNDS_MIN: usize = 9;

struct Soak<'p> {
    plan: &'p Plan,
    frames: Frames,
    sampled: Vec<(u32, Footprint)>,
    records: u64,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    // Segments so large that few files come with what is written, and what was read back does not stay.
    let settings =
        ["auto.create.topics.enable=false", "log.segment.bytes=536870912", "log.segment.delete.delay.ms=0"];
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
        let mut life = Vec::new();
        for round in first..end {
            self.round(&node, &mut producers, &topic, round)?;
            if let Some(status) = node.ended() {
                return Err(format!("the node ended with {status}: {}", node.last_words()));
            }
            let seen = Footprint::of(node.process_id())?;
            self.sampled.push((round, seen));
            life.push(seen);
            level(&life).map_err(|text| format!("round {round}: {text}"))?;
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
        client.delete_topic(&topic).map_err(text)?;
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

/// Compares a node with itself over the rounds of one life.
fn level(life: &[Footprint]) -> Result<(), String> {
    let (Some(first), Some(last)) = (life.first(), life.last()) else { return Ok(()) };
    if !is_within(*first, *last, MORE) {
        return Err(format!("it takes {last:?}, after the first round it was {first:?}"));
    }
    // Of few rounds a third is no median.
    let third = if life.len() < CREEP_ROUNDS_MIN { 0 } else { life.len() / 3 };
    let (begin, end) = (median(life.get(..third)), median(life.get(life.len() - third..)));
    match (begin, end) {
        (Some(begin), Some(end)) if !is_within(begin, end, CREEP) => {
            Err(format!("it creeps from {begin:?} to {end:?} within {} rounds", life.len()))
        }
        _ => Ok(()),
    }
}

fn is_within(before: Footprint, now: Footprint, more: Footprint) -> bool {
    now.resident_bytes <= before.resident_bytes + more.resident_bytes
        && now.threads <= before.threads + more.threads
        && now.descriptors <= before.descriptors + more.descriptors
}

/// Each part by itself; none of none.
fn median(rounds: Option<&[Footprint]>) -> Option<Footprint> {
    let rounds = rounds?;
    fn middle<T: Ord + Copy>(rounds: &[Footprint], of: impl Fn(&Footprint) -> T) -> Option<T> {
        let mut sorted: Vec<T> = rounds.iter().map(of).collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
    Some(Footprint {
        resident_bytes: middle(rounds, |seen| seen.resident_bytes)?,
        descriptors: middle(rounds, |seen| seen.descriptors)?,
        threads: middle(rounds, |seen| seen.threads)?,
    })
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

    const BEFORE: Footprint = Footprint { resident_bytes: 50 << 20, descriptors: 100, threads: 9 };

    #[test]
    fn more_memory_descriptors_or_threads_than_after_the_first_round_is_a_finding() {
        assert!(level(&[BEFORE, BEFORE]).is_ok());
        assert!(level(&[BEFORE, Footprint { resident_bytes: 90 << 20, ..BEFORE }]).is_err());
        assert!(level(&[BEFORE, Footprint { descriptors: 200, ..BEFORE }]).is_err());
        assert!(level(&[BEFORE, Footprint { threads: 26, ..BEFORE }]).is_err());
    }

    /// The rounds of a life, each after the change of `change` times its number.
    fn life(change: impl Fn(&mut Footprint, usize)) -> Vec<Footprint> {
        let after = |round| {
            let mut seen = BEFORE;
            change(&mut seen, round);
            seen
        };
        (0..ROUNDS_PER_LIFE as usize).map(after).collect()
    }

    #[test]
    fn a_leak_too_small_for_one_round_is_found_within_a_life() {
        assert!(level(&life(|seen, round| seen.resident_bytes += (round as u64) << 20)).is_ok(), "an index");
        assert!(level(&life(|seen, round| seen.resident_bytes += round as u64 * (3 << 19))).is_err());
        assert!(level(&life(|seen, round| seen.descriptors += 2 * round)).is_err());
        assert!(level(&life(|seen, round| seen.threads += round)).is_err());
    }

    #[test]
    fn what_comes_and_goes_is_no_leak() {
        let noise = |round: usize| [0, 25, 3, 11, 0, 7][round % 6];
        assert!(level(&life(|seen, round| seen.resident_bytes += (noise(round) as u64) << 20)).is_ok());
        assert!(level(&life(|seen, round| seen.descriptors += noise(round))).is_ok());
    }
}
