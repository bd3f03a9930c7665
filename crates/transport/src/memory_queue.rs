//! Who waits for memory of a budget, in the order of coming.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::memory_budget::{MemoryBudget, MemoryReservation};

/// Those who wait for reservations of one kind. Who gives memory back hands it to the first, and to nobody else: were
/// all woken to look for themselves, a thousand who wait would cost a million looks before the last is served.
#[derive(Debug, Default)]
pub(crate) struct MemoryQueue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiters: VecDeque<Waiter>,
    next_number: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    bytes: usize,
    granted: oneshot::Sender<MemoryReservation>,
}

/// A place in the queue, given up when dropped.
pub(crate) struct Place<'q> {
    queue: &'q MemoryQueue,
    budget: &'q Arc<MemoryBudget>,
    number: u64,
    /// Where the reservation comes; one that nobody takes is given back with it.
    pub(crate) granted: oneshot::Receiver<MemoryReservation>,
}

impl MemoryQueue {
    /// A reservation, or a place behind those who came before.
    pub(crate) fn join<'q>(
        &'q self,
        budget: &'q Arc<MemoryBudget>,
        bytes: usize,
    ) -> Result<MemoryReservation, Place<'q>> {
        let mut state = self.lock();
        if state.waiters.is_empty()
            && let Some(reservation) = budget.try_reserve(bytes)
        {
            return Ok(reservation);
        }
        let number = state.next_number;
        state.next_number += 1;
        let (sender, granted) = oneshot::channel();
        state.waiters.push_back(Waiter { number, bytes, granted: sender });
        Err(Place { queue: self, budget, number, granted })
    }

    /// Hands what the budget has room for to those at the front.
    pub(crate) fn serve(&self, budget: &Arc<MemoryBudget>) {
        while let Some((waiter, reservation)) = self.next_served(budget) {
            // One that has gone meanwhile gives it back at once, with the queue unlocked.
            let _ = waiter.granted.send(reservation);
        }
    }

    fn next_served(&self, budget: &Arc<MemoryBudget>) -> Option<(Waiter, MemoryReservation)> {
        let mut state = self.lock();
        let reservation = budget.try_reserve(state.waiters.front()?.bytes)?;
        Some((state.waiters.pop_front()?, reservation))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        let Some(at) = state.waiters.iter().position(|waiter| waiter.number == self.number) else { return };
        state.waiters.remove(at);
        drop(state);
        // Those behind may want less than it did.
        self.queue.serve(self.budget);
    }
}
