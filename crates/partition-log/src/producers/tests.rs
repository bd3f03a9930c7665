//! Sequence rules, transactions and snapshots.

use super::*;

fn batch(epoch: i16, base_sequence: i32, count: i32) -> ProducerBatch {
    ProducerBatch { producer_id: 7, epoch, base_sequence, offset_delta: count - 1, is_transactional: false }
}

fn append(producers: &mut Producers, batch: ProducerBatch, base_offset: Offset) {
    assert!(producers.check(&batch).unwrap().is_none());
    producers.appended(&batch, base_offset + i64::from(batch.offset_delta), 1000);
}

#[test]
fn sequences_must_follow_each_other() {
    let mut producers = Producers::default();
    append(&mut producers, batch(0, 0, 3), 0);
    append(&mut producers, batch(0, 3, 2), 3);
    for wrong in [4, 6, 0] {
        let outcome = producers.check(&batch(0, wrong, 1));
        assert!(matches!(outcome, Err(AppendError::OutOfOrderSequence { last_sequence: 4, .. })), "{wrong}");
    }
    assert!(matches!(producers.check(&batch(1, 1, 1)), Err(AppendError::OutOfOrderSequence { .. })));
    append(&mut producers, batch(1, 0, 1), 5);
    let old = producers.check(&batch(0, 5, 1));
    assert!(matches!(old, Err(AppendError::InvalidProducerEpoch { epoch: 0, current: 1, .. })));
}

#[test]
fn an_unknown_producer_may_begin_anywhere() {
    append(&mut Producers::default(), batch(4, 1234, 1), 0);
}

#[test]
fn sequences_wrap() {
    let mut producers = Producers::default();
    append(&mut producers, batch(0, i32::MAX - 1, 4), 0);
    append(&mut producers, batch(0, 2, 1), 4);
    let again = producers.check(&batch(0, i32::MAX - 1, 4)).unwrap().unwrap();
    assert_eq!((again.first_offset(), again.last_offset), (0, 3));
}

#[test]
fn the_last_five_batches_are_recognised() {
    let mut producers = Producers::default();
    for n in 0..7 {
        append(&mut producers, batch(0, n * 2, 2), i64::from(n) * 2);
    }
    for n in 2..7 {
        let before = producers.check(&batch(0, n * 2, 2)).unwrap().unwrap();
        assert_eq!(before.first_offset(), i64::from(n) * 2);
    }
    assert!(producers.check(&batch(0, 2, 2)).is_err());
    assert!(producers.check(&batch(0, 12, 1)).is_err());
}

#[test]
fn transactions_open_and_end() {
    let mut producers = Producers::default();
    let data = ProducerBatch { is_transactional: true, ..batch(0, 0, 2) };
    append(&mut producers, data, 10);
    assert_eq!(producers.first_undecided(), Some(10));
    assert!(matches!(producers.check(&batch(0, 2, 1)), Err(AppendError::InvalidTransactionState { .. })));
    let abort = EndTxnMarker { committed: false, coordinator_epoch: 3 };
    let aborted = producers.ended(7, 0, abort, 12, 1000).unwrap();
    let expected =
        AbortedTransaction { producer_id: 7, first_offset: 10, last_offset: 12, last_stable_offset: 13 };
    assert_eq!((aborted, producers.first_undecided()), (expected, None));
    let fenced = producers.check_marker(7, 0, EndTxnMarker { committed: true, coordinator_epoch: 2 });
    assert!(matches!(fenced, Err(AppendError::CoordinatorFenced { epoch: 2, current: 3, .. })));
}

#[test]
fn idle_producers_expire_unless_in_a_transaction() {
    let mut producers = Producers::default();
    append(&mut producers, batch(0, 0, 1), 0);
    append(&mut producers, ProducerBatch { producer_id: 8, is_transactional: true, ..batch(0, 0, 1) }, 1);
    producers.expire(1999, 1000);
    assert_eq!(producers.active(1999, 1000).len(), 2);
    assert_eq!(producers.active(2000, 1000).len(), 1);
    producers.expire(2000, 1000);
    assert_eq!(producers.active(0, 1000)[0].producer_id, 8);
}

#[test]
fn snapshots_keep_the_last_batch_and_the_transaction() {
    let mut producers = Producers::default();
    append(&mut producers, batch(2, 0, 3), 0);
    append(&mut producers, ProducerBatch { producer_id: 8, is_transactional: true, ..batch(0, 5, 1) }, 3);
    let bytes = producers.encode();
    let read = Producers::decode(&bytes, 4).unwrap();
    assert_eq!((read.by_id, read.open, read.end_offset), (producers.by_id, producers.open, 4));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(Producers::decode(&damaged, 4).is_err(), "{at}");
        assert!(Producers::decode(&bytes[..at], 4).is_err(), "{at}");
    }
}
