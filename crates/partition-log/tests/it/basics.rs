//! Appends, reads, rolls and reopening.

use model::Offset;
use partition_log::{LeaderBatch, LogOptions, ReadError};
use records::{BatchBuilder, CheckedBatch, Compression, next_batch};

use crate::support::*;

#[test]
fn what_is_appended_is_read_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    fill(&log, 300);
    let end = log.log_end_offset();
    assert!(log.segment_count() > 5);
    for bytes_max in [1, 500, 1 << 20] {
        assert_eq!(read_by(&log, 0, bytes_max), expected(0..end));
    }
    for start in 0..end {
        let slice = log.read(start, 1, Offset::MAX, true).unwrap();
        let bytes = slice.to_vec().unwrap();
        let first = next_batch(&bytes).unwrap().unwrap();
        assert!((first.base_offset()..=first.last_offset()).contains(&start), "{start}");
    }
}

#[test]
fn offsets_outside_the_log_are_out_of_range() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    fill(&log, 10);
    let end = log.log_end_offset();
    assert!(log.read(end, 100, Offset::MAX, true).unwrap().is_empty());
    for start in [-1, end + 1] {
        let outcome = log.read(start, 100, Offset::MAX, true);
        assert!(
            matches!(outcome, Err(ReadError::OffsetOutOfRange { log_start: 0, log_end }) if log_end == end)
        );
    }
}

#[test]
fn reads_stop_below_their_bound_and_within_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &LogOptions::default(), CLEAN);
    for n in 0..20 {
        append(&log, &batch(n, 1)).unwrap();
    }
    let one = (log.size_bytes() / 20) as usize;
    let len = |start, max, until, at_least_one| log.read(start, max, until, at_least_one).unwrap().len();
    assert_eq!(len(0, 1 << 20, 20, false), 20 * one);
    assert_eq!(len(3, 1 << 20, 8, false), 5 * one);
    assert_eq!(len(8, 1 << 20, 8, true), 0);
    assert_eq!(len(3, one - 1, 20, false), 0);
    assert_eq!(len(3, one - 1, 20, true), one);
    assert_eq!(len(3, 2 * one + 7, 20, true), 2 * one + 7);
}

#[test]
fn a_log_reopens_as_it_was_clean_or_not() {
    for recovery in [CLEAN, CRASHED] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), &small(), CLEAN);
        fill(&log, 200);
        let (end, segments) = (log.log_end_offset(), log.segment_count());
        if recovery.clean_shutdown {
            log.close().unwrap();
        }
        drop(log);
        let log = open(folder.path(), &small(), recovery);
        assert_eq!((log.log_end_offset(), log.segment_count()), (end, segments));
        assert_eq!(log.recovery_report().cut_reason, None);
        assert_eq!(read_all(&log, 0), expected(0..end));
        fill(&log, end + 50);
        assert_eq!(read_all(&log, 0), expected(0..log.log_end_offset()));
    }
}

#[test]
fn a_preallocated_log_reopens_at_its_end_clean_or_not() {
    let options = LogOptions { preallocate: true, ..small() };
    for recovery in [CLEAN, CRASHED] {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), &options, CLEAN);
        fill(&log, 50);
        let (end, bytes) = (log.log_end_offset(), log.size_bytes());
        let on_disk = || -> u64 {
            let files = std::fs::read_dir(folder.path().join("t-0")).unwrap().map(|file| file.unwrap());
            let logs = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "log"));
            logs.map(|file| file.metadata().unwrap().len()).sum()
        };
        assert!(on_disk() > bytes, "the last segment has its room already");
        if recovery.clean_shutdown {
            log.close().unwrap();
            assert_eq!(on_disk(), bytes);
        }
        drop(log);
        let log = open(folder.path(), &options, recovery);
        assert_eq!((log.log_end_offset(), on_disk()), (end, bytes));
        assert_eq!(log.recovery_report().removed_segments, 0);
        fill(&log, end + 50);
        assert_eq!(read_all(&log, 0), expected(0..log.log_end_offset()));
    }
}

#[test]
fn an_empty_folder_is_an_empty_log_and_stays_empty() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.size_bytes()), (0, 0, 0));
    assert!(log.read(0, 100, Offset::MAX, true).unwrap().is_empty());
    assert_eq!(log.close().unwrap(), 0);
    assert_eq!(std::fs::read_dir(folder.path().join("t-0")).unwrap().count(), 0);
}

