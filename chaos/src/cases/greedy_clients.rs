//! Clients that ask for much and take nothing, that begin and never end, that flood, that come and go: memory stays within
//! the budget, descriptors come back, others are served.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use records::{BatchBuilder, Compression};
use testbed::Primed;

use super::{Plan, Verdict};
use crate::client::{CallError, Client};
use crate::footprint::{Footprint, peak_during, wait_for_descriptors};
use crate::greed;
use crate::load::now_ms;
use crate::neighbour::{Neighbour, QUIET};
use crate::node::{Node, NodeHome};
use crate::probe::connect;

const TOPIC: &str = "wanted";
const OWN_TOPIC: &str = "neighbour";
const PARTITIONS: i32 = 4;
const BATCH_BYTES: usize = 900_000;
/// 60 MB, more than one answer holds.
const BATCHES_PER_PARTITION: usize = 17;
/// Segment files, and what the node opens late.
const DESCRIPTORS_MORE: usize = 32;
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// Connections of a flood.
const FLOODING: u32 = 4;
/// Requests a second of the flood whose neighbour is judged, 98 MB: what a flood beyond the machine's cores does to others
/// tells of the scheduler, not of the node.
const FLOOD_PACE: u32 = 6_000;
/// Connections a second of those that come and go whose neighbour is judged, for the same reason.
const CONNECT_PACE: u32 = 2_000;
/// Kinds of windows by their number: p50 and p99 of the neighbour's produce and fetch in each round, and the control's p99.
const WINDOWS: [&str; 7] = [
    "neighbour quiet, p50 and p99 µs, control's p99",
    "beside readers that never read",
    "beside half frames",
    "beside a flood with acks=0, not judged",
    "beside a flood of 6,000 requests a second",
    "beside connects and disconnects, not judged",
    "beside 2,000 connects and disconnects a second",
];
/// The windows of the troubles that take all there is, whose neighbour is looked at and not judged.
const UNPACED: [usize; 2] = [3, 5];

/// How many of each.
struct Scale {
    /// `memory.budget.bytes`: the default in the long form. What a connection reads first, 16 KiB, is not counted.
    budget: u64,
    readers: usize,
    half_frames: usize,
    connects: u32,
    /// How long readers, half frames and the paced flood last. The longer, the less one pause of the machine decides p99.
    trouble: Duration,
    /// Between them, and how long the other flood lasts.
    quiet: Duration,
    judges_time: bool,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let scale = if plan.is_short {
        let time = Duration::from_millis(500);
        Scale {
            budget: 64 << 20,
            readers: 50,
            half_frames: 200,
            connects: 1_000,
            trouble: time,
            quiet: time,
            judges_time: false,
        }
    } else {
        Scale {
            budget: 256 << 20,
            readers: 500,
            half_frames: 1_000,
            connects: 10_000,
            trouble: Duration::from_secs(20),
            quiet: Duration::from_secs(5),
            judges_time: true,
        }
    };
    let budget = format!("memory.budget.bytes={}", scale.budget);
    let home = NodeHome::new(&plan.folder, &[plan.folder.join("data")], &[budget.as_str()])?;
    let mut node = home.start()?;
    greed::allow_descriptors(scale.readers + scale.half_frames + 200)?;
    prepare(&node)?;
    let mut figures = Vec::new();
    let mut times = Vec::new();
    let mut primed = if scale.judges_time { Some(Primed::new(&plan.folder)?) } else { None };
    for round in 0..plan.rounds {
        primed.as_mut().map_or(Ok(()), Primed::fill)?;
        let outcome = one_round(&node, &scale, &plan.folder).map_err(|text| match node.ended() {
            Some(status) => format!("round {round}: the node ended with {status}: {}", node.last_words()),
            None => format!("round {round}: {text}"),
        })?;
        figures = outcome.figures;
        times.push(outcome.times);
    }
    judge(&times, &scale, &mut figures).map_err(|text| format!("{text}; {figures:?}"))?;
    if node.said().contains("panicked at") {
        return Err(format!("something in the node panicked: {}", node.last_words()));
    }
    figures.insert(0, ("rounds; the figures are of the last", plan.rounds.to_string()));
    node.stop()?;
    Ok(Verdict::Held(figures))
}

fn prepare(node: &Node) -> Result<(), String> {
    let text = CallError::into_text;
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut client = Client::connect_until(node.address, deadline).map_err(text)?;
    client.create_topic(TOPIC, PARTITIONS, &[]).map_err(text)?;
    client.create_topic(OWN_TOPIC, 1, &[]).map_err(text)?;
    let batch = BatchBuilder::new()
        .compression(Compression::None)
        .record(now_ms(), None, Some(&vec![7; BATCH_BYTES]))
        .build();
    for partition in 0..PARTITIONS {
        for _ in 0..BATCHES_PER_PARTITION {
            client.send_produce(TOPIC, -1, &[(partition, &batch)]).map_err(text)?;
            let answers = client.produced().map_err(text)?;
            if !answers.iter().all(|answer| answer.code.is_none()) {
                return Err(format!("the records to ask for were not taken: {answers:?}"));
            }
        }
    }
    Ok(())
}

