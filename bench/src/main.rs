//! Measures brokers with requests encoded beforehand.
//!
//! `bench calibrate` shows how fast the generator is against a server that does nothing.

mod client;
mod encoded;
mod load;
mod null_server;

use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "usage: bench calibrate";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let ["calibrate"] = arguments else { return Err(USAGE.to_owned()) };
    let address = null_server::start(encoded::produce_answer("bench")).map_err(|error| error.to_string())?;
    let mut client = client::Client::connect(address, Instant::now()).map_err(|error| error.to_string())?;
    let produce = encoded::produce("bench", 1, &encoded::batch(16 << 10, 1 << 10));
    for in_flight in [1, 5] {
        let run = load::closed_loop(&mut client, &produce, 100_000, in_flight)?;
        let (p50, p99) = (run.latency(50.0), run.latency(99.0));
        println!(
            "{in_flight} in flight: {:.0} requests/s, p50 {p50:.1?}, p99 {p99:.1?}",
            run.requests_per_s()
        );
    }
    Ok(())
}
