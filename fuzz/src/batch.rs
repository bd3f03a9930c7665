//! Record batches: the view, the walk over all entries and records, and what a producer's batch must pass.
#![no_main]

use libfuzzer_sys::fuzz_target;
use records::{Depth, ProduceRules, Scratch, batches, crc32c, next_entry, validate_produce};

const UNPACKED_MAX: usize = 1 << 20;
const CHECKSUM_AT: usize = 17;
const CHECKED_FROM: usize = 21;

fuzz_target!(|input: &[u8]| {
    look(input);
    // Most of what is interesting stands behind a checksum that no fuzzer finds.
    let mut sealed = input.to_vec();
    if let Some(checksum) = sealed.get(CHECKED_FROM..).map(crc32c) {
        sealed[CHECKSUM_AT..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
        look(&sealed);
    }
});

fn look(bytes: &[u8]) {
    let mut scratch = Scratch::new();
    for batch in batches(bytes) {
        let Ok(batch) = batch else { break };
        let _ = batch.verify_checksum();
        if let Ok(records) = scratch.records(&batch, UNPACKED_MAX) {
            for record in records {
                if record.is_err() {
                    break;
                }
            }
        }
    }
    let mut rest = bytes;
    while let Ok(Some(entry)) = next_entry(rest) {
        assert!(entry.size() > 0 && entry.size() <= rest.len());
        let _ = entry.verify_checksum();
        rest = &rest[entry.size()..];
    }
    for depth in [Depth::Full, Depth::Header] {
        let mut rules = ProduceRules::defaults("t-0", 1_700_000_000_000);
        rules.depth = depth;
        rules.decompressed_size_max = UNPACKED_MAX;
        if let Ok(checked) = validate_produce(bytes, &rules, &mut scratch) {
            assert_eq!(checked.size(), bytes.len());
        }
    }
}
