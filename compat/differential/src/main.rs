//! Sends the same scripted requests to Apache Kafka and to Naru and compares the answers field by field.
//!
//!     cargo run -p differential                       starts both, runs every case
//!     cargo run -p differential -- --only NAME        the cases whose name contains NAME
//!     cargo run -p differential -- --codes            also lists the error codes seen for each API
//!     cargo run -p differential -- --times            also says how long each case took
//!     cargo run -p differential -- --show NAME        also prints every answer of the cases named so
//!
//! `PEER_LIBS` names the folder of Kafka's jars (target/compat/kafka/libs), `NARU` the executable
//! (target/release/naru).

mod cases;
mod compare;
mod coverage;
mod deviations;
mod fields;
mod masks;
mod report;
mod servers;
mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::cases::Case;
use crate::coverage::Codes;
use crate::deviations::DECIDED;
use crate::servers::{Homes, Server};
use crate::session::{Exchange, Session, Side, Stopped};

/// What the command line asks for.
#[derive(Default)]
struct Options {
    only: String,
    show: Option<String>,
    codes: bool,
    times: bool,
}

/// Counts over all cases.
#[derive(Default)]
struct Totals {
    cases: usize,
    answers: usize,
    fields: usize,
    failures: usize,
    /// How often each row of the table of deviations was met.
    decided: Vec<usize>,
    codes: Codes,
}

fn main() -> ExitCode {
    let outcome = options().and_then(|options| run(&options));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--only" => options.only = value()?,
            "--show" => options.show = Some(value()?),
            "--codes" => options.codes = true,
            "--times" => options.times = true,
            other => return Err(format!("unknown option {other}; see the head of src/main.rs")),
        }
    }
    Ok(options)
}

fn run(options: &Options) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let started = Instant::now();
    let (kafka_libraries, executable) = (kafka_libraries(), naru_executable());
    let homes = Homes::new(folder.path(), &kafka_libraries, &executable)?;
    let (kafka, naru) = homes.start()?;
    println!("both servers started in {:.1} s", started.elapsed().as_secs_f32());
    let mut totals = Totals { decided: vec![0; DECIDED.len()], ..Totals::default() };
    let is_wanted = |case: &Case| case.name.contains(&options.only);
    for case in cases::all().iter().filter(|case| is_wanted(case)) {
        run_case(case, &kafka, &naru, options, &mut totals);
    }
    let again: Vec<_> = cases::after_restart().into_iter().filter(is_wanted).collect();
    let (kafka, naru) = if again.is_empty() {
        (kafka, naru)
    } else {
        drop((kafka, naru));
        homes.start()?
    };
    for case in &again {
        run_case(case, &kafka, &naru, options, &mut totals);
    }
    if options.codes {
        totals.codes.print();
    }
    for deviation in DECIDED.iter().filter(|deviation| !deviation.is_written_down()) {
        println!("compat/deviations.txt lacks a paragraph '{}'", deviation.paragraph);
        totals.failures += 1;
    }
    if options.only.is_empty() {
        totals.failures += unused_deviations(&totals) + totals.codes.missing();
    }
    if totals.failures > 0 {
        print_log("Naru", &naru);
        print_log("Kafka", &kafka);
    }
    println!(
        "{} cases, {} answers, {} fields compared in {:.1} s: {} failures, {} decided deviations",
        totals.cases,
        totals.answers,
        totals.fields,
        started.elapsed().as_secs_f32(),
        totals.failures,
        totals.decided.iter().sum::<usize>(),
    );
    Ok(totals.failures == 0 && totals.cases > 0)
}

fn run_case(case: &Case, kafka: &Server, naru: &Server, options: &Options, totals: &mut Totals) {
    let started = Instant::now();
    let (of_kafka, kafka_stopped) = play(case, Side::Kafka, kafka);
    let (of_naru, naru_stopped) = play(case, Side::Naru, naru);
    totals.codes.add(&of_kafka);
    if options.show.as_ref().is_some_and(|part| case.name.contains(part)) {
        show(&of_kafka);
    }
    let outcome = compare::compare(&of_kafka, &of_naru);
    let mut lines = Vec::new();
    for (side, stopped) in [("Kafka", kafka_stopped), ("Naru", naru_stopped)] {
        lines.extend(stopped.map(|reason| format!("    {side} stopped the script: {reason}")));
    }
    totals.failures += lines.len();
    let mut undecided = Vec::new();
    for difference in outcome.differences {
        match DECIDED.iter().position(|deviation| deviation.covers(case.name, &difference)) {
            Some(place) => totals.decided[place] += 1,
            None => undecided.push(difference),
        }
    }
    lines.extend(report::lines(&undecided));
    totals.cases += 1;
    totals.answers += outcome.answers;
    totals.fields += outcome.fields;
    totals.failures += undecided.len();
    if !lines.is_empty() {
        println!("DIFFERS {}\n{}", case.name, lines.join("\n"));
    }
    if options.times {
        println!("{:6} ms {}", started.elapsed().as_millis(), case.name);
    }
}

fn play(case: &Case, side: Side, server: &Server) -> (Vec<Exchange>, Option<Stopped>) {
    let mut session = Session::new(side, server.address);
    let outcome = (case.script)(&mut session);
    (session.exchanges, outcome.err())
}

fn show(exchanges: &[Exchange]) {
    for exchange in exchanges {
        println!("  {}", exchange.label);
        for field in &exchange.fields {
            println!("      {} = {}", field.path, field.value);
        }
    }
}

/// A deviation in the table that does not occur (any more) has no business there.
fn unused_deviations(totals: &Totals) -> usize {
    let unused = DECIDED.iter().zip(&totals.decided).filter(|(_, times)| **times == 0);
    let unused: Vec<_> = unused.map(|(deviation, _)| deviation).collect();
    for deviation in &unused {
        println!("UNUSED deviation: {deviation:?}");
    }
    unused.len()
}

fn print_log(name: &str, server: &Server) {
    let text = server.log_text();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(15);
    println!("last lines of {name}'s log:\n{}", lines[first..].join("\n"));
}

fn target() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn naru_executable() -> PathBuf {
    std::env::var_os("NARU").map_or_else(|| target().join("release/naru"), PathBuf::from)
}

fn kafka_libraries() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("PEER_LIBS").map_or_else(|| root.join("target/compat/kafka/libs"), PathBuf::from)
}
