//! Appends allocate nothing once the log is warm.

use allocation_counter::measure;
use partition_log::LogOptions;
use records::{BatchBuilder, CheckedBatch, next_batch};

use crate::support::*;

#[test]
fn a_warm_append_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &LogOptions::default(), CLEAN);
    for producer in [-1, 7] {
        let mut builder = BatchBuilder::new().record(1_000_000, None, Some(&[7; 300]));
        let mut append = |sequence: i32| {
            if producer >= 0 {
                builder = builder.clone().producer(producer, 0, sequence);
            }
            let mut bytes = builder.build();
            let checked = CheckedBatch::own(&next_batch(&bytes).unwrap().unwrap());
            let made = measure(|| {
                log.append_as_leader(&mut bytes, &checked, 0, 1_000_000).unwrap();
            });
            made.count_total
        };
        let warm: Vec<u64> = (0..2000).map(&mut append).collect();
        let made: u64 = (2000..3000).map(&mut append).sum();
        // The index grows by one entry in a dozen of these batches; its memory doubles now and then.
        assert!(made <= 1, "{made} allocations in 1000 appends");
        assert!(warm.iter().sum::<u64>() < 100);
    }
}
