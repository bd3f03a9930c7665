//! Which sessions there are, and which connection holds each. A session has nothing of its own but its name: watches go
//! with the connection, and clients bring them back.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use model::limits::ZOOKEEPER_SESSIONS_MAX;

use crate::connect::{ConnectRequest, PASSWORD_BYTES};

/// Least time that a session outlives silence; twice ZooKeeper's tick.
pub(crate) const TIMEOUT_MS_MIN: i32 = 4_000;
/// Most time that a session outlives silence; twenty ticks.
pub(crate) const TIMEOUT_MS_MAX: i32 = 40_000;

/// All sessions of a server.
#[derive(Debug)]
pub(crate) struct Sessions {
    by_id: HashMap<i64, Session>,
    /// Makes secrets of ids; another one in every process.
    key: RandomState,
    next_id: i64,
    next_holder: u64,
}

#[derive(Debug)]
struct Session {
    timeout: Duration,
    holder: u64,
    /// When its connection went; `None` while it has one.
    left: Option<Instant>,
}

/// A session as it was given to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// The session.
    pub id: i64,
    /// Its secret.
    pub password: [u8; PASSWORD_BYTES],
    /// How long it outlives silence.
    pub timeout_ms: i32,
    /// The connection among those that had it.
    holder: u64,
}

impl Sessions {
    /// Without sessions. The id of the server stands in the first byte of its sessions, as in ZooKeeper.
    pub fn new(server_id: i32) -> Sessions {
        let key = RandomState::new();
        let first =
            i64::from(server_id & 0x7f) << 56 | (key.hash_one("first") & 0x00ff_ffff_ffff_0000) as i64;
        Sessions { by_id: HashMap::new(), key, next_id: first | 1, next_holder: 0 }
    }

    /// Sessions that have not ended.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// A new session, or the one asked for; `None` where that has ended or there is no room for another.
    pub fn open(&mut self, asked: &ConnectRequest, now: Instant) -> Option<Held> {
        let ended =
            |session: &Session| session.left.is_some_and(|left| now.duration_since(left) >= session.timeout);
        self.by_id.retain(|_, session| !ended(session));
        let id = if asked.session_id == 0 {
            self.make_room()?;
            self.next_id += 1;
            self.next_id - 1
        } else {
            let known = self.by_id.contains_key(&asked.session_id);
            if !known || asked.password != self.password(asked.session_id) {
                return None;
            }
            asked.session_id
        };
        let timeout_ms = asked.timeout_ms.clamp(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX);
        let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default());
        self.next_holder += 1;
        let holder = self.next_holder;
        self.by_id.insert(id, Session { timeout, holder, left: None });
        Some(Held { id, password: self.password(id), timeout_ms, holder })
    }

    /// True while no other connection has taken the session over.
    pub fn holds(&self, held: &Held) -> bool {
        self.by_id.get(&held.id).is_some_and(|session| session.holder == held.holder)
    }

    /// The connection has gone; its client may come back.
    pub fn leave(&mut self, held: &Held, now: Instant) {
        if let Some(session) = self.by_id.get_mut(&held.id).filter(|session| session.holder == held.holder) {
            session.left = Some(now);
        }
    }

    /// The client has ended the session.
    pub fn close(&mut self, held: &Held) {
        if self.holds(held) {
            self.by_id.remove(&held.id);
        }
    }

    /// Where there are too many, the one that was left first ends.
    fn make_room(&mut self) -> Option<()> {
        if self.by_id.len() < ZOOKEEPER_SESSIONS_MAX {
            return Some(());
        }
        let left = self.by_id.iter().filter_map(|(id, session)| Some((session.left?, *id)));
        let (_, oldest) = left.min()?;
        self.by_id.remove(&oldest);
        Some(())
    }

    fn password(&self, id: i64) -> [u8; PASSWORD_BYTES] {
        let halves = [self.key.hash_one((id, 0)), self.key.hash_one((id, 1))];
        (u128::from(halves[0]) << 64 | u128::from(halves[1])).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(held: Option<&Held>) -> ConnectRequest {
        ConnectRequest {
            last_zxid_seen: 0,
            timeout_ms: 10_000,
            session_id: held.map_or(0, |held| held.id),
            password: held.map_or(Vec::new(), |held| held.password.to_vec()),
            may_be_read_only: None,
        }
    }

    #[test]
    fn a_session_is_taken_over_with_its_secret_until_it_has_ended() {
        let (mut sessions, now) = (Sessions::new(3), Instant::now());
        let first = sessions.open(&asked(None), now).unwrap();
        assert_eq!((first.id >> 56, first.timeout_ms), (3, 10_000));
        let wrong = ConnectRequest { password: vec![0; 16], ..asked(Some(&first)) };
        assert_eq!(sessions.open(&wrong, now), None);
        let second = sessions.open(&asked(Some(&first)), now).unwrap();
        assert_eq!((second.id, second.password), (first.id, first.password));
        assert!(sessions.holds(&second) && !sessions.holds(&first));
        // One that no longer holds it neither leaves nor ends it.
        sessions.leave(&first, now);
        sessions.close(&first);
        assert!(sessions.open(&asked(Some(&first)), now + Duration::from_secs(60)).is_some());
        let third = sessions.open(&asked(Some(&first)), now).unwrap();
        sessions.leave(&third, now);
        assert!(sessions.open(&asked(Some(&first)), now + Duration::from_secs(10)).is_none());
    }

    #[test]
    fn timeouts_are_kept_within_bounds() {
        let mut sessions = Sessions::new(0);
        for (wanted, given) in [(-5, TIMEOUT_MS_MIN), (i32::MAX, TIMEOUT_MS_MAX), (30_000, 30_000)] {
            let asked = ConnectRequest { timeout_ms: wanted, ..asked(None) };
            assert_eq!(sessions.open(&asked, Instant::now()).unwrap().timeout_ms, given);
        }
    }

    #[test]
    fn sessions_are_bounded_and_those_left_first_make_room() {
        let (mut sessions, now) = (Sessions::new(0), Instant::now());
        let all: Vec<Held> =
            (0..ZOOKEEPER_SESSIONS_MAX).map(|_| sessions.open(&asked(None), now).unwrap()).collect();
        assert_eq!(sessions.open(&asked(None), now), None);
        sessions.leave(&all[5], now);
        sessions.leave(&all[7], now + Duration::from_millis(1));
        assert!(sessions.open(&asked(None), now).is_some());
        assert!(!sessions.holds(&all[5]) && sessions.holds(&all[7]));
        assert_eq!(sessions.len(), ZOOKEEPER_SESSIONS_MAX);
        sessions.close(&all[9]);
        assert!(sessions.open(&asked(None), now).is_some() && sessions.holds(&all[7]));
    }
}
