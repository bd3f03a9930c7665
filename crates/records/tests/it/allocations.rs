//! The produce check allocates nothing once its scratch is warm.

use allocation_counter::measure;
use records::{BatchBuilder, BatchStamp, Compression, ProduceRules, Scratch, stamp, validate_produce};

#[test]
fn a_warm_check_allocates_nothing() {
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
        let made = measure(|| {
            for base_offset in 0..100 {
                validate_produce(&bytes, &rules, &mut scratch).unwrap();
                let assigned = BatchStamp {
                    base_offset,
                    leader_epoch: 1,
                    log_append_time_ms: None,
                    max_timestamp: None,
                };
                stamp(&mut bytes, assigned);
                bytes[..8].fill(0);
            }
        });
        assert_eq!(made.count_total, 0, "{codec}");
    }
}
