//! What the worlds of random members have in common: a source of numbers, timers, and a log from which a shard starts.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::{Asker, GroupSettings, GroupShard, Record, ReplyTo, Timer, TimerKey};
use model::Uuid;

/// Numbers that follow from a seed.
pub struct Random(u64);

/// The timers of a shard, by when they end in milliseconds.
#[derive(Default)]
pub struct Timers {
    ends: BTreeMap<TimerKey, i64>,
    in_turn: BTreeSet<(i64, TimerKey)>,
}

/// The records of a shard, as bytes.
#[derive(Default)]
pub struct Log(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

impl Timers {
    pub fn set(&mut self, timers: Vec<Timer>) {
        for timer in timers {
            if let Some(before) = self.ends.remove(&timer.key) {
                self.in_turn.remove(&(before, timer.key.clone()));
            }
            if let Some(at_ms) = timer.at_ms {
                self.in_turn.insert((at_ms, timer.key.clone()));
                self.ends.insert(timer.key, at_ms);
            }
        }
    }

    /// Takes the first that ends by `end_ms`, and it is then; without one it is `end_ms`.
    pub fn next_by(&mut self, end_ms: i64, now_ms: &mut i64) -> Option<TimerKey> {
        if self.in_turn.first().is_none_or(|(at_ms, _)| *at_ms > end_ms) {
            *now_ms = end_ms;
            return None;
        }
        let (at_ms, key) = self.in_turn.pop_first()?;
        *now_ms = at_ms.max(*now_ms);
        self.ends.remove(&key);
        Some(key)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn clear(&mut self) {
        self.ends.clear();
        self.in_turn.clear();
    }
}

impl Log {
    /// Writes records down; the shard sees them.
    pub fn append(&mut self, records: &[Record], shard: &mut GroupShard) {
        for record in records {
            self.0.push(record.encode().unwrap());
            shard.appended(record);
        }
    }

    /// A shard that has read all of it.
    pub fn started(&self) -> GroupShard {
        let mut shard = GroupShard::new(GroupSettings::default());
        for (key, value) in &self.0 {
            shard.load(key, value.as_deref()).unwrap();
        }
        shard
    }
}

/// Who sends the request of that number.
pub fn asker(request: u64, now_ms: i64) -> Asker<'static> {
    let mut fresh = [0; 16];
    fresh[..8].copy_from_slice(&request.to_be_bytes());
    Asker {
        reply: ReplyTo(request),
        api_version: 9,
        client_id: "c",
        client_host: "/127.0.0.1",
        fresh_id: Uuid(fresh),
        wall_ms: now_ms,
    }
}
