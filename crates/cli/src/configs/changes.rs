//! What `--alter` is to change: `--add-config`, `--add-config-file` and `--delete-config`.

use std::collections::BTreeMap;

use super::Ended;
use crate::options::Given;

/// Keys with their new values, and keys that are to be taken back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: BTreeMap<String, String>,
    pub(super) deleted: Vec<String>,
}

impl Changes {
    /// Reads what a line says.
    pub(super) fn read(given: &Given) -> Result<Changes, Ended> {
        let mut added = BTreeMap::new();
        if let Some(file) = given.value("add-config-file")? {
            added.extend(of_file(file)?);
        }
        if let Some(text) = given.value("add-config")? {
            added.extend(parse(text)?);
        }
        let is_fine = |key: &str| key.chars().all(|one| one.is_ascii_alphanumeric() || "$._-".contains(one));
        if let Some(key) = added.keys().find(|key| !is_fine(key)) {
            return Err(Ended::Told(format!("Invalid character found for config key: {key}")));
        }
        let deleted = given.values("delete-config").flat_map(|text| text.split(','));
        Ok(Changes { added, deleted: deleted.map(|key| key.trim().to_owned()).collect() })
    }

    /// The keys that are to be taken back and are not there, as the original lists them.
    pub(super) fn check_deleted(&self, is_there: impl Fn(&str) -> bool) -> Result<(), Ended> {
        let missing: Vec<&str> =
            self.deleted.iter().map(String::as_str).filter(|key| !is_there(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Ended::Told(format!("Invalid config(s): {}", missing.join(","))))
    }
}

fn of_file(file: &str) -> Result<BTreeMap<String, String>, Ended> {
    let properties = crate::files::properties(file).map_err(Ended::Failed)?;
    Ok(properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

/// Pairs of `key=value` with commas between; commas within brackets are the value's.
fn parse(text: &str) -> Result<BTreeMap<String, String>, Ended> {
    let mut parts = split_outside_brackets(text, ',');
    // As Java's `split`, which drops what is empty at the end.
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    let mut pairs = BTreeMap::new();
    for part in parts {
        let [key, value] = split_outside_brackets(part, '=')[..] else {
            return Err(Ended::told(
                "requirement failed: Invalid entity config: all configs to be added must be in the format \"key=val\" or  \"key=[val1,val2]\" to group values which contain commas.",
            ));
        };
        let value = value.replace(['[', ']'], "");
        pairs.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(pairs)
}

/// The parts between those separators that no bracket encloses: the next bracket behind them does not close.
fn split_outside_brackets(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(separator) {
        let rest = &text[at + separator.len_utf8()..];
        if !rest.find(['[', ']']).is_some_and(|next| rest[next..].starts_with(']')) {
            parts.push(&text[start..at]);
            start = at + separator.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configs::OPTIONS;

    fn read(words: &[&str]) -> Result<Changes, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Changes::read(&OPTIONS.read(&words).unwrap()).map_err(|ended| match ended {
            Ended::Told(sentence) => sentence,
            Ended::Failed(failure) => failure.to_string(),
        })
    }

    #[test]
    fn values_with_commas_stand_in_brackets() {
        let added = |text: &str| read(&["--add-config", text]).map(|changes| changes.added);
        for (text, pairs) in [
            ("a=1", &[("a", "1")] as &[(&str, &str)]),
            ("a=1,b.c = 2,", &[("a", "1"), ("b.c", "2")]),
            ("a=[1,2],b=3", &[("a", "1,2"), ("b", "3")]),
            ("a=[iterations=8192,password=x=y]", &[("a", "iterations=8192,password=x=y")]),
            ("a=,b=", &[("a", ""), ("b", "")]),
        ] {
            let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            assert_eq!(added(text), Ok(pairs.collect()), "{text}");
        }
        for text in ["a", "a=b=c", "a=1,b", ""] {
            assert!(
                added(text).unwrap_err().starts_with("requirement failed: Invalid entity config"),
                "{text}"
            );
        }
        assert_eq!(added("a b=1"), Err("Invalid character found for config key: a b".to_owned()));
    }

    #[test]
    fn keys_to_take_back_come_in_lists() {
        let changes = read(&["--delete-config", "a, b", "--delete-config", "c"]).unwrap();
        assert_eq!(changes.deleted, ["a", "b", "c"]);
        let told = changes.check_deleted(|key| key == "b").unwrap_err();
        assert!(matches!(told, Ended::Told(text) if text == "Invalid config(s): a,c"));
    }
}
