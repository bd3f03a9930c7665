//! Measures Naru beside Apache Kafka 4.3.1, row by row (see bench/README.md).

mod client;
mod encoded;
mod load;
mod null_server;
mod pairs;
mod process;
mod rows;
mod sides;
mod topics;

use std::process::ExitCode;

use process::Product;

const USAGE: &str = "\
usage: bench row ROW [--pairs P] [--scale PERCENT] [--only kafka|naru]
rows: 1a  produce, one connection, 5 in flight, 16 KiB batches
      3   serial round trip
      5   fetch of cached data
      11  start on an empty directory to the first answer
      13  resident memory, idle and under the load of row 1a";

/// How much to run, and on whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Effort {
    /// Runs of each product.
    pub pairs: usize,
    /// Size of each run, 100 for the full one.
    pub scale_percent: usize,
    /// Both, or one alone.
    pub products: Vec<Product>,
}

impl Effort {
    /// Whether the figures may be quoted: anything smaller is a trial.
    pub fn is_full(&self) -> bool {
        self.scale_percent >= 100
    }

    /// The scale as a factor.
    pub fn share(&self) -> f64 {
        self.scale_percent as f64 / 100.0
    }

    /// A count of the full run, at this scale; at least 1.
    pub fn scaled(&self, count: usize) -> usize {
        ((count as f64 * self.share()) as usize).max(1)
    }
}

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
    let ["row", row, options @ ..] = arguments else { return Err(USAGE.to_owned()) };
    rows::run(row, &effort(options)?)
}

fn effort(options: &[&str]) -> Result<Effort, String> {
    let mut effort = Effort { pairs: 5, scale_percent: 100, products: vec![Product::Kafka, Product::Naru] };
    for option in options.chunks(2) {
        match option {
            ["--pairs", pairs] => effort.pairs = positive(pairs)?,
            ["--scale", percent] => effort.scale_percent = positive(percent)?,
            ["--only", "kafka"] => effort.products = vec![Product::Kafka],
            ["--only", "naru"] => effort.products = vec![Product::Naru],
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(effort)
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| USAGE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_choose_effort_and_product() {
        let chosen = effort(&["--pairs", "2", "--scale", "10", "--only", "kafka"]).unwrap();
        assert_eq!(chosen, Effort { pairs: 2, scale_percent: 10, products: vec![Product::Kafka] });
        assert_eq!((chosen.scaled(1000), chosen.scaled(1), chosen.is_full()), (100, 1, false));
        assert_eq!(effort(&[]).unwrap().products.len(), 2);
    }

    #[test]
    fn unknown_or_empty_options_are_refused() {
        for options in [&["--pairs"][..], &["--pairs", "0"], &["--only", "both"], &["--speed", "1"]] {
            assert_eq!(effort(options), Err(USAGE.to_owned()));
        }
        assert!(run(&["row"]).is_err() && run(&[]).is_err() && run(&["row", "99"]).is_err());
    }
}
