//! Settings that shape segments and their indexes: for one topic, for all, and as changed while the broker runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use broker::housekeeping;
use model::Uuid;
use records::{BatchBuilder, next_batch};

use crate::client::{Client, batch, fetch_of};
use crate::node::{BROKER, Node, Setup, TOPIC};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn node(folder: &Path, settings: &[(&str, &str)]) -> Node {
    Setup { settings, ..Setup::new(folder) }.start()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn at(timestamp_ms: i64) -> Vec<u8> {
    BatchBuilder::new().record(timestamp_ms, Some(b"key"), Some(b"value")).build()
}

/// Files of a partition with that ending, ascending.
fn files(folder: &Path, partition: &str, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join(partition)).unwrap().map(|file| file.unwrap().path());
    let mut found: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|name| name == ending)).collect();
    found.sort();
    found
}

fn segments(folder: &Path, partition: &str) -> usize {
    files(folder, partition, "log").len()
}

fn send(client: &mut Client, count: u8) {
    for n in 0..count {
        client.produce("t", 0, &batch(2_000, n)).unwrap();
    }
}

#[test]
fn index_entries_come_as_often_as_is_set_now() {
    let folder = tempfile::tempdir().unwrap();
    // A flush with each batch also writes the index.
    let settings = [("log.index.interval.bytes", "1000000"), ("log.flush.interval.messages", "1")];
    let mut node = node(folder.path(), &settings);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let entries = || {
        let file = files(folder.path(), "t-0", "index").pop();
        file.map_or(0, |file| fs::metadata(file).unwrap().len() / 8)
    };
    send(&mut client, 5);
    assert_eq!(entries(), 0);
    node.configure(TOPIC, "t", "index.interval.bytes", Some("1000"));
    send(&mut client, 5);
    assert_eq!(entries(), 5);
    node.configure(TOPIC, "t", "index.interval.bytes", None);
    send(&mut client, 5);
    assert_eq!(entries(), 5);
    node.configure(BROKER, "", "log.index.interval.bytes", Some("1000"));
    send(&mut client, 5);
    assert_eq!(entries(), 10);
}

#[test]
fn a_full_index_closes_its_segment_at_the_size_set_now() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("log.index.interval.bytes", "0"), ("log.index.size.max.bytes", "80")];
    let mut node = node(folder.path(), &settings);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    // The first batch of a segment has no entry.
    send(&mut client, 12);
    assert_eq!(segments(folder.path(), "t-0"), 2);
    node.configure(TOPIC, "t", "segment.index.bytes", Some("1000000"));
    send(&mut client, 12);
    assert_eq!(segments(folder.path(), "t-0"), 2);
    node.configure(TOPIC, "t", "segment.index.bytes", None);
    node.configure(BROKER, "", "log.index.size.max.bytes", Some("160"));
    send(&mut client, 22);
    assert_eq!(segments(folder.path(), "t-0"), 3);
}

#[test]
fn segments_roll_at_the_age_set_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("log.roll.hours", "1")]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let mut next = now_ms() - 10 * HOUR_MS;
    let mut segments_after = |waited_ms| {
        next += waited_ms;
        client.produce("t", 0, &at(next)).unwrap();
        segments(folder.path(), "t-0")
    };
    assert_eq!((segments_after(0), segments_after(50 * MINUTE_MS)), (1, 1));
    assert_eq!(segments_after(20 * MINUTE_MS), 2);
    node.configure(TOPIC, "t", "segment.ms", Some("60000"));
    assert_eq!(segments_after(2 * MINUTE_MS), 3);
    node.configure(TOPIC, "t", "segment.ms", None);
    assert_eq!(segments_after(2 * MINUTE_MS), 3);
    node.configure(BROKER, "", "log.roll.ms", Some("60000"));
    assert_eq!(segments_after(MINUTE_MS), 4);
}

/// Of 20 partitions whose records are half an hour apart, those with a second segment.
fn rolled_early(node: &Node, folder: &Path, topic: &str) -> usize {
    let mut client = node.connect();
    let start = now_ms() - HOUR_MS;
    for partition in 0..20 {
        client.produce(topic, partition, &at(start)).unwrap();
        client.produce(topic, partition, &at(start + 30 * MINUTE_MS)).unwrap();
    }
    (0..20).filter(|partition| segments(folder, &format!("{topic}-{partition}")) > 1).count()
}

#[test]
fn the_jitter_set_now_spreads_when_segments_of_partitions_roll() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = node(folder.path(), &[("log.roll.hours", "1")]);
    first.create_topic("none", 20, &[]);
    assert_eq!(rolled_early(&first, folder.path(), "none"), 0);
    first.create_topic("own", 20, &[]);
    first.configure(TOPIC, "own", "segment.jitter.ms", Some("3600000"));
    let own = rolled_early(&first, folder.path(), "own");
    first.configure(BROKER, "", "log.roll.jitter.ms", Some("3600000"));
    first.create_topic("all", 20, &[]);
    let all = rolled_early(&first, folder.path(), "all");
    let other = tempfile::tempdir().unwrap();
    let mut second = node(other.path(), &[("log.roll.hours", "1"), ("log.roll.jitter.hours", "1")]);
    second.create_topic("hours", 20, &[]);
    let hours = rolled_early(&second, other.path(), "hours");
    for early in [own, all, hours] {
        assert!((1..20).contains(&early), "{own} {all} {hours}");
    }
}

#[test]
fn the_files_of_segments_are_preallocated_where_that_is_set_until_they_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("log.preallocate", "true"), ("log.segment.bytes", "1048576")]);
    let topic_id = node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let sizes = || -> Vec<u64> {
        let logs = files(folder.path(), "t-0", "log");
        logs.iter().map(|file| fs::metadata(file).unwrap().len()).collect()
    };
    let size = batch(600_000, 1).len() as u64;
    let append = |client: &mut Client| client.produce("t", 0, &batch(600_000, 1)).map(|_| ()).unwrap();
    append(&mut client);
    assert_eq!(sizes(), [1_048_576]);
    append(&mut client);
    assert_eq!(sizes(), [size, 1_048_576]);
    node.configure(TOPIC, "t", "preallocate", Some("false"));
    append(&mut client);
    assert_eq!(sizes(), [size, size, size]);
    node.configure(TOPIC, "t", "preallocate", None);
    append(&mut client);
    assert_eq!(sizes(), [size, size, size, 1_048_576]);
    node.configure(BROKER, "", "log.preallocate", Some("false"));
    append(&mut client);
    assert_eq!(sizes(), [size; 5]);
    node.configure(BROKER, "", "log.preallocate", None);
    append(&mut client);
    assert_eq!(sizes(), [size, size, size, size, size, 1_048_576]);
    assert_eq!(read_all(&mut client, topic_id), 6);
    housekeeping::close_logs(&node.broker);
    assert_eq!(sizes(), [size; 6]);
}

/// Batches that a consumer finds from the start on.
fn read_all(client: &mut Client, topic_id: Uuid) -> i64 {
    let mut next = 0;
    loop {
        let fetched = client.fetch(&fetch_of(topic_id, &[(0, next)]));
        let Some(batch) = next_batch(&fetched.partitions[0].2).unwrap() else { return next };
        next = batch.next_offset();
    }
}

#[test]
fn the_internal_segment_size_rolls_below_the_public_minimum() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    send(&mut client, 4);
    assert_eq!(segments(folder.path(), "t-0"), 1);
    node.configure(TOPIC, "t", "internal.segment.bytes", Some("5000"));
    send(&mut client, 4);
    assert_eq!(segments(folder.path(), "t-0"), 3);
}
