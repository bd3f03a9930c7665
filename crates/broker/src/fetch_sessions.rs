//! Incremental fetch sessions (KIP-227): the broker remembers what a client fetches, so that requests and
//! responses carry only what changed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use model::{ErrorCode, LeaderEpoch, Offset, PartitionIndex, TimestampMs, Uuid};
use parking_lot::Mutex;

use crate::partitions::Partition;

/// Session id of a request that has or wants none.
pub const NO_SESSION: i32 = 0;
/// Epoch of a request that begins a session.
pub const INITIAL_EPOCH: i32 = 0;
/// Epoch of a request that ends its session, or wants none.
pub const FINAL_EPOCH: i32 = -1;

/// How a topic is named in a request: by name up to version 12, by id from 13 on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TopicKey {
    /// By name.
    Name(Arc<str>),
    /// By id.
    Id(Uuid),
}

/// One partition that a client fetches, as it last asked for it and was last answered.
#[derive(Debug, Clone)]
pub struct FetchTarget {
    /// The topic.
    pub topic: TopicKey,
    /// The partition.
    pub index: PartitionIndex,
    /// Where to read from.
    pub offset: Offset,
    /// Bytes wanted at most.
    pub bytes_max: usize,
    /// Leader epoch the client knows, -1 for none.
    pub current_leader_epoch: LeaderEpoch,
    /// Epoch of the last record the client has, -1 for none.
    pub last_fetched_epoch: LeaderEpoch,
    /// High watermark last answered, -1 where the partition has to be answered again.
    pub answered_high_watermark: Offset,
    /// Log start offset last answered.
    pub answered_log_start: Offset,
    /// The partition, once found.
    pub partition: Option<Arc<Partition>>,
}

/// What a client fetches.
#[derive(Debug)]
pub struct FetchSession {
    /// Its id, not 0.
    pub id: i32,
    /// Epoch that the next request must have.
    pub next_epoch: i32,
    /// Whether its requests name topics by id.
    pub uses_topic_ids: bool,
    /// The partitions, in the order they were asked for.
    pub targets: Vec<FetchTarget>,
    /// Where the next answer begins, so that partitions at the end get their turn.
    pub begin_at: usize,
    places: Option<Places>,
}

/// Where in a session each partition stands.
type Places = HashMap<TopicKey, HashMap<PartitionIndex, usize>>;

/// Partitions up to which looking through all of them is quicker than a map.
const LOOKED_THROUGH_MAX: usize = 16;

/// The sessions of a broker (`max.incremental.fetch.session.cache.slots`).
#[derive(Debug)]
pub struct FetchSessions {
    slots: usize,
    /// Partitions that all sessions may hold together: they outlive the requests whose memory is counted.
    partitions_max: usize,
    eviction_ms: i64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<i32, Entry>,
    /// Ids by last use, oldest first.
    by_use: BTreeSet<(TimestampMs, i32)>,
    /// The sizes of all sessions together.
    partitions: usize,
    evictions: u64,
}

#[derive(Debug)]
struct Entry {
    session: Arc<Mutex<FetchSession>>,
    created_ms: TimestampMs,
    used_ms: TimestampMs,
    size: usize,
}

impl FetchSessions {
    /// Room for `slots` sessions with `partitions_max` partitions in all; one unused for `eviction_ms` gives way to
    /// another.
    pub fn new(slots: usize, partitions_max: usize, eviction_ms: i64) -> FetchSessions {
        FetchSessions { slots, partitions_max, eviction_ms, state: Mutex::default() }
    }

    /// Begins a session for `targets` under the id that `draw_id` gives, or gives them back where there is no room.
    pub fn begin(
        &self,
        targets: Vec<FetchTarget>,
        uses_topic_ids: bool,
        now_ms: TimestampMs,
        mut draw_id: impl FnMut() -> i32,
    ) -> Result<Arc<Mutex<FetchSession>>, Vec<FetchTarget>> {
        let mut state = self.state.lock();
        while state.partitions + targets.len() > self.partitions_max {
            let Some(idle) = self.idle(&state, now_ms) else { return Err(targets) };
            evict(&mut state, idle);
        }
        if state.sessions.len() >= self.slots && !self.make_room(&mut state, targets.len(), now_ms) {
            return Err(targets);
        }
        let mut id = draw_id();
        while id <= 0 || state.sessions.contains_key(&id) {
            id = draw_id();
        }
        let size = targets.len();
        let next_epoch = next_epoch(INITIAL_EPOCH);
        let session = FetchSession { id, next_epoch, uses_topic_ids, targets, begin_at: 0, places: None };
        let session = Arc::new(Mutex::new(session));
        state.by_use.insert((now_ms, id));
        let entry = Entry { session: Arc::clone(&session), created_ms: now_ms, used_ms: now_ms, size };
        state.sessions.insert(id, entry);
        state.partitions += size;
        Ok(session)
    }

