//! Torn tails, flipped bits, lost and foreign files.

use std::fs;
use std::path::{Path, PathBuf};

use model::Offset;
use partition_log::{PartitionLog, RecoveryStart};
use records::EndTxnMarker;

use crate::support::*;

fn filled(folder: &Path, end: Offset) -> Offset {
    let log = open(folder, &small(), CLEAN);
    fill(&log, end);
    log.close().unwrap()
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    files(folder, "log")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder.join("t-0"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == ending))
        .collect();
    found.sort();
    found
}

fn batch_starts(bytes: &[u8]) -> Vec<usize> {
    let sizes = records::batches(bytes).map(|batch| batch.unwrap().size());
    sizes.scan(0, |at, size| Some(std::mem::replace(at, *at + size))).collect()
}

/// The log must hold a prefix of what was written and go on from there.
fn check_prefix(log: &PartitionLog) {
    let end = log.log_end_offset();
    assert_eq!(read_all(log, 0), expected(0..end));
    fill(log, end + 30);
    assert_eq!(read_all(log, 0), expected(0..log.log_end_offset()));
}

#[test]
fn a_torn_tail_is_cut_at_any_byte() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 40);
    let last = logs(folder.path()).pop().unwrap();
    let whole = fs::read(&last).unwrap();
    for size in (0..whole.len()).step_by(7) {
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("t-0")).unwrap();
        for entry in fs::read_dir(folder.path().join("t-0")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join("t-0").join(entry.file_name())).unwrap();
        }
        let torn = copy.path().join("t-0").join(last.file_name().unwrap());
        fs::write(&torn, &whole[..size]).unwrap();
        check_prefix(&open(copy.path(), &small(), CRASHED));
    }
}

/// As after a kill: the last segment's indexes were never written.
#[test]
fn a_torn_tail_without_indexes_is_cut_wherever_the_recovery_point_lies() {
    for recovery_point in [0, 7, 20, 39] {
        for lost_kind in ["index", "timeindex"] {
            let folder = tempfile::tempdir().unwrap();
            filled(folder.path(), 40);
            let last = logs(folder.path()).pop().unwrap();
            let whole = fs::read(&last).unwrap();
            fs::write(&last, &whole[..whole.len() - 3]).unwrap();
            for file in files(folder.path(), lost_kind) {
                fs::remove_file(file).unwrap();
            }
            let recovery = RecoveryStart { recovery_point, ..CRASHED };
            let log = open(folder.path(), &small(), recovery);
            assert!(log.log_end_offset() > 30, "{recovery_point}");
            check_prefix(&log);
        }
    }
}

#[test]
fn a_flipped_bit_past_the_recovery_point_cuts_the_log_there() {
    for at in [100, 1000, 5000, 9000] {
        let folder = tempfile::tempdir().unwrap();
        let end = filled(folder.path(), 200);
        let mut position = at;
        for path in logs(folder.path()) {
            let mut bytes = fs::read(&path).unwrap();
            if position < bytes.len() {
                // The nearest byte that is a producer id: offset and epoch of a batch have no checksum.
                let starts = batch_starts(&bytes);
                position = starts[starts.partition_point(|start| *start <= position) - 1] + 45;
                bytes[position] ^= 0x04;
                fs::write(&path, bytes).unwrap();
                break;
            }
            position -= bytes.len();
        }
        let log = open(folder.path(), &small(), CRASHED);
        assert!(log.log_end_offset() < end);
        let report = log.recovery_report();
        let reason = report.cut_reason.as_deref().unwrap();
        assert!(reason.contains(".log is damaged at byte"), "{reason}");
        assert!(report.cut_bytes > 0);
        check_prefix(&log);
    }
}

#[test]
fn only_what_lies_past_the_recovery_point_is_scanned() {
    let folder = tempfile::tempdir().unwrap();
    let end = filled(folder.path(), 400);
    let total: u64 = logs(folder.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    let mut scanned = Vec::new();
    for point in [0, end / 2, end] {
        let recovery = RecoveryStart { recovery_point: point, ..CRASHED };
        scanned.push(open(folder.path(), &small(), recovery).recovery_report().scanned_bytes);
    }
    assert_eq!(scanned[0], total);
    assert!(scanned[1] < total * 6 / 10 && scanned[2] < 600, "{scanned:?} of {total}");
}

#[test]
fn damage_below_the_recovery_point_is_named_when_read() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 200);
    let path = logs(folder.path()).remove(1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[16] = 9;
    fs::write(&path, bytes).unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    let base: Offset = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let error = log.read(base, 100, Offset::MAX, true).unwrap_err().to_string();
    assert!(error.contains(path.to_str().unwrap()) && error.contains("byte 0"), "{error}");
    assert_eq!(log.read(0, 1 << 20, Offset::MAX, true).unwrap().base_offset(), 0);
}

