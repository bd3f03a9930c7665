//! Paired runs in the order A B B A, and the medians of their ratios.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::product::Product;

/// Which direction of a figure is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Rates.
    Higher,
    /// Times, CPU and memory.
    Lower,
    /// What a reader needs beside the others and no product is judged by.
    Neither,
}

/// One figure of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Which direction is better.
    pub better: Better,
}

impl Figure {
    /// A figure whose larger values are better.
    pub fn higher(name: &str, value: f64) -> Figure {
        Figure { name: name.to_owned(), value, better: Better::Higher }
    }

    /// A figure whose smaller values are better.
    pub fn lower(name: &str, value: f64) -> Figure {
        Figure { name: name.to_owned(), value, better: Better::Lower }
    }

    /// A figure that is only shown.
    pub fn context(name: &str, value: f64) -> Figure {
        Figure { name: name.to_owned(), value, better: Better::Neither }
    }

    /// How many times better this is than `other`; `None` where a figure is not positive or
    /// no judgement.
    fn advantage_over(&self, other: &Figure) -> Option<f64> {
        if self.value <= 0.0 || other.value <= 0.0 {
            return None;
        }
        match self.better {
            Better::Higher => Some(self.value / other.value),
            Better::Lower => Some(other.value / self.value),
            Better::Neither => None,
        }
    }
}

/// Figures of one run of a product.
pub type Figures = Vec<Figure>;

/// All runs of one measurement, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Whose run it was, and what it gave.
    pub runs: Vec<(Product, Figures)>,
    /// What a reader has to know beside the figures.
    pub notes: Vec<String>,
}

/// What happens in a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Before the runs of a pair: what they share is made.
    Begin(usize),
    /// One run of a product within a pair.
    Run(usize, Product),
    /// After the runs of a pair.
    End(usize),
}

/// Runs each product in turn, `pairs` times, each pair in the reverse order of the one before.
///
/// With one product there is nothing to pair: its runs follow each other. Only runs give figures.
pub fn run(
    products: &[Product],
    pairs: usize,
    mut act: impl FnMut(Step) -> Result<Figures, String>,
) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    let mut order = products.to_vec();
    for pair in 0..pairs {
        act(Step::Begin(pair))?;
        for product in &order {
            outcome.runs.push((*product, act(Step::Run(pair, *product))?));
        }
        act(Step::End(pair))?;
        order.reverse();
    }
    Ok(outcome)
}

impl Outcome {
    fn of(&self, product: Product) -> Vec<&Figures> {
        self.runs.iter().filter(|(of, _)| *of == product).map(|(_, figures)| figures).collect()
    }

    /// Median of a figure by name over a product's runs.
    pub fn median(&self, product: Product, name: &str) -> Option<f64> {
        let figures = self.of(product).into_iter().flatten();
        let values = figures.filter(|figure| figure.name == name).map(|figure| figure.value);
        spread(values.collect()).map(|[_, median, _]| median)
    }

    /// Largest median of a figure by name over the products.
    pub fn median_max(&self, name: &str) -> f64 {
        let medians = self.runs.iter().filter_map(|(product, _)| self.median(*product, name));
        medians.fold(0.0, f64::max)
    }

    /// What Naru is compared with: the older executable, or Kafka with those settings that did better by the first
    /// figure that judges.
    pub fn opponent(&self) -> Option<Product> {
        let judged = |product| {
            let first = self.of(product).into_iter().next()?.iter();
            let name = &first.clone().find(|figure| figure.better != Better::Neither)?.name;
            let better = first.clone().find(|figure| figure.name == *name)?.better;
            self.median(product, name).map(|median| (median, better))
        };
        let others = [Product::Kafka, Product::KafkaTuned, Product::Previous];
        let mut best: Option<(Product, f64)> = None;
        for product in others {
            let Some((median, better)) = judged(product) else { continue };
            let wins = best.is_none_or(|(_, other)| match better {
                Better::Higher => median > other,
                _ => median < other,
            });
            if wins {
                best = Some((product, median));
            }
        }
        best.map(|(product, _)| product)
    }

    /// One line per figure: median, least and greatest value of each side, and of the ratios of the pairs.
    pub fn table(&self) -> String {
        let left = self.opponent();
        let of = |product: Option<Product>| product.map(|product| self.of(product)).unwrap_or_default();
        let (others, own) = (of(left), self.of(Product::Naru));
        let name = left.map_or("-", Product::name);
        let mut table = format!("  {:<28}{name:>32}{:>32}{:>28}\n", "", "Naru", "times better");
        let first = others.first().or(own.first());
        for (column, figure) in first.into_iter().flat_map(|figures| figures.iter()).enumerate() {
            let values = |runs: &[&Figures]| {
                spread(runs.iter().filter_map(|run| run.get(column)).map(|figure| figure.value).collect())
            };
            let pairs = others.iter().zip(&own);
            let ratios: Option<Vec<f64>> =
                pairs.map(|(other, own)| own.get(column)?.advantage_over(other.get(column)?)).collect();
            let [left, right, ratio] = [values(&others), values(&own), ratios.and_then(spread)].map(cell);
            // Writing to a string cannot fail.
            let _ = writeln!(table, "  {:<28}{left:>32}{right:>32}{ratio:>28}", figure.name);
        }
        table
    }
}

