//! Settings that act on the data path: as written at the start, and as changed while the broker runs.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::ErrorCode;
use protocol::messages::describe_topic_partitions_request::{DescribeTopicPartitionsRequest, TopicRequest};
use protocol::messages::{DescribeTopicPartitionsResponse, FetchRequest, PartitionRecord, ProduceResponse};
use protocol::{ApiKey, Reader};
use records::{BatchBuilder, Compression, next_batch};

use crate::client::{Client, PRODUCE, batch, fetch_of, produced};
use crate::node::{BROKER, Node, Setup, TOPIC};

/// How long a closed connection may take to be seen.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

fn node(folder: &Path, settings: &[(&str, &str)]) -> Node {
    Setup { settings, ..Setup::new(folder) }.start()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn batch_of(timestamp_ms: i64) -> Vec<u8> {
    BatchBuilder::new().record(timestamp_ms, Some(b"key"), Some(b"value")).build()
}

fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(CLOSED_WITHIN)).unwrap();
    matches!(stream.read(&mut [0]), Ok(0)) || stream.peer_addr().is_err()
}

#[test]
fn the_most_specific_limit_on_batches_holds_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("message.max.bytes", "1000")]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let mut produce = |size| client.produce("t", 0, &batch(size, 1)).map(|_| ());
    assert_eq!((produce(500), produce(1_500)), (Ok(()), Err(ErrorCode::MESSAGE_TOO_LARGE)));
    node.configure(BROKER, "", "message.max.bytes", Some("2000"));
    assert_eq!((produce(1_500), produce(2_500)), (Ok(()), Err(ErrorCode::MESSAGE_TOO_LARGE)));
    node.configure(BROKER, "1", "message.max.bytes", Some("3000"));
    assert_eq!((produce(2_500), produce(3_500)), (Ok(()), Err(ErrorCode::MESSAGE_TOO_LARGE)));
    node.configure(TOPIC, "t", "max.message.bytes", Some("4000"));
    assert_eq!((produce(3_500), produce(4_500)), (Ok(()), Err(ErrorCode::MESSAGE_TOO_LARGE)));
    node.configure(TOPIC, "t", "max.message.bytes", None);
    assert_eq!(produce(3_500), Err(ErrorCode::MESSAGE_TOO_LARGE));
}

#[test]
fn timestamps_are_the_brokers_or_within_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let append_time = |client: &mut Client, timestamp_ms| {
        let frame = client.produce_frame("t", 0, 1, &batch_of(timestamp_ms));
        client.send(&frame);
        let answer = client.receive(ApiKey::Produce, PRODUCE);
        let response = ProduceResponse::decode(&mut Reader::new(&answer.body), PRODUCE).unwrap();
        let partition = &response.responses[0].partition_responses[0];
        if partition.error_code.is_none() {
            Ok(partition.log_append_time_ms)
        } else {
            Err(partition.error_code)
        }
    };
    let hour_ms = 3_600_000;
    assert_eq!(append_time(&mut client, now_ms() - hour_ms), Ok(-1));
    node.configure(TOPIC, "t", "message.timestamp.before.max.ms", Some("60000"));
    assert_eq!(append_time(&mut client, now_ms() - hour_ms), Err(ErrorCode::INVALID_TIMESTAMP));
    assert_eq!(append_time(&mut client, now_ms() + hour_ms / 2), Ok(-1));
    node.configure(BROKER, "", "log.message.timestamp.after.max.ms", Some("60000"));
    assert_eq!(append_time(&mut client, now_ms() + hour_ms / 2), Err(ErrorCode::INVALID_TIMESTAMP));
    node.configure(TOPIC, "t", "message.timestamp.type", Some("LogAppendTime"));
    let before = now_ms();
    let appended = append_time(&mut client, now_ms() - hour_ms).unwrap();
    assert!((before..=now_ms()).contains(&appended), "{appended}");
    node.configure(TOPIC, "t", "message.timestamp.type", None);
    node.configure(TOPIC, "t", "message.timestamp.before.max.ms", None);
    node.configure(TOPIC, "t", "message.timestamp.after.max.ms", Some("3600000"));
    assert_eq!(append_time(&mut client, now_ms() + hour_ms / 2), Ok(-1));
    assert_eq!(append_time(&mut client, now_ms() - hour_ms), Ok(-1));
    node.configure(BROKER, "", "log.message.timestamp.before.max.ms", Some("60000"));
    assert_eq!(append_time(&mut client, now_ms() - hour_ms), Err(ErrorCode::INVALID_TIMESTAMP));
    node.configure(BROKER, "", "log.message.timestamp.type", Some("LogAppendTime"));
    assert!(append_time(&mut client, now_ms() - hour_ms).unwrap() >= before);
}

