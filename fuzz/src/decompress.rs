//! Each decompressor, chosen by the first byte, with a bound on its output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use records::{Compression, Scratch};

fuzz_target!(|input: &[u8]| {
    let Some((choice, packed)) = input.split_first() else { return };
    let codec = Compression::ALL[usize::from(*choice) % Compression::ALL.len()];
    let bound = [0, 1, 100, 64 * 1024, 1 << 20][usize::from(*choice >> 4) % 5];
    let mut scratch = Scratch::new();
    for _ in 0..2 {
        // The second time with decoders that have seen the same before.
        if let Ok(plain) = scratch.decompress(codec, packed, bound) {
            assert!(plain.len() <= bound, "{codec}: {} bytes, {bound} allowed", plain.len());
        }
    }
});
