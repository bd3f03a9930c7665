//! How fast connections may come from each address (KIP-612).

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use metadata::image::{QuotaEntity, SharedMap};
use metadata::quota::{IP, QuotaKey};
use parking_lot::Mutex;

use super::rate::{Rate, Windows};

/// Addresses that may be remembered before those that say nothing any more are looked for.
const SWEPT_FROM: usize = 1024;

/// The quotas of addresses and what came from them. Only who accepts connections asks here.
#[derive(Debug)]
pub struct AddressQuotas {
    windows: Windows,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    default: Option<f64>,
    limits: HashMap<IpAddr, f64>,
    rates: HashMap<IpAddr, Rate>,
    swept_at: usize,
}

impl AddressQuotas {
    /// No quotas yet.
    pub fn new(windows: Windows) -> AddressQuotas {
        AddressQuotas { windows, state: Mutex::default() }
    }

    /// Has the quotas of the image hold. Names of hosts are looked up, which may take its time.
    pub fn follow(&self, quotas: &SharedMap<QuotaEntity, Arc<BTreeMap<String, f64>>>) {
        let mut default = None;
        let mut limits = HashMap::new();
        for (entity, values) in quotas {
            let limit = values.get(QuotaKey::ConnectionCreationRate.name()).copied();
            match (entity.as_slice(), limit) {
                ([(kind, None)], Some(limit)) if kind == IP => default = Some(limit),
                ([(kind, Some(host))], Some(limit)) if kind == IP => match first_address(host) {
                    Some(address) => _ = limits.insert(address, limit),
                    None => tracing::warn!(host, "a quota names a host that cannot be resolved"),
                },
                _ => {}
            }
        }
        let mut state = self.state.lock();
        (state.default, state.limits) = (default, limits);
    }

    /// Counts a connection from `address` that came at `now_ms`; for how many milliseconds none may come, where there were
    /// too many, and then it does not count.
    pub fn throttle_ms(&self, address: IpAddr, now_ms: i64) -> i32 {
        let mut state = self.state.lock();
        let Some(limit) = state.limits.get(&address).copied().or(state.default) else { return 0 };
        if state.rates.len() >= state.swept_at.max(SWEPT_FROM) {
            state.rates.retain(|_, rate| !rate.is_idle(now_ms));
            state.swept_at = state.rates.len() * 2;
        }
        let rate = state.rates.entry(address).or_insert_with(|| Rate::new(self.windows));
        rate.record(1.0, now_ms);
        let throttle_ms = rate.throttle_ms(limit, now_ms);
        if throttle_ms > 0 {
            rate.record(-1.0, now_ms);
        }
        throttle_ms
    }
}

/// As Kafka, which takes the first address of a host.
fn first_address(host: &str) -> Option<IpAddr> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let mut found = (host, 0).to_socket_addrs().ok()?;
    found.next().map(|address| address.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(entries: &[(Option<&str>, f64)]) -> AddressQuotas {
        let mut map = SharedMap::default();
        for (name, limit) in entries {
            let values = BTreeMap::from([("connection_creation_rate".to_owned(), *limit)]);
            map.insert_mut(vec![("ip".to_owned(), name.map(str::to_owned))], Arc::new(values));
        }
        let quotas = AddressQuotas::new(Windows { count: 11, size_ms: 1000 });
        quotas.follow(&map);
        quotas
    }

    #[test]
    fn each_address_has_its_own_quota_or_the_default_of_all() {
        let [one, other]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let limited = quotas(&[(Some("10.0.0.1"), 1.0), (None, 2.0)]);
        let admitted = |address| (0..50).filter(|_| limited.throttle_ms(address, 0) == 0).count();
        // As many as ten whole windows allow may come at once.
        assert_eq!((admitted(one), admitted(other)), (10, 20));
        // What was refused does not count: the next one may come as soon as one more is due.
        assert!(limited.throttle_ms(one, 900) > 0);
        assert_eq!(limited.throttle_ms(one, 11_000), 0);
        let unlimited = quotas(&[(Some("10.0.0.1"), 1.0)]);
        assert!((0..100).all(|_| unlimited.throttle_ms(other, 0) == 0));
    }
}
