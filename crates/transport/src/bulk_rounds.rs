//! What keeps one connection's bulk from keeping the others of its core waiting.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Steps up to so many bytes are taken as they come: to share them out costs more than they do.
const SMALL_MAX: usize = 64 * 1024;
/// Time for larger steps between two looks at the sockets of a core.
const ROUND: Duration = Duration::from_micros(500);

/// The rounds of one core. Reads, sends and closings that move much memory take turns: once a round's time is spent, the
/// next step waits until the core has looked at its sockets and served who wants little. Not shared between threads.
#[derive(Debug)]
pub struct BulkRounds {
    number: Cell<u64>,
    left: Cell<Duration>,
}

/// A step that is taken while this is held. What it takes counts: bytes say little, as memory that was not used lately
/// can cost a hundred times as much as memory that was.
#[derive(Debug)]
pub(crate) struct BulkTurn {
    /// Whose time it takes, and since when; `None` for a small step.
    began: Option<(Rc<BulkRounds>, Instant)>,
}

impl Default for BulkRounds {
    fn default() -> BulkRounds {
        BulkRounds { number: Cell::new(0), left: Cell::new(ROUND) }
    }
}

impl BulkRounds {
    /// True where a step of so many bytes has to wait for its turn.
    pub(crate) fn is_bulk(bytes: usize) -> bool {
        bytes > SMALL_MAX
    }

    /// Waits until a step of so many bytes may be taken, which is at once where they are few.
    pub(crate) async fn turn(self: &Rc<Self>, bytes: usize) -> BulkTurn {
        if !BulkRounds::is_bulk(bytes) {
            return BulkTurn { began: None };
        }
        while self.left.get().is_zero() {
            let number = self.number.get();
            // Goes on once the runtime has looked at the sockets.
            tokio::task::yield_now().await;
            if self.number.get() == number {
                // The first of those that waited for it begins the round.
                self.number.set(number + 1);
                self.left.set(ROUND);
            }
        }
        BulkTurn { began: Some((Rc::clone(self), Instant::now())) }
    }
}

impl Drop for BulkTurn {
    fn drop(&mut self) {
        if let Some((rounds, began)) = &self.began {
            rounds.left.set(rounds.left.get().saturating_sub(began.elapsed()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn others_are_served_between_two_rounds_and_small_steps_wait_for_none() {
        let rounds = Rc::new(BulkRounds::default());
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let tasks = LocalSet::new();
        for name in ["bulk 0", "bulk 1", "bulk 2"] {
            let (rounds, order) = (Rc::clone(&rounds), Rc::clone(&order));
            tasks.spawn_local(async move {
                let _turn = rounds.turn(SMALL_MAX + 1).await;
                order.borrow_mut().push(name);
                std::thread::sleep(ROUND);
            });
        }
        for name in ["small 0", "small 1"] {
            let (rounds, order) = (Rc::clone(&rounds), Rc::clone(&order));
            tasks.spawn_local(async move {
                let _turn = rounds.turn(SMALL_MAX).await;
                order.borrow_mut().push(name);
            });
        }
        tasks.await;
        let order = order.borrow();
        assert_eq!(order[..3], ["bulk 0", "small 0", "small 1"]);
        assert_eq!(order.len(), 5);
    }

    #[tokio::test]
    async fn a_round_lasts_until_its_time_is_spent() {
        let rounds = Rc::new(BulkRounds::default());
        drop(rounds.turn(usize::MAX).await);
        assert_eq!(rounds.number.get(), 0);
        let turn = rounds.turn(usize::MAX).await;
        std::thread::sleep(ROUND);
        drop(turn);
        assert!(rounds.left.get().is_zero());
        drop(rounds.turn(usize::MAX).await);
        assert_eq!(rounds.number.get(), 1);
    }
}
