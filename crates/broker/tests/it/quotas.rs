//! Clients that take more than their quota are told so at once and then left alone for that time; others are not.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use metadata::controller::handle;
use metadata::{BrokerSessions, DecisionContext, Image, VersionedRecord, bootstrap_records};
use model::ErrorCode;
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse, FetchResponse,
    MetadataRecord, ProduceResponse, RegisterBrokerRecord,
};
use protocol::{ApiKey, Reader};
use tokio::sync::mpsc;

use crate::client::{Client, FETCH, PRODUCE, batch, fetch_of};
use crate::node::{Node, Setup};

/// An average over one whole second, so that waiting does not take longer than a test may.
const SHORT_WINDOWS: [(&str, &str); 4] = [
    ("quota.window.num", "2"),
    ("quota.window.size.seconds", "1"),
    ("controller.quota.window.num", "2"),
    ("controller.quota.window.size.seconds", "1"),
];
/// What the clock of a client and that of the broker may lie apart.
const SLACK: Duration = Duration::from_millis(60);
const CLIENT: (&str, Option<&str>) = ("client-id", Some("test"));
const USER: (&str, Option<&str>) = ("user", Some("ANONYMOUS"));

fn node(folder: &std::path::Path) -> Node {
    let mut node = Setup { settings: &SHORT_WINDOWS, ..Setup::new(folder) }.start();
    node.create_topic("t", 2, &[]);
    node
}

/// Throttle time and error of a produced batch.
fn produce(client: &mut Client, acks: i16, bytes: usize) -> (i32, ErrorCode) {
    let frame = client.produce_frame("t", 0, acks, &batch(bytes, 1));
    client.send(&frame);
    let answer = client.receive(ApiKey::Produce, PRODUCE);
    let response = ProduceResponse::decode(&mut Reader::new(&answer.body), PRODUCE).unwrap();
    (response.throttle_time_ms, response.responses[0].partition_responses[0].error_code)
}

/// The next request must be answered only once the throttle time is over.
fn is_left_alone(client: &mut Client, throttle_ms: i32, told_at: Instant) {
    let frame = client.frame(ApiKey::ApiVersions, 0, &ApiVersionsRequest::default());
    client.send(&frame);
    client.receive(ApiKey::ApiVersions, 0);
    let waited = told_at.elapsed() + SLACK;
    let throttle = Duration::from_millis(throttle_ms.try_into().unwrap());
    assert!(waited >= throttle, "answered after {waited:?}, throttled for {throttle:?}");
}

#[test]
fn a_producer_above_its_quota_is_told_so_and_not_read_from() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path());
    node.set_quota(&[CLIENT], "producer_byte_rate", Some(10_000.0));
    let mut client = node.connect();
    let mut other = node.connect().named("other");
    assert_eq!(produce(&mut client, 1, 4_000), (0, ErrorCode::NONE));
    // 16,000 bytes and what is around them, where 10,000 may come in a second.
    let (throttle_ms, error) = produce(&mut client, 1, 12_000);
    let told_at = Instant::now();
    assert_eq!(error, ErrorCode::NONE);
    assert!((300..2_000).contains(&throttle_ms), "{throttle_ms} ms");
    // Another client is served meanwhile, whatever it sends.
    assert_eq!(produce(&mut other, 1, 100_000), (0, ErrorCode::NONE));
    is_left_alone(&mut client, throttle_ms, told_at);
    // Those who share the quota share what is left of it.
    node.set_quota(&[CLIENT], "producer_byte_rate", Some(1.0));
    let mut twin = node.connect();
    assert!(produce(&mut twin, -1, 100).0 > 0);
    assert!(produce(&mut node.connect(), 1, 100).0 > 0);
    // Without the quota nobody is throttled.
    node.set_quota(&[CLIENT], "producer_byte_rate", None);
    assert_eq!(produce(&mut node.connect(), 1, 100_000), (0, ErrorCode::NONE));
}

#[test]
fn a_producer_without_answers_is_held_back_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path());
    node.set_quota(&[USER], "producer_byte_rate", Some(10_000.0));
    let mut client = node.connect();
    let frame = client.produce_frame("t", 0, 0, &batch(15_000, 1));
    let told_at = Instant::now();
    client.send(&frame);
    is_left_alone(&mut client, 500, told_at);
}

