//! Answers that wait for stable storage: one flusher per log directory, many requests a sync.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use model::ErrorCode;
use protocol::ApiKey;

use crate::appends::until;
use crate::client::{Client, PRODUCE, batch, produced};
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
    // acks=1 does not wait.
    let flushes = node.counts().flushes;
    let frame = clients[0].produce_frame("t", 0, 1, &batch(10, 2));
    clients[0].send(&frame);
    assert_eq!(produced(&clients[0].receive(ApiKey::Produce, PRODUCE)), Ok(41));
    assert_eq!(node.counts().flushes, flushes);
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
