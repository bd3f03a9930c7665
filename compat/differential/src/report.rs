//! Differences as a reader wants them: the same one in many versions is one line.

use crate::compare::{ABSENT, Difference};

/// Lines of one case; the rest is counted.
const LINES_MAX: usize = 60;
/// Lines about fields that one side lacks, per answer: they come in blocks.
const ABSENT_MAX: usize = 3;

struct Line<'d> {
    api: &'d str,
    note: &'d str,
    versions: Vec<&'d str>,
    difference: &'d Difference,
}

/// Text of the differences, grouped over versions.
pub fn lines(differences: &[Difference]) -> Vec<String> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for difference in differences {
        let (api, version, note) = parts(&difference.label);
        let same = |line: &&mut Line<'_>| {
            let other = line.difference;
            line.api == api
                && line.note == note
                && (&other.path, &other.kafka, &other.naru)
                    == (&difference.path, &difference.kafka, &difference.naru)
        };
        match lines.iter_mut().find(same) {
            Some(line) => line.versions.push(version),
            None => lines.push(Line { api, note, versions: vec![version], difference }),
        }
    }
    let mut shown = Vec::new();
    let mut absent = (("", ""), 0);
    for line in &lines {
        let Line { api, note, versions, difference } = line;
        if difference.kafka == ABSENT || difference.naru == ABSENT {
            absent = if absent.0 == (*api, *note) { (absent.0, absent.1 + 1) } else { ((api, note), 1) };
            if absent.1 > ABSENT_MAX {
                continue;
            }
        }
        let versions = versions.join(",");
        let Difference { path, kafka, naru, .. } = difference;
        shown
            .push(format!("    {api} {versions} ({note}) {path}\n      Kafka  {kafka}\n      Naru   {naru}"));
    }
    if shown.len() > LINES_MAX {
        let more = shown.len() - LINES_MAX;
        shown.truncate(LINES_MAX);
        shown.push(format!("    and {more} more"));
    }
    shown
}

/// API, version and note of a label.
fn parts(label: &str) -> (&str, &str, &str) {
    let (api, rest) = label.split_once(' ').unwrap_or((label, ""));
    let (version, note) = rest.split_once(' ').unwrap_or((rest, ""));
    if version.parse::<i16>().is_ok() { (api, version, note) } else { (label, "", "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_difference_in_two_versions_is_one_line() {
        let difference = |label: &str| Difference {
            label: label.to_owned(),
            path: "x".to_owned(),
            kafka: "1".to_owned(),
            naru: "2".to_owned(),
        };
        let lines =
            lines(&[difference("Fetch 4 from 0"), difference("Fetch 5 from 0"), difference("Fetch 4 at 1")]);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("    Fetch 4,5 (from 0) x"), "{}", lines[0]);
    }
}
