//! Answers that wait for stable storage: one flusher per log directory, many requests a sync.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use broker::housekeeping;
use model::ErrorCode;
use protocol::ApiKey;

use crate::appends::until;
use crate::client::{Client, FETCH, PRODUCE, batch, fetch_of, fetched, produced};
use crate::disk::HeldDisk;
use crate::node::{BROKER, Node, Setup, TOPIC};

fn held(folder: &std::path::Path, settings: &[(&str, &str)]) -> (Arc<HeldDisk>, Node) {
    let disk = Arc::new(HeldDisk::default());
    let node = Setup { disk: Arc::clone(&disk) as _, settings, ..Setup::new(folder) }.start();
    (disk, node)
}

#[test]
fn a_durable_policy_answers_acks_all_after_a_sync_that_many_requests_share() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), &[("flush.policy", "durable")]);
    node.create_topic("t", 1, &[]);
    let mut clients: Vec<Client> = (0..40).map(|_| node.connect()).collect();
    clients[0].produce("t", 0, &batch(10, 0)).unwrap();
    assert_eq!(node.counts().flushes, 1);
    let syncs = disk.syncs.load(Ordering::SeqCst);
    disk.sync_ms.store(50, Ordering::SeqCst);
    for client in &mut clients {
        let frame = client.produce_frame("t", 0, -1, &batch(10, 1));
        client.send(&frame);
    }
    for client in &mut clients {
        produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap();
    }
    let rounds = disk.syncs.load(Ordering::SeqCst) - syncs;
    assert!((1..=10).contains(&rounds), "{rounds} syncs for 40 requests");
}

/// A node with a durable topic whose syncs stand before the gate.
fn stopped_before_syncs(folder: &std::path::Path) -> (Arc<HeldDisk>, Node, model::Uuid) {
    let (disk, mut node) = held(folder, &[]);
    let topic_id = node.create_topic("t", 4, &[("flush.policy", "durable")]);
    disk.holds_syncs.store(true, Ordering::SeqCst);
    disk.close_gate();
    (disk, node, topic_id)
}

#[test]
fn durable_records_are_shown_when_they_are_on_stable_storage_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, node, topic_id) = stopped_before_syncs(folder.path());
    let (mut writer, mut reader) = (node.connect(), node.connect());
    let mut fetch = fetch_of(topic_id, &[(0, 0)]);
    fetch.max_wait_ms = 20_000;
    let frame = reader.fetch_frame(&fetch);
    reader.send(&frame);
    until("the fetch is parked", || node.counts().parked_fetches == 1);
    let sent = batch(1000, 1);
    // acks=1 does not wait, but also has the record put on stable storage.
    let frame = writer.produce_frame("t", 0, 1, &sent);
    writer.send(&frame);
    assert_eq!(produced(&writer.receive(ApiKey::Produce, PRODUCE)), Ok(0));
    disk.wait_for(1);
    assert_eq!(node.counts().fetch_wakes, 0);
    assert_eq!(node.connect().fetch(&fetch_of(topic_id, &[(0, 0)])).bytes(), 0);
    disk.open_gate();
    assert_eq!(fetched(&reader.receive(ApiKey::Fetch, FETCH)).bytes(), sent.len());
}

#[test]
fn a_change_of_the_policy_hides_nothing_that_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), &[]);
    let topic_id = node.create_topic("t", 1, &[]);
    let (mut writer, mut reader) = (node.connect(), node.connect());
    let sent = batch(1000, 1);
    writer.produce("t", 0, &sent).unwrap();
    disk.holds_syncs.store(true, Ordering::SeqCst);
    disk.close_gate();
    node.configure(BROKER, "", "flush.policy", Some("durable"));
    let frame = writer.produce_frame("t", 0, 1, &sent);
    writer.send(&frame);
    assert_eq!(produced(&writer.receive(ApiKey::Produce, PRODUCE)), Ok(1));
    let from_start = fetch_of(topic_id, &[(0, 0)]);
    assert_eq!(reader.fetch(&from_start).bytes(), sent.len());
    node.configure(TOPIC, "t", "flush.policy", Some("kafka"));
    assert_eq!(reader.fetch(&from_start).bytes(), 2 * sent.len());
    disk.open_gate();
}

#[test]
fn partitions_are_flushed_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, node, _) = stopped_before_syncs(folder.path());
    let mut clients: Vec<Client> = (0..4).map(|_| node.connect()).collect();
    for (client, partition) in clients.iter_mut().zip(0..) {
        let frame = client.produce_frame("t", partition, -1, &batch(10, 1));
        client.send(&frame);
    }
    disk.wait_for(4);
    disk.open_gate();
    for client in &mut clients {
        produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap();
    }
}

