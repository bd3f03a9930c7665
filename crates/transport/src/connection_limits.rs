//! How many connections may be open: in all, per listener and per client address.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The bounds and the counts they are held against (`max.connections`, `max.connections.per.ip`,
/// `max.connections.per.ip.overrides`, `listener.name.<name>.max.connections`).
#[derive(Debug)]
pub struct ConnectionLimits {
    state: Mutex<State>,
    place_freed: Notify,
}

#[derive(Debug)]
struct State {
    total_max: usize,
    per_address_max: usize,
    per_address_overrides: HashMap<IpAddr, usize>,
    total: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// One open connection's place within the limits; dropping it frees the place.
#[derive(Debug)]
pub struct ConnectionPermit {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

/// Which limit a new connection would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// `max.connections`: the accept loop waits for a place, as Kafka's does.
    Total,
    /// `max.connections.per.ip`: the connection is closed at once.
    PerAddress,
}

impl ConnectionLimits {
    /// Limits with nothing open yet.
    pub fn new(
        total_max: usize,
        per_address_max: usize,
        per_address_overrides: HashMap<IpAddr, usize>,
    ) -> Arc<ConnectionLimits> {
        let (total, per_address) = (0, HashMap::new());
        let state = State { total_max, per_address_max, per_address_overrides, total, per_address };
        Arc::new(ConnectionLimits { state: Mutex::new(state), place_freed: Notify::new() })
    }

    /// Takes a place for a connection from `address`.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<ConnectionPermit, LimitReached> {
        let mut state = self.lock();
        if state.total >= state.total_max {
            return Err(LimitReached::Total);
        }
        let address_max = state.per_address_overrides.get(&address).copied().unwrap_or(state.per_address_max);
        let open = state.per_address.get(&address).copied().unwrap_or(0);
        if open >= address_max {
            return Err(LimitReached::PerAddress);
        }
        state.total += 1;
        state.per_address.insert(address, open + 1);
        drop(state);
        Ok(ConnectionPermit { limits: Arc::clone(self), address })
    }

    /// Takes a place for a connection from `address`, waiting for one to be freed where `max.connections` is reached.
    pub async fn admit_when_free(
        self: &Arc<Self>,
        address: IpAddr,
    ) -> Result<ConnectionPermit, LimitReached> {
        loop {
            let mut freed = std::pin::pin!(self.place_freed.notified());
            freed.as_mut().enable();
            match self.admit(address) {
                Err(LimitReached::Total) => freed.await,
                outcome => return outcome,
            }
        }
    }

    /// Replaces the bounds; open connections stay.
    pub fn set(&self, total_max: usize, per_address_max: usize, overrides: HashMap<IpAddr, usize>) {
        let mut state = self.lock();
        state.total_max = total_max;
        state.per_address_max = per_address_max;
        state.per_address_overrides = overrides;
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.lock().total
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut state = self.limits.lock();
        state.total -= 1;
        if let Some(open) = state.per_address.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                state.per_address.remove(&self.address);
            }
        }
        drop(state);
        self.limits.place_freed.notify_waiters();
    }
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "max.connections reached",
            Self::PerAddress => "max.connections.per.ip reached",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn places_are_counted_in_all_and_per_address() {
        let limits = ConnectionLimits::new(3, 2, HashMap::new());
        let first = limits.admit(HOME).unwrap();
        let _second = limits.admit(HOME).unwrap();
        assert_eq!(limits.admit(HOME).unwrap_err(), LimitReached::PerAddress);
        let _third = limits.admit(OTHER).unwrap();
        assert_eq!(limits.admit(OTHER).unwrap_err(), LimitReached::Total);
        drop(first);
        assert_eq!(limits.open(), 2);
        assert!(limits.admit(HOME).is_ok());
    }

    #[test]
    fn an_override_binds_its_address_alone() {
        let limits = ConnectionLimits::new(10, 10, HashMap::from([(OTHER, 0)]));
        assert_eq!(limits.admit(OTHER).unwrap_err(), LimitReached::PerAddress);
        assert!(limits.admit(HOME).is_ok());
        limits.set(10, 10, HashMap::new());
        assert!(limits.admit(OTHER).is_ok());
    }
}
