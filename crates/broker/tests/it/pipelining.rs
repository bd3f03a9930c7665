//! Several requests of one connection in flight.

use std::time::{Duration, Instant};

use protocol::ApiKey;
use protocol::messages::{ApiVersionsRequest, MetadataRequest};

use crate::appends::until;
use crate::client::{FETCH, PRODUCE, batch, fetch_of, fetched, produced};
use crate::node::Node;

#[test]
fn requests_of_one_packet_are_answered_in_order_with_one_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    client.produce("t", 0, &batch(10, 0)).unwrap();
    // An answer is seen before its write is counted.
    until("the first answer is counted", || node.counts().sockets.sends == 1);
    let frames: Vec<Vec<u8>> = (1..=8).map(|n| client.produce_frame("t", 0, -1, &batch(10, n))).collect();
    let before = node.counts().sockets;
    client.send(&frames.concat());
    for n in 1..=8 {
        let answer = client.receive(ApiKey::Produce, PRODUCE);
        assert_eq!((answer.id, produced(&answer)), (n + 1, Ok(i64::from(n))));
    }
    until("the write is counted", || node.counts().sockets.sends > 1);
    let after = node.counts().sockets;
    assert_eq!(after.received_bytes - before.received_bytes, frames.concat().len() as u64);
    // Loopback hands the packet over whole, so one read sees all of it.
    assert_eq!((after.reads - before.reads, after.sends - before.sends), (1, 1));
}

#[test]
fn a_parked_request_holds_back_the_answers_behind_it_but_not_the_requests() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let topic_id = node.create_topic("t", 2, &[]);
    let mut client = node.connect();
    let mut waiting = fetch_of(topic_id, &[(0, 0)]);
    waiting.max_wait_ms = 15_000;
    let fetch = client.fetch_frame(&waiting);
    let produce = client.produce_frame("t", 1, -1, &batch(10, 1));
    let versions = client.frame(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
    let started = Instant::now();
    client.send(&[fetch, produce, versions].concat());
    // The produce request behind the parked fetch is served: its record can be read by another connection.
    let mut reader = node.connect();
    let mut read = fetch_of(topic_id, &[(1, 0)]);
    read.max_wait_ms = 15_000;
    assert!(reader.fetch(&read).bytes() > 0);
    reader.produce("t", 0, &batch(10, 2)).unwrap();
    let first = client.receive(ApiKey::Fetch, FETCH);
    assert_eq!(first.id, 1);
    assert!(fetched(&first).bytes() > 0);
    let second = client.receive(ApiKey::Produce, PRODUCE);
    assert_eq!((second.id, produced(&second)), (2, Ok(0)));
    assert_eq!(client.receive(ApiKey::ApiVersions, 0).id, 3);
    assert!(started.elapsed() < Duration::from_secs(15), "the fetch was woken, not timed out");
}

#[test]
fn answers_behind_a_parked_request_are_counted_in_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let topic_id = node.create_topic("t", 50, &[]);
    let mut client = node.connect();
    let mut waiting = fetch_of(topic_id, &[(0, 0)]);
    waiting.max_wait_ms = 15_000;
    let mut frames = client.fetch_frame(&waiting);
    let all_topics = MetadataRequest { topics: None, ..MetadataRequest::default() };
    for _ in 0..200 {
        frames.extend(client.frame(ApiKey::Metadata, 9, &all_topics));
    }
    client.send(&frames);
    until("answers wait", || node.broker.budget.reserved_bytes() > 16 * 1024);
    let mut other = node.connect();
    other.produce("t", 0, &batch(10, 2)).unwrap();
    for id in 1..=201 {
        let key = if id == 1 { ApiKey::Fetch } else { ApiKey::Metadata };
        assert_eq!(client.receive(key, 9).id, id);
    }
    assert_eq!(node.broker.budget.reserved_bytes(), 0);
}
