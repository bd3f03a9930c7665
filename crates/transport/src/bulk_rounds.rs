//! What keeps one connection's bulk from keeping the others of its core waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// Steps up to so many bytes are taken as they come: to share them out costs more than they do.
const SMALL_MAX: usize = 64 * 1024;
/// Time for larger steps between two looks at the sockets of a core.
const ROUND: Duration = Duration::from_micros(500);

/// The rounds of one core. Steps that move much memory, and all of who has just come, take turns: once a round's time is
/// spent, the next step waits until the core has looked at its sockets and served who wants little.
#[derive(Debug)]
pub struct BulkRounds {
    /// What is left of the round. Who waits is let in in the order of coming.
    left: Arc<Mutex<Duration>>,
}

/// A step that is taken while this is held. What it takes counts: bytes say little, as memory that was not used lately
/// can cost a hundred times as much as memory that was.
#[derive(Debug)]
pub struct BulkTurn {
    /// Whose time it takes, and since when; `None` for a small step.
    began: Option<(OwnedMutexGuard<Duration>, Instant)>,
}

impl Default for BulkRounds {
    fn default() -> BulkRounds {
        BulkRounds { left: Arc::new(Mutex::new(ROUND)) }
    }
}

impl BulkRounds {
    /// True where a step of so many bytes has to wait for its turn.
    pub(crate) fn is_bulk(bytes: usize) -> bool {
        bytes > SMALL_MAX
    }

    /// Waits until a step of so many bytes may be taken, which is at once where they are few.
    pub(crate) async fn turn(&self, bytes: usize) -> BulkTurn {
        if !BulkRounds::is_bulk(bytes) {
            return BulkTurn { began: None };
        }
        let mut left = Arc::clone(&self.left).lock_owned().await;
        if left.is_zero() {
            // Goes on once the runtime has looked at the sockets.
            tokio::task::yield_now().await;
            *left = ROUND;
        }
        BulkTurn { began: Some((left, Instant::now())) }
    }
}

impl Drop for BulkTurn {
    fn drop(&mut self) {
        if let Some((left, began)) = &mut self.began {
            **left = left.saturating_sub(began.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn others_are_served_between_two_rounds_and_small_steps_wait_for_none() {
        let rounds = Rc::new(BulkRounds::default());
        let order = Rc::new(RefCell::new(Vec::new()));
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
        assert_eq!(order[3..], ["bulk 1", "bulk 2"], "in the order of coming");
    }

    #[tokio::test]
    async fn a_round_lasts_until_its_time_is_spent() {
        let rounds = BulkRounds::default();
        drop(rounds.turn(usize::MAX).await);
        let left = *rounds.left.lock().await;
        assert!(left > Duration::ZERO && left < ROUND, "{left:?}");
        let turn = rounds.turn(usize::MAX).await;
        std::thread::sleep(ROUND);
        drop(turn);
        assert!(rounds.left.lock().await.is_zero());
        let turn = rounds.turn(usize::MAX).await;
        assert_eq!(turn.began.as_ref().map(|(left, _)| **left), Some(ROUND));
    }

    #[tokio::test]
    async fn who_gives_up_waiting_keeps_nobody_from_its_turn() {
        let rounds = BulkRounds::default();
        let turn = rounds.turn(usize::MAX).await;
        let waiting = tokio::time::timeout(Duration::from_millis(1), rounds.turn(usize::MAX));
        assert!(waiting.await.is_err());
        drop(turn);
        drop(rounds.turn(usize::MAX).await);
    }
}
