//! Campaigns of faults against the server and its storage; every fault follows from a seed.

mod cases;
mod client;
mod crash;
mod footprint;
mod greed;
mod hammer;
mod hostile;
mod load;
mod log_model;
mod log_run;
mod loop_disk;
mod memory_disk;
mod neighbour;
mod node;
mod probe;
mod random;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use cases::{CASES, Case, Plan, Verdict};

const USAGE: &str = "\
usage: chaos --case NAME [--rounds N] [--seed S]   one campaign, in its long form unless told otherwise
       chaos --short [--seed S]                    every campaign in its short form
       chaos --list                                the campaigns there are

$NARU is the executable (release/naru in the target folder), $CHAOS_FOLDER where data goes (the system's
temporary folder). With CI=true a campaign that cannot run here counts as failed.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// False where a campaign found something.
fn run(arguments: &[&str]) -> Result<bool, String> {
    let mut options = arguments.iter();
    let (mut name, mut rounds, mut seed, mut is_short) = (None, None, 1, false);
    while let Some(option) = options.next() {
        let mut value = || options.next().copied().ok_or_else(|| format!("{option} needs a value\n{USAGE}"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
        match *option {
            "--case" => name = Some(value()?),
            "--rounds" => rounds = u32::try_from(number(value()?)?).ok(),
            "--seed" => seed = number(value()?)?,
            "--short" => is_short = true,
            "--list" => {
                CASES.iter().for_each(|case| println!("{:16} {}", case.name, case.about));
                return Ok(true);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    let chosen: Vec<&Case> = match name {
        Some(name) => {
            vec![cases::find(name).ok_or_else(|| format!("no campaign is named {name:?}\n{USAGE}"))?]
        }
        None if is_short => CASES.iter().collect(),
        None => return Err(USAGE.to_owned()),
    };
    let mut all_held = true;
    for case in chosen {
        let usual = if is_short { case.rounds_short } else { case.rounds_long };
        all_held &= run_case(case, rounds.unwrap_or(usual), seed, is_short)?;
    }
    Ok(all_held)
}

fn run_case(case: &Case, rounds: u32, seed: u64, is_short: bool) -> Result<bool, String> {
    let base = std::env::var_os("CHAOS_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::Builder::new().prefix("chaos-").tempdir_in(&base);
    let folder = folder.map_err(|error| format!("cannot make a folder in {}: {error}", base.display()))?;
    let plan = Plan { rounds, seed, is_short, folder: folder.path().to_owned() };
    println!("{}: {rounds} rounds, seed {seed}", case.name);
    let begin = Instant::now();
    let outcome = (case.run)(&plan);
    let seconds = begin.elapsed().as_secs_f64();
    match outcome {
        Ok(Verdict::Held(figures)) => {
            figures.iter().for_each(|(name, value)| println!("  {name:44} {value}"));
            println!("  held, {seconds:.1} s");
            Ok(true)
        }
        Ok(Verdict::Skipped(reason)) => {
            println!("  SKIPPED {}: {reason}", case.name);
            Ok(std::env::var("CI").is_ok_and(|value| value != "true") || std::env::var_os("CI").is_none())
        }
        Err(finding) => {
            println!("  FAILED after {seconds:.1} s: {finding}");
            println!("  what is left: {}", folder.keep().display());
            Ok(false)
        }
    }
}
