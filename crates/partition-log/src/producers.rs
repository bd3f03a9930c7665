//! Idempotent producers of one partition: sequence checks, duplicates, open transactions (KIP-98).

mod snapshot;

use std::collections::{BTreeMap, HashMap};

use model::{Offset, TimestampMs};
use records::{EndTxnMarker, add_sequence};

use crate::error::AppendError;
use crate::txn_index::AbortedTransaction;

pub(crate) use snapshot::SNAPSHOT_SIZE_MAX;

/// Batches of a producer that are remembered, so that a repeated one is answered and not appended.
const BATCHES_KEPT: usize = 5;

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BatchMeta {
    pub last_sequence: i32,
    pub last_offset: Offset,
    pub offset_delta: i32,
    pub timestamp: TimestampMs,
}

impl BatchMeta {
    pub(crate) fn first_offset(&self) -> Offset {
        self.last_offset - i64::from(self.offset_delta)
    }

    fn first_sequence(&self) -> i32 {
        // Sequences wrap at 2^31, so subtraction is addition of the complement.
        add_sequence(self.last_sequence, i32::MAX.wrapping_sub(self.offset_delta).wrapping_add(1))
    }
}

/// What is known of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Producer {
    batches: [BatchMeta; BATCHES_KEPT],
    batch_count: u8,
    pub epoch: i16,
    pub coordinator_epoch: i32,
    pub last_timestamp: TimestampMs,
    pub transaction_start: Option<Offset>,
}

/// A producer as DescribeProducers shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Sequence number of its last record, -1 where there is none.
    pub last_sequence: i32,
    /// Largest timestamp of its last batch.
    pub last_timestamp_ms: TimestampMs,
    /// Epoch of the coordinator that wrote its last marker, -1 where there is none.
    pub coordinator_epoch: i32,
    /// Offset at which its open transaction begins.
    pub current_transaction_start: Option<Offset>,
}

/// The producers of a partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Producers {
    by_id: HashMap<i64, Producer>,
    /// Open transactions by the offset at which they begin.
    open: BTreeMap<Offset, i64>,
    /// Offset up to which the state holds.
    pub end_offset: Offset,
}

/// The fields of a batch that the producer state looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProducerBatch {
    pub producer_id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
    pub offset_delta: i32,
    pub is_transactional: bool,
}

impl Producer {
    fn new(epoch: i16) -> Producer {
        Producer {
            batches: [BatchMeta::default(); BATCHES_KEPT],
            batch_count: 0,
            epoch,
            coordinator_epoch: -1,
            last_timestamp: -1,
            transaction_start: None,
        }
    }

    fn kept(&self) -> &[BatchMeta] {
        self.batches.get(..usize::from(self.batch_count)).unwrap_or_default()
    }

    fn last(&self) -> Option<&BatchMeta> {
        self.kept().last()
    }

    fn push(&mut self, batch: BatchMeta) {
        if usize::from(self.batch_count) == BATCHES_KEPT {
            self.batches.rotate_left(1);
            self.batch_count -= 1;
        }
        if let Some(place) = self.batches.get_mut(usize::from(self.batch_count)) {
            *place = batch;
            self.batch_count += 1;
        }
    }

    fn begin_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batch_count = 0;
        }
    }
}

impl Producers {
    /// No producers, as of `end_offset`.
    pub(crate) fn empty(end_offset: Offset) -> Producers {
        Producers { end_offset, ..Producers::default() }
    }

    /// Judges a batch of a client: `Ok(Some)` is a batch appended before, whose offsets answer it.
    pub(crate) fn check(&self, batch: &ProducerBatch) -> Result<Option<BatchMeta>, AppendError> {
        let producer_id = batch.producer_id;
        let Some(producer) = self.by_id.get(&producer_id) else {
            // Kafka accepts any first sequence: the state may have been lost to retention.
            return Ok(None);
        };
        if batch.epoch < producer.epoch {
            return Err(AppendError::InvalidProducerEpoch {
                producer_id,
                epoch: batch.epoch,
                current: producer.epoch,
            });
        }
        let last_sequence = producer.last().map_or(-1, |last| last.last_sequence);
        if batch.epoch == producer.epoch {
            if let Some(before) = find_duplicate(producer, batch) {
                return Ok(Some(before));
            }
            if batch.base_sequence != add_sequence(last_sequence, 1) {
                return Err(AppendError::OutOfOrderSequence {
                    producer_id,
                    sequence: batch.base_sequence,
                    last_sequence,
                });
            }
        } else if batch.base_sequence != 0 && producer.epoch != -1 {
            return Err(AppendError::OutOfOrderSequence {
                producer_id,
                sequence: batch.base_sequence,
                last_sequence,
            });
        }
        if producer.transaction_start.is_some() && !batch.is_transactional {
            return Err(AppendError::InvalidTransactionState { producer_id });
        }
        Ok(None)
    }

