//! One number over all that a group has made of its topics, as Kafka computes it: the 64-bit XXH3 of the hashes of its
//! topics by name, each of which is the XXH3 of the topic's id, name, partitions and racks.

use std::cell::RefCell;
use std::collections::HashMap;

use model::Uuid;
use twox_hash::XxHash3_64;

use super::{ConsumerGroup, Turn};
use crate::topics::{Topic, TopicView};

/// Stands before a topic, for the way it is hashed.
const WAY: u8 = 0;
/// The hash of no topics.
const NOTHING: i64 = 0;

/// Hashes of topics, for as long as these do not change: each looks at every partition of its topic. As in Kafka, a broker
/// that comes back in another rack changes none of them.
#[derive(Debug, Default)]
pub struct TopicHashes(RefCell<HashMap<Uuid, (i32, i64)>>);

impl TopicHashes {
    /// Topics have changed.
    pub fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    fn of(&self, topic: Topic<'_>, topics: &dyn TopicView) -> i64 {
        let mut known = self.0.borrow_mut();
        match known.get(&topic.id) {
            Some((partitions, hash)) if *partitions == topic.partitions => *hash,
            _ => {
                let hash = hash_of(topic, topics);
                known.insert(topic.id, (topic.partitions, hash));
                hash
            }
        }
    }
}

impl ConsumerGroup {
    /// The hash as the cluster's topics are now.
    pub(super) fn hash_of_topics(&self, turn: &Turn<'_>) -> i64 {
        let named = self.members.names().keys().map(String::as_str);
        let mut names: Vec<&str> = named.chain(self.regexes.all_topics()).collect();
        // As Java orders text.
        names.sort_unstable_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        names.dedup();
        let known = names.into_iter().filter_map(|name| turn.topics.by_name(name));
        let hash = |topic: Topic<'_>| turn.topic_hashes.of(topic, turn.topics);
        let bytes: Vec<u8> = known.flat_map(|topic| hash(topic).to_le_bytes()).collect();
        if bytes.is_empty() { NOTHING } else { XxHash3_64::oneshot(&bytes).cast_signed() }
    }
}

fn hash_of(topic: Topic<'_>, topics: &dyn TopicView) -> i64 {
    let id = u128::from_be_bytes(topic.id.0);
    let mut bytes = vec![WAY];
    bytes.extend(((id >> 64) as u64).to_le_bytes());
    bytes.extend((id as u64).to_le_bytes());
    put_text(&mut bytes, topic.name);
    bytes.extend(topic.partitions.to_le_bytes());
    for partition in 0..topic.partitions {
        bytes.extend(partition.to_le_bytes());
        let mut racks = topics.racks(topic.id, partition);
        racks.sort_unstable_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        for rack in racks {
            // Its length comes before it, and after it with every text.
            bytes.extend(length(rack).to_le_bytes());
            put_text(&mut bytes, rack);
        }
    }
    XxHash3_64::oneshot(&bytes).cast_signed()
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.extend(length(text).to_le_bytes());
}

fn length(text: &str) -> i32 {
    text.encode_utf16().count() as i32
}
