//! What Naru's clients promise, against any server of Kafka's protocol: the same cases for Naru and for Apache Kafka.
//!
//!     cargo run -p client-suite -- HOST:PORT            every case
//!     cargo run -p client-suite -- HOST:PORT NAME       the cases whose name contains NAME
//!     cargo run -p client-suite -- HOST:PORT --steadily N  writes N records over some seconds, in which the server may be killed
//!                                                        and started again, and looks whether each is there once, in order
//!     cargo run -p client-suite -- --member NAME=VALUE ..  a member of a group that tells all it does (scripts/group_member.py)
//!     cargo run -p client-suite -- --partitions N       reads keys, a line each, and prints the partition of each

mod admin;
mod consuming;
mod fetching;
mod member;
mod producing;

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Cases that run at the same time.
const SIDE_BY_SIDE: usize = 4;

/// What a case has at hand.
pub struct Place {
    /// `bootstrap.servers`.
    pub servers: String,
}

/// A case under its name; it gets a runtime of its own.
type Case = (&'static str, fn(&Place) -> Result<(), String>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["--partitions", count] => partitions(count),
        ["--member", ref words @ ..] => member::Given::of(words).and_then(|given| block_on(member::tell(&given))),
        [servers, "--steadily", count] => {
            let count = count.parse().map_err(|_| format!("{count} is no number of records"));
            count.and_then(|count| producing::steadily(&Place { servers: servers.to_owned() }, count))
        }
        [servers] => run(servers, ""),
        [servers, name] => run(servers, name),
        _ => Err("usage: client-suite HOST:PORT [NAME] | client-suite HOST:PORT --steadily N | client-suite --member NAME=VALUE .. | client-suite --partitions N".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs cases side by side: most of them wait most of the time, and servers have to bear it.
fn run(servers: &str, name: &str) -> Result<(), String> {
    let place = Place { servers: servers.to_owned() };
    let cases: Vec<Case> = admin::CASES
        .iter()
        .chain(producing::CASES)
        .chain(consuming::CASES)
        .chain(consuming::groups::CASES)
        .filter(|(case, _)| case.contains(name))
        .copied()
        .collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..SIDE_BY_SIDE {
            threads.spawn(|| {
                while let Some((case, script)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begin = Instant::now();
                    match script(&place) {
                        Ok(()) => println!("ok   {case} ({:.1} s)", begin.elapsed().as_secs_f64()),
                        Err(error) => {
                            println!("FAIL {case}: {error}");
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    match (cases.len(), failed.into_inner()) {
        (0, _) => Err(format!("no case is called {name}")),
        (_, 0) => Ok(()),
        (count, failed) => Err(format!("{failed} of {count} failed")),
    }
}

/// For a comparison with another client's choices.
fn partitions(count: &str) -> Result<(), String> {
    let count = count.parse().map_err(|_| format!("{count} is no number of partitions"))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        println!("{}", client::producer::partitioner::by_key(line.as_bytes(), count));
    }
    Ok(())
}

/// Runs a case to its end.
pub fn block_on<T>(case: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(case)
}

/// Fails where two values are not the same.
pub fn equal<T: PartialEq + std::fmt::Debug>(found: T, expected: T, what: &str) -> Result<(), String> {
    let both = (found, expected);
    if both.0 == both.1 { Ok(()) } else { Err(format!("{what}: {:?} instead of {:?}", both.0, both.1)) }
}

/// The message of anything that can be shown.
pub fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}
