//! What the state of producers looks at in a batch.

use records::{BatchView, CheckedBatch, EndTxnMarker, Scratch};

use crate::producers::ProducerBatch;

/// Bytes a control batch may have when decompressed; they hold one small record.
const CONTROL_SIZE_MAX: usize = 64 * 1024;

pub(super) fn producer_of(checked: &CheckedBatch) -> ProducerBatch {
    ProducerBatch {
        producer_id: checked.producer_id(),
        epoch: checked.producer_epoch(),
        base_sequence: checked.base_sequence(),
        offset_delta: checked.last_offset_delta(),
        is_transactional: checked.attributes().is_transactional(),
    }
}

pub(super) fn producer_batch(batch: &BatchView<'_>) -> ProducerBatch {
    ProducerBatch {
        producer_id: batch.producer_id(),
        epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        offset_delta: batch.last_offset_delta(),
        is_transactional: batch.is_transactional(),
    }
}

/// The marker in a control batch, if it ends a transaction.
pub(super) fn marker_of(batch: &BatchView<'_>) -> Option<EndTxnMarker> {
    if !batch.is_control() {
        return None;
    }
    let mut scratch = Scratch::new();
    let record = scratch.records(batch, CONTROL_SIZE_MAX).ok()?.next()?.ok()?;
    EndTxnMarker::of(&record)
}
