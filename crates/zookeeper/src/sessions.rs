//! Which sessions there are, and which connection holds each.
//!
//! A session has nothing but its name: no node ends with it, and its watches are brought back by its client. So none is
//! kept for a client that has gone: whoever shows the secret that goes with a session may go on with it, also at
//! another server of the cluster or after a restart.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};

use crate::connect::{ConnectRequest, PASSWORD_BYTES};

/// Least time that a session outlives silence; twice ZooKeeper's tick.
pub(crate) const TIMEOUT_MS_MIN: i32 = 4_000;
/// Most time that a session outlives silence; twenty ticks.
pub(crate) const TIMEOUT_MS_MAX: i32 = 40_000;

/// The sessions of the connections there are.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// The connection, among those a session has had, that has it now.
    holders: HashMap<i64, u64>,
    /// What all servers of a cluster make the secrets of sessions with.
    cluster: String,
    next_id: i64,
    next_holder: u64,
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
    holder: u64,
}

impl Sessions {
    /// Without sessions. The id of the server stands in the first byte of those it gives, as in ZooKeeper.
    pub fn new(server_id: i32, cluster: &str) -> Sessions {
        // Other ids after every start.
        let start = (RandomState::new().hash_one("start") & 0x00ff_ffff_ffff_0000) as i64;
        let next_id = i64::from(server_id & 0x7f) << 56 | start | 1;
        Sessions { holders: HashMap::new(), cluster: cluster.to_owned(), next_id, next_holder: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.holders.len()
    }

    /// A new session, or the one asked for, which leaves the connection it had; `None` where its secret is wrong.
    pub fn open(&mut self, asked: &ConnectRequest) -> Option<Held> {
        let id = match asked.session_id {
            0 => {
                self.next_id += 1;
                self.next_id - 1
            }
            id if asked.password == self.password(id) => id,
            _ => return None,
        };
        self.next_holder += 1;
        self.holders.insert(id, self.next_holder);
        Some(Held {
            id,
            password: self.password(id),
            timeout_ms: asked.timeout_ms.clamp(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX),
            holder: self.next_holder,
        })
    }

    /// True while no other connection has taken the session over.
    pub fn holds(&self, held: &Held) -> bool {
        self.holders.get(&held.id) == Some(&held.holder)
    }

    /// The connection has gone.
    pub fn leave(&mut self, held: &Held) {
        if self.holds(held) {
            self.holders.remove(&held.id);
        }
    }

    /// The same from every server of the cluster, whenever it was started.
    fn password(&self, id: i64) -> [u8; PASSWORD_BYTES] {
        let half =
            |number: u8| BuildHasherDefault::<DefaultHasher>::new().hash_one((&self.cluster, id, number));
        (u128::from(half(0)) << 64 | u128::from(half(1))).to_be_bytes()
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
    fn a_session_is_taken_over_by_whoever_has_its_secret() {
        let mut sessions = Sessions::new(3, "cluster");
        let first = sessions.open(&asked(None)).unwrap();
        assert_eq!((first.id >> 56, first.timeout_ms), (3, 10_000));
        let wrong = ConnectRequest { password: vec![0; PASSWORD_BYTES], ..asked(Some(&first)) };
        assert_eq!(sessions.open(&wrong), None);
        let second = sessions.open(&asked(Some(&first))).unwrap();
        assert_eq!((second.id, second.password), (first.id, first.password));
        assert!(sessions.holds(&second) && !sessions.holds(&first));
        // One that no longer holds it ends nothing.
        sessions.leave(&first);
        assert!(sessions.holds(&second) && sessions.len() == 1);
        sessions.leave(&second);
        assert_eq!(sessions.len(), 0);
        assert_ne!(sessions.open(&asked(None)).unwrap().id, first.id);
    }

    #[test]
    fn a_session_goes_on_at_another_server_of_its_cluster_only() {
        let held = Sessions::new(1, "cluster").open(&asked(None)).unwrap();
        let at_another = Sessions::new(2, "cluster").open(&asked(Some(&held))).unwrap();
        assert_eq!((at_another.id, at_another.password), (held.id, held.password));
        assert_eq!(Sessions::new(1, "other").open(&asked(Some(&held))), None);
    }

    #[test]
    fn timeouts_are_kept_within_bounds() {
        let mut sessions = Sessions::new(0, "");
        for (wanted, given) in [(-5, TIMEOUT_MS_MIN), (i32::MAX, TIMEOUT_MS_MAX), (30_000, 30_000)] {
            let asked = ConnectRequest { timeout_ms: wanted, ..asked(None) };
            assert_eq!(sessions.open(&asked).unwrap().timeout_ms, given);
        }
    }
}
