//! Measures Naru beside Apache Kafka 4.3.1, row by row (see bench/README.md).

mod client;
mod contest;
mod crowd;
mod effort;
mod encoded;
mod floor;
mod group_load;
mod idle_members;
mod instructions;
mod latency;
mod load;
mod members;
mod null_server;
mod open_loop;
mod page_cache;
mod pairs;
mod placement;
mod process;
mod product;
mod profile;
mod reader;
mod report;
mod results;
mod rows;
mod sides;
mod tool;
mod topics;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use effort::Effort;
use product::Product;

const USAGE: &str = "\
usage: bench --row ROW[,ROW ..] [OPTION ..]
                                        measure one row, or several
       bench --all [OPTION ..]          measure every row
       bench --list [--pairs P]         the rows, and how long each takes
       bench --calibrate [ROW] [--json FILE]
                                        the generators alone, against a server that does nothing; beside the
                                        rates of FILE where it is given
       bench --profile ROW FILE         run Naru alone, and write to FILE where its time goes
       bench --instructions             what a request costs in instructions, and whether that is too much
       bench --floor [--scale P]        the least a small request can cost: a server that receives, appends and sends
       bench --load-offsets [--scale P] a million commits of a thousand groups: how soon they are there after a start
       bench --idle-members [--scale P] a hundred thousand members that do nothing: memory and wake-ups
       bench --report FILE [--into PAGE]
                                        the tables of the results in FILE, printed or put into PAGE
       bench --save                     keep the built executable for --against previous
options: --pairs P        runs of each product, 5 by default
         --scale PERCENT  size of each run; below 100 it is a trial
         --only kafka|naru
         --kafka default|tuned            without the other settings of Kafka
         --against previous|EXECUTABLE    compare with an older executable instead of Kafka
         --json FILE      append the results to FILE";

/// How the program is called, with all rows.
pub fn usage() -> String {
    let rows = rows::ROWS.iter().map(|row| format!("  {:<9}{}\n", row.name, row.about));
    format!("{USAGE}\nrows:\n{}", rows.collect::<String>())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{}", if message == USAGE { usage() } else { message });
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        ["--row", rows, options @ ..] => measure(&rows.split(',').collect::<Vec<_>>(), &Effort::of(options)?),
        ["--list", options @ ..] => {
            print!("{}", rows::list(&Effort::of(options)?));
            Ok(())
        }
        ["--all", options @ ..] => {
            let rows = rows::ROWS.each_ref().map(|row| row.name);
            measure(&rows, &Effort::of(options)?)
        }
        ["--calibrate", row, options @ ..] if !row.starts_with("--") => {
            rows::calibrate(Some(row), &Effort::of(options)?)
        }
        ["--calibrate", options @ ..] => rows::calibrate(None, &Effort::of(options)?),
        ["--instructions"] => instructions::run(),
        ["--floor", options @ ..] => floor::run(options),
        [floor::SERVE] => floor::serve(None),
        [floor::SERVE, folder] => floor::serve(Some(Path::new(folder))),
        ["--load-offsets", options @ ..] => group_load::run(options),
        ["--idle-members", options @ ..] => {
            allow_many_files()?;
            idle_members::run(options)
        }
        ["--profile", row, path, options @ ..] => profile_of(row, Path::new(path), Effort::of(options)?),
        ["--report", results] => report::run(&results::read_all(Some(Path::new(results)))?, None),
        ["--report", results, "--into", page] => {
            report::run(&results::read_all(Some(Path::new(results)))?, Some(Path::new(page)))
        }
        ["--save"] => {
            let to = effort::save(&product::executable())?;
            println!("{}", to.display());
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    }
}

/// Runs rows one after the other; one that fails does not keep the others from being measured.
fn measure(rows: &[&str], effort: &Effort) -> Result<(), String> {
    allow_many_files()?;
    let mut failures = Vec::new();
    for row in rows {
        let begin = Instant::now();
        if let Err(error) = rows::run(row, effort) {
            failures.push(format!("row {row}: {error}"));
        }
        eprintln!("row {row} took {:.1} min", begin.elapsed().as_secs_f64() / 60.0);
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// One run of Naru alone at each table of a row, sampled.
fn profile_of(row: &str, path: &Path, effort: Effort) -> Result<(), String> {
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    if path.exists() {
        std::fs::remove_file(&path).map_err(|error| format!("cannot replace {}: {error}", path.display()))?;
    }
    let effort = Effort { pairs: 1, products: vec![Product::Naru], profile: Some(path.clone()), ..effort };
    measure(&[row], &effort)?;
    if path.exists() { Ok(()) } else { Err(format!("row {row} is over too soon to be sampled")) }
}

/// Raises the soft limit of open files to the hard one, for this process and the servers it starts.
fn allow_many_files() -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|error| format!("cannot raise the limit of files: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_mean_nothing_are_answered_with_the_usage() {
        for words in [&[][..], &["--row"], &["row", "1a"], &["--report"], &["--save", "x"]] {
            assert_eq!(run(words), Err(USAGE.to_owned()));
        }
        assert!(run(&["--row", "99"]).unwrap_err().contains("there is no row 99"));
    }
}
