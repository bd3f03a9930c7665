//! Fetches that wait: woken by the append that gives them enough, else answered when their time is over.

use std::time::{Duration, Instant};

use model::ErrorCode;
use protocol::ApiKey;

use crate::appends::until;
use crate::client::{FETCH, batch, fetch_of, fetched};
use crate::node::{Node, Setup};

#[test]
fn a_fetch_is_woken_by_the_append_that_completes_its_minimum_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let topic_id = node.create_topic("t", 2, &[]);
    let (mut reader, mut writer) = (node.connect(), node.connect());
    let size = batch(1000, 0).len();
    let mut fetch = fetch_of(topic_id, &[(0, 0), (1, 0)]);
    (fetch.min_bytes, fetch.max_wait_ms) = (5 * size as i32, 20_000);
    let frame = reader.fetch_frame(&fetch);
    let started = Instant::now();
    reader.send(&frame);
    until("the fetch is parked", || node.counts().parked_fetches == 1);
    for n in 0..4 {
        writer.produce("t", n % 2, &batch(1000, n as u8)).unwrap();
    }
    assert_eq!(node.counts().fetch_wakes, 0);
    writer.produce("t", 1, &batch(1000, 4)).unwrap();
    assert_eq!(fetched(&reader.receive(ApiKey::Fetch, FETCH)).bytes(), 5 * size);
    assert_eq!(node.counts().fetch_wakes, 1);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_is_there_when_the_time_is_over_is_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let topic_id = node.create_topic("t", 1, &[]);
    let (mut reader, mut writer) = (node.connect(), node.connect());
    let mut fetch = fetch_of(topic_id, &[(0, 0)]);
    (fetch.min_bytes, fetch.max_wait_ms) = (1 << 20, 300);
    let frame = reader.fetch_frame(&fetch);
    let started = Instant::now();
    reader.send(&frame);
    until("the fetch is parked", || node.counts().parked_fetches == 1);
    let sent = batch(1000, 1);
    writer.produce("t", 0, &sent).unwrap();
    assert_eq!(fetched(&reader.receive(ApiKey::Fetch, FETCH)).bytes(), sent.len());
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert_eq!(node.counts().fetch_wakes, 0);
}

#[test]
fn a_deleted_topic_wakes_its_readers() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let topic_id = node.create_topic("t", 1, &[]);
    let mut reader = node.connect();
    let mut fetch = fetch_of(topic_id, &[(0, 0)]);
    fetch.max_wait_ms = 20_000;
    let frame = reader.fetch_frame(&fetch);
    reader.send(&frame);
    until("the fetch is parked", || node.counts().parked_fetches == 1);
    node.delete_topic(topic_id);
    let answer = fetched(&reader.receive(ApiKey::Fetch, FETCH));
    // As Kafka says it of an id whose topic was there a moment ago.
    assert_eq!(answer.partitions[0].1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_client_that_goes_away_leaves_no_wait_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let topic_id = node.create_topic("t", 1, &[]);
    let mut reader = node.connect();
    let mut fetch = fetch_of(topic_id, &[(0, 0)]);
    (fetch.min_bytes, fetch.max_wait_ms) = (1 << 20, 600_000);
    let frame = reader.fetch_frame(&fetch);
    reader.send(&frame);
    until("the fetch is parked", || node.counts().waiting_fetches == 1);
    drop(reader);
    until("its wait is gone", || node.counts().waiting_fetches == 0);
}

#[test]
fn tail_readers_are_served_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let topic_id = node.create_topic("t", 1, &[]);
    let (mut reader, mut writer) = (node.connect(), node.connect());
    for n in 0..20u8 {
        let mut fetch = fetch_of(topic_id, &[(0, i64::from(n))]);
        fetch.max_wait_ms = 20_000;
        let frame = reader.fetch_frame(&fetch);
        reader.send(&frame);
        until("the fetch is parked", || node.counts().waiting_fetches == 1);
        // Large enough to be sent from where it is.
        let sent = batch(20_000, n);
        writer.produce("t", 0, &sent).unwrap();
        let answer = fetched(&reader.receive(ApiKey::Fetch, FETCH));
        assert!(answer.partitions[0].2.ends_with(&sent[21..]), "all but what the broker stamps is as sent");
    }
    let counts = node.counts();
    assert_eq!(counts.tail_cache_hits, 20);
    assert_eq!(counts.sockets.file_sends, 0);
}

#[test]
fn sessions_beyond_the_slots_are_refused_and_their_fetches_answered_whole() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("max.incremental.fetch.session.cache.slots", "3")];
    let mut node = Setup { settings: &settings, ..Setup::new(folder.path()) }.start();
    let topic_id = node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    client.produce("t", 0, &batch(100, 1)).unwrap();
    let mut fetch = fetch_of(topic_id, &[(0, 0)]);
    fetch.session_epoch = 0;
    let answers: Vec<_> = (0..5).map(|_| client.fetch(&fetch)).collect();
    assert!(answers.iter().all(|answer| answer.bytes() > 0));
    assert_eq!(answers.iter().filter(|answer| answer.session_id != 0).count(), 3);
    assert_eq!(node.broker.fetch_session_counts().0, 3);
    // A session goes on with what changed only.
    let mut next = fetch_of(topic_id, &[]);
    next.topics.clear();
    (next.session_id, next.session_epoch) = (answers[0].session_id, 1);
    assert!(client.fetch(&next).bytes() > 0, "nothing was said about the offset, so it is read again");
    (next.session_epoch, next.session_id) = (7, answers[1].session_id);
    assert_eq!(client.fetch(&next).error_code, ErrorCode::INVALID_FETCH_SESSION_EPOCH);
}
