//! Fetches that wait for bytes in a partition. An append wakes only those it satisfies.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering, fence};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// One parked fetch. It is listed at every partition it reads from.
#[derive(Debug)]
pub struct FetchWait {
    /// Bytes still missing to the fetch's minimum; at 0 or below it is woken.
    missing_bytes: AtomicI64,
    woken: AtomicBool,
    notify: Notify,
}

/// The parked fetches of one partition.
#[derive(Debug, Default)]
pub struct WaitList {
    /// Length of the list, so that an append nobody waits for takes no lock.
    waiting: AtomicUsize,
    waits: Mutex<Vec<Arc<FetchWait>>>,
}

impl FetchWait {
    /// A wait for `missing_bytes` more bytes over all partitions it will be listed at.
    pub fn new(missing_bytes: i64) -> Arc<FetchWait> {
        let (missing_bytes, woken) = (AtomicI64::new(missing_bytes), AtomicBool::new(false));
        Arc::new(FetchWait { missing_bytes, woken, notify: Notify::new() })
    }

    /// Returns once enough bytes have come, or a partition's state changed.
    pub async fn woken(&self) {
        while !self.woken.load(Ordering::Acquire) {
            self.notify.notified().await;
        }
    }

    /// Wakes the fetch whatever is missing: the partition moved, went away, or its start moved.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    fn add_bytes(&self, bytes: i64) -> bool {
        let left = self.missing_bytes.fetch_sub(bytes, Ordering::AcqRel) - bytes;
        if left <= 0 && !self.woken.load(Ordering::Relaxed) {
            self.wake();
        }
        left <= 0
    }
}

impl WaitList {
    /// Lists a fetch. The caller then looks once more whether its bytes are there: an append between the first
    /// look and this call has woken nobody.
    ///
    /// False where it has just been listed: a request may name a partition a million times.
    pub fn add(&self, wait: &Arc<FetchWait>) -> bool {
        let mut waits = self.waits.lock();
        if waits.last().is_some_and(|last| Arc::ptr_eq(last, wait)) {
            return false;
        }
        waits.push(Arc::clone(wait));
        self.waiting.store(waits.len(), Ordering::SeqCst);
        drop(waits);
        // Pairs with the one in `bytes_appended`: the listed fetch sees the append, or the append sees the fetch.
        fence(Ordering::SeqCst);
        true
    }

    /// Takes a fetch off the list; it was answered or its client has gone.
    pub fn remove(&self, wait: &Arc<FetchWait>) {
        let mut waits = self.waits.lock();
        waits.retain(|listed| !Arc::ptr_eq(listed, wait));
        self.waiting.store(waits.len(), Ordering::SeqCst);
    }

    /// Counts `bytes` new readable bytes towards every listed fetch and wakes those that have enough.
    ///
    /// The bytes must be readable by then.
    pub fn bytes_appended(&self, bytes: usize) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut waits = self.waits.lock();
        waits.retain(|wait| !wait.add_bytes(bytes as i64));
        self.waiting.store(waits.len(), Ordering::SeqCst);
    }

    /// Wakes everybody: the partition's state changed.
    pub fn wake_all(&self) {
        let mut waits = self.waits.lock();
        waits.drain(..).for_each(|wait| wait.wake());
        self.waiting.store(0, Ordering::SeqCst);
    }

    /// How many fetches wait.
    pub fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_append_wakes_only_whom_it_satisfies() {
        let list = WaitList::default();
        let (small, large) = (FetchWait::new(1), FetchWait::new(1_000));
        list.add(&small);
        list.add(&large);
        list.bytes_appended(400);
        small.woken().await;
        assert!(!large.woken.load(Ordering::Relaxed));
        assert_eq!(list.len(), 1);
        list.bytes_appended(600);
        large.woken().await;
        assert_eq!(list.len(), 0);
    }

    #[tokio::test]
    async fn bytes_of_several_partitions_count_together() {
        let (one, other) = (WaitList::default(), WaitList::default());
        let wait = FetchWait::new(100);
        one.add(&wait);
        other.add(&wait);
        one.bytes_appended(60);
        other.bytes_appended(40);
        wait.woken().await;
        one.remove(&wait);
        assert_eq!((one.len(), other.len()), (0, 0));
    }

    #[test]
    fn a_fetch_that_names_a_partition_twice_is_listed_once() {
        let list = WaitList::default();
        let (wait, other) = (FetchWait::new(100), FetchWait::new(100));
        assert!(list.add(&wait) && !list.add(&wait));
        assert!(list.add(&other));
        assert_eq!(list.len(), 2);
        list.bytes_appended(60);
        assert_eq!(list.len(), 2, "bytes count once");
        list.remove(&wait);
        assert_eq!(list.len(), 1);
    }

    #[tokio::test]
    async fn a_change_of_state_wakes_everybody() {
        let list = WaitList::default();
        let wait = FetchWait::new(i64::MAX);
        list.add(&wait);
        list.wake_all();
        wait.woken().await;
    }
}