    /// The session a request goes on with.
    pub fn resume(
        &self,
        id: i32,
        epoch: i32,
        uses_topic_ids: bool,
        now_ms: TimestampMs,
    ) -> Result<Arc<Mutex<FetchSession>>, ErrorCode> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let entry = state.sessions.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        {
            let mut session = entry.session.lock();
            if session.next_epoch != epoch {
                return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
            }
            if session.uses_topic_ids != uses_topic_ids {
                return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
            }
            session.next_epoch = next_epoch(epoch);
        }
        state.by_use.remove(&(entry.used_ms, id));
        state.by_use.insert((now_ms, id));
        entry.used_ms = now_ms;
        Ok(Arc::clone(&entry.session))
    }

    /// A session has `size` partitions now; it ends where that is more than all may hold together.
    pub fn resized(&self, id: i32, size: usize) -> Result<(), ErrorCode> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let entry = state.sessions.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        state.partitions = state.partitions - entry.size + size;
        entry.size = size;
        if state.partitions > self.partitions_max {
            remove(state, id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        Ok(())
    }

    /// Ends a session; an unknown id is no error.
    pub fn end(&self, id: i32) {
        let mut state = self.state.lock();
        remove(&mut state, id);
    }

    /// How many sessions there are, how many partitions they hold, how many gave way to others.
    pub fn counts(&self) -> (usize, usize, u64) {
        let state = self.state.lock();
        (state.sessions.len(), state.partitions, state.evictions)
    }

    /// Makes room: the least recently used goes if it has been idle long enough, or else a smaller one that has
    /// lived long enough.
    fn make_room(&self, state: &mut State, wanted_size: usize, now_ms: TimestampMs) -> bool {
        let smaller = || {
            let old_enough = |entry: &Entry| now_ms - entry.created_ms > self.eviction_ms;
            let candidates = state.sessions.iter().filter(|(_, entry)| old_enough(entry));
            let smallest = candidates.min_by_key(|(id, entry)| (entry.size, **id));
            smallest.filter(|(_, entry)| entry.size < wanted_size).map(|(id, _)| *id)
        };
        let Some(victim) = self.idle(state, now_ms).or_else(smaller) else { return false };
        evict(state, victim);
        true
    }

    /// The least recently used session, if it has been idle long enough to give way.
    fn idle(&self, state: &State, now_ms: TimestampMs) -> Option<i32> {
        let oldest = state.by_use.first().copied();
        oldest.filter(|(used_ms, _)| now_ms - used_ms > self.eviction_ms).map(|(_, id)| id)
    }
}

fn evict(state: &mut State, id: i32) {
    remove(state, id);
    state.evictions += 1;
}

fn remove(state: &mut State, id: i32) {
    if let Some(entry) = state.sessions.remove(&id) {
        state.by_use.remove(&(entry.used_ms, id));
        state.partitions -= entry.size;
    }
}

/// Epochs count up from 1 and start again at 1 after the largest.
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

impl FetchTarget {
    fn is(&self, topic: &TopicKey, index: PartitionIndex) -> bool {
        self.index == index && self.topic == *topic
    }
}

impl FetchSession {
    /// Takes over what an incremental request asks for: new and changed partitions.
    pub fn update(&mut self, asked: FetchTarget) {
        let place = self.place_of(&asked.topic, asked.index);
        match place.and_then(|place| self.targets.get_mut(place)) {
            Some(target) => {
                target.offset = asked.offset;
                target.bytes_max = asked.bytes_max;
                target.current_leader_epoch = asked.current_leader_epoch;
                target.last_fetched_epoch = asked.last_fetched_epoch;
            }
            None => {
                if let Some(places) = &mut self.places {
                    insert(places, &asked, self.targets.len());
                }
                self.targets.push(asked);
            }
        }
    }

    /// Takes partitions out, given topic by topic.
    pub fn forget(&mut self, topics: impl Iterator<Item = (TopicKey, impl Iterator<Item = PartitionIndex>)>) {
        let mut forgotten: HashMap<TopicKey, HashSet<PartitionIndex>> = HashMap::new();
        for (topic, indexes) in topics {
            forgotten.entry(topic).or_default().extend(indexes);
        }
        if !forgotten.is_empty() {
            let is_kept = |target: &FetchTarget| {
                !forgotten.get(&target.topic).is_some_and(|indexes| indexes.contains(&target.index))
            };
            self.targets.retain(is_kept);
            self.places = None;
        }
    }

    fn place_of(&mut self, topic: &TopicKey, index: PartitionIndex) -> Option<usize> {
        if self.targets.len() <= LOOKED_THROUGH_MAX {
            return self.targets.iter().position(|target| target.is(topic, index));
        }
        let places = self.places.get_or_insert_with(|| {
            let mut places = Places::new();
            self.targets.iter().enumerate().for_each(|(place, target)| insert(&mut places, target, place));
            places
        });
        places.get(topic)?.get(&index).copied()
    }
}

