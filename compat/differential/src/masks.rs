//! What must differ between two servers gets the same name on both: ids, times, ports, folders.
//!
//! An id is replaced by its place in the order of first appearance within a case, so that two answers that
//! should show the same id still have to.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fields::Field;

/// Fields that hold an id drawn by the server; zero, -1 and the empty text stand as they are.
const IDS: &[&str] = &[
    "topic_id",
    "session_id",
    "producer_id",
    "cluster_id",
    "replica_directory_id",
    "port",
    "log_dir",
    "broker_epoch",
    "member_id",
    "leader",
];

/// Fields whose value says only how much the server has done so far, or how large its disk is.
const AMOUNTS: &[&str] = &["finalized_features_epoch", "total_bytes", "usable_bytes"];

/// A number this near to the clock is a time of this run.
const NEAR_MS: i64 = 24 * 3600 * 1000;

/// The names given so far.
#[derive(Debug, Default)]
pub struct Masks {
    names: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
    /// Ids by their raw text, to be replaced inside sentences.
    inside_text: Vec<(String, String)>,
}

impl Masks {
    /// Replaces what may differ in the fields of one answer.
    pub fn apply(&mut self, fields: &mut [Field]) {
        for field in &mut *fields {
            let name = last_name(&field.path);
            if let Some(kind) = IDS.iter().copied().find(|kind| *kind == name) {
                self.name(kind, &mut field.value);
            } else if AMOUNTS.contains(&name) {
                if !matches!(field.value.as_str(), "-1" | "0") {
                    field.value = "<amount>".to_owned();
                }
            } else if field.value.parse().is_ok_and(is_now) {
                field.value = "<now>".to_owned();
            }
        }
        for field in fields {
            if field.value.starts_with('"') {
                mask_times(&mut field.value);
                for (raw, name) in &self.inside_text {
                    field.value = field.value.replace(raw, name);
                }
            }
        }
    }

    fn name(&mut self, kind: &'static str, value: &mut String) {
        let raw = value.trim_matches('"');
        let is_none = raw.is_empty() || raw.bytes().all(|byte| byte == b'A');
        if is_none || matches!(raw, "None" | "0" | "-1") {
            return;
        }
        let key = format!("{kind} {raw}");
        if let Some(name) = self.names.get(&key) {
            return value.clone_from(name);
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("<{kind} {count}>");
        if raw.len() >= 20 {
            self.inside_text.push((raw.to_owned(), name.clone()));
        }
        self.names.insert(key, name.clone());
        *value = name;
    }
}

/// A span of time that a sentence names follows the clock.
fn mask_times(text: &mut String) {
    if let Some(start) = text.find("should be within [")
        && let Some(length) = text[start..].find(']')
    {
        text.replace_range(start..=start + length, "should be within <times>");
    }
}

/// Name of the field at the end of a path, without places.
pub fn last_name(path: &str) -> &str {
    let path = path.rsplit_once('.').map_or(path, |(_, name)| name);
    path.split('[').next().unwrap_or(path)
}

fn is_now(value: i64) -> bool {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or_default();
    (value - now_ms).abs() < NEAR_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str, value: &str) -> Field {
        Field { path: path.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn ids_are_named_by_their_first_appearance() {
        let mut fields = [
            field("topics[0].topic_id", "W-xxxxxxxxxxxxxxxxxxxx"),
            field("topics[1].topic_id", "V-xxxxxxxxxxxxxxxxxxxx"),
            field("topics[2].topic_id", "W-xxxxxxxxxxxxxxxxxxxx"),
            field("topics[3].topic_id", "AAAAAAAAAAAAAAAAAAAAAA"),
            field("error_message", "\"no W-xxxxxxxxxxxxxxxxxxxx here\""),
            field("leader_id", "1"),
        ];
        Masks::default().apply(&mut fields);
        let values = fields.map(|field| field.value);
        let expected = ["<topic_id 1>", "<topic_id 2>", "<topic_id 1>", "AAAAAAAAAAAAAAAAAAAAAA"];
        assert_eq!(values[..4], expected);
        assert_eq!(values[4..], ["\"no <topic_id 1> here\"", "1"]);
    }
}
