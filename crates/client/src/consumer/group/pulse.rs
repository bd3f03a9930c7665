//! When the program last asked for records: a member that does not for too long leaves its group.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by the consumer and the task that sends its heartbeats.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// `None` while the program waits for records.
    polled: Mutex<Option<Instant>>,
}

/// The program waits for records as long as this lives.
#[derive(Debug)]
pub(crate) struct InPoll {
    pulse: std::sync::Arc<Pulse>,
}

impl Pulse {
    pub(crate) fn new() -> Pulse {
        Pulse { polled: Mutex::new(Some(Instant::now())) }
    }

    /// How long there is until the program is late; nothing once it is.
    pub(crate) fn left(&self, interval: Duration) -> Duration {
        let polled = *self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        polled.map_or(interval, |polled| interval.saturating_sub(polled.elapsed()))
    }

    fn set(&self, polled: Option<Instant>) {
        *self.polled.lock().unwrap_or_else(PoisonError::into_inner) = polled;
    }
}

impl InPoll {
    pub(crate) fn begin(pulse: &std::sync::Arc<Pulse>) -> InPoll {
        pulse.set(None);
        InPoll { pulse: std::sync::Arc::clone(pulse) }
    }
}

impl Drop for InPoll {
    fn drop(&mut self) {
        self.pulse.set(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_runs_only_between_polls() {
        let pulse = Arc::new(Pulse::new());
        let interval = Duration::from_secs(10);
        let in_poll = InPoll::begin(&pulse);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(pulse.left(interval), interval);
        drop(in_poll);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(pulse.left(interval), Duration::from_secs(6));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(pulse.left(interval), Duration::ZERO);
    }
}
