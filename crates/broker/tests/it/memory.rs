//! The bound on memory: what clients send and what they do not take, together.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker::housekeeping;
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::FetchRequest;
use records::{BatchBuilder, Compression};

use crate::appends::until;
use crate::child;
use crate::client::{Client, FETCH, PRODUCE, batch, fetch_of, fetched, produced};
use crate::disk::HeldDisk;
use crate::node::{Node, Setup};

const MIB: usize = 1 << 20;

/// A node with the smallest budget there may be, 16 MiB.
fn with_small_budget(folder: &Path) -> Node {
    Setup { settings: &[("memory.budget.bytes", "16777216")], ..Setup::new(folder) }.start()
}

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
    until("the bound is reached", || node.broker.budget.waiting() == 32 - 7);
    assert_eq!(node.broker.budget.reserved_bytes(), 7 * MIB);
    // What is left of it is for small requests, which no large one that stands still keeps waiting.
    assert_eq!(node.connect().produce("t", 0, &batch(20_000, 1)), Ok(0));
    may_end.store(true, Ordering::SeqCst);
    let mut offsets: Vec<i64> = clients
        .iter_mut()
        .map(|client| produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap())
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (1..33).collect::<Vec<_>>());
    until("all is given back", || node.broker.budget.reserved_bytes() == 0);
}

#[test]
fn unread_fetches_stay_within_the_memory_budget() {
    if child::ran("memory::unread_fetches_stay_within_the_memory_budget") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_small_budget(folder.path());
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
fn fetches_that_name_a_partition_a_hundred_thousand_times_give_way_when_others_need_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_small_budget(folder.path());
    let topic_id = node.create_topic("t", 1, &[]);
    let mut fetch = fetch_of(topic_id, &vec![(0, 0); 100_000]);
    fetch.max_wait_ms = i32::MAX;
    let mut greedy: Vec<Client> = (0..4).map(|_| node.connect()).collect();
    for client in &mut greedy {
        let frame = client.fetch_frame(&fetch);
        client.send(&frame);
    }
    // The first would wait for weeks; what it keeps counts, and is more than four frames of them on their way.
    until("one of them waits", || node.broker.budget.reserved_bytes() > 17 * MIB);
    assert_eq!(node.connect().produce("t", 0, &batch(10, 1)), Ok(0));
    for client in &mut greedy {
        assert_eq!(fetched(&client.receive(ApiKey::Fetch, FETCH)).partitions.len(), 100_000);
    }
    drop(greedy);
    until("all is given back", || node.broker.budget.reserved_bytes() == 0);
}

#[test]
fn fetch_sessions_remember_no_more_partitions_than_a_part_of_the_memory_budget_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_small_budget(folder.path());
    let topic_id = node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let begin = |partitions: i32| {
        let from: Vec<_> = (0..partitions).map(|partition| (partition, 0)).collect();
        FetchRequest { session_epoch: 0, ..fetch_of(topic_id, &from) }
    };
    let held = client.fetch(&begin(3)).session_id;
    assert_ne!(held, 0);
    let refused = client.fetch(&begin(50_000));
    assert_eq!((refused.session_id, refused.partitions.len()), (0, 50_000), "answered, and forgotten");
    let grown = FetchRequest { session_id: held, session_epoch: 1, ..begin(50_000) };
    assert_eq!(client.fetch(&grown).error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_ne!(client.fetch(&begin(3)).session_id, 0);
}

#[test]
fn unread_answers_of_any_kind_count_and_hold_back_new_requests_until_they_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = with_small_budget(folder.path());
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

#[test]
fn batches_that_unpack_to_much_are_taken_up_to_the_bound_and_their_memory_is_given_back() {
    if child::ran(
        "memory::batches_that_unpack_to_much_are_taken_up_to_the_bound_and_their_memory_is_given_back",
    ) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup::new(folder.path()).start();
    node.create_topic("kept", 1, &[]);
    node.create_topic("packed-again", 1, &[("compression.type", "gzip")]);
    let packed = |mib: usize| {
        BatchBuilder::new().compression(Compression::Zstd).record(1, None, Some(&vec![0; mib * MIB])).build()
    };
    let (small, fair, too_much) = (packed(20), packed(100), packed(130));
    let mut clients: Vec<Client> = (0..4).map(|_| node.connect()).collect();
    clients[0].produce("kept", 0, &batch(10, 1)).unwrap();
    let before = child::resident_bytes();
    for client in &mut clients {
        client.produce("kept", 0, &fair).unwrap();
        assert_eq!(client.produce("kept", 0, &too_much), Err(ErrorCode::MESSAGE_TOO_LARGE));
        client.produce("packed-again", 0, &small).unwrap();
        assert_eq!(client.produce("packed-again", 0, &too_much), Err(ErrorCode::MESSAGE_TOO_LARGE));
    }
    let taken = child::resident_bytes().saturating_sub(before);
    assert!(taken <= (128 + 32) * MIB, "{taken} bytes more than before for two cores");
    housekeeping::give_back_unpacked(&node.broker);
    // Two cores keep 8 MiB each, and the allocator of the tests some of what it had.
    let grown = child::resident_bytes().saturating_sub(before);
    assert!(grown <= 64 * MIB, "{grown} bytes more than before");
}

#[test]
fn a_flood_that_wants_no_answers_is_held_back_by_a_disk_that_is_busy() {
    const FLOODED: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(HeldDisk::default());
    let settings = [("memory.budget.bytes", "16777216")];
    let setup = Setup { settings: &settings, disk: Arc::clone(&disk) as _, ..Setup::new(folder.path()) };
    let mut node = setup.start();
    node.create_topic("t", 1, &[]);
    let mut clients: Vec<Client> = (0..3).map(|_| node.connect()).collect();
    for client in &mut clients {
        client.produce("t", 0, &batch(10, 1)).unwrap();
    }
    until("the disk counts as quick", || node.broker.log_dirs.iter().all(|log_dir| !log_dir.is_slow()));
    disk.close_gate();
    let mut held = clients.remove(0);
    let frame = held.produce_frame("t", 0, -1, &batch(10, 2));
    held.send(&frame);
    disk.wait_for_write();
    // The others go to the queue of the partition: those of the core whose thread does not stand before the gate.
    let flooding: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let frame = client.produce_frame("t", 0, 0, &batch(900_000, 3));
            std::thread::spawn(move || {
                (0..FLOODED).for_each(|_| client.send(&frame));
                client
            })
        })
        .collect();
    until("what they send fills the budget", || !node.broker.budget.has_room());
    std::thread::sleep(std::time::Duration::from_millis(300));
    let reserved = node.broker.budget.reserved_bytes();
    assert!(reserved <= 16 * MIB + 4 * MIB, "{reserved} bytes are kept though there is no room");
    disk.open_gate();
    assert_eq!(produced(&held.receive(ApiKey::Produce, PRODUCE)), Ok(3));
    let mut clients: Vec<Client> = flooding.into_iter().map(|thread| thread.join().unwrap()).collect();
    for client in &mut clients {
        // Requests of one connection stay in order: this one is behind its flood.
        client.produce("t", 0, &batch(10, 4)).unwrap();
    }
    let end = held.produce("t", 0, &batch(10, 5)).unwrap();
    assert_eq!(end, 3 + 1 + 2 * FLOODED as i64 + 2);
}
