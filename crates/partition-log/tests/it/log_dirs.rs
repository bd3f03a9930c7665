//! The log directory: lock, checkpoints, clean-shutdown mark, many partitions with few descriptors.

use std::sync::Arc;

use partition_log::{
    CheckpointFile, FileHandles, LastRun, LogDir, LogError, LogOptions, OffsetCheckpoint, RealDisk,
};

use crate::support::*;

fn open_dir(path: &std::path::Path, capacity: usize) -> Result<LogDir, LogError> {
    LogDir::open(path, Arc::new(RealDisk), Arc::new(FileHandles::new(capacity)))
}

#[test]
fn a_second_holder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_dir(folder.path(), 10).unwrap();
    let error = open_dir(folder.path(), 10).unwrap_err();
    assert!(error.to_string().contains("another process or thread is using this directory"), "{error}");
    drop(first);
    open_dir(folder.path(), 10).unwrap();
}

#[test]
fn many_partitions_share_few_open_files_and_reopen_by_threads() {
    let folder = tempfile::tempdir().unwrap();
    let options = Arc::new(LogOptions::default());
    {
        let dir = open_dir(folder.path(), 8).unwrap();
        assert_eq!(dir.take_clean_shutdown().unwrap(), None);
        let open = |n| dir.open_log(&format!("t-{n}"), Arc::clone(&options), CLEAN, 0).unwrap();
        let logs: Vec<_> = (0..60).map(open).collect();
        for round in 0..3 {
            for log in &logs {
                append(log, &batch(round, 1)).unwrap();
            }
        }
        let open_files = std::fs::read_dir("/proc/self/fd").unwrap().filter(|entry| {
            let target = std::fs::read_link(entry.as_ref().unwrap().path()).unwrap_or_default();
            target.starts_with(folder.path())
        });
        assert!(open_files.count() <= 8 + 1);
        let entries = logs.iter().map(|log| {
            let (topic, partition) = partition_log::parse_partition_folder(log.name()).unwrap();
            (topic.to_owned(), partition, log.close().unwrap())
        });
        let checkpoint = OffsetCheckpoint { entries: entries.collect() };
        dir.set_checkpoint(CheckpointFile::RecoveryPoint, &checkpoint).unwrap();
        dir.mark_clean_shutdown(41).unwrap();
    }
    let dir = open_dir(folder.path(), 8).unwrap();
    let clean = dir.take_clean_shutdown().unwrap();
    assert_eq!((clean, dir.take_clean_shutdown().unwrap()), (Some(41), None));
    let folders = dir.partition_folders().unwrap();
    let last_run = LastRun {
        was_clean: true,
        recovery_points: dir.checkpoint(CheckpointFile::RecoveryPoint).unwrap(),
        log_starts: dir.checkpoint(CheckpointFile::LogStart).unwrap(),
    };
    let logs = dir.open_logs(&folders, &|_| Arc::clone(&options), &|_, _| Ok(()), &last_run, 4, 0);
    assert_eq!(logs.len(), 60);
    for (place, (name, log)) in logs.iter().enumerate() {
        assert_eq!(*name, folders[place]);
        assert_eq!(read_all(log.as_ref().unwrap(), 0), expected(0..3));
    }
}

#[test]
fn deleted_logs_leave_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = open_dir(folder.path(), 8).unwrap();
    let log = dir.open_log("t-0", Arc::default(), CLEAN, 0).unwrap();
    fill(&log, 5);
    let slice = log.read(0, 1 << 20, 5, true).unwrap();
    let deleted = log.delete("AAAAAAAAQACAAAAAAAAAAA".parse().unwrap()).unwrap();
    assert!(deleted.folder.ends_with("t-0.00000000000040008000000000000000-delete"));
    assert_eq!(dir.partition_folders().unwrap(), Vec::<String>::new());
    assert_eq!(dir.deleted_folders().unwrap().len(), 1);
    deleted.remove().unwrap();
    assert!(!slice.to_vec().unwrap().is_empty());
    assert_eq!(dir.deleted_folders().unwrap().len(), 0);
}

#[test]
fn the_topic_id_is_kept_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = open_dir(folder.path(), 8).unwrap();
    let id = "AAAAAAAAQACAAAAAAAAAAA".parse().unwrap();
    let log = dir.open_log("t-0", Arc::default(), CLEAN, 0).unwrap();
    assert_eq!(log.topic_id().unwrap(), None);
    log.set_topic_id(id).unwrap();
    assert_eq!(log.topic_id().unwrap(), Some(id));
}

#[test]
fn a_stray_folder_is_renamed_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dir = open_dir(folder.path(), 8).unwrap();
    let id = "AAAAAAAAQACAAAAAAAAAAA".parse().unwrap();
    dir.open_log("t-0", Arc::default(), CLEAN, 0).unwrap().set_topic_id(id).unwrap();
    assert_eq!(dir.topic_id_in("t-0").unwrap(), Some(id));
    assert!(!dir.has_records("t-0").unwrap());
    fill(&dir.open_log("t-0", Arc::default(), CLEAN, 0).unwrap(), 1);
    assert!(dir.has_records("t-0").unwrap());
    let aside = dir.set_aside("t-0", id).unwrap();
    assert!(aside.ends_with("t-0.00000000000040008000000000000000-stray"));
    assert!(aside.join("partition.metadata").is_file());
    assert_eq!(dir.partition_folders().unwrap(), Vec::<String>::new());
    assert_eq!(dir.deleted_folders().unwrap().len(), 0);
}

#[test]
fn whoever_watches_a_directory_is_told_once_that_it_is_offline() {
    let folder = tempfile::tempdir().unwrap();
    let dir = open_dir(folder.path(), 8).unwrap();
    let told = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&told);
    dir.home().watch(move || _ = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    dir.home().take_offline("first");
    dir.home().take_offline("second");
    assert_eq!(dir.home().offline_reason().as_deref(), Some("first"));
    assert_eq!(told.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert!(matches!(dir.mark_clean_shutdown(1), Err(LogError::Offline(_))));
}
