//! Appends allocate nothing once the log is warm.

use std::alloc::System;

use partition_log::LogOptions;
use records::{BatchBuilder, CheckedBatch, next_batch};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::support::*;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of this process cannot be told apart by thread, so the check runs in a process of its own.
#[test]
fn a_warm_append_allocates_nothing() {
    if std::env::var_os("PARTITION_LOG_ALONE").is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "allocations::a_warm_append_allocates_nothing", "--test-threads=1"])
            .env("PARTITION_LOG_ALONE", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
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
            let before = ALLOCATOR.stats();
            log.append_as_leader(&mut bytes, &checked, 0, 1_000_000).unwrap();
            let after = ALLOCATOR.stats();
            after.allocations + after.reallocations - before.allocations - before.reallocations
        };
        let warm: Vec<usize> = (0..2000).map(&mut append).collect();
        let made: usize = (2000..3000).map(&mut append).sum();
        // The index grows by one entry in a dozen of these batches; its memory doubles now and then.
        assert!(made <= 1, "{made} allocations in 1000 appends");
        assert!(warm.iter().sum::<usize>() < 100);
    }
}
