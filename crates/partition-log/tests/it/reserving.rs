//! Room on the disk that a log has before it fills it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use partition_log::{LogOptions, PartitionLog};
use records::BatchBuilder;

use crate::support::*;

/// Bytes that the log files of `t-0` have, and those they take on the disk.
fn log_files(folder: &Path) -> (u64, u64) {
    let files = std::fs::read_dir(folder.join("t-0")).unwrap().map(|file| file.unwrap());
    let logs = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "log"));
    logs.map(|file| file.metadata().unwrap())
        .fold((0, 0), |(size, taken), file| (size + file.len(), taken + file.blocks() * 512))
}

fn append_mib(log: &PartitionLog, count: i64) {
    for n in 0..count {
        append(log, &BatchBuilder::new().record(n, None, Some(&vec![7; 1 << 20]))).unwrap();
    }
}

#[test]
fn a_flush_reserves_room_for_what_comes_next_and_gives_back_what_stays_empty() {
    for end in ["roll", "close", "crash", "idle", "truncation"] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), &LogOptions::default(), CLEAN);
        append_mib(&log, 3);
        log.reserve_ahead().unwrap();
        log.flush().unwrap();
        let (size, taken) = log_files(folder.path());
        assert_eq!(size, log.size_bytes(), "only batches stand in the file");
        assert!(taken > size + (5 << 20), "{end}: {taken} for {size}");
        append_mib(&log, 1);
        log.trim_reserved().unwrap();
        assert_eq!(log_files(folder.path()).1, taken, "{end}: what was reserved is filled first");
        let mut expected = log.size_bytes();
        match end {
            "roll" => log.roll(0).unwrap(),
            "close" => drop(log.close().unwrap()),
            "crash" => {
                drop(log);
                let log = open(folder.path(), &LogOptions::default(), CRASHED);
                assert_eq!(log.recovery_report().cut_bytes, 0);
            }
            "idle" => {
                log.flush().unwrap();
                log.trim_reserved().unwrap();
            }
            _ => {
                log.truncate_to(2, 0).unwrap();
                expected = log.size_bytes();
            }
        }
        let (size, taken) = log_files(folder.path());
        assert_eq!(size, expected, "{end}");
        assert!(taken < size + (1 << 20), "{end}: {taken} for {size}");
    }
}

#[test]
fn nothing_is_reserved_for_a_log_that_hardly_grows_nor_beyond_its_segment() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 4 << 20, ..LogOptions::default() };
    let log = open(folder.path(), &options, CLEAN);
    fill(&log, 50);
    log.reserve_ahead().unwrap();
    let (size, taken) = log_files(folder.path());
    assert!(taken < size + (64 << 10), "{taken} for {size}");
    append_mib(&log, 3);
    log.reserve_ahead().unwrap();
    let (_, taken) = log_files(folder.path());
    assert!(taken <= (4 << 20) + (64 << 10), "{taken}");
}
