//! Appends: inline, or left to whoever holds the lock, or to a side thread while the disk is slow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use protocol::ApiKey;
use protocol::messages::ApiVersionsRequest;
use records::next_batch;

use crate::client::{Client, PRODUCE, batch, fetch_of, produced};
use crate::disk::HeldDisk;
use crate::node::{Node, Setup};

/// Waits for a condition that comes about by itself.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn held(folder: &std::path::Path, cores: usize) -> (Arc<HeldDisk>, Node) {
    let disk = Arc::new(HeldDisk::default());
    let setup = Setup { cores, disk: Arc::clone(&disk) as _, ..Setup::new(folder) };
    (disk, setup.start())
}

/// Waits until appends are inline, as on a machine that is not too busy; returns how many were not so far.
fn quiet(node: &Node) -> u64 {
    until("the disk counts as quick", || node.broker.log_dirs.iter().all(|log_dir| !log_dir.is_slow()));
    node.counts().queued_appends
}

#[test]
fn batches_that_find_the_lock_taken_go_with_one_write_of_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), 2);
    let topic_id = node.create_topic("t", 1, &[]);
    // Connections go to the core with the fewest: the first to one, the others by turns.
    let mut clients: Vec<Client> = (0..21).map(|_| node.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.produce("t", 0, &batch(10, n as u8)).unwrap();
    }
    let before = quiet(&node);
    disk.close_gate();
    let frame = clients[0].produce_frame("t", 0, -1, &batch(10, 100));
    clients[0].send(&frame);
    disk.wait_for_write();
    let writes = disk.writes.load(Ordering::SeqCst);
    // Every second connection is on the core that is not held up.
    let others = (1..21).step_by(2);
    for n in others.clone() {
        let frame = clients[n].produce_frame("t", 0, -1, &batch(10, 100 + n as u8));
        clients[n].send(&frame);
    }
    until("ten batches are left in the queue", || node.counts().queued_appends == before + 10);
    disk.open_gate();
    assert_eq!(produced(&clients[0].receive(ApiKey::Produce, PRODUCE)), Ok(21));
    let mut offsets: Vec<i64> =
        others.map(|n| produced(&clients[n].receive(ApiKey::Produce, PRODUCE)).unwrap()).collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (22..32).collect::<Vec<_>>());
    assert_eq!(disk.writes.load(Ordering::SeqCst) - writes, 1, "ten batches took one write");
    assert_eq!(disk.parts_max.load(Ordering::SeqCst), 10);
    let read = clients[0].fetch(&fetch_of(topic_id, &[(0, 0)]));
    let mut rest = &read.partitions[0].2[..];
    for offset in 0..32 {
        let batch = next_batch(rest).unwrap().unwrap();
        assert_eq!(batch.base_offset(), offset);
        batch.verify_checksum().unwrap();
        rest = &rest[batch.size()..];
    }
    assert_eq!(node.broker.budget.reserved_bytes(), 0, "queued copies are given back");
}

#[test]
fn a_batch_that_comes_while_the_log_is_looked_after_is_appended_without_a_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), 1);
    node.create_topic("t", 1, &[("flush.messages", "72")]);
    let (mut client, mut other) = (node.connect(), node.connect());
    let large = batch(1_000_000, 1);
    for _ in 0..71 {
        client.produce("t", 0, &large).unwrap();
    }
    quiet(&node);
    // After so many bytes a flush takes a snapshot of the producers, holding the lock of the log.
    disk.holds_snapshots.store(true, Ordering::SeqCst);
    disk.close_gate();
    let flushing = client.produce_frame("t", 0, -1, &batch(10, 1));
    client.send(&flushing);
    disk.wait_for_write();
    let frame = other.produce_frame("t", 0, 1, &batch(10, 1));
    let before = node.counts().queued_appends;
    other.send(&frame);
    until("the batch is left to the side thread", || node.counts().queued_appends == before + 1);
    disk.open_gate();
    assert_eq!(produced(&client.receive(ApiKey::Produce, PRODUCE)), Ok(71));
    assert_eq!(produced(&other.receive(ApiKey::Produce, PRODUCE)), Ok(72));
}

#[test]
fn readers_do_not_wait_for_the_append_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), 2);
    let topic_id = node.create_topic("t", 1, &[]);
    // One connection to each core.
    let (mut writer, mut reader) = (node.connect(), node.connect());
    for client in [&mut writer, &mut reader] {
        client.produce("t", 0, &batch(100, 1)).unwrap();
    }
    quiet(&node);
    disk.close_gate();
    let frame = writer.produce_frame("t", 0, -1, &batch(100, 2));
    writer.send(&frame);
    disk.wait_for_write();
    // The writer holds the lock and does not let go.
    assert_eq!(reader.fetch(&fetch_of(topic_id, &[(0, 0)])).bytes(), 2 * batch(100, 1).len());
    disk.open_gate();
    assert_eq!(produced(&writer.receive(ApiKey::Produce, PRODUCE)), Ok(2));
}

