//! What a decision needs besides the image: time, randomness, static settings, who has been heard of.

use std::collections::BTreeMap;

use config::{Layers, StaticSettings};
use model::{NodeId, Offset, TimestampMs, Uuid};

use crate::image::Image;
use crate::record::VersionedRecord;

/// Everything a decider may read besides the image and the request.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext<'a> {
    /// The time.
    pub now_ms: TimestampMs,
    /// Fresh random bits of this decision; ids and placement follow from them.
    pub seed: u64,
    /// Offset the first record of this decision gets; becomes a broker's epoch.
    pub next_offset: Offset,
    /// The node that decides.
    pub controller_id: NodeId,
    /// The cluster's id, which registrations must name.
    pub cluster_id: &'a str,
    /// Static settings of the deciding node.
    pub settings: &'a StaticSettings,
    /// Which brokers have been heard of and when.
    pub sessions: &'a BrokerSessions,
}

/// Records to append and what to answer once they are agreed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<R> {
    /// Records, in order; none where nothing changes.
    pub records: Vec<VersionedRecord>,
    /// The answer.
    pub response: R,
}

/// When each broker was last heard of: known to the deciding controller only and lost with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrokerSessions {
    last_heard_ms: BTreeMap<NodeId, TimestampMs>,
}

/// A small generator whose numbers follow from its seed alone.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl DecisionContext<'_> {
    /// The settings behind topics: dynamic ones of the deciding node and of all brokers, then static ones.
    pub(crate) fn with_layers<T>(&self, image: &Image, work: impl FnOnce(&Layers<'_>) -> T) -> T {
        work(&image.layers(self.controller_id, self.settings))
    }

    pub(crate) fn random(&self) -> Random {
        Random::new(self.seed)
    }
}

impl<R> Decision<R> {
    /// An answer that changes nothing.
    pub fn unchanged(response: R) -> Decision<R> {
        Decision { records: Vec::new(), response }
    }
}

impl BrokerSessions {
    /// Notes that a broker was heard of.
    pub fn touch(&mut self, broker: NodeId, now_ms: TimestampMs) {
        self.last_heard_ms.insert(broker, now_ms);
    }

    /// Forgets a broker, which ends its session.
    pub fn forget(&mut self, broker: NodeId) {
        self.last_heard_ms.remove(&broker);
    }

    /// True where the broker was heard of within `timeout_ms`.
    pub fn is_alive(&self, broker: NodeId, now_ms: TimestampMs, timeout_ms: i64) -> bool {
        self.last_heard_ms.get(&broker).is_some_and(|heard| now_ms.saturating_sub(*heard) < timeout_ms)
    }

    /// Gives every broker that may lead a session from now: a new controller has not heard of any.
    pub fn restart(&mut self, image: &Image, now_ms: TimestampMs) {
        let unfenced = image.brokers.values().filter(|broker| !broker.is_fenced);
        self.last_heard_ms = unfenced.map(|broker| (broker.id, now_ms)).collect();
    }
}

impl Random {
    /// A generator that begins at a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits (the finalizer of the splitmix generator over a Weyl sequence).
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.draw() % bound).unwrap_or(0)
    }

    /// A fresh id that is neither reserved nor looks like an option.
    pub fn uuid(&mut self) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&self.draw().to_be_bytes());
            bytes[8..].copy_from_slice(&self.draw().to_be_bytes());
            if let Some(uuid) = Uuid::from_random(bytes) {
                return uuid;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        assert_eq!(Random::new(7).uuid(), Random::new(7).uuid());
        assert_ne!(Random::new(7).uuid(), Random::new(8).uuid());
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all_of_it() {
        let mut random = Random::new(1);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.below(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn a_session_ends_after_its_timeout() {
        let mut sessions = BrokerSessions::default();
        assert!(!sessions.is_alive(1, 0, 9000));
        sessions.touch(1, 100);
        assert!(sessions.is_alive(1, 9099, 9000));
        assert!(!sessions.is_alive(1, 9100, 9000));
        sessions.forget(1);
        assert!(!sessions.is_alive(1, 100, 9000));
    }
}
