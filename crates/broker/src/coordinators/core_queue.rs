//! What the shards of one core wait for: timers, and work that others leave to the core.
//!
//! A member's timer is rarely touched: while the member is heard of, its session remembers until when, and the timer looks
//! there when it ends. So what counts is how little it takes and how seldom it wakes the core. Timers of sessions end on
//! a beat, together with all others that fall between it and the one before.

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

/// Sessions end at multiples of this: however many members there are, they wake the core twenty times a second at most.
const BEAT_MS: i64 = 50;

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

/// A timer of a shard.
type Named = (PartitionIndex, TimerKey);

/// Each name is there once, for both maps: both keep room free, which would be room for names.
#[derive(Debug, Default)]
struct Waiting {
    timers: BTreeMap<Place, Arc<Named>>,
    places: HashMap<Arc<Named>, Place>,
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
        let known = waiting.places.remove_entry(&named);
        if let Some((_, place)) = &known {
            waiting.timers.remove(place);
        }
        let Some(at_ms) = timer.at_ms else { return };
        let at_ms = on_beat(&named.1, at_ms);
        let named = known.map_or_else(|| Arc::new(named), |(named, _)| named);
        waiting.count += 1;
        let place = (at_ms, waiting.count);
        waiting.places.insert(Arc::clone(&named), place);
        waiting.timers.insert(place, named);
        if first.is_none_or(|first| at_ms < first) {
            self.changed.notify_one();
        }
    }

    /// Cancels all timers of the shard `index`.
    pub fn forget(&self, index: PartitionIndex) {
        let mut waiting = self.waiting.lock();
        waiting.timers.retain(|_, named| named.0 != index);
        waiting.places.retain(|named, _| named.0 != index);
        let left = waiting.timers.len();
        waiting.places.shrink_to(2 * left);
    }

    /// What is to be done at `now_ms`, by a clock that never jumps.
    pub fn take(&self, now_ms: i64) -> Vec<Work> {
        let mut waiting = self.waiting.lock();
        let mut work = std::mem::take(&mut waiting.work);
        while waiting.first_ms().is_some_and(|first| first <= now_ms) {
            let Some((_, named)) = waiting.timers.pop_first() else { break };
            waiting.places.remove(&named);
            let (index, key) = Arc::unwrap_or_clone(named);
            work.push(Work::Expired(index, key));
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

/// When a timer looks: never early, and a session together with others.
fn on_beat(key: &TimerKey, at_ms: i64) -> i64 {
    match key {
        TimerKey::Session { .. } => at_ms.saturating_add(BEAT_MS - 1).div_euclid(BEAT_MS) * BEAT_MS,
        TimerKey::Join { .. }
        | TimerKey::Sync { .. }
        | TimerKey::Revocation { .. }
        | TimerKey::MemberJoin { .. }
        | TimerKey::MemberSync { .. } => at_ms,
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

    fn session(member: usize, at_ms: i64) -> Timer {
        let key = TimerKey::Session { group: "g".into(), member: format!("member-{member:029}").into() };
        Timer { key, at_ms: Some(at_ms) }
    }

    #[test]
    fn however_many_members_there_are_their_sessions_wake_the_core_twenty_times_a_second() {
        let queue = CoreQueue::default();
        // Two for each millisecond of ten seconds.
        (0..20_000).for_each(|member| queue.set(1, session(member, 5 + member as i64 / 2)));
        let (mut now_ms, mut wake_ups, mut ended) = (0, 0, 0);
        let first_ms = || queue.waiting.lock().first_ms();
        while let Some(first) = first_ms() {
            assert!(first > now_ms);
            now_ms = first;
            wake_ups += 1;
            for work in queue.take(now_ms) {
                let Work::Expired(1, TimerKey::Session { member, .. }) = work else { panic!("{work:?}") };
                let number: i64 = member.trim_start_matches("member-").parse().unwrap();
                let at_ms = 5 + number / 2;
                assert!((at_ms..at_ms + BEAT_MS).contains(&now_ms), "{member} at {now_ms}");
                ended += 1;
            }
        }
        assert_eq!(ended, 20_000);
        assert!(wake_ups <= 10 * 20 + 1, "{wake_ups}");
    }

    #[test]
    fn a_timer_takes_little_beside_the_names_that_its_member_has_anyway() {
        const MEMBERS: usize = 50_000;
        let timers: Vec<Timer> = (0..MEMBERS).map(|member| session(member, 5 + member as i64)).collect();
        let queue = CoreQueue::default();
        // The names are the members' own.
        let made =
            allocation_counter::measure(|| timers.iter().for_each(|timer| queue.set(1, timer.clone())));
        let bytes = made.bytes_current / MEMBERS as i64;
        assert!((24..180).contains(&bytes), "{bytes} bytes each");
    }

    #[test]
    fn a_timer_at_the_end_of_time_does_no_harm() {
        let queue = CoreQueue::default();
        queue.set(1, session(1, i64::MAX));
        queue.set(1, session(2, i64::MIN));
        assert_eq!(queue.take(0).len(), 1);
    }
}
