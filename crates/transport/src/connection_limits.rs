//! How many connections may be open: in all, per listener and per client address; and how fast they may come.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::connection_rate::ConnectionRate;

/// The bounds; those of Kafka's defaults are as good as none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// `max.connections`.
    pub total_max: usize,
    /// `max.connection.creation.rate`, per second.
    pub rate_max: u32,
    /// `max.connections.per.ip`.
    pub per_address_max: usize,
    /// `max.connections.per.ip.overrides`.
    pub per_address_overrides: HashMap<IpAddr, usize>,
    /// By name of the listener.
    pub listeners: HashMap<String, ListenerBounds>,
}

/// The bounds of one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerBounds {
    /// `listener.name.<name>.max.connections`.
    pub total_max: usize,
    /// `listener.name.<name>.max.connection.creation.rate`, per second.
    pub rate_max: u32,
}

/// The bounds and the counts they are held against.
#[derive(Debug)]
pub struct ConnectionLimits {
    state: Mutex<State>,
    place_freed: Notify,
}

#[derive(Debug)]
struct State {
    bounds: ConnectionBounds,
    /// What the process' descriptors allow, whatever the bounds say.
    descriptors_max: usize,
    total: usize,
    per_address: HashMap<IpAddr, usize>,
    per_listener: HashMap<String, usize>,
    rate: ConnectionRate,
    listener_rates: HashMap<String, ConnectionRate>,
}

/// One open connection's place within the limits; dropping it frees the place.
#[derive(Debug)]
pub struct ConnectionPermit {
    limits: Arc<ConnectionLimits>,
    listener: String,
    address: IpAddr,
}

/// Which limit a new connection would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// `max.connections`, of the broker or the listener: the accept loop waits for a place, as Kafka's does.
    Total,
    /// The descriptors that are not needed for anything else: the accept loop waits for a place.
    Descriptors,
    /// `max.connections.per.ip`: the connection is closed at once.
    PerAddress,
}

impl Default for ConnectionBounds {
    fn default() -> ConnectionBounds {
        ConnectionBounds {
            total_max: usize::MAX,
            rate_max: u32::MAX,
            per_address_max: usize::MAX,
            per_address_overrides: HashMap::new(),
            listeners: HashMap::new(),
        }
    }
}

impl ConnectionLimits {
    /// Limits with nothing open yet.
    pub fn new(bounds: ConnectionBounds) -> Arc<ConnectionLimits> {
        let state = State {
            bounds: ConnectionBounds::default(),
            descriptors_max: usize::MAX,
            total: 0,
            per_address: HashMap::new(),
            per_listener: HashMap::new(),
            rate: ConnectionRate::default(),
            listener_rates: HashMap::new(),
        };
        let limits = ConnectionLimits { state: Mutex::new(state), place_freed: Notify::new() };
        limits.set(bounds);
        Arc::new(limits)
    }

    /// Takes a place for a connection of `listener` from `address`.
    pub fn admit(
        self: &Arc<Self>,
        listener: &str,
        address: IpAddr,
    ) -> Result<ConnectionPermit, LimitReached> {
        let mut state = self.lock();
        if let Some(limit) = state.reached(listener, address) {
            return Err(limit);
        }
        state.total += 1;
        *state.per_address.entry(address).or_default() += 1;
        *state.per_listener.entry(listener.to_owned()).or_default() += 1;
        drop(state);
        Ok(ConnectionPermit { limits: Arc::clone(self), listener: listener.to_owned(), address })
    }

