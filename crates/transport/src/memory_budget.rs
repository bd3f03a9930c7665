//! The bound on memory that requests and answers in flight may take together, over all connections and cores.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::memory_queue::MemoryQueue;

/// Reservations up to this many bytes may take what is left of the budget.
const SMALL_MAX: usize = 64 * 1024;
/// The part of the budget that large reservations leave: one in this many.
const SMALL_SHARE: usize = 8;

/// A shared count of reserved bytes with a maximum.
///
/// Who finds no room waits, which means its socket is not read: TCP passes the pressure on to the client. Reservations are
/// served in the order of coming. A part is for small ones alone, and they wait apart, so that large requests that stand
/// still do not keep small ones waiting.
#[derive(Debug)]
pub struct MemoryBudget {
    bytes_max: usize,
    setting: &'static str,
    reserved: AtomicUsize,
    waiting: AtomicUsize,
    waits: AtomicU64,
    /// For those who wait until something new may be begun.
    room: Notify,
    small: MemoryQueue,
    large: MemoryQueue,
}

/// Bytes reserved from a budget; dropping it gives them back.
#[derive(Debug)]
pub struct MemoryReservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

/// Counts a waiter for as long as it waits.
struct Waiting<'b>(&'b MemoryBudget);

impl MemoryBudget {
    /// A budget of `bytes_max` bytes, set by the setting of that name.
    pub fn new(bytes_max: usize, setting: &'static str) -> Arc<MemoryBudget> {
        Arc::new(MemoryBudget {
            bytes_max,
            setting,
            reserved: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waits: AtomicU64::new(0),
            room: Notify::new(),
            small: MemoryQueue::default(),
            large: MemoryQueue::default(),
        })
    }

    /// The bound in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Name of the setting that sets the bound.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// Reserves `bytes` now, or `None` where the budget has no room.
    ///
    /// A request larger than the whole budget is let in when nothing else is reserved, so that a small
    /// budget slows large requests down and never shuts them out.
    pub fn try_reserve(self: &Arc<Self>, bytes: usize) -> Option<MemoryReservation> {
        let kept = if bytes > SMALL_MAX { self.bytes_max / SMALL_SHARE } else { 0 };
        let grown = |reserved: usize| {
            let total = reserved.checked_add(bytes)?;
            (total <= self.bytes_max - kept || reserved == 0).then_some(total)
        };
        self.reserved.fetch_update(Ordering::SeqCst, Ordering::SeqCst, grown).ok()?;
        Some(MemoryReservation { budget: Arc::clone(self), bytes })
    }

