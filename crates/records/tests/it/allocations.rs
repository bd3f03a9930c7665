//! The produce check allocates nothing once its scratch is warm.

use std::alloc::System;

use records::{BatchBuilder, BatchStamp, Compression, ProduceRules, Scratch, stamp, validate_produce};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of this process cannot be told apart by thread, so the check runs in a process of its own.
#[test]
fn a_warm_check_allocates_nothing() {
    if std::env::var_os("RECORDS_ALONE").is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "allocations::a_warm_check_allocates_nothing", "--test-threads=1"])
            .env("RECORDS_ALONE", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let rules = ProduceRules::defaults("t-0", 0);
    let mut scratch = Scratch::new();
    for codec in Compression::ALL {
        let mut builder = BatchBuilder::new().compression(codec);
        for i in 0..200i64 {
            builder.push(i, Some(&i.to_be_bytes()), Some(&[i as u8; 80]), &[(b"h", Some(b"v"))]);
        }
        let mut bytes = builder.build();
        for _ in 0..3 {
            validate_produce(&bytes, &rules, &mut scratch).unwrap();
        }
        let before = ALLOCATOR.stats();
        for base_offset in 0..100 {
            validate_produce(&bytes, &rules, &mut scratch).unwrap();
            let assigned =
                BatchStamp { base_offset, leader_epoch: 1, log_append_time_ms: None, max_timestamp: None };
            stamp(&mut bytes, assigned);
            bytes[..8].fill(0);
        }
        let after = ALLOCATOR.stats();
        let made = after.allocations - before.allocations + after.reallocations - before.reallocations;
        assert_eq!(made, 0, "{codec}");
    }
}
