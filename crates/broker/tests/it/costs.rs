//! What a request costs in allocations, on the thread of the core that serves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::Uuid;
use protocol::ApiKey;
use records::BatchBuilder;

use crate::client::{Client, FETCH, PRODUCE, batch, fetch_of, fetched, produced};
use crate::node::{Node, Setup};

/// Runs in which the machine was too busy for quick appends that are made again at most.
const BUSY_RUNS_MAX: usize = 20;

/// Allocations of one request more, once everything is warm: the difference between two runs of different length.
pub fn per_request(serve: impl Fn(&mut Node, Uuid, &mut Client, u64)) -> f64 {
    let (short, long) = (500, 2_500);
    let few = of_quick_run(&serve, short);
    let many = of_quick_run(&serve, long);
    assert!(few > 0, "nothing was counted");
    (many as f64 - few as f64) / (long - short) as f64
}

/// Allocations of a run in which every append was inline.
fn of_quick_run(serve: &impl Fn(&mut Node, Uuid, &mut Client, u64), requests: u64) -> u64 {
    for _ in 0..BUSY_RUNS_MAX {
        let folder = tempfile::tempdir().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let setup = Setup::new(folder.path());
        let mut node = Setup { cores: 1, allocations: Some(Arc::clone(&count)), ..setup }.start();
        let topic_id = node.create_topic("t", 4, &[]);
        let mut client = node.connect();
        serve(&mut node, topic_id, &mut client, requests);
        let queued = node.counts().queued_appends;
        drop(node);
        if queued == 0 {
            return count.load(Ordering::SeqCst);
        }
    }
    panic!("the machine was too busy in {BUSY_RUNS_MAX} runs");
}

#[test]
fn a_produced_request_allocates_nothing() {
    for producer in [None, Some(7)] {
        let made = per_request(|_, _, client, requests| {
            for n in 0..requests {
                let mut batch = BatchBuilder::new().record(1_000_000, None, Some(&[1; 300]));
                if let Some(id) = producer {
                    batch = batch.producer(id, 0, n as i32);
                }
                client.produce("t", 0, &batch.build()).unwrap();
            }
        });
        // What is left is the index, which doubles now and then.
        assert!(made < 0.02, "{made} allocations a request");
    }
}

#[test]
fn pipelined_requests_allocate_nothing_either() {
    let made = per_request(|_, _, client, requests| {
        for _ in 0..requests / 5 {
            let frames: Vec<u8> =
                (0..5).flat_map(|_| client.produce_frame("t", 0, -1, &batch(3_000, 1))).collect();
            client.send(&frames);
            for _ in 0..5 {
                produced(&client.receive(ApiKey::Produce, PRODUCE)).unwrap();
            }
        }
    });
    assert!(made < 0.02, "{made} allocations a request");
}

#[test]
fn a_fetch_of_old_records_allocates_nothing() {
    let made = per_request(|_, topic_id, client, requests| {
        for n in 0..4 {
            for _ in 0..4 {
                client.produce("t", n, &batch(20_000, 1)).unwrap();
            }
        }
        let fetch = fetch_of(topic_id, &[(0, 0), (1, 0), (2, 0), (3, 0)]);
        for _ in 0..requests {
            assert!(client.fetch(&fetch).bytes() > 4 * 80_000);
        }
    });
    println!("{made} allocations a fetch of four partitions");
    assert!(made < 0.02, "{made} allocations a fetch");
}

#[test]
fn a_fetch_that_waits_has_a_counted_cost() {
    let made = per_request(|node, topic_id, reader, requests| {
        let mut writer = node.connect();
        let mut begin = fetch_of(topic_id, &[(0, 0), (1, 0), (2, 0), (3, 0)]);
        begin.session_epoch = 0;
        let session_id = reader.fetch(&begin).session_id;
        assert_ne!(session_id, 0);
        for n in 0..requests {
            let mut next = fetch_of(topic_id, &[(0, n as i64)]);
            (next.session_id, next.session_epoch, next.max_wait_ms) = (session_id, n as i32 + 1, 20_000);
            let frame = reader.fetch_frame(&next);
            reader.send(&frame);
            let before = node.counts().parked_fetches;
            while n == before && node.counts().waiting_fetches == 0 {
                std::thread::yield_now();
            }
            writer.produce("t", 0, &batch(300, 1)).unwrap();
            assert!(fetched(&reader.receive(ApiKey::Fetch, FETCH)).bytes() > 0);
        }
    });
    println!("{made} allocations a fetch that waits");
    // The parked answer, its place in the lists, its timer; and what the tail cache needs for a new run.
    assert!(made < 6.0, "{made} allocations a fetch");
}

#[test]
fn a_request_within_its_quota_allocates_nothing_either() {
    let made = per_request(|node, topic_id, _, requests| {
        for key in ["producer_byte_rate", "consumer_byte_rate", "request_percentage"] {
            node.set_quota(&[("client-id", None)], key, Some(1e15));
        }
        let mut client = node.connect();
        for _ in 0..requests / 2 {
            client.produce("t", 0, &batch(300, 1)).unwrap();
            assert!(client.fetch(&fetch_of(topic_id, &[(0, 0)])).bytes() > 0);
        }
    });
    assert!(made < 0.02, "{made} allocations a request");
}