/// Least value, median and greatest value.
fn spread(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let lower = if values.len().is_multiple_of(2) { *values.get(middle.checked_sub(1)?)? } else { upper };
    Some([*values.first()?, f64::midpoint(lower, upper), *values.last()?])
}

/// The median of some values, with the least and the greatest of them.
pub fn summary(values: Vec<f64>) -> String {
    cell(spread(values))
}

fn cell(spread: Option<[f64; 3]>) -> String {
    let Some([least, median, greatest]) = spread else { return "-".to_owned() };
    format!("{} ({} .. {})", digits(median), digits(least), digits(greatest))
}

/// Three to four significant digits, none behind the point from 1000 on.
pub fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Product; 2] = [Product::Kafka, Product::Naru];

    /// The outcome of runs that give these figures in turn.
    fn outcome_of(products: &[Product], pairs: usize, runs: Vec<Figures>) -> Outcome {
        let mut runs = runs.into_iter();
        run(products, pairs, |step| match step {
            Step::Run(..) => Ok(runs.next().unwrap()),
            _ => Ok(vec![]),
        })
        .unwrap()
    }

    #[test]
    fn pairs_alternate_their_order_and_are_framed() {
        let mut order = String::new();
        run(&BOTH, 3, |step| {
            order += &match step {
                Step::Begin(pair) => format!("{pair}<"),
                Step::Run(_, product) => product.name()[..1].to_owned(),
                Step::End(_) => ">".to_owned(),
            };
            Ok(vec![])
        })
        .unwrap();
        assert_eq!(order, "0<KN>1<NK>2<KN>");
    }

    #[test]
    fn ratios_are_of_pairs_and_above_one_where_naru_is_better() {
        // Rates 10 20 40 against 20 60 40, times 8 8 8 against 4 2 8: ratios 2 3 1 and 2 4 1.
        let runs = [(10.0, 8.0), (20.0, 4.0), (60.0, 2.0), (20.0, 8.0), (40.0, 8.0), (40.0, 8.0)];
        let figures = |(rate, time)| vec![Figure::higher("rate", rate), Figure::lower("time", time)];
        let outcome = outcome_of(&BOTH, 3, runs.map(figures).to_vec());
        let table = outcome.table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].ends_with("  2.00 (1.00 .. 3.00)"), "{table}");
        assert!(lines[2].ends_with("  2.00 (1.00 .. 4.00)"), "{table}");
        assert_eq!(outcome.median_max("rate"), 40.0);
    }

    #[test]
    fn naru_is_compared_with_the_settings_under_which_kafka_did_better() {
        let products = [Product::Kafka, Product::KafkaTuned, Product::Naru];
        type Judged = fn(&str, f64) -> Figure;
        for (judged, best) in [(Figure::higher as Judged, 12.0), (Figure::lower as Judged, 10.0)] {
            let figures = |value| vec![Figure::context("beside", 100.0 - value), judged("judged", value)];
            let outcome = outcome_of(&products, 1, [10.0, 12.0, 60.0].map(figures).to_vec());
            let expected = if best == 10.0 { Product::Kafka } else { Product::KafkaTuned };
            assert_eq!(outcome.opponent(), Some(expected));
            let (other, own) = if best == 10.0 { ("10.00", "0.167") } else { ("12.00", "5.00") };
            let table = outcome.table();
            let line = table.lines().nth(2).unwrap();
            assert!(line.contains(other) && line.ends_with(&format!("  {own} ({own} .. {own})")), "{line}");
        }
    }

    #[test]
    fn one_product_alone_has_figures_and_no_ratio() {
        let outcome = outcome_of(&[Product::Kafka], 2, vec![vec![Figure::higher("rate", 5.0)]; 2]);
        let table = outcome.table();
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["rate", "5.00", "(5.00", "..", "5.00)", "-", "-"]);
        let outcome = outcome_of(&[Product::Naru], 1, vec![vec![Figure::higher("rate", 5.0)]]);
        assert!(outcome.table().lines().nth(1).unwrap().contains(" - "), "{}", outcome.table());
    }

    #[test]
    fn a_figure_that_is_not_positive_has_no_ratio() {
        let runs = [10.0, -1.0].map(|value| vec![Figure::lower("added", value)]);
        assert!(outcome_of(&BOTH, 1, runs.to_vec()).table().lines().nth(1).unwrap().ends_with(" -"));
    }

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        assert_eq!(spread(vec![4.0, 1.0, 2.0, 9.0]), Some([1.0, 3.0, 9.0]));
        assert_eq!(spread(vec![]), None);
    }
}
