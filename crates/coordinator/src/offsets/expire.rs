//! The end of offsets that nobody has wanted for long (KIP-211), and of groups that have none left.

use std::sync::Arc;

use super::{ByTopic, CommittedOffset};
use crate::group::Group;
use crate::group::classic::{ClassicGroup, State};
use crate::record::Record;
use crate::shard::GroupShard;

/// From when on an offset's retention counts.
#[derive(Clone, Copy)]
enum Base {
    /// The group became empty then, in milliseconds since 1970.
    Since(i64),
    /// Its own commit.
    Commit,
}

impl GroupShard {
    /// Ends offsets whose retention is over and empty groups without offsets.
    pub fn expire(&self, now_ms: i64) -> Vec<Record> {
        let mut records = Vec::new();
        for (id, group) in &self.groups {
            let all_gone = match self.offsets.of_group(id) {
                Some(offsets) => self.expire_of_group(id, group, offsets, now_ms, &mut records),
                None => true,
            };
            if all_gone && group.is_empty() {
                records.extend(group.gone());
            }
        }
        records
    }

    /// True where none of the offsets is left.
    fn expire_of_group(
        &self,
        id: &Arc<str>,
        group: &Group,
        offsets: &ByTopic,
        now_ms: i64,
        records: &mut Vec<Record>,
    ) -> bool {
        let base = match group {
            Group::Classic(group) => group.retention_base(),
            Group::Consumer(_) => Some(Base::Commit),
        };
        let Some(base) = base else { return false };
        let mut all_gone = true;
        for (topic, partitions) in offsets {
            let is_read = group.is_subscribed_to(topic);
            for (partition, committed) in partitions {
                if !is_read && self.is_over(committed, base, now_ms) {
                    records.push(Record::offset_gone(id, topic, *partition));
                } else {
                    all_gone = false;
                }
            }
        }
        all_gone
    }

    fn is_over(&self, committed: &CommittedOffset, base: Base, now_ms: i64) -> bool {
        if let Some(expires_at_ms) = committed.expires_at_ms {
            return now_ms >= expires_at_ms;
        }
        let since_ms = match base {
            Base::Since(time_ms) => time_ms,
            Base::Commit => committed.commit_timestamp_ms,
        };
        now_ms.saturating_sub(since_ms) >= self.rules.settings.offsets_retention_ms
    }
}

impl ClassicGroup {
    /// `None` while its offsets do not expire.
    fn retention_base(&self) -> Option<Base> {
        match (&self.protocol_type, self.state) {
            (None, _) => Some(Base::Commit),
            (Some(_), State::Empty) => Some(self.state_since_ms.map_or(Base::Commit, Base::Since)),
            // Topics that no member reads any more.
            (Some(_), State::Stable) if self.is_of_consumers() && self.subscribed.is_some() => {
                Some(Base::Commit)
            }
            (Some(_), _) => None,
        }
    }
}
