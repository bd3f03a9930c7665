//! Malformed frames from many connections beside a client that behaves: the node lives, answers or closes, keeps its
//! memory, and the neighbour hardly notices.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Plan, Verdict};
use crate::client::{CallError, Client};
use crate::footprint::{Footprint, peak_during, wait_for_descriptors};
use crate::hostile::{Frames, Kind};
use crate::neighbour::{Neighbour, QUIET};
use crate::node::{Node, NodeHome};
use crate::probe::{End, Prober, drip};

const TOPIC: &str = "hostile";
const OWN_TOPIC: &str = "neighbour";
const WORKERS: usize = 8;
/// The neighbour's window during the attack.
const ATTACKED: usize = 1;
/// Frames a second in the long form, over all connections: what a flood beyond the machine's cores does to others tells
/// of the scheduler, not of the node.
const PACE: u32 = 4_000;
/// Frames of one window of the long form; a quiet one of half its time comes before it.
const WINDOW: u64 = 20_000;
const MEMORY_GROWTH_MAX: u64 = 256 << 20;
/// One frame in this many drips byte by byte.
const DRIP_EVERY: u64 = 100;
/// Segment files, and what the node opens late.
const DESCRIPTORS_MORE: usize = 32;

/// What the frames came to.
#[derive(Debug, Default)]
struct Tally {
    sent: [AtomicU64; Kind::ALL.len()],
    ends: [AtomicU64; End::ALL.len()],
    dripped: AtomicU64,
    finding: Mutex<Option<String>>,
    is_over: AtomicBool,
}

impl Tally {
    fn report(&self, finding: String) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Ok(mut first) = self.finding.lock() {
            first.get_or_insert(finding);
        }
    }

    fn outcome(&self) -> Result<(), String> {
        let finding = self.finding.lock().ok().and_then(|mut first| first.take());
        finding.map_or(Ok(()), Err)
    }
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let settings = ["auto.create.topics.enable=false", "num.io.threads=2"];
    let home = NodeHome::new(&plan.folder, &[plan.folder.join("data")], &settings)?;
    let mut node = home.start()?;
    let text = CallError::into_text;
    let mut client =
        Client::connect_until(node.address, Instant::now() + Duration::from_secs(30)).map_err(text)?;
    client.create_topic(TOPIC, 4, &[("retention.ms", "-1")]).map_err(text)?;
    client.create_topic(OWN_TOPIC, 1, &[]).map_err(text)?;
    let frames = Frames::new(&plan.random(0), TOPIC);
    let (neighbour, tally) = (Neighbour::default(), Tally::default());
    let outcome = std::thread::scope(|scope| {
        let (address, beside) = (node.address, &neighbour);
        let running = scope.spawn(move || beside.run(address, OWN_TOPIC));
        std::thread::sleep(Duration::from_secs(1));
        let base = Footprint::of(node.process_id());
        let (attacked, peak) =
            peak_during(node.process_id(), || attack(plan, &node, &frames, &neighbour, &tally));
        neighbour.stop();
        let written = running.join().unwrap_or_else(|_| Err("the neighbour panicked".to_owned()));
        Ok((attacked?, base?, peak, written?))
    });
    let outcome: Result<((), Footprint, u64, i64), String> = outcome;
    let said = |text: String, node: &Node| format!("{text}\n{}", node.last_words());
    if let Some(status) = node.ended() {
        return Err(said(format!("the node ended with {status}"), &node));
    }
    let ((), base, peak, written) = outcome.map_err(|text| said(text, &node))?;
    wait_for_descriptors(node.process_id(), base.descriptors + DESCRIPTORS_MORE, Duration::from_secs(30))?;
    let mut fresh = Client::connect(node.address).map_err(text)?;
    fresh.create_topic("afterwards", 1, &[]).map_err(text)?;
    if node.said().contains("panicked at") {
        return Err(said("something in the node panicked".to_owned(), &node));
    }
    let after = Footprint::of(node.process_id())?;
    let figures =
        figures(&tally, &neighbour, [base.resident_mib(), peak >> 20, after.resident_mib()], written);
    judge(plan, &neighbour, base, peak).map_err(|text| format!("{text}; {figures:?}"))?;
    node.stop()?;
    Ok(Verdict::Held(figures))
}

