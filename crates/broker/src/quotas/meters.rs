//! The meters of clients under quotas: one for all who share a quota, whatever core serves them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use metadata::quota::QuotaKey;
use parking_lot::Mutex;

use super::limits::Sharing;
use super::rate::Rate;
use super::token_bucket::TokenBucket;

/// Meters that may be there before those that say nothing any more are looked for.
const SWEPT_FROM: usize = 1024;

/// What a quota is measured with.
pub trait Meter {
    /// True where a new one would be no different.
    fn is_idle(&mut self, now_ms: i64) -> bool;
}

/// All meters of one sort.
#[derive(Debug)]
pub struct Meters<M> {
    state: Mutex<State<M>>,
}

#[derive(Debug)]
struct State<M> {
    meters: HashMap<(QuotaKey, Sharing), Arc<Mutex<M>>>,
    /// So many are there when they are looked through next.
    swept_at: usize,
}

/// A meter and the quota it is held against, per second.
pub struct Limited<M> {
    meter: Arc<Mutex<M>>,
    limit: f64,
}

impl<M: Meter> Meters<M> {
    /// The meter of those who share a quota; made where there is none yet.
    pub fn get(
        &self,
        (key, sharing): (QuotaKey, Sharing),
        limit: f64,
        now_ms: i64,
        make: impl FnOnce() -> M,
    ) -> Limited<M> {
        let mut state = self.state.lock();
        if state.meters.len() >= state.swept_at {
            // Who gives itself another name with each request must not fill the memory. A meter that others hold is
            // locked by nobody who waits for this lock.
            state.meters.retain(|_, meter| Arc::strong_count(meter) > 1 || !meter.lock().is_idle(now_ms));
            state.swept_at = (state.meters.len() * 2).max(SWEPT_FROM);
        }
        let meter = state.meters.entry((key, sharing)).or_insert_with(|| Arc::new(Mutex::new(make())));
        Limited { meter: Arc::clone(meter), limit }
    }
}

impl<M> Default for Meters<M> {
    fn default() -> Meters<M> {
        Meters { state: Mutex::new(State { meters: HashMap::new(), swept_at: SWEPT_FROM }) }
    }
}

impl Limited<Rate> {
    /// Counts what came and tells for how many milliseconds nothing more may come.
    pub fn record(&self, amount: f64, now_ms: i64) -> i32 {
        let mut rate = self.meter.lock();
        rate.record(amount, now_ms);
        rate.throttle_ms(self.limit, now_ms)
    }

    /// As [`Limited::record`], but what may not come yet is not counted: it will be when it comes.
    pub fn admit(&self, amount: f64, now_ms: i64) -> i32 {
        let mut rate = self.meter.lock();
        rate.record(amount, now_ms);
        let throttle_ms = rate.throttle_ms(self.limit, now_ms);
        if throttle_ms > 0 {
            rate.record(-amount, now_ms);
        }
        throttle_ms
    }

    /// The quota, per second.
    pub fn limit(&self) -> f64 {
        self.limit
    }
}

impl Limited<TokenBucket> {
    /// Whole tokens that are left, below zero where some are missing.
    pub fn left(&self, now_ms: i64) -> i64 {
        // Numbers that are too large end at the largest.
        self.meter.lock().left(self.limit, now_ms).floor() as i64
    }

    /// Takes tokens.
    pub fn take(&self, tokens: i64, now_ms: i64) {
        self.meter.lock().take(tokens as f64, self.limit, now_ms);
    }

    /// Milliseconds until no token is missing.
    pub fn throttle_ms(&self, now_ms: i64) -> i32 {
        self.meter.lock().throttle_ms(self.limit, now_ms)
    }
}

impl Meter for Rate {
    fn is_idle(&mut self, now_ms: i64) -> bool {
        Rate::is_idle(self, now_ms)
    }
}

impl Meter for TokenBucket {
    fn is_idle(&mut self, now_ms: i64) -> bool {
        self.is_full(now_ms)
    }
}

impl<M> fmt::Debug for Limited<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limited").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quotas::rate::Windows;

    const WINDOWS: Windows = Windows { count: 2, size_ms: 1000 };

    fn of(meters: &Meters<Rate>, client: &str, now_ms: i64) -> Limited<Rate> {
        let sharing = Sharing { user: None, client_id: Some(client.into()) };
        meters.get((QuotaKey::ProducerByteRate, sharing), 10.0, now_ms, || Rate::new(WINDOWS))
    }

    #[test]
    fn those_who_share_a_quota_share_a_meter() {
        let meters = Meters::default();
        assert_eq!(of(&meters, "a", 0).record(10.0, 0), 0);
        assert_eq!(of(&meters, "a", 0).record(10.0, 0), 1000);
        assert_eq!(of(&meters, "b", 0).record(10.0, 0), 0);
    }

    #[test]
    fn what_may_not_come_yet_is_not_counted() {
        let meters = Meters::default();
        let limited = of(&meters, "a", 0);
        assert!(limited.admit(30.0, 0) > 0);
        assert_eq!(limited.admit(10.0, 0), 0);
    }

    #[test]
    fn meters_that_say_nothing_any_more_do_not_pile_up() {
        let meters = Meters::default();
        let held = of(&meters, "held", 0);
        held.record(1.0, 0);
        for client in 0..10_000 {
            of(&meters, &client.to_string(), client).record(1.0, client);
        }
        // Those of the last two seconds still say something.
        let count = meters.state.lock().meters.len();
        assert!(count < 2 * 2 * 2000 + SWEPT_FROM, "{count} meters");
        assert!(Arc::ptr_eq(&held.meter, &of(&meters, "held", 10_000).meter));
    }
}
