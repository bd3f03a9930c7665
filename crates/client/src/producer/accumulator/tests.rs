//! Batches, drained and answered step by step.

use std::time::Duration;

use config::{ClientKind, ClientSettings};
use model::Uuid;

use super::*;
use crate::topics::Leader;

const IDENTITY: Identity = Identity { id: 7, epoch: 0 };
const LEADER: i32 = 1;

/// One topic `t` of a single partition, no lingering, batches of about one record.
fn accumulator(more: &[(&str, &str)]) -> Accumulator {
    let written = [("linger.ms", "0"), ("batch.size", "100")];
    let written = written.iter().chain(more).copied();
    let settings = ClientSettings::read(ClientKind::Producer, written).unwrap();
    let mut accumulator = Accumulator::new(Arc::new(ProducerOptions::of(&settings).unwrap()), None);
    let leaders = vec![Leader { broker: Some(LEADER), epoch: 0 }];
    accumulator.learn(
        TopicView { name: "t".into(), id: Uuid::default(), is_internal: false, leaders },
        Instant::now(),
    );
    accumulator.identified(IDENTITY);
    accumulator
}

fn append(accumulator: &mut Accumulator) -> Delivery {
    let record = ProducerRecord { topic: "t", value: Some(&[1; 50]), ..ProducerRecord::default() };
    match accumulator.append(&record, 0, Instant::now).unwrap() {
        Appended::Waits { delivery, .. } => delivery,
        Appended::NoRoom(_) | Appended::UnknownTopic => panic!("the record finds no batch"),
    }
}

/// The batches that can be sent now.
fn drain(accumulator: &mut Accumulator) -> Vec<Batch> {
    accumulator.drain(Instant::now(), |_| true).by_broker.remove(&LEADER).unwrap_or_default()
}

fn sequence(batch: &Batch) -> i32 {
    batch.sequence.unwrap().1
}

const WRITTEN: Result<Written, Error> = Ok(Written { base_offset: 0, append_time: -1 });

#[test]
fn nothing_follows_the_first_batch_before_the_server_knows_the_producer() {
    let mut accumulator = accumulator(&[]);
    for _ in 0..3 {
        append(&mut accumulator);
    }
    let first = drain(&mut accumulator).remove(0);
    assert_eq!(sequence(&first), 0);
    assert!(drain(&mut accumulator).is_empty());
    // It is refused: it goes again, as the same, before the others.
    accumulator.retry(first, Instant::now());
    let first = drain(&mut accumulator).remove(0);
    assert_eq!((sequence(&first), first.attempts), (0, 2));
    accumulator.finish(&first, true, WRITTEN);
    assert_eq!(drain(&mut accumulator).iter().map(sequence).collect::<Vec<_>>(), [1]);
    assert_eq!(drain(&mut accumulator).iter().map(sequence).collect::<Vec<_>>(), [2]);
}

#[test]
fn what_is_sent_again_goes_alone_and_in_its_place() {
    let mut accumulator = accumulator(&[]);
    append(&mut accumulator);
    let first = drain(&mut accumulator).remove(0);
    accumulator.finish(&first, true, WRITTEN);
    for _ in 0..3 {
        append(&mut accumulator);
    }
    let mut sent: Vec<Batch> = (0..3).flat_map(|_| drain(&mut accumulator)).collect();
    assert_eq!(sent.iter().map(sequence).collect::<Vec<_>>(), [1, 2, 3]);
    // The last one comes back first.
    let (last, middle) = (sent.remove(2), sent.remove(1));
    accumulator.retry(last, Instant::now());
    accumulator.retry(middle, Instant::now());
    assert!(drain(&mut accumulator).is_empty(), "the first is still under way");
    accumulator.finish(&sent.remove(0), true, WRITTEN);
    let middle = drain(&mut accumulator).remove(0);
    assert_eq!(sequence(&middle), 2);
    assert!(accumulator.is_due(&middle));
    assert!(drain(&mut accumulator).is_empty());
    accumulator.finish(&middle, true, WRITTEN);
    assert_eq!(drain(&mut accumulator).iter().map(sequence).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_lost_identity_begins_the_sequences_anew() {
    let mut accumulator = accumulator(&[]);
    append(&mut accumulator);
    let first = drain(&mut accumulator).remove(0);
    accumulator.finish(&first, true, WRITTEN);
    append(&mut accumulator);
    let second = drain(&mut accumulator).remove(0);
    accumulator.lose(IDENTITY);
    accumulator.retry(second, Instant::now());
    assert!(drain(&mut accumulator).is_empty(), "nobody says who writes");
    let next = Identity { id: 7, epoch: 1 };
    assert_eq!(accumulator.former(), Some(IDENTITY));
    accumulator.identified(next);
    assert_eq!(drain(&mut accumulator).remove(0).sequence, Some((next, 0)));
}

#[test]
fn memory_is_given_back_and_what_waits_too_long_is_given_up() {
    let mut accumulator = accumulator(&[("buffer.memory", "1000")]);
    let deliveries: Vec<Delivery> = (0..7).map(|_| append(&mut accumulator)).collect();
    let record = ProducerRecord { topic: "t", value: Some(&[1; 50]), ..ProducerRecord::default() };
    assert!(matches!(accumulator.append(&record, 0, Instant::now), Ok(Appended::NoRoom(135))));
    let late = Instant::now() + Duration::from_secs(121);
    let drained = accumulator.drain(late, |_| true);
    assert_eq!((drained.expired.len(), drained.by_broker.len()), (7, 0));
    for batch in &drained.expired {
        accumulator.finish(batch, false, Err(Error::Timeout(String::new())));
    }
    assert_eq!(accumulator.free_bytes(), 1000);
    assert!(accumulator.is_empty());
    assert!(deliveries.iter().all(|delivery| matches!(delivery.outcome(), Some(Err(_)))));
}
