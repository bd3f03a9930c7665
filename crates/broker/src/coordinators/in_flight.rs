//! Appends of a shard that are not on stable storage yet, and who waits for those before it.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

/// The number of an append, in the order of the log.
pub type AppendNumber = u64;

/// Appends under way.
#[derive(Debug, Default)]
pub struct InFlight {
    count: AppendNumber,
    open: BTreeSet<AppendNumber>,
    /// Each with the last append that it waits for, in that order.
    waiting: Vec<(AppendNumber, oneshot::Sender<()>)>,
}

impl InFlight {
    /// Another append.
    pub fn begin(&mut self) -> AppendNumber {
        self.count += 1;
        self.open.insert(self.count);
        self.count
    }

    /// It is there for good.
    pub fn end(&mut self, number: AppendNumber) {
        self.open.remove(&number);
        let first = self.open.first().copied().unwrap_or(AppendNumber::MAX);
        for (_, waiting) in self.waiting.extract_if(.., |(last, _)| *last < first) {
            // Whoever has gone does not want to know.
            let _ = waiting.send(());
        }
    }

    /// Tells when all that are under way now are there for good; an error where that cannot be known any more. `None`
    /// where there are none.
    pub fn all(&mut self) -> Option<oneshot::Receiver<()>> {
        let last = *self.open.last()?;
        let (sender, receiver) = oneshot::channel();
        self.waiting.push((last, sender));
        Some(receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_told_once_all_appends_before_it_have_ended() {
        let mut in_flight = InFlight::default();
        assert!(in_flight.all().is_none());
        let (one, two) = (in_flight.begin(), in_flight.begin());
        let mut waiting = in_flight.all().expect("two are under way");
        let later = in_flight.begin();
        in_flight.end(two);
        assert!(waiting.try_recv().is_err());
        in_flight.end(one);
        assert_eq!(waiting.try_recv(), Ok(()));
        assert!(in_flight.all().is_some());
        in_flight.end(later);
        assert!(in_flight.all().is_none());
    }

    #[test]
    fn who_waits_is_told_when_nobody_knows_any_more() {
        let mut in_flight = InFlight::default();
        in_flight.begin();
        let mut waiting = in_flight.all().expect("one is under way");
        drop(in_flight);
        assert_eq!(waiting.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