#[test]
fn what_a_killed_run_left_unflushed_is_flushed_before_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (topic, durable) = ("t", [("flush.policy", "durable")]);
    let mut node = Node::start(folder.path());
    node.create_topic(topic, 1, &[]);
    node.connect().produce(topic, 0, &batch(1000, 1)).unwrap();
    // Nothing closes the logs.
    drop(node);
    let disk = Arc::new(HeldDisk::default());
    let mut node = Setup { disk: Arc::clone(&disk) as _, ..Setup::new(folder.path()) }.start();
    assert_eq!(disk.syncs.load(Ordering::SeqCst), 0);
    let topic_id = node.create_topic(topic, 1, &durable);
    assert!(disk.syncs.load(Ordering::SeqCst) > 0);
    assert!(node.connect().fetch(&fetch_of(topic_id, &[(0, 0)])).bytes() > 0);
}

#[test]
fn records_reach_stable_storage_within_seconds_though_nobody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("t", 1, &[]);
    node.connect().produce("t", 0, &batch(10, 1)).unwrap();
    let turns: Vec<u64> = (0..2)
        .map(|_| {
            housekeeping::start_write_back(&node.broker);
            node.counts().flushes
        })
        .collect();
    assert_eq!(turns, [0, 0]);
    housekeeping::start_write_back(&node.broker);
    until("the record is flushed", || node.counts().flushes == 1);
}
#[test]
fn many_partitions_that_are_late_are_flushed_with_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(HeldDisk::default());
    let mut node = Setup { disk: Arc::clone(&disk) as _, ..Setup::new(folder.path()) }.start();
    node.create_topic("t", 70, &[]);
    node.create_topic("u", 1, &[("flush.policy", "durable")]);
    let mut client = node.connect();
    (0..70).for_each(|index| _ = client.produce("t", index, &batch(10, 1)).unwrap());
    client.produce("u", 0, &batch(10, 1)).unwrap();
    disk.syncs.store(0, Ordering::SeqCst);
    let flushes = node.counts().flushes;
    (0..3).for_each(|_| housekeeping::start_write_back(&node.broker));
    assert_eq!((disk.syncs.load(Ordering::SeqCst), node.counts().flushes), (0, flushes + 70));
    // The recovery points are due once this has become much.
    let log_dir = node.broker.log_dirs.iter().next().unwrap();
    assert!(log_dir.flushed_bytes() >= 70 * batch(10, 1).len() as u64);
    log_dir.checkpoint_recovery_points(&[]).unwrap();
    assert_eq!(log_dir.flushed_bytes(), 0);
    disk.syncs.store(0, Ordering::SeqCst);
    // Nothing is left to flush.
    (0..3).for_each(|_| housekeeping::start_write_back(&node.broker));
    assert_eq!((disk.syncs.load(Ordering::SeqCst), node.counts().flushes), (0, flushes + 70));
}

#[test]
fn a_failed_sync_is_never_answered_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), &[("flush.policy", "durable")]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    client.produce("t", 0, &batch(10, 0)).unwrap();
    disk.breaks_syncs.store(true, Ordering::SeqCst);
    assert_eq!(client.produce("t", 0, &batch(10, 1)), Err(ErrorCode::KAFKA_STORAGE_ERROR));
    disk.breaks_syncs.store(false, Ordering::SeqCst);
    assert_eq!(client.produce("t", 0, &batch(10, 2)), Err(ErrorCode::KAFKA_STORAGE_ERROR));
}

#[test]
fn flush_messages_makes_the_record_that_reaches_it_wait_for_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), &[]);
    node.create_topic("t", 1, &[("flush.messages", "3")]);
    let mut client = node.connect();
    disk.syncs.store(0, Ordering::SeqCst);
    let mut syncs = Vec::new();
    for n in 0..7 {
        client.produce("t", 0, &batch(10, n)).unwrap();
        syncs.push(disk.syncs.load(Ordering::SeqCst) > 0);
        disk.syncs.store(0, Ordering::SeqCst);
    }
    assert_eq!(syncs, [false, false, true, false, false, true, false]);
    let mut is_synced = |disk: &HeldDisk| {
        disk.syncs.store(0, Ordering::SeqCst);
        client.produce("t", 0, &batch(10, 7)).unwrap();
        disk.syncs.load(Ordering::SeqCst) > 0
    };
    node.configure(TOPIC, "t", "flush.messages", Some("1"));
    assert!(is_synced(&disk));
    node.configure(TOPIC, "t", "flush.messages", None);
    assert!(!is_synced(&disk));
    node.configure(BROKER, "", "log.flush.interval.messages", Some("1"));
    assert!(is_synced(&disk));
}

#[test]
fn flush_ms_puts_records_on_stable_storage_in_that_time_and_leaves_idle_partitions_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("t", 1, &[("flush.ms", "300")]);
    let mut client = node.connect();
    let started = Instant::now();
    for n in 0..10 {
        client.produce("t", 0, &batch(10, n)).unwrap();
    }
    assert!(node.counts().flushes == 0 || started.elapsed() >= Duration::from_millis(300));
    until("the records are flushed", || node.counts().flushes == 1);
    assert!(started.elapsed() >= Duration::from_millis(300));
    client.produce("t", 0, &batch(10, 11)).unwrap();
    until("the next record is flushed too", || node.counts().flushes == 2);
}
