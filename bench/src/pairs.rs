//! Paired runs in the order A B B A, and the medians of their ratios.

use std::fmt::Write;

use crate::process::Product;

/// Which direction of a figure is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Rates.
    Higher,
    /// Times, CPU and memory.
    Lower,
    /// What a reader needs beside the others and no product is judged by.
    Neither,
}

/// One figure of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Which direction is better.
    pub better: Better,
}

impl Figure {
    /// A figure whose larger values are better.
    pub fn higher(name: &'static str, value: f64) -> Figure {
        Figure { name, value, better: Better::Higher }
    }

    /// A figure whose smaller values are better.
    pub fn lower(name: &'static str, value: f64) -> Figure {
        Figure { name, value, better: Better::Lower }
    }

    /// A figure that is only shown.
    pub fn context(name: &'static str, value: f64) -> Figure {
        Figure { name, value, better: Better::Neither }
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

/// All runs of one measurement.
#[derive(Debug, Default)]
pub struct Outcome {
    kafka: Vec<Vec<Figure>>,
    naru: Vec<Vec<Figure>>,
}

/// Runs `once` on each product in turn, `pairs` times, each pair in the reverse order of the one before.
///
/// With one product there is nothing to pair: its runs follow each other.
pub fn run(
    products: &[Product],
    pairs: usize,
    mut once: impl FnMut(Product) -> Result<Vec<Figure>, String>,
) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    let mut order = products.to_vec();
    for _ in 0..pairs {
        for product in &order {
            let figures = once(*product)?;
            match product {
                Product::Kafka => outcome.kafka.push(figures),
                Product::Naru => outcome.naru.push(figures),
            }
        }
        order.reverse();
    }
    Ok(outcome)
}

impl Outcome {
    /// Largest median of a figure by name over the products.
    pub fn median_max(&self, name: &str) -> f64 {
        let of = |runs: &[Vec<Figure>]| {
            let values =
                runs.iter().flatten().filter(|figure| figure.name == name).map(|figure| figure.value);
            spread(values.collect()).map_or(0.0, |[_, median, _]| median)
        };
        of(&self.kafka).max(of(&self.naru))
    }

    /// One line per figure: median, least and greatest value of each product, and of the ratios of the pairs.
    pub fn table(&self) -> String {
        let mut table = format!("  {:<24}{:>32}{:>32}{:>28}\n", "", "Kafka", "Naru", "times better");
        let first = self.kafka.first().or(self.naru.first());
        for (column, figure) in first.into_iter().flatten().enumerate() {
            let values = |runs: &[Vec<Figure>]| {
                spread(runs.iter().filter_map(|run| run.get(column)).map(|figure| figure.value).collect())
            };
            let pairs = self.kafka.iter().zip(&self.naru);
            let ratios: Option<Vec<f64>> =
                pairs.map(|(kafka, naru)| naru.get(column)?.advantage_over(kafka.get(column)?)).collect();
            let cells = [values(&self.kafka), values(&self.naru), ratios.and_then(spread)].map(cell);
            let [kafka, naru, ratio] = cells;
            // Writing to a string cannot fail.
            let _ = writeln!(table, "  {:<24}{kafka:>32}{naru:>32}{ratio:>28}", figure.name);
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

fn cell(spread: Option<[f64; 3]>) -> String {
    let Some([least, median, greatest]) = spread else { return "-".to_owned() };
    format!("{} ({} .. {})", digits(median), digits(least), digits(greatest))
}

/// Three to four significant digits, none behind the point from 1000 on.
fn digits(value: f64) -> String {
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

    #[test]
    fn pairs_alternate_their_order() {
        let mut order = String::new();
        run(&BOTH, 3, |product| {
            order += &product.to_string()[..1];
            Ok(vec![])
        })
        .unwrap();
        assert_eq!(order, "KNNKKN");
    }

    #[test]
    fn ratios_are_of_pairs_and_above_one_where_naru_is_better() {
        // Rates 10 20 40 against 20 60 40, times 8 8 8 against 4 2 8: ratios 2 3 1 and 2 4 1.
        let mut runs =
            [(10.0, 8.0), (20.0, 4.0), (60.0, 2.0), (20.0, 8.0), (40.0, 8.0), (40.0, 8.0)].into_iter();
        let outcome = run(&BOTH, 3, |_| {
            let (rate, time) = runs.next().unwrap();
            Ok(vec![Figure::higher("rate", rate), Figure::lower("time", time)])
        })
        .unwrap();
        let table = outcome.table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].ends_with("  2.00 (1.00 .. 3.00)"), "{table}");
        assert!(lines[2].ends_with("  2.00 (1.00 .. 4.00)"), "{table}");
        assert_eq!(outcome.median_max("rate"), 40.0);
    }

    #[test]
    fn one_product_alone_has_figures_and_no_ratio() {
        let outcome = run(&[Product::Kafka], 2, |_| Ok(vec![Figure::higher("rate", 5.0)])).unwrap();
        assert!(
            outcome
                .table()
                .lines()
                .nth(1)
                .unwrap()
                .ends_with("5.00 (5.00 .. 5.00)                               -                           -")
        );
    }

    #[test]
    fn a_figure_that_is_not_positive_has_no_ratio() {
        let mut values = [10.0, -1.0].into_iter();
        let outcome = run(&BOTH, 1, |_| Ok(vec![Figure::lower("added", values.next().unwrap())])).unwrap();
        assert!(outcome.table().lines().nth(1).unwrap().ends_with(" -"));
    }

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        assert_eq!(spread(vec![4.0, 1.0, 2.0, 9.0]), Some([1.0, 3.0, 9.0]));
        assert_eq!(spread(vec![]), None);
    }
}