#[test]
fn new_connections_go_to_the_core_with_the_fewest() {
    let folder = tempfile::tempdir().unwrap();
    let node = Setup { cores: 3, ..Setup::new(folder.path()) }.start();
    let mut clients: Vec<Client> = Vec::new();
    let mut add = |count| {
        for _ in 0..count {
            let mut client = node.connect();
            let frame = client.frame(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
            client.send(&frame);
            client.receive(ApiKey::ApiVersions, 0);
            clients.push(client);
        }
    };
    add(9);
    let reads =
        || -> Vec<u64> { node.broker.core_counters.iter().map(|core| core.sockets.counts().reads).collect() };
    until("each core serves three", || reads() == [3, 3, 3]);
}

#[test]
fn while_the_disk_stalls_300_ms_a_write_other_connections_of_the_core_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), 1);
    node.create_topic("t", 2, &[]);
    let mut producer = node.connect();
    let mut other = node.connect();
    producer.produce("t", 0, &batch(10, 0)).unwrap();
    let slow_before = node.counts().slow_appends;
    let before = quiet(&node);
    disk.write_ms.store(300, Ordering::SeqCst);
    // The first slow write is found out by being made.
    producer.produce("t", 0, &batch(10, 1)).unwrap();
    assert!(node.counts().slow_appends > slow_before);
    let frames: Vec<Vec<u8>> =
        (0..4).map(|n| producer.produce_frame("t", n % 2, -1, &batch(10, 2))).collect();
    disk.close_gate();
    producer.send(&frames.concat());
    disk.wait_for_write();
    // One core, a write that does not end, and yet:
    for id in 1..=100 {
        let frame = other.frame(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
        other.send(&frame);
        assert_eq!(other.receive(ApiKey::ApiVersions, 0).id, id);
    }
    assert_eq!(node.counts().queued_appends, before + 4);
    disk.open_gate();
    let offsets: Vec<i64> =
        (0..4).map(|_| produced(&producer.receive(ApiKey::Produce, PRODUCE)).unwrap()).collect();
    assert_eq!(offsets, [2, 0, 3, 1], "in order, partition by partition");
    // Once it is quick again, appends are inline again.
    disk.write_ms.store(0, Ordering::SeqCst);
    until("the directory counts as quick", || {
        let before = node.counts().queued_appends;
        let mut client = node.connect();
        client.produce("t", 0, &batch(10, 3)).unwrap();
        node.counts().queued_appends == before
    });
}

#[test]
fn a_file_that_stands_still_does_not_hold_up_the_others_of_a_slow_directory() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), 1);
    node.create_topic("t", 3, &[]);
    let mut clients: Vec<Client> = (0..4).map(|_| node.connect()).collect();
    quiet(&node);
    disk.write_ms.store(300, Ordering::SeqCst);
    clients[0].produce("t", 0, &batch(10, 0)).unwrap();
    disk.close_gate();
    for (client, partition) in clients.iter_mut().zip([0, 1, 2, 0]) {
        let frame = client.produce_frame("t", partition, -1, &batch(10, 1));
        client.send(&frame);
    }
    until("one write of each partition is under way", || disk.held() == 3);
    until("all are queued", || node.counts().queued_appends >= 4);
    disk.open_gate();
    disk.write_ms.store(0, Ordering::SeqCst);
    let offsets =
        clients.iter_mut().map(|client| produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap());
    let mut offsets: Vec<i64> = offsets.collect();
    offsets.sort_unstable();
    assert_eq!(offsets, [0, 0, 1, 2]);
}

#[test]
fn a_core_does_not_follow_another_into_a_write_that_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut node) = held(folder.path(), 2);
    node.create_topic("t", 2, &[]);
    // Two connections to each core.
    let mut clients: Vec<Client> = (0..4).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.produce("t", 0, &batch(10, 0)).unwrap();
    }
    let before = quiet(&node);
    disk.close_gate();
    let stuck = clients[0].produce_frame("t", 0, -1, &batch(10, 1));
    clients[0].send(&stuck);
    disk.wait_for_write();
    // So long has it to stand before anybody can tell.
    std::thread::sleep(Duration::from_millis(20));
    let aside = clients[1].produce_frame("t", 1, -1, &batch(10, 2));
    clients[1].send(&aside);
    until("the batch is left to the side thread", || node.counts().queued_appends == before + 1);
    let neighbour = &mut clients[3];
    let frame = neighbour.frame(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
    neighbour.send(&frame);
    neighbour.receive(ApiKey::ApiVersions, 0);
    disk.open_gate();
    assert_eq!(produced(&clients[1].receive(ApiKey::Produce, PRODUCE)), Ok(0));
    assert_eq!(produced(&clients[0].receive(ApiKey::Produce, PRODUCE)), Ok(4));
}
