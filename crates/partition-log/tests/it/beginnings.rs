//! Logs of which nothing is on disk yet.

use std::path::Path;
use std::sync::Arc;

use model::Uuid;
use partition_log::PartitionLog;

use crate::support::*;

const ID: Uuid = Uuid([7; 16]);

fn begin(folder: &Path) -> PartitionLog {
    PartitionLog::begin(&home(), &folder.join("t-0"), (ID, 3), Arc::new(small()), 1_000_000)
}

#[test]
fn the_folder_comes_with_the_first_record() {
    let folder = tempfile::tempdir().unwrap();
    let log = begin(folder.path());
    assert_eq!((log.latest_epoch(), log.log_end_offset(), log.flush().unwrap()), (Some(3), 0, 0));
    log.assign_leader_epoch(4).unwrap();
    assert!(!log.folder().exists());
    append_at(&log, &batch(0, 2), 4, 1_000_000).unwrap();
    append_at(&log, &batch(2, 1), 5, 1_000_000).unwrap();
    assert_eq!(log.flush().unwrap(), 3);
    drop(log);
    let log = open(folder.path(), &small(), CRASHED);
    assert_eq!(log.topic_id().unwrap(), Some(ID));
    let epochs: Vec<(i32, i64)> =
        log.epoch_starts().iter().map(|start| (start.epoch, start.start_offset)).collect();
    assert_eq!(epochs, [(4, 0), (5, 2)]);
    assert_eq!(read_all(&log, 0), expected(0..3));
}

#[test]
fn a_folder_is_made_where_it_is_asked_for_and_by_closing() {
    for by_closing in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let log = begin(folder.path());
        if by_closing {
            log.close().unwrap();
        } else {
            log.make_folder().unwrap();
        }
        let files = ["partition.metadata", "leader-epoch-checkpoint"];
        assert!(files.iter().all(|file| log.folder().join(file).exists()));
        drop(log);
        let log = open(folder.path(), &small(), CLEAN);
        assert_eq!((log.topic_id().unwrap(), log.log_end_offset()), (Some(ID), 0));
    }
}

#[test]
fn a_log_that_never_was_is_deleted_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let log = begin(folder.path());
    let deleted = log.delete(Uuid([1; 16])).unwrap();
    // One of the same name that comes meanwhile is another one.
    let next = begin(folder.path());
    append(&next, &batch(0, 1)).unwrap();
    deleted.remove().unwrap();
    assert_eq!(read_all(&next, 0), expected(0..1));
}

#[test]
fn a_log_that_begins_elsewhere_has_its_folder_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = begin(folder.path());
    log.truncate_fully(50, 1_000_000).unwrap();
    drop(log);
    let log = open(folder.path(), &small(), CRASHED);
    assert_eq!((log.topic_id().unwrap(), log.log_end_offset()), (Some(ID), 50));
}