/// What a round tells.
struct Round {
    figures: Vec<(&'static str, String)>,
    /// By kind of window.
    times: Vec<WindowTimes>,
}

/// How the neighbour was served in one kind of window.
struct WindowTimes {
    turns: usize,
    p50_us: u64,
    p99_us: u64,
    /// Of the control, whom the node has nothing to do with.
    control_p99_us: u64,
}

fn one_round(node: &Node, scale: &Scale, folder: &Path) -> Result<Round, String> {
    let (neighbour, control) = (Neighbour::default(), Neighbour::default());
    std::thread::scope(|scope| {
        let (address, beside) = (node.address, &neighbour);
        let running = scope.spawn(move || beside.run(address, OWN_TOPIC));
        let controlling = scope.spawn(|| control.run_control());
        std::thread::sleep(scale.quiet);
        let outcome = all_phases(node, scale, folder, [&neighbour, &control]);
        neighbour.stop();
        control.stop();
        let written = running.join().unwrap_or_else(|_| Err("the neighbour panicked".to_owned()))?;
        controlling.join().unwrap_or_else(|_| Err("the control panicked".to_owned()))?;
        let mut figures = outcome?;
        figures.push(("the neighbour's records, each read back", written.to_string()));
        let times = |window| {
            let (turns, p50_us, p99_us) = neighbour.percentiles(window);
            WindowTimes { turns, p50_us, p99_us, control_p99_us: control.percentiles(window).2 }
        };
        Ok(Round { figures, times: (0..WINDOWS.len()).map(times).collect() })
    })
}

/// Adds the neighbour's times; it must have been served in each phase of each round. In the long form its p99 at most
/// doubles, apart from what the machine made the control wait longer: in the median of the rounds, as the disk of a
/// machine may stand still in any of them.
fn judge(
    rounds: &[Vec<WindowTimes>],
    scale: &Scale,
    figures: &mut Vec<(&'static str, String)>,
) -> Result<(), String> {
    let mut finding = Ok(());
    for (window, name) in WINDOWS.into_iter().enumerate() {
        let of_window = || rounds.iter().filter_map(|round| Some((round.get(window)?, round.get(QUIET)?)));
        let shown = of_window().map(|(one, _)| {
            format!("{} and {}, {} of {}", one.p50_us, one.p99_us, one.control_p99_us, one.turns)
        });
        figures.push((name, shown.collect::<Vec<_>>().join("; ")));
        let mut tenths: Vec<u64> = of_window()
            .map(|(one, quiet)| {
                let by_machine = one.control_p99_us.saturating_sub(quiet.control_p99_us);
                one.p99_us.saturating_sub(by_machine) * 10 / quiet.p99_us.max(1)
            })
            .collect();
        tenths.sort_unstable();
        let median = tenths.get(tenths.len() / 2).copied().unwrap_or_default();
        if of_window().any(|(one, _)| one.turns == 0) {
            finding = finding.and(Err(format!("{name}: the neighbour was not served once")));
        } else if scale.judges_time && !UNPACED.contains(&window) && median > 20 {
            finding =
                finding.and(Err(format!("{name}: p99 is {median} tenths of the quiet one in the median")));
        }
    }
    finding
}

fn all_phases(
    node: &Node,
    scale: &Scale,
    folder: &Path,
    watching: [&Neighbour; 2],
) -> Result<Vec<(&'static str, String)>, String> {
    let base = Footprint::of(node.process_id())?;
    let mut figures = vec![
        ("resident MiB before", base.resident_mib().to_string()),
        ("budget, MiB", (scale.budget >> 20).to_string()),
    ];
    let address = node.address;
    type Phase<'p> = (&'static str, Box<dyn FnOnce() -> Result<(), String> + 'p>);
    let phases: [Phase<'_>; 6] = [
        ("peak, readers that never read, MiB", Box::new(|| never_read(address, scale))),
        ("peak, half frames, MiB", Box::new(|| half_frames(address, scale))),
        ("peak, a flood with acks=0, MiB", Box::new(|| flood(address, scale.quiet, None))),
        ("peak, a flood at a pace, MiB", Box::new(|| flood(address, scale.trouble, Some(FLOOD_PACE)))),
        ("peak, connects and disconnects, MiB", Box::new(|| come_and_go(address, scale, None))),
        ("peak, connects at a pace, MiB", Box::new(|| come_and_go(address, scale, Some(CONNECT_PACE)))),
    ];
    for (window, (name, phase)) in (QUIET + 1..).zip(phases) {
        watching.iter().for_each(|one| one.set_window(window));
        let (outcome, peak) = peak_during(node.process_id(), phase);
        watching.iter().for_each(|one| one.set_window(QUIET));
        outcome.map_err(|text| format!("{name}: {text}"))?;
        let most = base.resident_bytes + scale.budget + scale.budget / 10;
        if peak > most {
            return Err(format!("{name}: {}, of {} at most", peak >> 20, most >> 20));
        }
        wait_for_descriptors(node.process_id(), base.descriptors + DESCRIPTORS_MORE, SETTLE_MAX)
            .map_err(|text| format!("{name}: {text}"))?;
        figures.push((name, (peak >> 20).to_string()));
        if scale.judges_time {
            wait_for_disk(folder)?;
        }
        std::thread::sleep(scale.quiet);
    }
    let after = Footprint::of(node.process_id())?;
    figures.push(("resident MiB after", after.resident_mib().to_string()));
    figures.push(("descriptors before and after", format!("{}, {}", base.descriptors, after.descriptors)));
    Ok(figures)
}

/// Waits until the disk has taken what one trouble left it to write: the next one is not to be judged by it.
fn wait_for_disk(folder: &Path) -> Result<(), String> {
    File::open(folder)
        .and_then(|folder| Ok(rustix::fs::syncfs(folder)?))
        .map_err(|error| format!("the disk did not take what was written: {error}"))
}

/// Several fetches of 50 MiB on each connection, and nobody takes the answers.
fn never_read(address: SocketAddr, scale: &Scale) -> Result<(), String> {
    let wanted = greed::fetch_frame(TOPIC, PARTITIONS, 50 << 20)?;
    let mut readers = Vec::new();
    for _ in 0..scale.readers {
        let mut stream = connect(address)?;
        stream.write_all(&wanted.repeat(3)).map_err(|error| format!("a fetch was not taken: {error}"))?;
        readers.push(stream);
    }
    std::thread::sleep(scale.trouble);
    Ok(())
}

/// Half of a produce request on each connection; who is not read is not pressed.
fn half_frames(address: SocketAddr, scale: &Scale) -> Result<(), String> {
    let frame = greed::produce_frame(TOPIC, 1, BATCH_BYTES)?;
    let half = frame.get(..frame.len() / 2).unwrap_or_default();
    let mut streams = Vec::new();
    for _ in 0..scale.half_frames {
        let mut stream = connect(address)?;
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        push(&mut stream, half);
        streams.push(stream);
    }
    std::thread::sleep(scale.trouble);
    Ok(())
}

/// Writes what the socket takes.
fn push(stream: &mut TcpStream, bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        match stream.write(rest) {
            Ok(0) => return,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Full, or closed because others need the memory.
            Err(_) => return,
        }
    }
}

/// Produce without wanting an answer, as fast as it goes or so many a second.
fn flood(address: SocketAddr, time: Duration, pace: Option<u32>) -> Result<(), String> {
    let frame = greed::produce_frame(TOPIC, 0, 16 * 1024)?;
    let begin = Instant::now();
    let end = begin + time;
    std::thread::scope(|scope| {
        let flooding: Vec<_> = (0..FLOODING)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = connect(address)?;
                    for number in 0.. {
                        wait_for_pace(begin, number, pace.map(|per_second| per_second / FLOODING));
                        if Instant::now() >= end {
                            break;
                        }
                        stream.write_all(&frame).map_err(|error| format!("the flood was cut: {error}"))?;
                    }
                    Ok(())
                })
            })
            .collect();
        flooding
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
    })
}

/// Waits until the turn of that number is due, with so many a second.
fn wait_for_pace(begin: Instant, number: u32, per_second: Option<u32>) {
    if let Some(per_second) = per_second {
        let due = begin + Duration::from_secs(u64::from(number)) / per_second;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Connections that are closed at once, in order or with a reset; some have said something.
fn come_and_go(address: SocketAddr, scale: &Scale, pace: Option<u32>) -> Result<(), String> {
    let begin = Instant::now();
    for number in 0..scale.connects {
        wait_for_pace(begin, number, pace);
        let mut stream = match number % 4 {
            0 => TcpStream::connect(address).map_err(|error| format!("connection {number}: {error}"))?,
            _ => connect(address)?,
        };
        if number % 3 == 0 {
            push(&mut stream, &[0, 0, 0, 10, 0, 18]);
        }
    }
    Ok(())
}
