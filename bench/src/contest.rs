//! Which settings Kafka is measured with: those under which it does better in a short contest before the pairs.

use crate::effort::Effort;
use crate::pairs::{self, Better, Figures, Step, digits};
use crate::product::{Product, Tuned};

/// Its defaults, and tuned for the row.
const BOTH: [Product; 2] = [Product::Kafka, Product::KafkaTuned];

/// Who takes part in the pairs of a table.
#[derive(Debug, PartialEq)]
pub struct Choice {
    /// Those that take part, in the order of the first pair.
    pub products: Vec<Product>,
    /// Why Kafka has these settings, where it had a choice.
    pub note: Option<String>,
}

/// Runs Kafka with its defaults and tuned in turn, `rounds` times each and smaller than in the pairs, and keeps the one
/// that does better by the first figure that judges.
///
/// The servers are as warm as they are for the pairs, so a short run tells the two apart; where it does not, they are
/// alike, and either is Kafka's best.
pub fn choose(
    effort: &Effort,
    tuned: &Tuned,
    rounds: usize,
    mut run: impl FnMut(&Effort, Product) -> Result<Figures, String>,
) -> Result<Choice, String> {
    let mut products = effort.products.clone();
    if !BOTH.iter().all(|product| products.contains(product)) {
        return Ok(Choice { products, note: None });
    }
    let trial = effort.of_contest();
    let outcome = pairs::run(&BOTH, rounds, |step| match step {
        Step::Run(_, product) => run(&trial, product),
        Step::Begin(_) | Step::End(_) => Ok(Vec::new()),
    })?;
    let best = outcome.opponent().unwrap_or(Product::Kafka);
    products.retain(|product| !BOTH.contains(product) || *product == best);
    let judged = outcome.runs.iter().flat_map(|(_, figures)| figures);
    let name = judged.clone().find(|figure| figure.better != Better::Neither).map(|figure| &figure.name);
    let note = name.map(|name| {
        let [default, tuned_one] = BOTH.map(|product| outcome.median(product, name).map_or("-".into(), digits));
        format!(
            "the better Kafka of a short contest: {name} {default} with its defaults, {tuned_one} tuned for {}",
            tuned.name
        )
    });
    Ok(Choice { products, note })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::Figure;
    use crate::product::SMALL;

    #[test]
    fn the_better_kafka_stays_and_the_note_has_both() {
        for (default, tuned, best) in [(10.0, 12.0, Product::KafkaTuned), (12.0, 10.0, Product::Kafka)] {
            let mut order = Vec::new();
            let effort = Effort::of(&[]).unwrap();
            let choice = choose(&effort, &SMALL, 2, |trial, product| {
                assert!(trial.scale_percent < effort.scale_percent);
                order.push(product);
                let rate = if product == Product::Kafka { default } else { tuned };
                Ok(vec![Figure::context("beside", 1.0), Figure::higher("rate", rate)])
            });
            let choice = choice.unwrap();
            assert_eq!(choice.products, [best, Product::Naru]);
            assert_eq!(order, [BOTH[0], BOTH[1], BOTH[1], BOTH[0]]);
            let note = choice.note.unwrap();
            assert!(
                note.contains(&format!("rate {default:.2} with its defaults, {tuned:.2} tuned for small"))
            );
        }
    }

    #[test]
    fn without_a_choice_there_is_no_contest() {
        for options in [["--only", "naru"], ["--kafka", "tuned"], ["--against", "x"]] {
            let effort = Effort::of(&options).unwrap();
            let choice = choose(&effort, &SMALL, 1, |_, _| Err("no run is wanted".to_owned())).unwrap();
            assert_eq!(choice, Choice { products: effort.products, note: None });
        }
    }
}