#[test]
fn the_quota_of_the_user_and_the_client_id_comes_before_that_of_either() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path());
    node.set_quota(&[CLIENT], "producer_byte_rate", Some(1.0));
    assert!(produce(&mut node.connect(), 1, 10_000).0 > 0);
    node.set_quota(&[USER], "producer_byte_rate", Some(1e9));
    assert_eq!(produce(&mut node.connect(), 1, 10_000).0, 0);
    node.set_quota(&[CLIENT, USER], "producer_byte_rate", Some(1.0));
    assert!(produce(&mut node.connect(), 1, 10_000).0 > 0);
    node.set_quota(&[CLIENT, USER], "producer_byte_rate", None);
    assert_eq!(produce(&mut node.connect(), 1, 10_000).0, 0);
    node.set_quota(&[USER], "producer_byte_rate", None);
    node.set_quota(&[CLIENT], "producer_byte_rate", None);
    node.set_quota(&[("client-id", None)], "producer_byte_rate", Some(1.0));
    assert!(produce(&mut node.connect().named("third"), 1, 10_000).0 > 0);
    assert_eq!(produce(&mut node.connect().named(""), 1, 10_000).0, 0);
}

#[test]
fn a_consumer_gets_no_more_at_once_than_its_quota_and_then_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path());
    let topic_id = node.create_topic("read", 1, &[]);
    let mut client = node.connect();
    for _ in 0..10 {
        client.produce("read", 0, &batch(5_000, 1)).unwrap();
    }
    node.set_quota(&[CLIENT], "consumer_byte_rate", Some(12_000.0));
    let fetch = |client: &mut Client, offset, session: (i32, i32)| {
        let mut request = fetch_of(topic_id, &[(0, offset)]);
        (request.session_id, request.session_epoch) = session;
        let frame = client.fetch_frame(&request);
        client.send(&frame);
        let answer = client.receive(ApiKey::Fetch, FETCH);
        let response = FetchResponse::decode(&mut Reader::new(&answer.body), FETCH).unwrap();
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        let bytes: usize =
            partitions.map(|one| one.records.as_ref().map_or(0, |records| records.len())).sum();
        (response.throttle_time_ms, bytes, response.session_id)
    };
    let (throttle_ms, bytes, session) = fetch(&mut client, 0, (0, 0));
    assert!(throttle_ms == 0 && (5_000..=12_000).contains(&bytes), "{throttle_ms} ms, {bytes} bytes");
    // What does not fit any more is not sent, and the session goes on.
    let (throttle_ms, bytes, goes_on) = fetch(&mut client, 2, (session, 1));
    let told_at = Instant::now();
    assert!(throttle_ms > 0 && bytes == 0, "{throttle_ms} ms, {bytes} bytes");
    assert_eq!(goes_on, session);
    is_left_alone(&mut client, throttle_ms, told_at);
    node.set_quota(&[CLIENT], "consumer_byte_rate", Some(1e9));
    let (throttle_ms, bytes, _) = fetch(&mut client, 2, (session, 2));
    assert!(throttle_ms == 0 && bytes > 5_000, "{throttle_ms} ms, {bytes} bytes");
    // A session that would begin with a throttled answer does not.
    node.set_quota(&[CLIENT], "consumer_byte_rate", Some(1.0));
    let (throttle_ms, bytes, session) = fetch(&mut node.connect(), 0, (0, 0));
    assert!(throttle_ms > 0 && bytes == 0 && session == 0);
}

#[test]
fn requests_count_by_their_time_and_wait_for_one_window_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path());
    node.set_quota(&[CLIENT], "request_percentage", Some(1e-9));
    let mut client = node.connect();
    let frame = client.frame(ApiKey::ApiVersions, 3, &ApiVersionsRequest::default());
    client.send(&frame);
    let answer = client.receive(ApiKey::ApiVersions, 3);
    let told_at = Instant::now();
    let response = ApiVersionsResponse::decode(&mut Reader::new(&answer.body), 3).unwrap();
    assert_eq!(response.throttle_time_ms, 1000);
    let mut other = node.connect().named("other");
    assert_eq!(produce(&mut other, 1, 100), (0, ErrorCode::NONE));
    is_left_alone(&mut client, 1000, told_at);
    assert_eq!(produce(&mut node.connect(), 1, 100).0, 1000);
}

