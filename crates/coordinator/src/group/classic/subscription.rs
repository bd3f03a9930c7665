//! What the members of a consumer group read, from what they say in their protocol.

use std::collections::BTreeSet;

use protocol::{DecodeError, Reader};

use super::ClassicGroup;

/// Bytes of the shortest name.
const NAME_SIZE_MIN: usize = 2;

impl ClassicGroup {
    /// Topics that some member reads; `None` where that is not known.
    pub(super) fn subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if !self.is_of_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.iter() {
            topics.extend(topics_of(member.metadata(Some(protocol))).ok()?);
        }
        Some(topics)
    }

    /// True where a member reads the topic, or may.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed.as_ref().map_or_else(|| self.is_of_consumers(), |topics| topics.contains(topic))
    }
}

/// The topics of a ConsumerProtocolSubscription, whose every version begins with them.
fn topics_of(metadata: &[u8]) -> Result<Vec<String>, DecodeError> {
    let mut reader = Reader::new(metadata);
    let _version = reader.i16()?;
    let count = reader.count(false, NAME_SIZE_MIN)?;
    (0..count).map(|_| reader.str(false).map(str::to_owned)).collect()
}
