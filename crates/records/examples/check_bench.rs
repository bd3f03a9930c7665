//! Prints what the produce check costs per batch of 16 KiB and per record, for each codec.
//!
//! `cargo run --release -p records --example check_bench`

use std::time::Instant;

use records::{BatchBuilder, Compression, ProduceRules, Scratch, crc32c, validate_produce};

const ROUNDS: u32 = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = ProduceRules::defaults("t-0", 0);
    let mut scratch = Scratch::new();
    for size in [10, 100, 1000] {
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new().compression(codec);
            let mut noise = 1u32;
            while builder.plain_size() < 16_000 {
                let value: Vec<u8> = (0..size)
                    .map(|_| {
                        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        b'a' + (noise >> 28) as u8
                    })
                    .collect();
                builder.push(0, None, Some(&value), &[]);
            }
            let bytes = builder.build();
            let each = time(|| validate_produce(&bytes, &rules, &mut scratch).is_ok());
            let checksum = time(|| crc32c(&bytes) != 0);
            let records = builder.len() as f64;
            println!(
                "{size:>4} B records, {codec:<6} {:>6} B: check {each:>6.0} ns, of it checksum {checksum:>4.0} ns, rest {:>5.1} ns a record",
                bytes.len(),
                (each - checksum) / records
            );
        }
    }
    Ok(())
}

fn time(mut work: impl FnMut() -> bool) -> f64 {
    let started = Instant::now();
    let done = (0..ROUNDS).filter(|_| std::hint::black_box(work())).count();
    assert_eq!(done, ROUNDS as usize);
    started.elapsed().as_nanos() as f64 / f64::from(ROUNDS)
}