    /// Reserves `bytes`, waiting until there is room and those who came before are served.
    pub async fn reserve(self: &Arc<Self>, bytes: usize) -> MemoryReservation {
        if self.waiting() == 0
            && let Some(reservation) = self.try_reserve(bytes)
        {
            return reservation;
        }
        // Counted first: who gives memory back looks for it after that, and this looks for memory after this.
        let _waiting = Waiting::new(self);
        let queue = if bytes > SMALL_MAX { &self.large } else { &self.small };
        match queue.join(self, bytes) {
            Ok(reservation) => reservation,
            Err(mut place) => match (&mut place.granted).await {
                Ok(reservation) => reservation,
                // Only who waits takes its place away.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Counts `bytes` that are taken already, room or not: what brings the sum above the bound keeps everybody
    /// else from beginning anything new.
    pub fn reserve_taken(self: &Arc<Self>, bytes: usize) -> MemoryReservation {
        self.reserved.fetch_add(bytes, Ordering::AcqRel);
        MemoryReservation { budget: Arc::clone(self), bytes }
    }

    /// True where something new may be begun.
    pub fn has_room(&self) -> bool {
        self.reserved.load(Ordering::SeqCst) < self.bytes_max
    }

    /// True where less than half is reserved: then memory may be taken for speed where there is another way.
    pub fn is_ample(&self) -> bool {
        self.reserved.load(Ordering::Relaxed) <= self.bytes_max / 2
    }

    /// Returns once something new may be begun.
    pub async fn room(&self) {
        if self.has_room() {
            return;
        }
        let _waiting = Waiting::new(self);
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            if self.has_room() {
                return;
            }
            room.await;
        }
    }

    /// Waits for `work` of somebody who holds memory; `None` where others wait for memory at the end of an `interval`.
    pub async fn unless_wanted<T>(&self, interval: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(interval, work.as_mut()).await {
                Ok(outcome) => return Some(outcome),
                Err(_) if self.waiting() == 0 => {}
                Err(_) => return None,
            }
        }
    }

    /// Bytes reserved now.
    pub fn reserved_bytes(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
    }

    /// How many wait for room now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How often somebody had to wait for room since the start.
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}

impl MemoryReservation {
    /// Changes what is counted to `bytes`, room or not, as the memory itself has changed already.
    pub fn set_taken(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.reserved.fetch_add(bytes - self.bytes, Ordering::AcqRel);
        } else if bytes < self.bytes {
            self.budget.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl MemoryBudget {
    fn give_back(self: &Arc<Self>, bytes: usize) {
        self.reserved.fetch_sub(bytes, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        self.small.serve(self);
        self.large.serve(self);
        if self.has_room() {
            self.room.notify_waiters();
        }
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

impl<'b> Waiting<'b> {
    fn new(budget: &'b MemoryBudget) -> Waiting<'b> {
        budget.waits.fetch_add(1, Ordering::Relaxed);
        budget.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(bytes_max: usize) -> Arc<MemoryBudget> {
        MemoryBudget::new(bytes_max, "memory.budget.bytes")
    }

    #[test]
    fn room_is_given_back_on_drop() {
        let budget = budget(100);
        let first = budget.try_reserve(60).unwrap();
        assert!(budget.try_reserve(41).is_none());
        assert_eq!(budget.reserved_bytes(), 60);
        drop(first);
        assert!(budget.try_reserve(100).is_some());
    }

    #[test]
    fn a_request_above_the_whole_budget_is_served_alone() {
        let budget = budget(100);
        let giant = budget.try_reserve(1_000).unwrap();
        assert!(budget.try_reserve(1).is_none());
        drop(giant);
        assert_eq!(budget.reserved_bytes(), 0);
    }

    #[test]
    fn large_reservations_leave_room_for_small_ones() {
        let budget = budget(1 << 20);
        let _large: Vec<_> = std::iter::from_fn(|| budget.try_reserve(SMALL_MAX + 1)).collect();
        assert!(budget.has_room() && budget.reserved_bytes() <= (1 << 20) / SMALL_SHARE * (SMALL_SHARE - 1));
        assert!(budget.try_reserve(SMALL_MAX).is_some());
    }

    #[test]
    fn what_is_taken_already_counts_though_there_is_no_room() {
        let budget = budget(100);
        let mut taken = budget.reserve_taken(60);
        assert!(budget.has_room() && !budget.is_ample());
        taken.set_taken(150);
        assert!(!budget.has_room());
        assert!(budget.try_reserve(1).is_none());
        taken.set_taken(40);
        assert_eq!(budget.reserved_bytes(), 40);
        assert!(budget.is_ample());
    }

    #[tokio::test]
    async fn who_came_first_is_served_first_and_who_goes_leaves_no_gap() {
        const SHARE: usize = 1 << 20;
        let budget = budget(8 * SHARE);
        let held = budget.reserve(11 * SHARE / 2).await;
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let waiting = |bytes: usize| {
            let (budget, order) = (Arc::clone(&budget), Arc::clone(&order));
            tokio::spawn(async move {
                let reservation = budget.reserve(bytes).await;
                order.lock().unwrap().push(bytes);
                reservation
            })
        };
        let (giant, second, third) = (waiting(7 * SHARE), waiting(SHARE), waiting(SHARE / 2));
        tokio::task::yield_now().await;
        let small = budget.reserve(SMALL_MAX).await;
        assert_eq!((budget.waiting(), order.lock().unwrap().len()), (3, 0), "behind one that wants more");
        giant.abort();
        assert!(giant.await.is_err());
        let second = second.await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(budget.waiting(), 1);
        drop(held);
        let third = third.await.unwrap();
        assert_eq!(order.lock().unwrap()[..], [SHARE, SHARE / 2]);
        drop((small, second, third));
        assert_eq!((budget.reserved_bytes(), budget.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn a_waiter_goes_on_when_room_is_released() {
        let budget = budget(10);
        let held = budget.reserve(10).await;
        let waiter = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move {
                budget.room().await;
                budget.reserve(5).await.bytes
            }
        });
        tokio::task::yield_now().await;
        assert_eq!((budget.waits(), budget.waiting()), (1, 1));
        drop(held);
        assert_eq!(waiter.await.unwrap(), 5);
        assert_eq!(budget.waiting(), 0);
    }
}