#[test]
fn batches_are_stored_under_the_topics_codec() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("compression.type", "zstd")]);
    let topic_id = node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let mut stored = |node: &Node, offset| {
        client.produce("t", 0, &batch(10_000, 7)).unwrap();
        let fetched = node.connect().fetch(&fetch_of(topic_id, &[(0, offset)]));
        let batch = next_batch(&fetched.partitions[0].2).unwrap().unwrap();
        (batch.compression().unwrap(), batch.size() < 1_000)
    };
    assert_eq!(stored(&node, 0), (Compression::Zstd, true));
    node.configure(TOPIC, "t", "compression.type", Some("gzip"));
    assert_eq!(stored(&node, 1), (Compression::Gzip, true));
    node.configure(TOPIC, "t", "compression.type", Some("producer"));
    assert_eq!(stored(&node, 2), (Compression::None, false));
}

/// Values that pack the better the harder a codec tries.
fn words() -> Vec<u8> {
    let words = (0..20_000_u32).map(|n| format!("word {} ", n.wrapping_mul(2_654_435_761) % 3_000));
    let text: String = words.collect();
    BatchBuilder::new().record(1_000_000, Some(b"key"), Some(text.as_bytes())).build()
}

#[test]
fn batches_are_packed_at_the_level_set_now() {
    for (codec, key, low, high) in
        [("gzip", "compression.gzip.level", "1", "9"), ("zstd", "compression.zstd.level", "1", "19")]
    {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(folder.path(), &[("compression.type", codec), (key, low)]);
        let topic_id = node.create_topic("t", 1, &[]);
        let mut client = node.connect();
        let mut size = || {
            let offset = client.produce("t", 0, &words()).unwrap();
            client.fetch(&fetch_of(topic_id, &[(0, offset)])).bytes()
        };
        let large = size();
        node.configure(BROKER, "", key, Some(high));
        let small = size();
        assert!(small < large, "{codec}: {small} {large}");
        node.configure(TOPIC, "t", key, Some(low));
        assert_eq!(size(), large, "{codec}");
        node.configure(TOPIC, "t", key, None);
        assert_eq!(size(), small, "{codec}");
    }
}

#[test]
fn topics_are_described_by_as_many_partitions_at_a_time_as_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("max.request.partition.size.limit", "3")]);
    node.create_topic("t", 5, &[]);
    let mut client = node.connect();
    let topics = vec![TopicRequest { name: "t".into() }];
    let asked = DescribeTopicPartitionsRequest { topics, response_partition_limit: 10, cursor: None };
    let frame = client.frame(ApiKey::DescribeTopicPartitions, 0, &asked);
    client.send(&frame);
    let answer = client.receive(ApiKey::DescribeTopicPartitions, 0);
    let response = DescribeTopicPartitionsResponse::decode(&mut Reader::new(&answer.body), 0).unwrap();
    assert_eq!(response.topics[0].partitions.len(), 3);
    assert_eq!(response.next_cursor.unwrap().partition_index, 3);
}

#[test]
fn a_compacted_topic_takes_no_record_without_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("t", 1, &[("cleanup.policy", "compact")]);
    let mut client = node.connect();
    assert_eq!(client.produce("t", 0, &batch(10, 1)), Err(ErrorCode::INVALID_RECORD));
    assert_eq!(client.produce("t", 0, &batch_of(now_ms())), Ok(0));
    node.configure(TOPIC, "t", "cleanup.policy", Some("delete"));
    assert_eq!(client.produce("t", 0, &batch(10, 1)), Ok(1));
    node.configure(TOPIC, "t", "cleanup.policy", None);
    assert_eq!(client.produce("t", 0, &batch(10, 1)), Ok(2));
    node.configure(BROKER, "", "log.cleanup.policy", Some("compact"));
    assert_eq!(client.produce("t", 0, &batch(10, 1)), Err(ErrorCode::INVALID_RECORD));
}