/// Sends all frames; in the long form in windows, with quiet ones between them.
fn attack(
    plan: &Plan,
    node: &Node,
    frames: &Frames,
    neighbour: &Neighbour,
    tally: &Tally,
) -> Result<(), String> {
    let rounds = u64::from(plan.rounds);
    let window = if plan.is_short { rounds } else { WINDOW };
    let mut first = 0;
    while first < rounds && !tally.is_over.load(Ordering::SeqCst) {
        let end = (first + window).min(rounds);
        if !plan.is_short {
            std::thread::sleep(Duration::from_secs(WINDOW) / PACE / 2);
        }
        neighbour.set_window(ATTACKED);
        let next = AtomicU64::new(first);
        let begin = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    let mut prober = Prober::new(node.address);
                    while !tally.is_over.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= end {
                            break;
                        }
                        if !plan.is_short {
                            let due = begin + Duration::from_secs(1) / PACE * (number - first) as u32;
                            std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        }
                        send_one(&mut prober, frames, number, tally);
                    }
                });
            }
            scope.spawn(|| drip_some(node, frames, first..end, tally));
        });
        neighbour.set_window(QUIET);
        first = end;
    }
    tally.outcome()
}

fn send_one(prober: &mut Prober, frames: &Frames, number: u64, tally: &Tally) {
    let (kind, bytes) = frames.frame(number);
    tally.sent[kind as usize].fetch_add(1, Ordering::Relaxed);
    match prober.send(&bytes) {
        Ok(end) => drop(tally.ends[end as usize].fetch_add(1, Ordering::Relaxed)),
        Err(text) => tally.report(format!("frame {number} ({kind:?}, {} bytes): {text}", bytes.len())),
    }
}

/// Other frames of the same seed, byte by byte on connections side by side.
fn drip_some(node: &Node, frames: &Frames, window: std::ops::Range<u64>, tally: &Tally) {
    let count = (window.end - window.start) / DRIP_EVERY;
    let numbers: Vec<u64> = (0..count).map(|nth| u64::from(u32::MAX) + window.start + nth).collect();
    for some in numbers.chunks(50) {
        if tally.is_over.load(Ordering::Relaxed) {
            return;
        }
        let some: Vec<Vec<u8>> = some.iter().map(|number| frames.frame(*number).1).collect();
        match drip(node.address, &some) {
            Ok(()) => drop(tally.dripped.fetch_add(some.len() as u64, Ordering::Relaxed)),
            Err(text) => tally.report(format!("a frame sent byte by byte: {text}")),
        }
    }
}

fn judge(plan: &Plan, neighbour: &Neighbour, base: Footprint, peak: u64) -> Result<(), String> {
    if peak > base.resident_bytes + MEMORY_GROWTH_MAX {
        return Err(format!("memory grew from {} to {} MiB", base.resident_mib(), peak >> 20));
    }
    let ((_, _, quiet), (timed, _, troubled)) =
        (neighbour.percentiles(QUIET), neighbour.percentiles(ATTACKED));
    if timed == 0 {
        return Err("the neighbour was not served once during the attack: this shows nothing".to_owned());
    }
    if !plan.is_short && troubled > 2 * quiet {
        return Err(format!("the neighbour's p99 went from {quiet} to {troubled} µs"));
    }
    Ok(())
}

fn figures(
    tally: &Tally,
    neighbour: &Neighbour,
    resident_mib: [u64; 3],
    written: i64,
) -> Vec<(&'static str, String)> {
    let count = |counters: &[AtomicU64]| -> Vec<u64> {
        counters.iter().map(|counter| counter.load(Ordering::Relaxed)).collect()
    };
    let (sent, ends) = (count(&tally.sent), count(&tally.ends));
    let by_kind: Vec<String> =
        Kind::ALL.iter().zip(&sent).map(|(kind, count)| format!("{kind:?} {count}")).collect();
    let by_end: Vec<String> =
        End::ALL.iter().zip(&ends).map(|(end, count)| format!("{end:?} {count}")).collect();
    let [base, peak, after] = resident_mib;
    let times = |(count, p50, p99): (usize, u64, u64)| format!("{count} timed, p50 {p50}, p99 {p99}");
    vec![
        ("malformed frames", sent.iter().sum::<u64>().to_string()),
        ("of which", by_kind.join(", ")),
        ("and came to", by_end.join(", ")),
        ("frames sent byte by byte", tally.dripped.load(Ordering::Relaxed).to_string()),
        ("resident MiB before, at its peak, after", format!("{base}, {peak}, {after}")),
        ("the neighbour's records, each read back", written.to_string()),
        ("produce and fetch while quiet, µs", times(neighbour.percentiles(QUIET))),
        ("the same during the attack, µs", times(neighbour.percentiles(ATTACKED))),
    ]
}