#[test]
fn several_batches_go_with_one_write() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    let mut bytes: Vec<Vec<u8>> = (0..50).map(|n| batch(n, 1).build()).collect();
    let mut items: Vec<LeaderBatch<'_>> = bytes
        .iter_mut()
        .map(|bytes| {
            let checked = CheckedBatch::own(&next_batch(bytes).unwrap().unwrap());
            LeaderBatch { bytes, checked }
        })
        .collect();
    let mut told = Vec::new();
    log.lock_append()
        .append_all(&mut items, 3, 0, |place, outcome| told.push((place, outcome.unwrap().base_offset)));
    assert_eq!(told, (0..50).map(|n| (n, n as i64)).collect::<Vec<_>>());
    assert_eq!(read_all(&log, 0), expected(0..50));
    assert_eq!(log.latest_epoch(), Some(3));
}

#[test]
fn batches_of_idempotent_producers_are_judged_in_their_order_though_they_share_writes() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &LogOptions::default(), CLEAN);
    // Producer and sequence: new ones, the next of one, one sent before, one out of order.
    let sent = [(1, 0), (2, 0), (1, 1), (3, 0), (2, 0), (3, 5), (1, 2)];
    let mut bytes: Vec<Vec<u8>> =
        sent.iter().map(|(id, sequence)| batch(0, 1).producer(*id, 0, *sequence).build()).collect();
    let mut items: Vec<LeaderBatch<'_>> = bytes
        .iter_mut()
        .map(|bytes| {
            let checked = CheckedBatch::own(&next_batch(bytes).unwrap().unwrap());
            LeaderBatch { bytes, checked }
        })
        .collect();
    let mut told = Vec::new();
    log.lock_append().append_all(&mut items, 0, 0, |_, outcome| {
        told.push(outcome.map(|done| (done.base_offset, done.is_duplicate)).ok());
    });
    let expected = [
        Some((0, false)),
        Some((1, false)),
        Some((2, false)),
        Some((3, false)),
        Some((1, true)),
        None,
        Some((4, false)),
    ];
    assert_eq!(told, expected);
    assert_eq!(log.log_end_offset(), 5);
}

#[test]
fn idempotent_producers_are_answered_twice_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    let send = |sequence, count| append(&log, &batch(0, count).producer(9, 0, sequence));
    assert_eq!(send(0, 3).unwrap().base_offset, 0);
    assert_eq!(send(3, 2).unwrap().base_offset, 3);
    let again = send(0, 3).unwrap();
    assert!(again.is_duplicate && again.base_offset == 0 && again.last_offset == 2);
    assert!(send(7, 1).is_err());
    log.close().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    let again = append(&log, &batch(0, 2).producer(9, 0, 3)).unwrap();
    assert!(again.is_duplicate && again.base_offset == 3);
    assert_eq!(log.active_producers(1_000_000)[0].last_sequence, 4);
}

#[test]
fn tail_readers_are_served_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &LogOptions::default(), CLEAN);
    for n in 0..100 {
        assert!(log.read(n, 1000, Offset::MAX, true).unwrap().is_empty());
        append(&log, &batch(n, 1)).unwrap();
        let slice = log.read(n, 1000, Offset::MAX, true).unwrap();
        let cached = slice.cached().expect("the tail cache has it");
        assert_eq!(next_batch(cached).unwrap().unwrap().base_offset(), n);
    }
    assert_eq!(log.tail_cache_hits(), 100);
}

#[test]
fn lookups_by_time_find_the_first_record_in_every_codec() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    for n in 0..40 {
        append(&log, &batch(n * 5, 5).compression(Compression::ALL[n as usize % 5])).unwrap();
    }
    for n in 0..200 {
        let found = log.offset_for_timestamp(1_000_000 + n).unwrap().unwrap();
        assert_eq!((found.offset, found.timestamp_ms), (n, 1_000_000 + n));
    }
    assert_eq!(log.offset_for_timestamp(1_000_200).unwrap(), None);
    assert_eq!(log.max_timestamp_offset().unwrap().unwrap().offset, 199);
    append(&log, &BatchBuilder::new().record(5, None, None).record(1_000_050, None, None)).unwrap();
    assert_eq!(log.offset_for_timestamp(0).unwrap().unwrap().offset, 0);
    assert_eq!(log.max_timestamp_offset().unwrap().unwrap().offset, 199);
}

#[test]
fn segments_roll_by_time_of_records() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_ms: 1000, ..LogOptions::default() };
    let log = open(folder.path(), &options, CLEAN);
    for time in [0, 900, 1000, 1001, 1500, 2002] {
        append(&log, &BatchBuilder::new().record(time, None, None)).unwrap();
    }
    assert_eq!(log.segment_count(), 3);
}

#[test]
fn log_append_time_is_the_brokers() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { log_append_time: true, ..LogOptions::default() };
    let log = open(folder.path(), &options, CLEAN);
    let appended = append_at(&log, &batch(0, 2), 0, 777).unwrap();
    assert_eq!(appended.log_append_time_ms, Some(777));
    assert_eq!(read_all(&log, 0).len(), 2);
    assert_eq!(log.max_timestamp_offset().unwrap().unwrap().timestamp_ms, 777);
}

