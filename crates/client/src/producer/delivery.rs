//! What becomes of a record that was handed over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::error::Error;

/// Where a record is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset; `None` where the server does not tell (`acks=0`, or a batch that had been written before).
    pub offset: Option<i64>,
    /// Its timestamp in milliseconds since 1970.
    pub timestamp: i64,
}

/// A record on its way.
#[derive(Debug)]
pub struct Delivery {
    batch: Arc<BatchOutcome>,
    /// Place within the batch.
    place: usize,
    timestamp: i64,
}

/// The outcome that all records of a batch share.
#[derive(Debug)]
pub(crate) struct BatchOutcome {
    topic: Arc<str>,
    partition: i32,
    outcome: Mutex<Option<Settled>>,
    told: Notify,
}

/// An outcome and when it was told.
#[derive(Debug, Clone)]
struct Settled {
    outcome: Result<Written, Error>,
    at: Instant,
}

/// Where a batch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Offset of its first record, negative where the server does not tell.
    pub(crate) base_offset: i64,
    /// The server's time, where the topic takes that, else negative.
    pub(crate) append_time: i64,
}

impl BatchOutcome {
    pub(crate) fn new(topic: Arc<str>, partition: i32) -> Arc<BatchOutcome> {
        Arc::new(BatchOutcome { topic, partition, outcome: Mutex::default(), told: Notify::new() })
    }

    /// Tells all who wait; the first outcome counts.
    pub(crate) fn tell(&self, outcome: Result<Written, Error>) {
        let mut known = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_with(|| Settled { outcome, at: Instant::now() });
        drop(known);
        self.told.notify_waiters();
    }

    fn known(&self) -> Option<Settled> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the batch is written or given up.
    pub(crate) async fn wait(&self) -> Result<Written, Error> {
        loop {
            // Asked for before the look, so that what is told in between is heard.
            let told = self.told.notified();
            if let Some(settled) = self.known() {
                return settled.outcome;
            }
            told.await;
        }
    }
}

impl Delivery {
    pub(crate) fn new(batch: Arc<BatchOutcome>, place: usize, timestamp: i64) -> Delivery {
        Delivery { batch, place, timestamp }
    }

    /// Waits until the record is written or given up. The record is written whether or not anybody waits.
    pub async fn wait(self) -> Result<RecordMetadata, Error> {
        let written = self.batch.wait().await?;
        Ok(self.metadata(written))
    }

    /// What is known already.
    pub fn outcome(&self) -> Option<Result<RecordMetadata, Error>> {
        self.settled().map(|(outcome, _)| outcome)
    }

    /// The same, with the moment at which it became known.
    pub fn settled(&self) -> Option<(Result<RecordMetadata, Error>, Instant)> {
        let Settled { outcome, at } = self.batch.known()?;
        Some((outcome.map(|written| self.metadata(written)), at))
    }

    fn metadata(&self, written: Written) -> RecordMetadata {
        let place = i64::try_from(self.place).unwrap_or(i64::MAX);
        RecordMetadata {
            topic: Arc::clone(&self.batch.topic),
            partition: self.batch.partition,
            offset: Some(written.base_offset)
                .filter(|base| *base >= 0)
                .map(|base| base.saturating_add(place)),
            timestamp: if written.append_time >= 0 { written.append_time } else { self.timestamp },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_records_of_a_batch_hear_the_same_each_with_its_offset() {
        let batch = BatchOutcome::new("t".into(), 3);
        let deliveries = [0, 1].map(|place| Delivery::new(Arc::clone(&batch), place, 77));
        assert_eq!(deliveries[0].outcome(), None);
        let waiting = deliveries.map(|delivery| tokio::spawn(delivery.wait()));
        tokio::task::yield_now().await;
        batch.tell(Ok(Written { base_offset: 40, append_time: -1 }));
        batch.tell(Err(Error::Closed));
        for (waiting, offset) in waiting.into_iter().zip([40, 41]) {
            let metadata = waiting.await.unwrap().unwrap();
            assert_eq!((metadata.partition, metadata.offset, metadata.timestamp), (3, Some(offset), 77));
        }
    }
}
