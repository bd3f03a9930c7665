//! The bound on memory that requests in flight may take together, over all connections and cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A shared count of reserved bytes with a hard maximum.
///
/// Who finds no room waits, which means its socket is not read: TCP passes the pressure on to the client.
#[derive(Debug)]
pub struct MemoryBudget {
    bytes_max: usize,
    reserved: AtomicUsize,
    waits: AtomicU64,
    released: Notify,
}

/// Bytes reserved from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct MemoryReservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryBudget {
    /// A budget of `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Arc<MemoryBudget> {
        let (reserved, waits) = (AtomicUsize::new(0), AtomicU64::new(0));
        Arc::new(MemoryBudget { bytes_max, reserved, waits, released: Notify::new() })
    }

    /// Reserves `bytes` now, or `None` where the budget has no room.
    ///
    /// A request larger than the whole budget is let in when nothing else is reserved, so that a small
    /// budget slows large requests down and never shuts them out.
    pub fn try_reserve(self: &Arc<Self>, bytes: usize) -> Option<MemoryReservation> {
        let grown = |reserved: usize| {
            let total = reserved.checked_add(bytes)?;
            (total <= self.bytes_max || reserved == 0).then_some(total)
        };
        self.reserved.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).ok()?;
        Some(MemoryReservation { budget: Arc::clone(self), bytes })
    }

    /// Reserves `bytes`, waiting until there is room.
    pub async fn reserve(self: &Arc<Self>, bytes: usize) -> MemoryReservation {
        if let Some(reservation) = self.try_reserve(bytes) {
            return reservation;
        }
        self.waits.fetch_add(1, Ordering::Relaxed);
        loop {
            let mut released = std::pin::pin!(self.released.notified());
            released.as_mut().enable();
            if let Some(reservation) = self.try_reserve(bytes) {
                return reservation;
            }
            released.await;
        }
    }

    /// Bytes reserved now.
    pub fn reserved_bytes(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
    }

    /// How often somebody had to wait for room since the start.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.budget.reserved.fetch_sub(self.bytes, Ordering::AcqRel);
        self.budget.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_on_drop() {
        let budget = MemoryBudget::new(100);
        let first = budget.try_reserve(60).unwrap();
        assert!(budget.try_reserve(41).is_none());
        assert_eq!(budget.reserved_bytes(), 60);
        drop(first);
        assert!(budget.try_reserve(100).is_some());
    }

    #[test]
    fn a_request_above_the_whole_budget_is_served_alone() {
        let budget = MemoryBudget::new(100);
        let giant = budget.try_reserve(1_000).unwrap();
        assert!(budget.try_reserve(1).is_none());
        drop(giant);
        assert_eq!(budget.reserved_bytes(), 0);
    }

    #[tokio::test]
    async fn a_waiter_goes_on_when_room_is_released() {
        let budget = MemoryBudget::new(10);
        let held = budget.reserve(10).await;
        let waiter = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.reserve(5).await.bytes }
        });
        tokio::task::yield_now().await;
        assert_eq!(budget.waits(), 1);
        drop(held);
        assert_eq!(waiter.await.unwrap(), 5);
    }
}