#[test]
fn acks_all_wants_as_many_replicas_in_sync_as_are_set_now_but_never_more_than_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("min.insync.replicas", "2")]);
    let shown = |isr: &[i32]| PartitionRecord {
        replicas: vec![1, 2],
        isr: isr.to_vec(),
        leader: 1,
        ..PartitionRecord::default()
    };
    node.create_topic_of("t", 1, &[], &shown(&[1]));
    node.create_topic_of("whole", 1, &[], &shown(&[1, 2]));
    node.create_topic("lone", 1, &[]);
    let mut client = node.connect();
    let mut produce = |topic: &str, acks| {
        let frame = client.produce_frame(topic, 0, acks, &batch(10, 1));
        client.send(&frame);
        produced(&client.receive(ApiKey::Produce, PRODUCE)).map(|_| ())
    };
    assert_eq!((produce("whole", -1), produce("lone", -1)), (Ok(()), Ok(())));
    assert_eq!((produce("t", -1), produce("t", 1)), (Err(ErrorCode::NOT_ENOUGH_REPLICAS), Ok(())));
    node.configure(TOPIC, "t", "min.insync.replicas", Some("1"));
    assert_eq!(produce("t", -1), Ok(()));
    node.configure(TOPIC, "t", "min.insync.replicas", None);
    assert_eq!(produce("t", -1), Err(ErrorCode::NOT_ENOUGH_REPLICAS));
    node.configure(BROKER, "", "min.insync.replicas", Some("1"));
    assert_eq!(produce("t", -1), Ok(()));
}

#[test]
fn header_validation_takes_what_full_validation_refuses() {
    // A count in the header that its records do not bear out, under a right checksum.
    let mut lying = batch(100, 1);
    lying[57..61].copy_from_slice(&2_i32.to_be_bytes());
    lying[23..27].copy_from_slice(&1_i32.to_be_bytes());
    let checksum = crc32c(&lying[21..]);
    lying[17..21].copy_from_slice(&checksum.to_be_bytes());
    for (depth, expected) in [("full", Err(ErrorCode::INVALID_RECORD)), ("header", Ok(0))] {
        let folder = tempfile::tempdir().unwrap();
        let mut node = node(folder.path(), &[("record.validation", depth)]);
        node.create_topic("t", 1, &[]);
        assert_eq!(node.connect().produce("t", 0, &lying), expected, "{depth}");
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
        }
    }
    !sum
}

#[test]
fn segments_roll_at_the_size_set_for_the_topic_or_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("log.segment.bytes", "1048576")]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let segments = || {
        let files = std::fs::read_dir(folder.path().join("t-0")).unwrap();
        files
            .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|name| name == "log"))
            .count()
    };
    let fill = |client: &mut Client| {
        for _ in 0..12 {
            client.produce("t", 0, &batch(100_000, 1)).unwrap();
        }
    };
    fill(&mut client);
    assert_eq!(segments(), 2);
    node.configure(TOPIC, "t", "segment.bytes", Some("10485760"));
    fill(&mut client);
    fill(&mut client);
    assert_eq!(segments(), 2);
    node.configure(TOPIC, "t", "segment.bytes", None);
    node.configure(BROKER, "", "log.segment.bytes", Some("2097152"));
    fill(&mut client);
    fill(&mut client);
    assert!((3..=4).contains(&segments()), "{}", segments());
}

#[test]
fn a_request_above_the_socket_limit_closes_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("socket.request.max.bytes", "10000")]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    assert_eq!(client.produce("t", 0, &batch(9_000, 1)), Ok(0));
    let frame = client.produce_frame("t", 0, 1, &batch(11_000, 1));
    client.send(&frame[..100]);
    assert!(is_closed(&client.stream));
}

#[test]
fn a_fetch_gets_no_more_than_the_broker_allows() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("fetch.max.bytes", "5000")]);
    let topic_id = node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    for _ in 0..10 {
        client.produce("t", 0, &batch(1_000, 1)).unwrap();
    }
    let all = FetchRequest { max_bytes: i32::MAX, ..fetch_of(topic_id, &[(0, 0)]) };
    let bytes = client.fetch(&all).bytes();
    assert!((3_000..=5_000).contains(&bytes), "{bytes}");
}

#[test]
fn silent_connections_are_closed_after_the_idle_time() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[("connections.max.idle.ms", "100")]);
    assert!(is_closed(&node.connect().stream));
}

