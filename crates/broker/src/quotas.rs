//! Client quotas: how much of the broker each user, client id and address may take (KIP-13, KIP-124, KIP-599, KIP-612).
//!
//! Whoever takes too much is told so in the answer, which comes at once, and is not read from until its average is within
//! the quota again (KIP-219). Without any quota a request costs one look at a number that never changes.

mod addresses;
mod limits;
mod meters;
mod mute;
mod rate;
mod throttle_time;
mod timed;
mod token_bucket;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use config::Layers;
use metadata::image::{QuotaEntity, SharedMap};
use metadata::quota::QuotaKey;

pub use addresses::AddressQuotas;
pub use mute::Mute;
pub use throttle_time::raise;
pub use timed::Timed;

use limits::{QuotaLimits, Sharing};
use meters::{Limited, Meters};
use rate::{Rate, Windows};
use token_bucket::TokenBucket;

/// The user that everybody is where nobody has to prove who they are.
pub const ANONYMOUS: &str = "ANONYMOUS";

/// The quotas as the cluster has them now, and the meters of those under them.
#[derive(Debug)]
pub struct ClientQuotas {
    /// Which change of the quotas holds; 0 where there are none.
    generation: AtomicU64,
    limits: ArcSwap<QuotaLimits>,
    /// Changes so far.
    changes: AtomicU64,
    rates: Meters<Rate>,
    mutations: Meters<TokenBucket>,
    windows: Windows,
    mutation_windows: Windows,
    /// Those of addresses, which hold before anything is read.
    pub addresses: AddressQuotas,
}

/// What one client is held against: found once, and again when quotas change.
#[derive(Debug)]
pub struct ClientMeters {
    generation: u64,
    client_id: Box<str>,
    windows: Windows,
    produced: Option<Limited<Rate>>,
    fetched: Option<Limited<Rate>>,
    time: Option<Limited<Rate>>,
    mutations: Option<Limited<TokenBucket>>,
}

impl ClientQuotas {
    /// No quotas yet; `layers` say what is averaged over.
    pub fn new(layers: &Layers<'_>) -> ClientQuotas {
        let windows = |prefix: &str| Windows {
            count: usize::try_from(layers.int(&format!("{prefix}quota.window.num"))).unwrap_or(1),
            size_ms: layers.integer(&format!("{prefix}quota.window.size.seconds")).saturating_mul(1000),
        };
        let of_clients = windows("");
        ClientQuotas {
            generation: AtomicU64::new(0),
            limits: ArcSwap::default(),
            changes: AtomicU64::new(0),
            rates: Meters::default(),
            mutations: Meters::default(),
            windows: of_clients,
            mutation_windows: windows("controller."),
            addresses: AddressQuotas::new(of_clients),
        }
    }

    /// Has the quotas of the image hold.
    pub fn follow(&self, quotas: &SharedMap<QuotaEntity, Arc<BTreeMap<String, f64>>>) {
        let limits = QuotaLimits::new(quotas);
        let is_empty = limits.is_empty();
        self.limits.store(Arc::new(limits));
        let change = self.changes.fetch_add(1, Ordering::Relaxed) + 1;
        self.generation.store(if is_empty { 0 } else { change }, Ordering::Release);
        self.addresses.follow(quotas);
    }

    /// Which change of the quotas holds; 0 where there are none.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What a client is held against.
    pub fn meters(&self, generation: u64, client_id: &str, now_ms: i64) -> ClientMeters {
        let limits = self.limits.load();
        let find = |key| limits.find(key, ANONYMOUS, client_id).map(|(sharing, limit)| (key, sharing, limit));
        let rate = |(key, sharing, limit): (QuotaKey, Sharing, f64)| {
            self.rates.get((key, sharing), limit, now_ms, || Rate::new(self.windows))
        };
        let bucket = |(key, sharing, limit): (QuotaKey, Sharing, f64)| {
            let make = || TokenBucket::new(self.mutation_windows, limit, now_ms);
            self.mutations.get((key, sharing), limit, now_ms, make)
        };
        ClientMeters {
            generation,
            client_id: client_id.into(),
            windows: self.windows,
            produced: find(QuotaKey::ProducerByteRate).map(rate),
            fetched: find(QuotaKey::ConsumerByteRate).map(rate),
            time: find(QuotaKey::RequestPercentage).map(rate),
            mutations: find(QuotaKey::ControllerMutationRate).map(bucket),
        }
    }
}

impl ClientMeters {
    /// True where these are still the client's.
    pub fn are_of(&self, generation: u64, client_id: &str) -> bool {
        self.generation == generation && *self.client_id == *client_id
    }

    /// Counts a produce request of that size; for how many milliseconds the client is throttled.
    pub fn produced(&self, bytes: usize, now_ms: i64) -> i32 {
        self.produced.as_ref().map_or(0, |limited| limited.record(bytes as f64, now_ms))
    }

    /// Counts records that are about to be sent; for how many milliseconds the client is throttled, and then they are not
    /// sent and do not count.
    pub fn fetched(&self, bytes: usize, now_ms: i64) -> i32 {
        self.fetched.as_ref().map_or(0, |limited| limited.admit(bytes as f64, now_ms))
    }

    /// Most bytes that can be fetched at once without more than the quota in all windows; `None` where there is no quota.
    pub fn fetched_at_once_max(&self) -> Option<usize> {
        let limited = self.fetched.as_ref()?;
        let seconds = self.windows.whole() as f64 * self.windows.size_ms as f64 / 1000.0;
        // A number that is too large ends at the largest.
        Some((limited.limit() * seconds) as usize)
    }

    /// True where the time of the client's requests counts.
    pub fn is_timed(&self) -> bool {
        self.time.is_some()
    }

    /// Counts the time of a request, in nanoseconds; for how many milliseconds the client is throttled: never for more
    /// than one window.
    pub fn worked(&self, nanos: u128, now_ms: i64) -> i32 {
        const PERCENT_OF_A_SECOND: f64 = 100.0 / 1e9;
        let window_ms = i32::try_from(self.windows.size_ms).unwrap_or(i32::MAX);
        let Some(limited) = &self.time else { return 0 };
        limited.record(nanos as f64 * PERCENT_OF_A_SECOND, now_ms).min(window_ms)
    }

    /// Partitions that the client may still create and delete; `None` where there is no quota.
    pub fn mutations_left(&self, now_ms: i64) -> Option<i64> {
        self.mutations.as_ref().map(|limited| limited.left(now_ms))
    }

    /// Counts partitions that were created and deleted.
    pub fn mutated(&self, partitions: i64, now_ms: i64) {
        if let Some(limited) = &self.mutations {
            limited.take(partitions, now_ms);
        }
    }

    /// For how many milliseconds the client may create and delete nothing more.
    pub fn mutation_throttle_ms(&self, now_ms: i64) -> i32 {
        self.mutations.as_ref().map_or(0, |limited| limited.throttle_ms(now_ms))
    }
}