#[test]
fn topics_beyond_the_quota_of_mutations_are_refused_or_only_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (controller, mut calls) = mpsc::channel(1);
    let setup = Setup { settings: &SHORT_WINDOWS, controller: Some(controller), ..Setup::new(folder.path()) };
    let mut node = setup.start();
    node.set_quota(&[CLIENT], "controller_mutation_rate", Some(1.0));
    let deciding = std::thread::spawn(move || {
        let settings = config::load(&config::Inputs::default()).unwrap().settings;
        let image = image_with_broker();
        while let Some((request, reply)) = calls.blocking_recv() {
            let context = DecisionContext {
                now_ms: 0,
                seed: 1,
                next_offset: image.applied_offset + 1,
                controller_id: 1,
                cluster_id: "test",
                settings: &settings,
                sessions: &BrokerSessions::default(),
            };
            reply.send(Ok(handle(&image, &request, &context).unwrap().response)).unwrap();
        }
    });
    let create = |client: &mut Client, version: i16, names: &[&'static str]| {
        let topic = |name: &&'static str| CreatableTopic {
            name: (*name).into(),
            num_partitions: 4,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let topics = names.iter().map(topic).collect();
        let request = CreateTopicsRequest { topics, timeout_ms: 0, validate_only: false };
        let frame = client.frame(ApiKey::CreateTopics, version, &request);
        client.send(&frame);
        let answer = client.receive(ApiKey::CreateTopics, version);
        let response = CreateTopicsResponse::decode(&mut Reader::new(&answer.body), version).unwrap();
        let codes: Vec<ErrorCode> = response.topics.iter().map(|topic| topic.error_code).collect();
        (response.throttle_time_ms, codes)
    };
    let exceeded = ErrorCode::THROTTLING_QUOTA_EXCEEDED;
    // Two are left; the topic that takes four is the last one.
    let mut client = node.connect();
    let (throttle_ms, codes) = create(&mut client, 7, &["a", "b"]);
    let told_at = Instant::now();
    assert_eq!(codes, [ErrorCode::NONE, exceeded]);
    assert!((1..=2000).contains(&throttle_ms), "{throttle_ms} ms");
    // Clients that do not know the error are only throttled.
    let (longer_ms, codes) = create(&mut node.connect(), 5, &["c"]);
    assert_eq!(codes, [ErrorCode::NONE]);
    assert!(longer_ms > throttle_ms, "{longer_ms} ms");
    assert_eq!(create(&mut node.connect().named("other"), 7, &["d"]), (0, vec![ErrorCode::NONE]));
    is_left_alone(&mut client, throttle_ms, told_at);
    drop(node);
    deciding.join().unwrap();
}

fn image_with_broker() -> Image {
    let mut image = Image::new();
    let broker = RegisterBrokerRecord { broker_id: 1, fenced: false, ..RegisterBrokerRecord::default() };
    let broker = VersionedRecord::new(MetadataRecord::RegisterBroker(broker), 30);
    for record in bootstrap_records(1).iter().chain([&broker]) {
        image.apply(&record.record, image.applied_offset + 1).unwrap();
    }
    image
}

#[test]
fn connections_that_come_too_fast_from_an_address_are_closed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path());
    let mut before = node.connect();
    produce(&mut before, 1, 10);
    node.set_quota(&[("ip", Some("127.0.0.1"))], "connection_creation_rate", Some(1.0));
    let mut first = node.connect();
    produce(&mut first, 1, 10);
    let mut second = TcpStream::connect(node.address).unwrap();
    second.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(second.read(&mut [0]).unwrap(), 0, "closed without a word");
    // Those that are there stay, and others come once it is time.
    produce(&mut before, 1, 10);
    produce(&mut first, 1, 10);
    node.set_quota(&[("ip", Some("127.0.0.1"))], "connection_creation_rate", None);
    produce(&mut node.connect(), 1, 10);
}
