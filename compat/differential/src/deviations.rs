//! Differences that are decided. Each names its paragraph in `compat/deviations.txt`; one that no longer occurs
//! fails the run, so that the table only holds what is true.

use crate::compare::Difference;

/// The paragraphs that users read.
const PARAGRAPHS: &str = include_str!("../../deviations.txt");

/// One decided difference.
#[derive(Debug)]
pub struct Deviation {
    /// Beginning of its paragraph.
    pub paragraph: &'static str,
    /// Name of the case, or its beginning.
    pub case: &'static str,
    /// Part of the answer's label.
    pub label: &'static str,
    /// End of the field's path.
    pub path: &'static str,
    /// What Kafka says, or a part of it.
    pub kafka: &'static str,
    /// What Naru says, or a part of it.
    pub naru: &'static str,
}

/// Every decided difference.
pub const DECIDED: &[Deviation] = &[];

impl Deviation {
    /// True where this is the difference meant.
    pub fn covers(&self, case: &str, difference: &Difference) -> bool {
        case.starts_with(self.case)
            && difference.label.contains(self.label)
            && difference.path.ends_with(self.path)
            && difference.kafka.contains(self.kafka)
            && difference.naru.contains(self.naru)
    }

    /// True where `compat/deviations.txt` has the paragraph.
    pub fn is_written_down(&self) -> bool {
        let plain = PARAGRAPHS.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        plain.into_iter().any(|paragraph| paragraph.starts_with(self.paragraph))
    }
}
