//! The steady path from socket to disk and back to the socket allocates nothing, whatever the load looks like.
//!
//! The single cases, a request and a fetch at a time, stand in `costs.rs`; here are the loads of the benchmarks.

use model::Uuid;
use protocol::ApiKey;
use protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use protocol::messages::{FetchRequest, ProduceRequest};

use crate::client::{Client, FETCH, PRODUCE, batch, fetch_of, fetched, produced};
use crate::costs::per_request;

/// What a request may allocate: an index that doubles now and then, and nothing else.
const PER_REQUEST_MAX: f64 = 0.02;

#[test]
fn requests_of_many_connections_allocate_nothing() {
    const CONNECTIONS: usize = 20;
    let made = per_request(|node, _, _, requests| {
        let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| node.connect()).collect();
        let frames: Vec<Vec<u8>> = (0..)
            .zip(&mut clients)
            .map(|(number, client)| client.produce_frame("t", number % 4, 1, &batch(100, 1)))
            .collect();
        for _ in 0..requests / CONNECTIONS as u64 {
            for (client, frame) in clients.iter_mut().zip(&frames) {
                client.send(frame);
            }
            for client in &mut clients {
                produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap();
            }
        }
    });
    assert!(made < PER_REQUEST_MAX, "{made} allocations a request");
}

#[test]
fn a_request_for_several_partitions_allocates_nothing() {
    let made = per_request(|_, _, client, requests| {
        let batch = batch(1_000, 1);
        let partition = |index| PartitionProduceData { index, records: Some(batch.as_slice().into()) };
        let partition_data = (0..4).map(partition).collect();
        let topic = TopicProduceData { name: "t".into(), partition_data, ..Default::default() };
        let request =
            ProduceRequest { acks: -1, timeout_ms: 10_000, topic_data: vec![topic], ..Default::default() };
        let frame = client.frame(ApiKey::Produce, PRODUCE, &request);
        for _ in 0..requests {
            client.send(&frame);
            produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap();
        }
    });
    assert!(made < 4.0 * PER_REQUEST_MAX, "{made} allocations a request of four partitions");
}

#[test]
fn batches_of_sixteen_kibibytes_allocate_nothing() {
    let made = per_request(|_, _, client, requests| {
        let frame = client.produce_frame("t", 0, 1, &batch(16 << 10, 1));
        for _ in 0..requests / 5 {
            for _ in 0..5 {
                client.send(&frame);
            }
            for _ in 0..5 {
                produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap();
            }
        }
    });
    // Each of these batches has an entry in both indexes, which double now and then.
    assert!(made < PER_REQUEST_MAX, "{made} allocations a request");
}

/// The next fetch of a session that reads one partition from `offset`.
fn next_of_session(topic_id: Uuid, session_id: i32, epoch: i32, offset: i64) -> FetchRequest<'static> {
    let mut next = fetch_of(topic_id, &[(0, offset)]);
    (next.session_id, next.session_epoch) = (session_id, epoch);
    next
}

#[test]
fn a_fetch_of_a_session_allocates_nothing() {
    let made = per_request(|_, topic_id, client, requests| {
        for _ in 0..40 {
            client.produce("t", 0, &batch(20_000, 1)).unwrap();
        }
        let mut begin = next_of_session(topic_id, 0, 0, 0);
        begin.session_epoch = 0;
        let session_id = client.fetch(&begin).session_id;
        assert_ne!(session_id, 0);
        for n in 0..requests {
            let offset = (n % 10) as i64;
            let next = next_of_session(topic_id, session_id, n as i32 + 1, offset);
            assert!(client.fetch(&next).bytes() >= 30 * 20_000);
        }
    });
    assert!(made < PER_REQUEST_MAX, "{made} allocations a fetch");
}

#[test]
fn a_reader_right_behind_the_writer_has_a_counted_cost() {
    let made = per_request(|_, topic_id, client, requests| {
        for n in 0..requests {
            let frame = client.produce_frame("t", 0, 1, &batch(1_000, 1));
            client.send(&frame);
            produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap();
            let frame = client.fetch_frame(&fetch_of(topic_id, &[(0, n as i64)]));
            client.send(&frame);
            assert!(fetched(&client.receive(ApiKey::Fetch, FETCH)).bytes() > 1_000);
        }
    });
    println!("{made} allocations a produced and fetched record");
    // The tail cache keeps runs of recent records, each of which is made and dropped once.
    assert!(made < 0.1, "{made} allocations a produced and fetched record");
}
