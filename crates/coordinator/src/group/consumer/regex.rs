//! Topics by regular expression. The host resolves them, for it knows all topics and what members may see; what it found
//! is stored, and asked for again when topics were created or it has become old.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::ConsumerGroupRegularExpressionValue;

use super::check::Refusal;
use super::{ConsumerGroup, Turn};
use crate::record::Record;
use crate::step::ResolveRegexes;

/// How long the topics of regular expressions are not asked for again, in milliseconds.
const PAUSE_MS: i64 = 10_000;

/// Topics that a regular expression stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    pub topics: BTreeSet<String>,
    /// The version of the metadata in which they were found.
    pub version: i64,
    /// When they were, in milliseconds since 1970.
    pub at_ms: i64,
}

/// The regular expressions of a group whose topics are known.
#[derive(Debug, Default)]
pub struct Regexes {
    resolved: BTreeMap<String, Resolved>,
    /// The host was asked and has not answered yet.
    is_asked: bool,
}

/// What the host has found for the regular expressions of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Regular expressions, each with the names of the topics that it matches as a whole and that the member which asked
    /// may describe.
    pub found: Vec<(String, Vec<String>)>,
    /// The version of the metadata that was searched.
    pub version: i64,
    /// When the search began, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What a member has done to its regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegexChange {
    /// Nothing.
    None,
    /// It has another, whose topics are not known yet.
    Unresolved,
    /// It has another, whose topics are known, or none any more.
    Resolved,
}

/// What was known of the topics of a group's regular expressions before a member said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    count: usize,
    /// All are resolved together: version and time of one.
    last: Option<(i64, i64)>,
}

impl Resolved {
    /// As its record says.
    pub fn from_value(value: &ConsumerGroupRegularExpressionValue<'_>) -> Resolved {
        Resolved {
            topics: value.topics.iter().map(ToString::to_string).collect(),
            version: value.version,
            at_ms: value.timestamp,
        }
    }
}

impl Regexes {
    pub fn len(&self) -> usize {
        self.resolved.len()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.resolved.keys().map(String::as_str)
    }

    /// Topics that a regular expression stands for, as far as that is known.
    pub fn topics(&self, regex: &str) -> impl Iterator<Item = &String> {
        self.resolved.get(regex).into_iter().flat_map(|resolved| resolved.topics.iter())
    }

    pub fn all_topics(&self) -> impl Iterator<Item = &str> {
        self.resolved.values().flat_map(|resolved| resolved.topics.iter().map(String::as_str))
    }

    /// How many of them stand for a topic.
    pub fn matched(&self, topic: &str) -> usize {
        self.resolved.values().filter(|resolved| resolved.topics.contains(topic)).count()
    }

    pub fn set(&mut self, regex: &str, resolved: Resolved) {
        self.resolved.insert(regex.to_owned(), resolved);
    }

    pub fn remove(&mut self, regex: &str) {
        self.resolved.remove(regex);
    }

    pub(super) fn seen(&self) -> Seen {
        let last = self.resolved.values().next().map(|resolved| (resolved.version, resolved.at_ms));
        Seen { count: self.resolved.len(), last }
    }
}

impl ConsumerGroup {
    /// Refuses what is no regular expression. One that somebody reads by already was checked before.
    pub(super) fn check_regex(&self, before: &str, regex: &str, turn: &Turn<'_>) -> Result<(), Refusal> {
        if regex == before || regex.is_empty() || self.members.readers_by(regex) > 0 {
            return Ok(());
        }
        turn.topics.check_regex(regex).map_err(|fault| {
            let message =
                format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {fault}.");
            Refusal::new(ErrorCode::INVALID_REGULAR_EXPRESSION, message)
        })
    }

    /// A member, which is counted already, reads by another regular expression.
    pub(super) fn change_regex(&mut self, before: &str, regex: &str, turn: &mut Turn<'_>) -> RegexChange {
        if before == regex {
            return RegexChange::None;
        }
        if !before.is_empty() && self.members.readers_by(before) == 0 {
            self.write(Record::regex_gone(&self.id, before), turn);
        }
        let is_known = regex.is_empty() || self.regexes.resolved.contains_key(regex);
        if is_known { RegexChange::Resolved } else { RegexChange::Unresolved }
    }

    /// Asks the host for the topics of all regular expressions where those that are known do not do any more.
    pub(super) fn refresh_regexes(
        &mut self,
        member: &Arc<str>,
        change: RegexChange,
        seen: Seen,
        turn: &mut Turn<'_>,
    ) {
        let regexes = self.members.regexes();
        if regexes.is_empty() || self.regexes.is_asked {
            return;
        }
        let is_fresh = |at_ms: i64| turn.now_ms <= at_ms.saturating_add(PAUSE_MS);
        if seen.last.is_some_and(|(_, at_ms)| is_fresh(at_ms)) {
            return;
        }
        let interval_ms = turn.settings.consumer.regex_refresh_interval_ms;
        let is_old = seen.last.is_none_or(|(version, at_ms)| {
            turn.topics_created_in.is_some_and(|created| version < created)
                || turn.now_ms > at_ms.saturating_add(interval_ms)
        });
        if is_old || change == RegexChange::Unresolved || seen.count != regexes.len() {
            let (group, member) = (Arc::clone(&self.id), Arc::clone(member));
            let regexes = regexes.keys().cloned().collect();
            turn.step.resolve = Some(ResolveRegexes { group, member, regexes });
            self.regexes.is_asked = true;
        }
    }

    /// The host has answered; without a resolution it could not find out.
    pub fn regexes_resolved(&mut self, resolution: Option<Resolution>, turn: &mut Turn<'_>) {
        self.regexes.is_asked = false;
        let Some(Resolution { found, version, at_ms }) = resolution else { return };
        let mut asks = false;
        for (regex, topics) in found {
            if self.members.readers_by(&regex) == 0 {
                continue;
            }
            let resolved = Resolved { topics: topics.into_iter().collect(), version, at_ms };
            let known = self.regexes.resolved.get(&regex);
            asks |= known.map_or(!resolved.topics.is_empty(), |known| known.topics != resolved.topics);
            self.write(Record::regex(&self.id, &regex, &resolved), turn);
        }
        let hash = self.hash_of_topics(turn);
        if asks || hash != self.metadata_hash {
            self.refresh_topics(asks, "regular expressions match other topics".to_owned(), turn);
        }
    }
}
