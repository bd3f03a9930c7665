//! How much to run, on whom, and where results go: the options of a row.

use std::path::{Path, PathBuf};

use crate::USAGE;
use crate::product::{Layout, Product, Tuned, target};

/// A run of the contest is this part of a run of the pairs.
const CONTEST_PART: usize = 4;

/// How much to run, on whom, and where results go.
#[derive(Debug, Clone, PartialEq)]
pub struct Effort {
    /// Runs of each product.
    pub pairs: usize,
    /// Size of each run, 100 for the full one.
    pub scale_percent: usize,
    /// Those that take part, in the order of the first pair.
    pub products: Vec<Product>,
    /// The executable to compare with, where it is not Kafka.
    pub previous: Option<PathBuf>,
    /// File that a line of JSON is appended to for each table.
    pub json: Option<PathBuf>,
    /// Where the profile of Naru goes, where one is taken.
    pub profile: Option<PathBuf>,
}

impl Effort {
    /// Reads the options of a row.
    pub fn of(options: &[&str]) -> Result<Effort, String> {
        let products = vec![Product::Kafka, Product::KafkaTuned, Product::Naru];
        let mut effort =
            Effort { pairs: 5, scale_percent: 100, products, previous: None, json: None, profile: None };
        for option in options.chunks(2) {
            match option {
                ["--pairs", pairs] => effort.pairs = positive(pairs)?,
                ["--scale", percent] => effort.scale_percent = positive(percent)?,
                ["--only", "kafka"] => effort.products = vec![Product::Kafka, Product::KafkaTuned],
                ["--only", "naru"] => effort.products = vec![Product::Naru],
                ["--kafka", "default"] => effort.products.retain(|product| *product != Product::KafkaTuned),
                ["--kafka", "tuned"] => effort.products.retain(|product| *product != Product::Kafka),
                ["--against", path] => {
                    effort.products = vec![Product::Previous, Product::Naru];
                    effort.previous = Some(if *path == "previous" { saved() } else { PathBuf::from(path) });
                }
                ["--json", path] => effort.json = Some(PathBuf::from(path)),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(effort)
    }

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

    /// Seconds of the full run, at this scale; at least 1.
    pub fn seconds(&self, full: f64) -> f64 {
        (full * self.share()).max(1.0)
    }

    /// The size of a run in the contest of Kafka's settings, which is never sampled.
    pub fn of_contest(&self) -> Effort {
        let scale_percent = (self.scale_percent / CONTEST_PART).max(1);
        Effort { scale_percent, profile: None, ..self.clone() }
    }

    /// Servers with settings of the row.
    pub fn layout<'a>(&'a self, tuned: &'a Tuned, settings: &'a [(&'a str, &'a str)]) -> Layout<'a> {
        Layout { tuned, settings, previous: self.previous.as_deref() }
    }
}

/// Where `bench save` keeps an executable to compare later ones with.
pub fn saved() -> PathBuf {
    target().join("bench/previous/naru")
}

/// Keeps the executable at `from` as the previous one.
pub fn save(from: &Path) -> Result<PathBuf, String> {
    let to = saved();
    let copy = || {
        std::fs::create_dir_all(to.parent().unwrap_or(&to))?;
        std::fs::copy(from, &to)
    };
    copy().map_err(|error| format!("cannot copy {} to {}: {error}", from.display(), to.display()))?;
    Ok(to)
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| USAGE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_choose_effort_and_products() {
        let chosen = Effort::of(&["--pairs", "2", "--scale", "10", "--only", "naru"]).unwrap();
        assert_eq!((chosen.pairs, chosen.products), (2, vec![Product::Naru]));
        let chosen = Effort::of(&["--scale", "10"]).unwrap();
        assert_eq!((chosen.scaled(1000), chosen.scaled(1), chosen.is_full()), (100, 1, false));
        assert_eq!((chosen.seconds(60.0), chosen.seconds(2.0)), (6.0, 1.0));
        assert_eq!(Effort::of(&[]).unwrap().products.len(), 3);
        let default = Effort::of(&["--kafka", "default"]).unwrap();
        assert_eq!(default.products, [Product::Kafka, Product::Naru]);
    }

    #[test]
    fn an_older_executable_takes_the_place_of_kafka() {
        let chosen = Effort::of(&["--against", "old/naru", "--json", "x"]).unwrap();
        assert_eq!(chosen.products, [Product::Previous, Product::Naru]);
        assert_eq!((chosen.previous, chosen.json), (Some("old/naru".into()), Some("x".into())));
        assert_eq!(Effort::of(&["--against", "previous"]).unwrap().previous, Some(saved()));
    }

    #[test]
    fn unknown_or_empty_options_are_refused() {
        for options in [&["--pairs"][..], &["--pairs", "0"], &["--only", "both"], &["--speed", "1"]] {
            assert_eq!(Effort::of(options), Err(USAGE.to_owned()));
        }
    }
}
