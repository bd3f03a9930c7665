//! The bound on memory: what clients send and what they do not take, together.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::ApiKey;

use crate::appends::until;
use crate::child;
use crate::client::{Client, FETCH, PRODUCE, batch, fetch_of, fetched, produced};
use crate::node::{Node, Setup};

const MIB: usize = 1 << 20;

#[test]
fn queued_max_request_bytes_bounds_the_requests_being_read() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("queued.max.request.bytes", "8388608"), ("socket.request.max.bytes", "4194304")];
    let mut node = Setup { settings: &settings, ..Setup::new(folder.path()) }.start();
    node.create_topic("t", 1, &[("max.message.bytes", "4000000")]);
    assert_eq!(node.broker.budget.setting(), "queued.max.request.bytes");
    let mut clients: Vec<Client> = (0..32).map(|_| node.connect()).collect();
    let frames: Vec<Vec<u8>> =
        clients.iter_mut().map(|client| client.produce_frame("t", 0, -1, &batch(900_000, 1))).collect();
    // All but the last byte: whoever has got memory keeps it, the others are not read.
    let may_end = Arc::new(AtomicBool::new(false));
    for (client, frame) in clients.iter().zip(frames) {
        let mut stream = client.stream.try_clone().unwrap();
        let may_end = Arc::clone(&may_end);
        std::thread::spawn(move || {
            let (most, last) = frame.split_at(frame.len() - 1);
            stream.write_all(most).unwrap();
            until("the test goes on", || may_end.load(Ordering::SeqCst));
            stream.write_all(last).unwrap();
        });
    }
    until("the bound is reached", || node.broker.budget.waiting() == 32 - 8);
    assert_eq!(node.broker.budget.reserved_bytes(), 8 * MIB);
    may_end.store(true, Ordering::SeqCst);
    let mut offsets: Vec<i64> = clients
        .iter_mut()
        .map(|client| produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap())
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..32).collect::<Vec<_>>());
    until("all is given back", || node.broker.budget.reserved_bytes() == 0);
}

#[test]
fn unread_fetches_stay_within_the_memory_budget() {
    if child::ran("memory::unread_fetches_stay_within_the_memory_budget") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = [("memory.budget.bytes", "16777216")];
    let mut node = Setup { settings: &settings, ..Setup::new(folder.path()) }.start();
    let topic_id = node.create_topic("t", 40, &[]);
    let fetch = fetch_of(topic_id, &(0..40).map(|partition| (partition, 0)).collect::<Vec<_>>());
    let mut honest = node.connect();
    // Readers at the tail make the broker keep it in memory: 60 KB in each of forty partitions.
    honest.fetch(&fetch);
    for partition in 0..40 {
        for n in 0..3 {
            honest.produce("t", partition, &batch(20_000, n)).unwrap();
        }
    }
    assert!(honest.fetch(&fetch).bytes() > 40 * 60_000);
    assert!(node.counts().tail_cache_hits > 0);
    let before = child::resident_bytes();
    let mut greedy: Vec<Client> = (0..500).map(|_| node.connect()).collect();
    for client in &mut greedy {
        let frames: Vec<u8> = (0..10).flat_map(|_| client.fetch_frame(&fetch)).collect();
        client.send(&frames);
    }
    until("every greedy client has been begun to be served", || {
        let counts = node.counts().sockets;
        counts.reads > 500 + 120 && counts.file_sends > 0
    });
    // An honest client is still served.
    honest.produce("t", 0, &batch(10, 9)).unwrap();
    let mut at_the_end = fetch_of(topic_id, &[(0, 3)]);
    at_the_end.max_wait_ms = 10_000;
    assert!(honest.fetch(&at_the_end).bytes() > 0);
    assert!(node.broker.budget.reserved_bytes() <= 16 * MIB + 16 * MIB / 10);
    let grown = child::resident_bytes().saturating_sub(before);
    assert!(grown <= 16 * MIB + 16 * MIB / 10, "{grown} bytes more than before");
    // They get answers once they read, if smaller ones: files that wait for others count too.
    let mut client = greedy.pop().unwrap();
    for _ in 0..10 {
        assert!(fetched(&client.receive(ApiKey::Fetch, FETCH)).bytes() >= 60_000);
    }
}

#[test]
fn tails_kept_for_readers_stay_within_their_part_of_the_memory_budget() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("memory.budget.bytes", "16777216")];
    let mut node = Setup { settings: &settings, open_files_max: 10_000, ..Setup::new(folder.path()) }.start();
    let topic_id = node.create_topic("t", 200, &[]);
    let mut client = node.connect();
    let fetch = fetch_of(topic_id, &(0..200).map(|partition| (partition, 0)).collect::<Vec<_>>());
    client.fetch(&fetch);
    for partition in 0..200 {
        client.produce("t", partition, &batch(50_000, 1)).unwrap();
    }
    assert!(client.fetch(&fetch).bytes() > 200 * 50_000);
    let counts = node.counts();
    assert!((MIB as u64..=4 * MIB as u64).contains(&counts.tail_cache_bytes), "{counts:?}");
    assert!((8..200).contains(&counts.tail_cache_hits), "{counts:?}");
}

#[test]
fn unread_answers_of_any_kind_count_and_hold_back_new_requests_until_they_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("memory.budget.bytes", "16777216")];
    let mut node: Node = Setup { settings: &settings, ..Setup::new(folder.path()) }.start();
    node.create_topic("t", 1000, &[]);
    let request = protocol::messages::MetadataRequest { topics: None, ..Default::default() };
    // About 50 KB an answer.
    let mut greedy: Vec<Client> = (0..40).map(|_| node.connect()).collect();
    for client in &mut greedy {
        let frames: Vec<u8> = (0..400).flat_map(|_| client.frame(ApiKey::Metadata, 9, &request)).collect();
        client.send(&frames);
    }
    until("answers that nobody takes are counted", || node.broker.budget.reserved_bytes() > 2 * MIB);
    // One answer a connection above the bound at most.
    assert!(node.broker.budget.reserved_bytes() <= 16 * MIB + 40 * 80_000);
    drop(greedy);
    until("all is given back", || node.broker.budget.reserved_bytes() == 0);
    let mut client = node.connect();
    let frame = client.produce_frame("t", 0, -1, &batch(10, 1));
    client.send(&frame);
    assert_eq!(produced(&client.receive(ApiKey::Produce, PRODUCE)), Ok(0));
}
