//! A million offset commits of a thousand groups: how long after a start until every group has them again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use model::ErrorCode;

use crate::client::Client;
use crate::effort::Effort;
use crate::encoded::{admin, groups};
use crate::process::{Prepared, Server, write_back};
use crate::product::{Product, SMALL};
use crate::{sides, topics};

const GROUPS: usize = 1000;
/// Commits of each group, one request and so one batch of the log each; in turn of each partition.
const ROUNDS: usize = 1000;
const TOPIC: &str = "committed";
const PARTITIONS: usize = 100;
/// Connections that commit at once, and requests in flight on each.
const WRITERS: usize = 4;
const IN_FLIGHT: usize = 50;
/// How often it is loaded.
const STARTS: usize = 5;
/// How long loading may take before the run is given up.
const LOADED_MAX: Duration = Duration::from_secs(300);
/// Between two questions of who does not care for groups.
const BESIDE: Duration = Duration::from_millis(1);
/// Time without requests before memory counts as that of an idle server.
const SETTLE: Duration = Duration::from_secs(5);

/// What one start gave.
struct Loaded {
    /// From the first answer of the server until the last group had all its offsets.
    seconds: f64,
    /// Answers that said that a group is still being loaded.
    told_to_wait: usize,
    /// The longest that another client waited for an answer meanwhile.
    beside_ms: f64,
}

/// Commits, then starts the server several times and prints what each start gave.
pub fn run(options: &[&str]) -> Result<(), String> {
    let effort = Effort::of(options)?;
    let rounds = effort.scaled(ROUNDS);
    let folder = sides::folder()?;
    let prepared =
        Prepared::in_folder(Product::Naru, &folder.path().join("naru"), &effort.layout(&SMALL, &[]))?;
    let server = prepared.start()?;
    let empty_mib = server.resident_mib()?;
    topics::create_with(&server, TOPIC, topics::Shape::of(i32::try_from(PARTITIONS).unwrap_or(i32::MAX)))?;
    topics::wait_for_coordinator(&server)?;
    let begin = Instant::now();
    commit_all(&server, rounds)?;
    let commits = GROUPS * rounds;
    println!("{commits} commits of {GROUPS} groups written in {:.1} s", begin.elapsed().as_secs_f64());
    server.stop()?;
    for _ in 0..STARTS {
        write_back(folder.path())?;
        let server = prepared.start()?;
        let loaded = until_loaded(&server, rounds)?;
        thread::sleep(SETTLE);
        println!(
            "ready {:.3} s, loaded {:.3} s after that; told to wait {} times; others waited {:.1} ms at most; \
             CPU {:.2} s; resident {:.1} MiB ({empty_mib:.1} MiB when empty)",
            server.start_time.as_secs_f64(),
            loaded.seconds,
            loaded.told_to_wait,
            loaded.beside_ms,
            server.cpu_s()?,
            server.resident_mib()?,
        );
        server.stop()?;
    }
    Ok(())
}

fn group(number: usize) -> String {
    format!("group-{number:04}")
}

/// What a group commits in a round.
fn offset(number: usize, round: usize) -> i64 {
    i64::try_from(round * GROUPS + number).unwrap_or(i64::MAX)
}

/// What a group has committed in a partition after so many rounds; -1 where nothing.
fn last_offset(number: usize, partition: usize, rounds: usize) -> i64 {
    match rounds.checked_sub(partition + 1) {
        Some(later) => offset(number, partition + later / PARTITIONS * PARTITIONS),
        None => -1,
    }
}

fn commit_all(server: &Server, rounds: usize) -> Result<(), String> {
    thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || commit_some(server, writer, rounds))).collect();
        writers.into_iter().try_for_each(|one| one.join().unwrap_or(Err("a writer panicked".to_owned())))
    })
}

/// The commits of every group that is this writer's.
fn commit_some(server: &Server, writer: usize, rounds: usize) -> Result<(), String> {
    let mut client = server.connect()?;
    let own: Vec<usize> = (writer..GROUPS).step_by(WRITERS).collect();
    for round in 0..rounds {
        let partition = i32::try_from(round % PARTITIONS).unwrap_or_default();
        for together in own.chunks(IN_FLIGHT) {
            let frames: Vec<u8> = together
                .iter()
                .flat_map(|number| {
                    groups::commit_one(&group(*number), TOPIC, partition, offset(*number, round))
                })
                .collect();
            client.send(&frames).map_err(|error| error.to_string())?;
            for _ in together {
                groups::committed(client.receive().map_err(|error| error.to_string())?)?;
            }
        }
    }
    Ok(())
}

fn until_loaded(server: &Server, rounds: usize) -> Result<Loaded, String> {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let beside = scope.spawn(|| longest_wait(server, &ended));
        let outcome = ask_all(server, rounds);
        ended.store(true, Ordering::Release);
        let beside_ms = beside.join().unwrap_or(Err("a client panicked".to_owned()))?;
        let (seconds, told_to_wait) = outcome?;
        Ok(Loaded { seconds, told_to_wait, beside_ms })
    })
}

/// Asks every group for its offsets until it has them, and checks each.
fn ask_all(server: &Server, rounds: usize) -> Result<(f64, usize), String> {
    let ready = server.begin + server.start_time;
    let mut client = server.connect()?;
    let mut told_to_wait = 0;
    for number in 0..GROUPS {
        let partitions = i32::try_from(PARTITIONS).unwrap_or(i32::MAX);
        let request = groups::fetch_offsets(&group(number), &[TOPIC.to_owned()], partitions);
        let expected: Vec<i64> =
            (0..PARTITIONS).map(|partition| last_offset(number, partition, rounds)).collect();
        loop {
            match groups::offsets_told(client.call(&request)?)? {
                Ok(found) if found == expected => break,
                Ok(found) => return Err(format!("{} has {found:?}, not {expected:?}", group(number))),
                Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS | ErrorCode::NOT_COORDINATOR)
                    if ready.elapsed() < LOADED_MAX =>
                {
                    told_to_wait += 1;
                    thread::sleep(BESIDE);
                }
                Err(error) => return Err(format!("{} has no offsets: {error}", group(number))),
            }
        }
    }
    Ok((ready.elapsed().as_secs_f64(), told_to_wait))
}

/// The longest wait of a client that asks for something else, in milliseconds.
fn longest_wait(server: &Server, ended: &AtomicBool) -> Result<f64, String> {
    let mut client: Client = server.connect()?;
    let request = admin::api_versions();
    let mut longest = Duration::ZERO;
    while !ended.load(Ordering::Acquire) {
        let begin = Instant::now();
        admin::api_versions_answered(client.call(&request)?)?;
        longest = longest.max(begin.elapsed());
        thread::sleep(BESIDE);
    }
    Ok(longest.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_commit_of_a_partition_is_that_of_its_last_round() {
        for rounds in [1, 99, 100, 101, 250, 1000] {
            for partition in [0, 1, 49, 50, 98, 99] {
                let mut last = -1;
                for round in (0..rounds).filter(|round| round % PARTITIONS == partition) {
                    last = offset(7, round);
                }
                assert_eq!(last_offset(7, partition, rounds), last, "{partition} {rounds}");
            }
        }
    }
}