#[test]
fn limits_on_connections_of_one_address_follow_dynamic_settings() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("max.connections.per.ip", "1")]);
    node.create_topic("t", 1, &[]);
    let mut first = node.connect();
    assert_eq!(first.produce("t", 0, &batch(10, 1)), Ok(0));
    assert!(is_closed(&node.connect().stream));
    node.configure(BROKER, "1", "max.connections.per.ip", Some("2"));
    let mut second = node.connect();
    assert_eq!(second.produce("t", 0, &batch(10, 1)), Ok(1));
    assert!(is_closed(&node.connect().stream));
    node.configure(BROKER, "", "max.connections.per.ip.overrides", Some("127.0.0.1:3"));
    let mut third = node.connect();
    assert_eq!(third.produce("t", 0, &batch(10, 1)), Ok(2));
    assert!(is_closed(&node.connect().stream));
}

/// A second connection is answered only once the first has gone; returns the second.
fn second_waits_for_the_first(node: &Node, limit: &str) -> Client {
    let mut first = node.connect();
    assert_eq!(first.produce("t", 0, &batch(10, 1)), Ok(0));
    let mut second = node.connect();
    let frame = second.produce_frame("t", 0, 1, &batch(10, 1));
    second.send(&frame);
    second.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(second.stream.read(&mut [0]).is_err(), "answered beyond {limit}");
    second.stream.set_read_timeout(Some(CLOSED_WITHIN)).unwrap();
    drop(first);
    second.receive(ApiKey::Produce, PRODUCE);
    second
}

#[test]
fn a_connection_beyond_the_limit_of_all_waits_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[]);
    node.create_topic("t", 1, &[]);
    node.configure(BROKER, "", "max.connections", Some("1"));
    let _second = second_waits_for_the_first(&node, "max.connections");
    let mut third = node.connect();
    let frame = third.produce_frame("t", 0, 1, &batch(10, 1));
    third.send(&frame);
    node.configure(BROKER, "", "max.connections", Some("10"));
    third.receive(ApiKey::Produce, PRODUCE);
}

#[test]
fn connections_beyond_the_rate_set_now_wait_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[]);
    node.create_topic("t", 1, &[]);
    node.configure(BROKER, "", "max.connection.creation.rate", Some("1"));
    // So many that the last one still waits however slow this machine is.
    let mut clients: Vec<Client> = (0..10).map(|_| node.connect()).collect();
    for client in &mut clients {
        let frame = client.produce_frame("t", 0, 1, &batch(10, 1));
        client.send(&frame);
    }
    clients[0].receive(ApiKey::Produce, PRODUCE);
    clients[9].stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(clients[9].stream.read(&mut [0]).is_err(), "answered beyond the rate");
    clients[1].receive(ApiKey::Produce, PRODUCE);
}

#[test]
fn a_full_listener_makes_new_connections_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("listener.name.plaintext.max.connections", "1")]);
    node.create_topic("t", 1, &[]);
    second_waits_for_the_first(&node, "the listener's limit");
}

#[test]
fn folders_of_deleted_topics_wait_as_long_as_is_set_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("log.segment.delete.delay.ms", "3600000")]);
    let topic_id = node.create_topic("t", 1, &[]);
    node.make_folders();
    node.delete_topic(topic_id);
    let folders = || {
        let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with("-delete")).count()
    };
    broker::housekeeping::remove_doomed(&node.broker);
    assert_eq!(folders(), 1);
    node.configure(BROKER, "", "log.segment.delete.delay.ms", Some("0"));
    broker::housekeeping::remove_doomed(&node.broker);
    assert_eq!(folders(), 0);
}

#[test]
fn idle_producers_are_forgotten_after_the_time_set_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    let mut sequence = 0;
    let mut produce = |client: &mut Client, skipped| {
        sequence += skipped;
        let sent = BatchBuilder::new().producer(7, 0, sequence).record(now_ms(), Some(b"k"), None).build();
        sequence += 1;
        client.produce("t", 0, &sent)
    };
    assert_eq!(produce(&mut client, 0), Ok(0));
    assert_eq!(produce(&mut client, 5), Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    node.configure(BROKER, "", "producer.id.expiration.ms", Some("1"));
    std::thread::sleep(Duration::from_millis(20));
    broker::housekeeping::expire_producers(&node.broker);
    assert_eq!(produce(&mut client, 5), Ok(1), "nobody knows the producer's last sequence any more");
}