fn insert(places: &mut Places, target: &FetchTarget, place: usize) {
    // Where a partition was named twice, the first one is found, as by looking through.
    match places.get_mut(&target.topic) {
        Some(indexes) => _ = indexes.entry(target.index).or_insert(place),
        None => _ = places.insert(target.topic.clone(), HashMap::from([(target.index, place)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(index: PartitionIndex) -> FetchTarget {
        FetchTarget {
            topic: TopicKey::Name("t".into()),
            index,
            offset: 0,
            bytes_max: 1,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            answered_high_watermark: -1,
            answered_log_start: -1,
            partition: None,
        }
    }

    fn ids() -> impl FnMut() -> i32 {
        let mut last = 0;
        move || {
            last += 1;
            last
        }
    }

    #[test]
    fn a_session_goes_on_with_the_next_epoch_only() {
        let sessions = FetchSessions::new(10, 100, 1_000);
        let id = sessions.begin(vec![target(0)], false, 0, ids()).unwrap().lock().id;
        assert!(sessions.resume(id, 1, false, 1).is_ok());
        assert_eq!(sessions.resume(id, 1, false, 2).unwrap_err(), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        assert_eq!(sessions.resume(id, 2, true, 2).unwrap_err(), ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        assert!(sessions.resume(id, 2, false, 2).is_ok());
        sessions.end(id);
        assert_eq!(sessions.resume(id, 3, false, 3).unwrap_err(), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    }

    #[test]
    fn epochs_start_again_at_one() {
        assert_eq!(next_epoch(i32::MAX), 1);
        assert_eq!(next_epoch(INITIAL_EPOCH), 1);
    }

    #[test]
    fn a_full_cache_gives_way_only_to_the_idle_or_the_smaller() {
        let sessions = FetchSessions::new(1, 10_000, 1_000);
        let mut draw = ids();
        sessions.begin(vec![target(0), target(1)], false, 0, &mut draw).unwrap();
        assert!(sessions.begin(vec![target(0)], false, 900, &mut draw).is_err());
        assert!(sessions.begin(vec![target(0)], false, 1_001, &mut draw).is_ok());
        sessions.resume(2, 1, false, 2_500).unwrap();
        assert!(sessions.begin(vec![target(0)], false, 2_600, &mut draw).is_err());
        assert!(sessions.begin(vec![target(0), target(1)], false, 2_600, &mut draw).is_ok());
        assert_eq!(sessions.counts(), (1, 2, 2));
    }

    #[test]
    fn sessions_hold_no_more_partitions_than_there_is_room_for() {
        let sessions = FetchSessions::new(10, 5, 1_000);
        let mut draw = ids();
        let targets = |count| (0..count).map(target).collect::<Vec<_>>();
        sessions.begin(targets(3), false, 0, &mut draw).unwrap();
        assert_eq!(sessions.begin(targets(3), false, 500, &mut draw).unwrap_err().len(), 3);
        sessions.begin(targets(2), false, 500, &mut draw).unwrap();
        assert_eq!(sessions.counts(), (2, 5, 0));
        // The first one is idle by now, the second is not.
        assert!(sessions.begin(targets(4), false, 1_200, &mut draw).is_err());
        assert_eq!(sessions.counts(), (1, 2, 1));
        sessions.begin(targets(3), false, 1_200, &mut draw).unwrap();
        assert_eq!(sessions.resized(2, 1), Ok(()));
        assert_eq!(sessions.resized(3, 4), Ok(()));
        assert_eq!(sessions.resized(3, 5), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
        assert_eq!(sessions.counts(), (1, 1, 1));
    }

    #[test]
    fn partitions_are_added_changed_and_forgotten() {
        let sessions = FetchSessions::new(1, 10_000, 1_000);
        let session = sessions.begin(vec![target(0)], false, 0, ids()).unwrap();
        let mut session = session.lock();
        session.update(FetchTarget { offset: 5, ..target(0) });
        session.update(target(1));
        assert_eq!(session.targets.iter().map(|t| (t.index, t.offset)).collect::<Vec<_>>(), [(0, 5), (1, 0)]);
        session.forget([(TopicKey::Name("t".into()), [0].into_iter())].into_iter());
        assert_eq!(session.targets.len(), 1);
    }

    #[test]
    fn thousands_of_partitions_keep_their_places_through_changes() {
        let sessions = FetchSessions::new(1, 10_000, 1_000);
        let session = sessions.begin((0..5_000).map(target).collect(), false, 0, ids()).unwrap();
        let mut session = session.lock();
        for index in (0..5_000).rev() {
            session.update(FetchTarget { offset: i64::from(index), ..target(index) });
        }
        session.update(FetchTarget { offset: 5_000, ..target(5_000) });
        let odd = (0..5_000).filter(|index| index % 2 == 1);
        session.forget([(TopicKey::Name("t".into()), odd)].into_iter());
        session.update(FetchTarget { offset: -7, ..target(4_000) });
        let expected: Vec<(i32, i64)> = (0..=5_000)
            .filter(|index| index % 2 == 0)
            .map(|index| (index, if index == 4_000 { -7 } else { i64::from(index) }))
            .collect();
        assert_eq!(session.targets.iter().map(|t| (t.index, t.offset)).collect::<Vec<_>>(), expected);
    }
}
