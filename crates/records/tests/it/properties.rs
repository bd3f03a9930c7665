//! Random records survive every codec, and random damage never gets through unseen or panics.

use proptest::prelude::*;
use records::{
    BatchBuilder, Compression, ProduceRules, Scratch, batches, next_batch, next_entry, validate_produce,
};

type Field = Option<Vec<u8>>;
type Made = (i64, Field, Field, Vec<(Vec<u8>, Field)>);

fn field() -> impl Strategy<Value = Field> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200))
}

fn made() -> impl Strategy<Value = Vec<Made>> {
    let headers = proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..5), field()), 0..3);
    proptest::collection::vec((0..1i64 << 40, field(), field(), headers), 1..30)
}

fn codec() -> impl Strategy<Value = Compression> {
    (0usize..5).prop_map(|index| Compression::ALL[index])
}

fn build(codec: Compression, made: &[Made]) -> Vec<u8> {
    let mut builder = BatchBuilder::new().compression(codec).producer(1, 2, 3);
    for (time, key, value, headers) in made {
        let headers: Vec<_> = headers.iter().map(|(key, value)| (&key[..], value.as_deref())).collect();
        builder.push(*time, key.as_deref(), value.as_deref(), &headers);
    }
    builder.build()
}

fn rules() -> ProduceRules<'static> {
    ProduceRules { timestamp_after_max_ms: i64::MAX, ..ProduceRules::defaults("t-0", 0) }
}

proptest! {
    #[test]
    fn records_come_back_as_they_went_in(codec in codec(), made in made()) {
        let bytes = build(codec, &made);
        let mut scratch = Scratch::new();
        let checked = validate_produce(&bytes, &rules(), &mut scratch).unwrap();
        prop_assert_eq!(checked.max_timestamp(), made.iter().map(|record| record.0).max().unwrap());
        let batch = next_batch(&bytes).unwrap().unwrap();
        let mut count = 0;
        for (index, record) in scratch.records(&batch, 1 << 20).unwrap().enumerate() {
            let record = record.unwrap();
            let (time, key, value, headers) = &made[index];
            prop_assert_eq!(record.offset, index as i64);
            prop_assert_eq!(record.timestamp, *time);
            prop_assert_eq!(record.key, key.as_deref());
            prop_assert_eq!(record.value, value.as_deref());
            let read: Vec<_> = record.headers.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect();
            prop_assert_eq!(&read, headers);
            count += 1;
        }
        prop_assert_eq!(count, made.len());
    }

    #[test]
    fn damage_is_refused(codec in codec(), made in made(), at: usize, byte: u8) {
        let mut bytes = build(codec, &made);
        let at = at % bytes.len();
        // Base offset (which must be 0) and leader epoch lie outside the checksum; the epoch is not judged.
        prop_assume!(bytes[at] != byte && !(12..16).contains(&at));
        bytes[at] = byte;
        prop_assert!(validate_produce(&bytes, &rules(), &mut Scratch::new()).is_err());
    }

    #[test]
    fn damage_under_a_right_checksum_never_panics(codec in codec(), made in made(), hits: Vec<(usize, u8)>) {
        let mut bytes = build(codec, &made);
        for (at, byte) in hits {
            let at = 21 + at % (bytes.len() - 21);
            bytes[at] = byte;
        }
        let checksum = records::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        let mut scratch = Scratch::new();
        let _ = validate_produce(&bytes, &rules(), &mut scratch);
        let batch = next_batch(&bytes).unwrap().unwrap();
        if let Ok(records) = scratch.records(&batch, 1 << 20) {
            prop_assert!(records.count() <= bytes.len() * 300);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, magic in 0u8..4, length in 0i32..200) {
        let mut bytes = bytes;
        for batch in batches(&bytes) {
            let _ = batch.map(|batch| batch.verify_checksum());
        }
        if bytes.len() > 17 {
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[16] = magic;
            if let Ok(Some(records::Entry::Legacy(message))) = next_entry(&bytes) {
                let _ = message.for_each(10_000, &mut |_| std::ops::ControlFlow::Continue(()));
            }
        }
    }
}