    /// Takes a place for a connection of `listener` from `address`, waiting for one to be freed where
    /// `max.connections` or the number of descriptors is reached, and for its turn where connections come faster than
    /// they may.
    pub async fn admit_when_free(
        self: &Arc<Self>,
        listener: &str,
        address: IpAddr,
    ) -> Result<ConnectionPermit, LimitReached> {
        let wait = self.wait_for_rate(listener, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        loop {
            let mut freed = std::pin::pin!(self.place_freed.notified());
            freed.as_mut().enable();
            match self.admit(listener, address) {
                Err(LimitReached::Total | LimitReached::Descriptors) => freed.await,
                outcome => return outcome,
            }
        }
    }

    /// Replaces the bounds; open connections stay, those that wait look again.
    pub fn set(&self, bounds: ConnectionBounds) {
        let mut state = self.lock();
        state.rate.set(bounds.rate_max);
        state.listener_rates.retain(|name, _| bounds.listeners.contains_key(name));
        for (name, listener) in &bounds.listeners {
            state.listener_rates.entry(name.clone()).or_default().set(listener.rate_max);
        }
        state.bounds = bounds;
        drop(state);
        self.place_freed.notify_waiters();
    }

    /// Never lets more than `connections_max` be open at a time: each takes a descriptor.
    pub fn set_descriptors_max(&self, connections_max: usize) {
        self.lock().descriptors_max = connections_max;
        self.place_freed.notify_waiters();
    }

    /// What keeps a connection of `listener` from `address` out now, if anything does.
    pub fn reached(&self, listener: &str, address: IpAddr) -> Option<LimitReached> {
        self.lock().reached(listener, address)
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.lock().total
    }

    /// Counts a connection that came at `now`; how long it has to wait to keep within the rates.
    fn wait_for_rate(&self, listener: &str, now: Instant) -> Duration {
        let mut state = self.lock();
        let of_all = state.rate.delay(now);
        let of_listener = state.listener_rates.get_mut(listener).map(|rate| rate.delay(now));
        of_all.max(of_listener.unwrap_or_default())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn reached(&self, listener: &str, address: IpAddr) -> Option<LimitReached> {
        let of_listener = self.per_listener.get(listener).copied().unwrap_or_default();
        let listener_max = self.bounds.listeners.get(listener).map_or(usize::MAX, |bounds| bounds.total_max);
        if self.total >= self.bounds.total_max || of_listener >= listener_max {
            return Some(LimitReached::Total);
        }
        if self.total >= self.descriptors_max {
            return Some(LimitReached::Descriptors);
        }
        let overridden = self.bounds.per_address_overrides.get(&address).copied();
        let open = self.per_address.get(&address).copied().unwrap_or_default();
        (open >= overridden.unwrap_or(self.bounds.per_address_max)).then_some(LimitReached::PerAddress)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut state = self.limits.lock();
        state.total -= 1;
        if let Some(open) = state.per_listener.get_mut(&self.listener) {
            *open -= 1;
        }
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
            Self::Descriptors => {
                "as many connections are open as the limit of descriptors allows beside files: raise it (ulimit -n, LimitNOFILE)"
            }
            Self::PerAddress => "max.connections.per.ip reached",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    fn bounds() -> ConnectionBounds {
        ConnectionBounds { total_max: 3, per_address_max: 2, ..Default::default() }
    }

    #[test]
    fn places_are_counted_in_all_and_per_address() {
        let limits = ConnectionLimits::new(bounds());
        let first = limits.admit("A", HOME).unwrap();
        let _second = limits.admit("A", HOME).unwrap();
        assert_eq!(limits.admit("A", HOME).unwrap_err(), LimitReached::PerAddress);
        let _third = limits.admit("A", OTHER).unwrap();
        assert_eq!(limits.admit("A", OTHER).unwrap_err(), LimitReached::Total);
        drop(first);
        assert_eq!(limits.open(), 2);
        assert!(limits.admit("A", HOME).is_ok());
    }

    #[test]
    fn an_override_binds_its_address_alone() {
        let overrides = HashMap::from([(OTHER, 0)]);
        let limits = ConnectionLimits::new(ConnectionBounds { per_address_overrides: overrides, ..bounds() });
        assert_eq!(limits.admit("A", OTHER).unwrap_err(), LimitReached::PerAddress);
        assert!(limits.admit("A", HOME).is_ok());
        limits.set(bounds());
        assert!(limits.admit("A", OTHER).is_ok());
    }

    #[test]
    fn a_listener_may_be_full_while_another_is_not() {
        let one = ListenerBounds { total_max: 1, rate_max: u32::MAX };
        let listeners = HashMap::from([("A".to_owned(), one)]);
        let limits = ConnectionLimits::new(ConnectionBounds { listeners, ..Default::default() });
        let first = limits.admit("A", HOME).unwrap();
        assert_eq!(limits.admit("A", HOME).unwrap_err(), LimitReached::Total);
        assert!(limits.admit("B", HOME).is_ok());
        drop(first);
        assert!(limits.admit("A", HOME).is_ok());
    }

    #[test]
    fn descriptors_bound_connections_whatever_the_settings_allow() {
        let limits = ConnectionLimits::new(ConnectionBounds::default());
        limits.set_descriptors_max(1);
        let first = limits.admit("A", HOME).unwrap();
        limits.set(ConnectionBounds::default());
        assert_eq!(limits.reached("A", OTHER), Some(LimitReached::Descriptors));
        drop(first);
        assert_eq!(limits.reached("A", OTHER), None);
        assert_eq!(limits.open(), 0);
    }

    #[test]
    fn connections_beyond_the_rate_wait_their_turn() {
        let limits = ConnectionLimits::new(ConnectionBounds { rate_max: 10, ..Default::default() });
        let now = Instant::now();
        let waits: Vec<Duration> = (0..12).map(|_| limits.wait_for_rate("A", now)).collect();
        assert!(waits[..10].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[10..], [Duration::from_millis(100), Duration::from_millis(200)]);
        limits.set(ConnectionBounds::default());
        assert!(limits.wait_for_rate("A", now).is_zero());
    }
}
