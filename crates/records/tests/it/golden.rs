//! Batches made by Kafka 4.3.1's own classes (`tests/java/RecordsOracle.java`) are read as Kafka reads them.

use std::fs;
use std::path::{Path, PathBuf};

use records::{BatchBuilder, BatchError, Compression, ProduceRules, Scratch, next_batch, validate_produce};

use crate::listing::list;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden() -> Vec<(String, Vec<u8>, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(path.with_extension("txt")).unwrap();
            found.push((name, fs::read(&path).unwrap(), text));
        }
    }
    found.sort();
    found
}

#[test]
fn every_golden_batch_reads_as_kafka_reads_it() {
    let golden = golden();
    assert_eq!(golden.len(), 34);
    for (name, bytes, expected) in golden {
        assert_eq!(list(&bytes), expected, "{name}");
    }
}

#[test]
fn every_golden_batch_of_a_client_passes_the_produce_check() {
    for (name, mut bytes, _) in golden() {
        let Ok(Some(batch)) = next_batch(&bytes) else { continue };
        if batch.is_control() || batch.timestamp_type() == records::TimestampType::LogAppendTime {
            continue;
        }
        let (max, count) = (batch.max_timestamp(), batch.record_count());
        bytes[..8].fill(0);
        let rules = ProduceRules::defaults("t-0", max);
        let checked = validate_produce(&bytes, &rules, &mut Scratch::new()).unwrap();
        assert_eq!((checked.max_timestamp(), checked.record_count()), (max, count), "{name}");
        assert_eq!(checked.corrected_max_timestamp(), None, "{name}");
    }
}

#[test]
fn an_uncompressed_batch_is_written_byte_for_byte_as_kafka_does() {
    let expected = fs::read(folder().join("transactional-none.bin")).unwrap();
    let time = 1_700_000_000_000;
    let mut builder = BatchBuilder::new()
        .base_offset(1000)
        .leader_epoch(9)
        .producer(77, 3, i32::MAX - 10)
        .transactional()
        .compression(Compression::None);
    for i in 0..150 {
        let value = format!("value {i} and some words that repeat, ");
        builder.push(time + i, Some(format!("key{}", i % 7).as_bytes()), Some(value.as_bytes()), &[]);
    }
    assert_eq!(builder.build(), expected);
}

#[test]
fn every_flipped_bit_is_caught() {
    for (name, bytes, _) in golden() {
        if bytes.len() > 2000 || !name.starts_with("v2") {
            continue;
        }
        for position in 16..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[position] ^= 1 << bit;
                let caught = match next_batch(&damaged) {
                    Ok(Some(batch)) => batch.verify_checksum().is_err(),
                    Ok(None) => false,
                    Err(error) => matches!(error, BatchError::BadMagic(_)),
                };
                assert!(caught, "{name}: byte {position}, bit {bit}");
            }
        }
    }
}
