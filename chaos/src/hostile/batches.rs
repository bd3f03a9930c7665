//! Batches that lie: about their checksum, lengths, counts, codec, and about how much they hold.

use records::{BatchBuilder, Compression, crc32c};

use super::mutation::mutate;
use crate::random::Random;

/// The checksum covers what follows it.
const CHECKSUM_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
/// The same in every run, so that a seed makes the same bytes.
const TIMESTAMP_MS: i64 = 1_700_000_000_000;
const MIB: usize = 1 << 20;

/// Few bytes that unpack to many: the codec, and how many. 20 KB of the largest are 200 MiB.
const BOMBS: [(Compression, usize); 5] = [
    (Compression::Zstd, 200 * MIB),
    (Compression::Zstd, 300 * MIB),
    (Compression::Gzip, 100 * MIB),
    (Compression::Lz4, 60 * MIB),
    (Compression::Snappy, 15 * MIB),
];

/// All bombs, ready to be sent.
pub fn bombs() -> Vec<Vec<u8>> {
    let bomb = |(codec, size): &(Compression, usize)| {
        BatchBuilder::new().compression(*codec).record(TIMESTAMP_MS, None, Some(&vec![0; *size])).build()
    };
    BOMBS.iter().map(bomb).collect()
}

/// A batch as a client sends it.
pub fn whole(random: &mut Random) -> Vec<u8> {
    let mut builder = BatchBuilder::new().compression(*random.pick(&Compression::ALL));
    for _ in 0..=random.below(8) {
        let value = vec![random.next() as u8; random.place(300)];
        builder.push(TIMESTAMP_MS, Some(b"key"), Some(&value), &[]);
    }
    builder.build()
}

/// A batch with something wrong about it, most times behind a checksum that is right.
pub fn broken(random: &mut Random) -> Vec<u8> {
    let mut batch = whole(random);
    match random.below(4) {
        0 => {
            // Another codec than the one that packed it.
            if let Some(low) = batch.get_mut(ATTRIBUTES_AT + 1) {
                *low = random.below(8) as u8;
            }
        }
        1 => {
            let head = batch.len().min(61);
            let mut front = batch.split_off(0);
            let rest = front.split_off(head);
            mutate(&mut front, random);
            batch = front;
            batch.extend(rest);
        }
        2 => {
            let mut rest = batch.split_off(batch.len().min(61));
            mutate(&mut rest, random);
            batch.extend(rest);
            let size = batch.len().saturating_sub(12) as i32;
            put(&mut batch, 8, size);
        }
        _ => mutate(&mut batch, random),
    }
    if !random.one_in(4) {
        let checksum = batch.get(ATTRIBUTES_AT..).map(crc32c).unwrap_or_default();
        put(&mut batch, CHECKSUM_AT, checksum as i32);
    }
    batch
}

fn put(batch: &mut [u8], at: usize, value: i32) {
    if let Some(place) = batch.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}
