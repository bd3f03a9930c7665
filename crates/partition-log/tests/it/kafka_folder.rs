//! A folder written by Kafka 4.3.1 (`tests/java/FillPartition.java`): all codecs, idempotent and transactional
//! producers, an open transaction at the end. It opens clean and after a crash and serves every record.

use std::collections::HashSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use model::Offset;
use partition_log::{PartitionLog, RecoveryStart};
use records::{BatchBuilder, Scratch, next_batch};

use crate::support::*;

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka")
}

fn copy(folder: &Path) {
    let target = folder.join("t-0");
    fs::create_dir(&target).unwrap();
    for entry in fs::read_dir(kept().join("filled-0")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
}

/// What a consumer sees below `until`, in the form of the kept listings.
fn consume(log: &PartitionLog, until: Offset, committed: bool) -> String {
    let aborted = if committed { log.aborted_transactions(0, until) } else { Vec::new() };
    let mut begun: HashSet<i64> = HashSet::new();
    let mut waiting = aborted.into_iter().peekable();
    let mut out = String::new();
    let mut scratch = Scratch::new();
    let mut next = 0;
    loop {
        let slice = log.read(next, 700, until, true).unwrap();
        if slice.is_empty() {
            break;
        }
        let bytes = slice.to_vec().unwrap();
        let mut rest = &bytes[..];
        while let Ok(Some(batch)) = next_batch(rest) {
            rest = &rest[batch.size()..];
            next = batch.next_offset();
            while let Some(one) = waiting.next_if(|one| one.first_offset <= batch.last_offset()) {
                begun.insert(one.producer_id);
            }
            if batch.is_control() {
                begun.remove(&batch.producer_id());
                continue;
            }
            if begun.contains(&batch.producer_id()) && batch.is_transactional() {
                continue;
            }
            for record in scratch.records(&batch, 1 << 20).unwrap() {
                let record = record.unwrap();
                let text = |field: Option<&[u8]>| {
                    field.map_or("null".into(), |f| String::from_utf8_lossy(f).into_owned())
                };
                writeln!(
                    out,
                    "{} {} {} | {}",
                    record.offset,
                    record.timestamp,
                    text(record.key),
                    text(record.value)
                )
                .unwrap();
            }
        }
    }
    writeln!(out, "end {until}").unwrap();
    out
}

fn check(log: &PartitionLog) {
    let listing = |name| fs::read_to_string(kept().join(name)).unwrap();
    assert!(
        consume(log, log.log_end_offset(), false) == listing("uncommitted.txt"),
        "uncommitted records differ"
    );
    let stable = log.first_undecided_offset().expect("a transaction was left open");
    assert!(consume(log, stable, true) == listing("committed.txt"), "committed records differ");
}

const AFTER_CRASH: [RecoveryStart; 4] = [
    CRASHED,
    RecoveryStart { recovery_point: 42, ..CRASHED },
    RecoveryStart { recovery_point: 150, ..CRASHED },
    RecoveryStart { recovery_point: 283, ..CRASHED },
];

#[test]
fn it_opens_clean_and_serves_every_record() {
    let folder = tempfile::tempdir().unwrap();
    copy(folder.path());
    let log = open(folder.path(), &small(), CLEAN);
    check(&log);
    assert_eq!(log.recovery_report().scanned_bytes, 0);
    assert_eq!(log.topic_id().unwrap().unwrap().to_string(), "V5RVaibsSR-QZS_oBjvteQ");
    assert_eq!((log.latest_epoch(), log.segment_count()), (Some(0), 2));
}

#[test]
fn it_opens_after_a_crash_and_serves_every_record() {
    for recovery in AFTER_CRASH {
        let folder = tempfile::tempdir().unwrap();
        copy(folder.path());
        let log = open(folder.path(), &small(), recovery);
        check(&log);
        assert_eq!(log.recovery_report().cut_reason, None);
    }
}

#[test]
fn files_as_a_killed_kafka_leaves_them_are_read() {
    for recovery in AFTER_CRASH {
        let folder = tempfile::tempdir().unwrap();
        copy(folder.path());
        let files = folder.path().join("t-0");
        // Kafka keeps the indexes of an active segment at their full size, and its last snapshot is gone.
        for (name, size) in [("index", 10_485_760), ("timeindex", 10_485_756)] {
            let file =
                fs::OpenOptions::new().write(true).open(files.join(format!("00000000000000000042.{name}")));
            file.unwrap().set_len(size).unwrap();
        }
        fs::remove_file(files.join("00000000000000000283.snapshot")).unwrap();
        let log = open(folder.path(), &small(), recovery);
        check(&log);
        log.close().unwrap();
        assert!(fs::metadata(files.join("00000000000000000042.index")).unwrap().len() < 4096);
        check(&open(folder.path(), &small(), CLEAN));
    }
}

#[test]
fn lost_indexes_snapshots_and_aborted_transactions_are_rebuilt() {
    let names = ["index", "timeindex", "snapshot", "txnindex"];
    for (recovery, lost) in [(CLEAN, &names[..3]), (CRASHED, &names[..])] {
        let folder = tempfile::tempdir().unwrap();
        copy(folder.path());
        for entry in fs::read_dir(folder.path().join("t-0")).unwrap() {
            let path = entry.unwrap().path();
            if lost.iter().any(|name| path.extension().is_some_and(|extension| extension == *name)) {
                fs::remove_file(path).unwrap();
            }
        }
        let log = open(folder.path(), &small(), recovery);
        check(&log);
        assert_eq!(log.active_producers(1_700_000_000_000).len(), 12);
    }
}

#[test]
fn our_indexes_are_those_of_kafka() {
    let folder = tempfile::tempdir().unwrap();
    copy(folder.path());
    let files = folder.path().join("t-0");
    let read = |name: &str| fs::read(files.join(name)).unwrap();
    let names: Vec<String> = ["00000000000000000000", "00000000000000000042"]
        .iter()
        .flat_map(|base| [format!("{base}.index"), format!("{base}.timeindex")])
        .collect();
    let txn = read("00000000000000000042.txnindex");
    let kafkas: Vec<Vec<u8>> = names.iter().map(|name| read(name)).collect();
    let options =
        partition_log::LogOptions { index_interval_bytes: 400, segment_ms: 5000, ..Default::default() };
    let mut source = Vec::new();
    for base in ["00000000000000000000", "00000000000000000042"] {
        source.extend(read(&format!("{base}.log")));
    }
    let again = tempfile::tempdir().unwrap();
    let log = open(again.path(), &options, CLEAN);
    log.append_as_follower(&source, 1_700_000_000_000).unwrap();
    log.close().unwrap();
    let written = |name: &str| fs::read(again.path().join("t-0").join(name)).unwrap();
    for (name, expected) in names.iter().zip(kafkas) {
        assert_eq!(written(name), expected, "{name}");
    }
    assert_eq!(written("00000000000000000042.txnindex"), txn);
}

#[test]
fn it_takes_more_records() {
    let folder = tempfile::tempdir().unwrap();
    copy(folder.path());
    let log = open(folder.path(), &small(), CLEAN);
    let appended = append(&log, &BatchBuilder::new().record(1, None, Some(b"more"))).unwrap();
    assert_eq!(appended.base_offset, 283);
    log.close().unwrap();
    assert_eq!(read_all(&open(folder.path(), &small(), CLEAN), 283), [(283, b"more".to_vec())]);
}
