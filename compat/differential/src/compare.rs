//! Two runs of one case, value by value.

use std::collections::{BTreeMap, BTreeSet};

use crate::fields::Field;
use crate::session::Exchange;

/// Stands for a value that one side does not show.
pub const ABSENT: &str = "(absent)";

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The answer.
    pub label: String,
    /// The field.
    pub path: String,
    /// What Kafka says.
    pub kafka: String,
    /// What Naru says.
    pub naru: String,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Answers compared.
    pub answers: usize,
    /// Values compared.
    pub fields: usize,
    /// Those that differ.
    pub differences: Vec<Difference>,
}

/// Compares what the two servers answered to the same script.
pub fn compare(kafka: &[Exchange], naru: &[Exchange]) -> Outcome {
    let mut outcome = Outcome { answers: kafka.len().max(naru.len()), ..Outcome::default() };
    for place in 0..outcome.answers {
        let (one, other) = (kafka.get(place), naru.get(place));
        let labels = [one, other].map(|exchange| exchange.map_or(ABSENT, |exchange| &exchange.label));
        if labels[0] != labels[1] {
            outcome.differences.push(Difference {
                label: labels[0].to_owned(),
                path: "the script".to_owned(),
                kafka: labels[0].to_owned(),
                naru: labels[1].to_owned(),
            });
            break;
        }
        let sizes = [one, other].map(|exchange| exchange.and_then(|exchange| exchange.size));
        let [one, other] = [one, other].map(|exchange| exchange.map_or(&[][..], |exchange| &exchange.fields));
        outcome.fields += one.len().max(other.len());
        let differences = differences(labels[0], one, other);
        if differences.is_empty() && sizes[0] != sizes[1] {
            outcome.differences.push(Difference {
                label: labels[0].to_owned(),
                path: "bytes of the frame".to_owned(),
                kafka: format!("{:?}", sizes[0]),
                naru: format!("{:?}", sizes[1]),
            });
        }
        outcome.differences.extend(differences);
    }
    outcome
}

fn differences(label: &str, kafka: &[Field], naru: &[Field]) -> Vec<Difference> {
    let by_path = |fields: &[Field]| -> BTreeMap<String, String> {
        fields.iter().map(|field| (field.path.clone(), field.value.clone())).collect()
    };
    let (kafka, naru) = (by_path(kafka), by_path(naru));
    let paths: BTreeSet<&String> = kafka.keys().chain(naru.keys()).collect();
    let value = |fields: &BTreeMap<String, String>, path: &String| {
        fields.get(path).map_or(ABSENT, String::as_str).to_owned()
    };
    let pairs = paths.into_iter().map(|path| Difference {
        label: label.to_owned(),
        path: path.clone(),
        kafka: value(&kafka, path),
        naru: value(&naru, path),
    });
    pairs.filter(|pair| pair.kafka != pair.naru).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(label: &str, fields: &[(&str, &str)]) -> Exchange {
        let field = |(path, value): &(&str, &str)| Field { path: (*path).into(), value: (*value).into() };
        Exchange {
            label: label.to_owned(),
            api: None,
            fields: fields.iter().map(field).collect(),
            size: None,
        }
    }

    #[test]
    fn a_value_that_differs_and_one_that_lacks_are_found() {
        let kafka = [exchange("a", &[("x", "1"), ("y", "2")])];
        let naru = [exchange("a", &[("x", "1"), ("y", "3"), ("z", "4")])];
        let outcome = compare(&kafka, &naru);
        assert_eq!((outcome.answers, outcome.fields), (1, 3));
        let found: Vec<_> =
            outcome.differences.iter().map(|one| (&*one.path, &*one.kafka, &*one.naru)).collect();
        assert_eq!(found, [("y", "2", "3"), ("z", ABSENT, "4")]);
    }

    #[test]
    fn the_same_values_in_other_bytes_are_a_difference() {
        let sized = |size| [Exchange { size: Some(size), ..exchange("a", &[("x", "1")]) }];
        assert!(compare(&sized(9), &sized(9)).differences.is_empty());
        assert_eq!(compare(&sized(9), &sized(11)).differences[0].path, "bytes of the frame");
    }

    #[test]
    fn scripts_that_part_are_a_difference() {
        let outcome = compare(&[exchange("a", &[]), exchange("b", &[])], &[exchange("a", &[])]);
        assert_eq!(outcome.differences[0].naru, ABSENT);
    }
}
