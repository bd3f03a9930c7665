//! Settings of producers and consumers, gathered from the places where tools take them.

use std::collections::BTreeMap;

use client::{Consumer, Producer};
use config::{ClientKind, ClientSettings};

use crate::Output;
use crate::admin_tool::{check_names, not_created};
use crate::failure::Failure;
use crate::options::{Given, Refusal};

/// What was written, by key; later ones replace earlier ones.
#[derive(Debug, Default)]
pub(crate) struct Written {
    entries: BTreeMap<String, String>,
}

impl Written {
    /// The settings of a file.
    pub(crate) fn of_file(file: &str) -> Result<Written, Failure> {
        let properties = crate::files::properties(file)?;
        let entries = properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok(Written { entries: entries.collect() })
    }

    /// The settings of a file where one is named.
    pub(crate) fn of_file_if_any(file: Option<&str>) -> Result<Written, Failure> {
        file.map_or_else(|| Ok(Written::default()), Written::of_file)
    }

    /// Words as `key=value`; one without a value has an empty one.
    pub(crate) fn of_words<'w>(words: impl Iterator<Item = &'w str>) -> Written {
        let entries = words.map(|word| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            (key.to_owned(), value.to_owned())
        });
        Written { entries: entries.collect() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.entries.insert(key.to_owned(), value.into());
    }

    /// Sets what is not written.
    pub(crate) fn set_default(&mut self, key: &str, value: &str) {
        if self.get(key).is_none() {
            self.set(key, value);
        }
    }

    pub(crate) fn extend(&mut self, other: Written) {
        self.entries.extend(other.entries);
    }

    /// The value of an option where it was given, else what is written, else the option's default.
    pub(crate) fn merge(
        &mut self,
        key: &str,
        given: &Given,
        option: &str,
        default: &str,
    ) -> Result<(), Refusal> {
        if let Some(value) = given.value(option)? {
            self.set(key, value);
        } else {
            self.set_default(key, default);
        }
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Reads them for a kind of client. Keys that no setting has but which look like one are named, with the one that was maybe
    /// meant.
    pub(crate) fn settings(
        &self,
        kind: ClientKind,
        output: &mut Output<'_>,
    ) -> Result<ClientSettings, Failure> {
        let settings =
            ClientSettings::read(kind, self.iter()).map_err(|error| Failure::setting(error.to_string()))?;
        for (key, meant) in settings.unknown() {
            if let Some(meant) = meant {
                let _ = writeln!(
                    output.err,
                    "naru: {key} is no setting of this client and has no effect; is {meant} meant?"
                );
            }
        }
        Ok(settings)
    }
}

/// The id of a group that nobody has and nobody comes back to.
pub(crate) fn new_group(tool: &str) -> String {
    format!("{tool}-{}", getrandom::u32().unwrap_or_default() % 100_000)
}

/// A consumer with these settings.
pub(crate) fn consumer(settings: &ClientSettings) -> Result<Consumer, Failure> {
    let created = Consumer::new(settings).map_err(|error| error.to_string());
    // Settings that exclude each other are refused before there is anything to construct.
    if let Err(cause) = created.as_ref()
        && cause.contains(" cannot be set when group.protocol=")
    {
        return Err(Failure::setting(cause));
    }
    let checked = created.and_then(|consumer| check_names(settings).map(|()| consumer));
    checked.map_err(|cause| not_created("Failed to construct kafka consumer", &cause))
}

/// A producer with these settings.
pub(crate) fn producer(settings: &ClientSettings) -> Result<Producer, Failure> {
    let created = Producer::new(settings).map_err(|error| error.to_string());
    let checked = created.and_then(|producer| check_names(settings).map(|()| producer));
    checked.map_err(|cause| not_created("Failed to construct kafka producer", &cause))
}

/// Options that say the same in old and new words: both together are refused, the old one is met with advice, which begins
/// with a word of the tool's own.
pub(crate) fn check_renamed(
    given: &Given,
    renamed: &[(&str, &str)],
    word: &str,
    output: &mut Output<'_>,
) -> Result<(), Refusal> {
    for (old, new) in renamed {
        if given.has(old) && given.has(new) {
            let (first, second) = if word == "Warning:" { (new, old) } else { (old, new) };
            let sentence = format!("Options --{first} and --{second} cannot be specified together.");
            return Err(Refusal::Usage(sentence));
        }
    }
    for (old, new) in renamed.iter().filter(|(old, _)| given.has(old)) {
        let _ = writeln!(
            output.out,
            "{word} --{old} is deprecated and will be removed in a future version. Use --{new} instead."
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_words_replace_earlier_ones() {
        let mut written = Written::of_words(["a=1", "b", "c=x=y"].into_iter());
        written.extend(Written::of_words(["a=2"].into_iter()));
        let all: Vec<_> = written.iter().collect();
        assert_eq!(all, [("a", "2"), ("b", ""), ("c", "x=y")]);
    }

    #[test]
    fn a_setting_that_is_none_is_answered_with_the_one_that_was_meant() {
        let written = Written::of_words(["max.pol.interval.ms=1", "my.own=2"].into_iter());
        let (mut out, mut err) = (Vec::new(), Vec::new());
        written.settings(ClientKind::Consumer, &mut Output { out: &mut out, err: &mut err }).unwrap();
        let said = String::from_utf8(err).unwrap();
        assert_eq!(said.lines().count(), 1);
        assert!(said.contains("is max.poll.interval.ms meant?"), "{said}");
    }
}