    /// Judges a marker of a coordinator.
    pub(crate) fn check_marker(
        &self,
        producer_id: i64,
        epoch: i16,
        marker: EndTxnMarker,
    ) -> Result<(), AppendError> {
        let Some(producer) = self.by_id.get(&producer_id) else { return Ok(()) };
        if epoch < producer.epoch {
            return Err(AppendError::InvalidProducerEpoch { producer_id, epoch, current: producer.epoch });
        }
        if marker.coordinator_epoch < producer.coordinator_epoch {
            return Err(AppendError::CoordinatorFenced {
                producer_id,
                epoch: marker.coordinator_epoch,
                current: producer.coordinator_epoch,
            });
        }
        Ok(())
    }

    /// Takes note of an appended batch.
    pub(crate) fn appended(&mut self, batch: &ProducerBatch, last_offset: Offset, timestamp: TimestampMs) {
        let producer = self.by_id.entry(batch.producer_id).or_insert_with(|| Producer::new(batch.epoch));
        producer.begin_epoch(batch.epoch);
        let meta = BatchMeta {
            last_sequence: add_sequence(batch.base_sequence, batch.offset_delta),
            last_offset,
            offset_delta: batch.offset_delta,
            timestamp,
        };
        producer.push(meta);
        producer.last_timestamp = timestamp;
        if batch.is_transactional && producer.transaction_start.is_none() {
            producer.transaction_start = Some(meta.first_offset());
            self.open.insert(meta.first_offset(), batch.producer_id);
        }
    }

    /// Takes note of a marker at `offset`; a transaction that it aborts is answered, for the index.
    pub(crate) fn ended(
        &mut self,
        producer_id: i64,
        epoch: i16,
        marker: EndTxnMarker,
        offset: Offset,
        timestamp: TimestampMs,
    ) -> Option<AbortedTransaction> {
        let producer = self.by_id.entry(producer_id).or_insert_with(|| Producer::new(epoch));
        producer.begin_epoch(epoch);
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_timestamp = timestamp;
        let first_offset = producer.transaction_start.take()?;
        self.open.remove(&first_offset);
        let last_stable_offset = self.first_undecided().unwrap_or(offset + 1);
        (!marker.committed).then_some(AbortedTransaction {
            producer_id,
            first_offset,
            last_offset: offset,
            last_stable_offset,
        })
    }

    /// Offset at which the oldest open transaction begins.
    pub(crate) fn first_undecided(&self) -> Option<Offset> {
        self.open.first_key_value().map(|(offset, _)| *offset)
    }

    /// Forgets producers without an open transaction that have been idle for `expiration_ms`.
    pub(crate) fn expire(&mut self, now_ms: TimestampMs, expiration_ms: i64) {
        self.by_id.retain(|_, producer| !is_expired(producer, now_ms, expiration_ms));
    }

    pub(crate) fn active(&self, now_ms: TimestampMs, expiration_ms: i64) -> Vec<ActiveProducer> {
        let mut active: Vec<ActiveProducer> = self
            .by_id
            .iter()
            .filter(|(_, producer)| !is_expired(producer, now_ms, expiration_ms))
            .map(|(id, producer)| ActiveProducer {
                producer_id: *id,
                epoch: producer.epoch,
                last_sequence: producer.last().map_or(-1, |last| last.last_sequence),
                last_timestamp_ms: producer.last_timestamp,
                coordinator_epoch: producer.coordinator_epoch,
                current_transaction_start: producer.transaction_start,
            })
            .collect();
        active.sort_by_key(|producer| producer.producer_id);
        active
    }
}

fn is_expired(producer: &Producer, now_ms: TimestampMs, expiration_ms: i64) -> bool {
    producer.transaction_start.is_none() && now_ms.saturating_sub(producer.last_timestamp) >= expiration_ms
}

fn find_duplicate(producer: &Producer, batch: &ProducerBatch) -> Option<BatchMeta> {
    let last_sequence = add_sequence(batch.base_sequence, batch.offset_delta);
    let same = |kept: &&BatchMeta| {
        kept.first_sequence() == batch.base_sequence && kept.last_sequence == last_sequence
    };
    producer.kept().iter().find(same).copied()
}

#[cfg(test)]
mod tests;