#[test]
fn a_log_emptied_before_any_checkpoint_goes_on_at_its_offset_after_a_crash() {
    let empty_by: [fn(&partition_log::PartitionLog); 2] = [
        |log| {
            log.roll(1_000_000).unwrap();
            log.advance_log_start(10).unwrap();
        },
        |log| log.truncate_fully(10, 1_000_000).unwrap(),
    ];
    for empty in empty_by {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), &small(), CLEAN);
        append(&log, &batch(0, 10)).unwrap();
        empty(&log);
        drop(log);
        let log = open(folder.path(), &small(), CRASHED);
        assert_eq!((log.log_start_offset(), log.log_end_offset()), (10, 10));
        assert_eq!(append(&log, &batch(10, 1)).unwrap().base_offset, 10);
    }
}

#[test]
fn a_start_past_the_end_found_at_opening_is_kept_over_a_later_crash() {
    let folder = tempfile::tempdir().unwrap();
    append(&open(folder.path(), &small(), CLEAN), &batch(0, 10)).unwrap();
    let ahead = partition_log::RecoveryStart { log_start_offset: 25, ..CRASHED };
    assert_eq!(open(folder.path(), &small(), ahead).log_end_offset(), 25);
    assert_eq!(open(folder.path(), &small(), CRASHED).log_end_offset(), 25);
}

#[test]
fn a_truncation_inside_a_batch_ends_the_log_behind_the_batch_before() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    append(&log, &batch(0, 3)).unwrap();
    append(&log, &batch(3, 4)).unwrap();
    log.truncate_to(5, 1_000_000).unwrap();
    assert_eq!(log.log_end_offset(), 3);
    assert_eq!(append(&log, &batch(3, 1)).unwrap().base_offset, 3);
    drop(log);
    assert_eq!(read_all(&open(folder.path(), &small(), CRASHED), 0), expected(0..4));
}

#[test]
fn a_start_that_moves_past_what_was_flushed_leaves_the_recovery_point() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    fill(&log, 20);
    let flushed = log.flush().unwrap();
    fill(&log, 50);
    log.advance_log_start(40).unwrap();
    assert_eq!((log.log_start_offset(), log.recovery_point()), (40, flushed));
}

#[test]
fn an_epoch_that_never_held_a_record_is_forgotten_for_good_once_another_writes() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), &small(), CLEAN);
    append_at(&log, &batch(0, 5), 0, 1_000_000).unwrap();
    log.assign_leader_epoch(3).unwrap();
    assert_eq!(log.epoch_starts().len(), 2);
    log.close().unwrap();
    drop(log);
    let log = open(folder.path(), &small(), CLEAN);
    assert_eq!(log.latest_epoch(), Some(0));
    append_at(&log, &batch(5, 5), 0, 1_000_000).unwrap();
    log.close().unwrap();
    drop(log);
    let log = open(folder.path(), &small(), CLEAN);
    assert_eq!((log.latest_epoch(), log.epoch_at(7)), (Some(0), Some(0)));
}

#[test]
fn indexes_leave_the_memory_as_far_as_files_hold_them_and_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 40_000, ..small() };
    let log = open(folder.path(), &options, CLEAN);
    fill(&log, 3000);
    let all = log.index_bytes();
    log.trim_memory();
    let active = log.index_bytes();
    assert!(0 < active && active < all / 4, "{active} of {all}");
    // Those of the active segment are in its files once they are flushed.
    log.flush().unwrap();
    log.trim_memory();
    let least = log.index_bytes();
    assert!(0 < least && least < active, "{least} of {active}");
    // The end of the log needs no more; whoever looks elsewhere and cannot wait for a file is told so, and who can has it back.
    assert!(log.read_now(2999, 1000, Offset::MAX, true, false).unwrap().is_some());
    assert!(log.read_now(7, 1000, Offset::MAX, true, false).unwrap().is_none());
    assert!(read_all(&log, 0) == expected(0..log.log_end_offset()));
    let back = log.index_bytes();
    assert!(back > active);
    assert!(log.read_now(7, 1000, Offset::MAX, true, false).unwrap().is_some());
    assert_eq!(log.offset_for_timestamp(1_000_007).unwrap().map(|found| found.offset), Some(7));
    // What was looked at since the last time stays.
    log.trim_memory();
    assert_eq!(log.index_bytes(), back);
    fill(&log, 3500);
    let end = log.log_end_offset();
    log.close().unwrap();
    drop(log);
    let log = open(folder.path(), &options, CLEAN);
    assert!(read_all(&log, 0) == expected(0..end));
    assert_eq!(log.recovery_report().cut_bytes, 0);
}
