//! What members read, and when that asks for another assignment.

use std::sync::Arc;

use super::member::Metadata;
use super::regex::RegexChange;
use super::{ConsumerGroup, Turn};
use crate::record::Record;

/// How long a group trusts what it has made of its topics, in milliseconds. It is told of changes; this is for those
/// that it was not told of.
const REFRESH_MS: i64 = 60 * 60 * 1000;

/// What a member has said so far, and says now.
#[derive(Debug)]
pub struct News {
    pub before: Metadata,
    pub now: Metadata,
}

impl ConsumerGroup {
    /// A member comes, says something else than before, or nothing; true where it reads something else.
    pub(super) fn update_member(&mut self, id: &Arc<str>, news: Option<News>, turn: &mut Turn<'_>) -> bool {
        let is_new = !self.members.contains(id);
        let seen = self.regexes.seen();
        let (mut reads_other_names, mut regex_change) = (false, RegexChange::None);
        if let Some(News { before, now }) = news {
            reads_other_names = now.topics != before.topics;
            self.write(Record::member(&self.id, id, now.value()), turn);
            regex_change = self.change_regex(&before.regex, &now.regex, turn);
        }
        self.refresh_regexes(id, regex_change, seen, turn);
        // Where a regular expression has to be resolved yet, its topics will ask.
        let asks = reads_other_names || regex_change == RegexChange::Resolved;
        if asks || turn.now_ms >= self.refresh_at_ms {
            let cause = match is_new {
                true => format!("member {id} joined"),
                false => format!("member {id} reads other topics, or they have changed"),
            };
            self.refresh_topics(asks, cause, turn);
        }
        reads_other_names || regex_change != RegexChange::None
    }

    /// Looks at the group's topics again. Where they are not what they were, or `asks`, its epoch grows.
    pub(super) fn refresh_topics(&mut self, asks: bool, cause: String, turn: &mut Turn<'_>) {
        let hash = self.hash_of_topics(turn);
        if asks || hash != self.metadata_hash {
            self.bump_epoch(hash, cause, turn);
        }
        self.refresh_at_ms = turn.now_ms.saturating_add(REFRESH_MS);
        if self.has_partition_metadata {
            self.write(Record::partition_metadata_gone(&self.id), turn);
        }
    }

    /// True where all members read the same topics, by name or all by one regular expression.
    pub(super) fn is_uniform(&self) -> bool {
        let count = self.members.len();
        let names = self.members.names();
        match self.members.regexes().values().next() {
            None => names.values().all(|readers| *readers == count),
            Some(readers) => *readers == count && names.is_empty() && self.regexes.len() <= 1,
        }
    }
}