#[test]
fn lost_and_broken_indexes_are_rebuilt_when_needed() {
    for clean in [CLEAN, CRASHED] {
        let folder = tempfile::tempdir().unwrap();
        let end = filled(folder.path(), 200);
        let kept: Vec<Vec<u8>> =
            files(folder.path(), "index").iter().map(|path| fs::read(path).unwrap()).collect();
        for (number, path) in files(folder.path(), "index").iter().enumerate() {
            match number % 4 {
                0 => fs::remove_file(path).unwrap(),
                1 => fs::write(path, [1, 2, 3]).unwrap(),
                2 => fs::write(path, [0xff; 16]).unwrap(),
                _ => fs::write(path.with_extension("timeindex"), [0xff; 24]).unwrap(),
            }
        }
        let recovery = RecoveryStart { recovery_point: end, ..clean };
        let log = open(folder.path(), &small(), recovery);
        assert_eq!(read_all(&log, 0), expected(0..end));
        for n in 0..end {
            assert_eq!(log.offset_for_timestamp(1_000_000 + n).unwrap().unwrap().offset, n);
        }
        log.close().unwrap();
        let rebuilt: Vec<Vec<u8>> =
            files(folder.path(), "index").iter().map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(rebuilt.len(), kept.len());
    }
}

#[test]
fn leftovers_of_deletions_and_compactions_are_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let end = filled(folder.path(), 100);
    let files = folder.path().join("t-0");
    let paths = logs(folder.path());
    for name in ["00000000000000000000.log.deleted", "00000000000000000000.log.cleaned", "x.tmp"] {
        fs::write(files.join(name), b"rest").unwrap();
    }
    fs::write(files.join("00000000000000009999.index"), [0; 8]).unwrap();
    // A compaction that had merged the first two segments and was stopped before it replaced them.
    let merged = [fs::read(&paths[0]).unwrap(), fs::read(&paths[1]).unwrap()].concat();
    fs::write(files.join("00000000000000000000.log.swap"), merged).unwrap();
    fs::write(files.join("00000000000000000000.index.swap"), [1]).unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    assert_eq!(log.segment_count(), paths.len() - 1);
    assert_eq!(read_all(&log, 0), expected(0..end));
    let left = fs::read_dir(&files).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in left {
        assert!(!name.contains("9999") && !name.contains("swap") && !name.contains("tmp"), "{name}");
    }
}

/// As after a power cut, which may leave a new file empty or full of zeros.
#[test]
fn lost_and_damaged_epochs_are_made_anew_from_the_batches() {
    for damage in [None, Some(&b""[..]), Some(b"0\n1\nnonsense\n"), Some(&[0; 20])] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), &small(), CLEAN);
        append_at(&log, &batch(0, 5), 3, 1_000_000).unwrap();
        append_at(&log, &batch(5, 5), 7, 1_000_000).unwrap();
        log.close().unwrap();
        let path = folder.path().join("t-0/leader-epoch-checkpoint");
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => fs::write(&path, bytes).unwrap(),
        }
        let log = open(folder.path(), &small(), CLEAN);
        assert_eq!((log.epoch_at(4), log.epoch_at(5)), (Some(3), Some(7)), "{damage:?}");
    }
}

/// As after a truncation that was stopped once the records were gone.
#[test]
fn transactions_of_records_that_are_gone_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    append(&log, &batch(0, 3)).unwrap();
    log.roll(1_000_000).unwrap();
    append(&log, &batch(3, 2).producer(8, 0, 0).transactional()).unwrap();
    let marker = EndTxnMarker { committed: false, coordinator_epoch: 0 };
    append(&log, &marker.batch(8, 0, 1_000_010)).unwrap();
    assert_eq!(log.aborted_transactions(0, 6).len(), 1);
    log.close().unwrap();
    fs::write(logs(folder.path()).pop().unwrap(), b"").unwrap();
    let recovery = RecoveryStart { recovery_point: 6, ..CRASHED };
    let log = open(folder.path(), &small(), recovery);
    assert_eq!((log.log_end_offset(), log.aborted_transactions(0, 9)), (3, Vec::new()));
}

/// As after a power cut that kept a segment and lost the end of the one before.
#[test]
fn a_hole_between_segments_past_the_recovery_point_ends_the_log() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 100);
    let cut = logs(folder.path()).remove(1);
    let bytes = fs::read(&cut).unwrap();
    let last = *batch_starts(&bytes).last().unwrap();
    fs::write(&cut, &bytes[..last]).unwrap();
    let log = open(folder.path(), &small(), CRASHED);
    assert_eq!(log.segment_count(), 2);
    assert!(log.recovery_report().cut_reason.as_deref().unwrap().contains(cut.to_str().unwrap()));
    check_prefix(&log);
}

#[test]
fn offsets_missing_between_compacted_segments_are_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let end = filled(folder.path(), 100);
    let compacted = logs(folder.path()).remove(1);
    let bytes = fs::read(&compacted).unwrap();
    let starts = batch_starts(&bytes);
    // A batch in the middle and the last one are gone.
    let kept = [&bytes[..starts[2]], &bytes[starts[3]..*starts.last().unwrap()]].concat();
    fs::write(&compacted, kept).unwrap();
    let log = open(folder.path(), &small(), CRASHED);
    assert_eq!((log.log_end_offset(), &log.recovery_report().cut_reason), (end, &None));
}
