//! What the shards of one core wait for: timers, and work that others leave to the core.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use coordinator::{GroupShard, Timer, TimerKey};
use model::PartitionIndex;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::hosted_shard::HostedShard;
use crate::clock::Clock;

/// How long a core sleeps where nothing is to be done.
const IDLE: Duration = Duration::from_secs(3600);

/// Something for the core to do.
#[derive(Debug)]
pub enum Work {
    /// The records of a shard have been read.
    Loaded(Arc<HostedShard>, Box<GroupShard>),
    /// A timer of a shard has ended.
    Expired(PartitionIndex, TimerKey),
    /// A topic is gone, and with it the offsets committed in it.
    TopicDeleted(Arc<str>),
}

/// The timers and the work of one core.
#[derive(Debug, Default)]
pub struct CoreQueue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// When a timer ends, and a number that no other has.
type Place = (i64, u64);

#[derive(Debug, Default)]
struct Waiting {
    timers: BTreeMap<Place, (PartitionIndex, TimerKey)>,
    places: HashMap<(PartitionIndex, TimerKey), Place>,
    count: u64,
    work: Vec<Work>,
}

impl CoreQueue {
    /// Leaves something to the core.
    pub fn push(&self, work: Work) {
        self.waiting.lock().work.push(work);
        self.changed.notify_one();
    }

    /// Sets or cancels a timer of the shard `index`.
    pub fn set(&self, index: PartitionIndex, timer: Timer) {
        let mut waiting = self.waiting.lock();
        let first = waiting.first_ms();
        let named = (index, timer.key);
        if let Some(place) = waiting.places.remove(&named) {
            waiting.timers.remove(&place);
        }
        let Some(at_ms) = timer.at_ms else { return };
        waiting.count += 1;
        let place = (at_ms, waiting.count);
        waiting.places.insert(named.clone(), place);
        waiting.timers.insert(place, named);
        if first.is_none_or(|first| at_ms < first) {
            self.changed.notify_one();
        }
    }

    /// Cancels all timers of the shard `index`.
    pub fn forget(&self, index: PartitionIndex) {
        let mut waiting = self.waiting.lock();
        waiting.timers.retain(|_, (shard, _)| *shard != index);
        waiting.places.retain(|(shard, _), _| *shard != index);
    }

    /// What is to be done at `now_ms`, by a clock that never jumps.
    pub fn take(&self, now_ms: i64) -> Vec<Work> {
        let mut waiting = self.waiting.lock();
        let mut work = std::mem::take(&mut waiting.work);
        while waiting.first_ms().is_some_and(|first| first <= now_ms) {
            let Some((_, (index, key))) = waiting.timers.pop_first() else { break };
            let named = (index, key);
            waiting.places.remove(&named);
            work.push(Work::Expired(named.0, named.1));
        }
        work
    }

    /// Returns when the next timer ends or something has been left here.
    pub async fn next(&self, clock: &Clock) {
        let first = self.waiting.lock().first_ms();
        let left = |at_ms: i64| Duration::from_millis(u64::try_from(at_ms - clock.steady_ms()).unwrap_or(0));
        let sleep = first.map_or(IDLE, left).min(IDLE);
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = self.changed.notified() => {}
        }
    }
}

impl Waiting {
    fn first_ms(&self) -> Option<i64> {
        self.timers.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(group: &str, at_ms: Option<i64>) -> Timer {
        Timer { key: TimerKey::Join { group: group.into() }, at_ms }
    }

    fn expired(queue: &CoreQueue, now_ms: i64) -> Vec<(i32, String)> {
        let told = |work| match work {
            Work::Expired(index, TimerKey::Join { group }) => (index, group.to_string()),
            other => panic!("{other:?}"),
        };
        queue.take(now_ms).into_iter().map(told).collect()
    }

    #[test]
    fn a_timer_ends_once_and_a_later_one_replaces_it() {
        let queue = CoreQueue::default();
        queue.set(3, timer("a", Some(100)));
        queue.set(3, timer("b", Some(100)));
        queue.set(4, timer("a", Some(50)));
        queue.set(3, timer("a", Some(200)));
        assert_eq!(expired(&queue, 49), []);
        assert_eq!(expired(&queue, 100), [(4, "a".to_owned()), (3, "b".to_owned())]);
        assert_eq!(expired(&queue, 200), [(3, "a".to_owned())]);
        assert_eq!(expired(&queue, 1_000), []);
    }

    #[test]
    fn cancelled_and_forgotten_timers_never_end() {
        let queue = CoreQueue::default();
        queue.set(1, timer("a", Some(10)));
        queue.set(1, timer("b", Some(10)));
        queue.set(2, timer("a", Some(10)));
        queue.set(1, timer("a", None));
        queue.forget(2);
        assert_eq!(expired(&queue, 10), [(1, "b".to_owned())]);
    }
}
