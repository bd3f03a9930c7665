//! The server as its operator meets it: settings from everywhere, refusals with cause and remedy, logs, metrics.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::delete_topics_request::DeleteTopicsRequest;
use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::{DeleteTopicsResponse, MetadataRequest, MetadataResponse};

use crate::node::{Client, Node, command, free_port, get};
use crate::until;

/// What dashboards of Kafka ask for and a broker without replicas can tell.
const METRICS: &str = "
    kafka_server_brokertopicmetrics_messagesin_total kafka_server_brokertopicmetrics_bytesin_total
    kafka_server_brokertopicmetrics_bytesout_total kafka_server_brokertopicmetrics_bytesrejected_total
    kafka_server_brokertopicmetrics_totalproducerequests_total
    kafka_server_brokertopicmetrics_failedproducerequests_total
    kafka_server_brokertopicmetrics_totalfetchrequests_total
    kafka_server_brokertopicmetrics_failedfetchrequests_total
    kafka_server_replicamanager_leadercount kafka_server_replicamanager_partitioncount
    kafka_server_replicamanager_underreplicatedpartitions kafka_server_replicamanager_underminisrpartitioncount
    kafka_server_replicamanager_atminisrpartitioncount kafka_server_replicamanager_offlinereplicacount
    kafka_cluster_partition_underminisr kafka_cluster_partition_atminisr kafka_cluster_partition_underreplicated
    kafka_log_log_size kafka_log_log_logstartoffset kafka_log_log_logendoffset kafka_log_log_numlogsegments
    kafka_controller_kafkacontroller_activecontrollercount kafka_controller_kafkacontroller_offlinepartitionscount
    kafka_controller_kafkacontroller_globaltopiccount kafka_controller_kafkacontroller_globalpartitioncount
    kafka_controller_kafkacontroller_activebrokercount kafka_controller_kafkacontroller_fencedbrokercount
    kafka_controller_kafkacontroller_preferredreplicaimbalancecount
    kafka_network_requestmetrics_requests_total kafka_network_requestmetrics_totaltimems
    kafka_network_requestmetrics_localtimems kafka_network_requestmetrics_remotetimems
    kafka_network_requestmetrics_requestqueuetimems kafka_network_requestmetrics_responsesendtimems
    kafka_server_delayedoperationpurgatory_purgatorysize kafka_server_socket_server_metrics_connection_count
    kafka_server_kafkaserver_linux_disk_read_bytes kafka_server_kafkaserver_linux_disk_write_bytes
    process_open_fds process_resident_memory_bytes kafka_brokers kafka_broker_info kafka_topic_partitions
    kafka_topic_partition_current_offset kafka_topic_partition_oldest_offset kafka_topic_partition_leader
    kafka_topic_partition_leader_is_preferred kafka_topic_partition_replicas
    kafka_topic_partition_in_sync_replica kafka_topic_partition_under_replicated_partition
";

/// Asks for a topic and returns its error and how many partitions it has.
fn describe(client: &mut Client, topic: &str) -> (ErrorCode, usize) {
    let topics = vec![MetadataRequestTopic { name: Some(topic.into()), ..Default::default() }];
    let request =
        MetadataRequest { topics: Some(topics), allow_auto_topic_creation: true, ..Default::default() };
    client.ask(ApiKey::Metadata, 9, &request, |reader| {
        let response = MetadataResponse::decode(reader, 9).unwrap();
        (response.topics[0].error_code, response.topics[0].partitions.len())
    })
}

/// Asks until a topic that is being created is there.
pub fn created(client: &mut Client, topic: &str) -> usize {
    loop {
        match describe(client, topic) {
            (ErrorCode::NONE, count) => return count,
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::LEADER_NOT_AVAILABLE, _) => {}
            (error, _) => panic!("{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn delete(client: &mut Client, topic: &str) -> ErrorCode {
    let request =
        DeleteTopicsRequest { topic_names: vec![topic.into()], timeout_ms: 10_000, ..Default::default() };
    client.ask(ApiKey::DeleteTopics, 4, &request, |reader| {
        DeleteTopicsResponse::decode(reader, 4).unwrap().responses[0].error_code
    })
}

/// The advertised address of the one broker.
fn told_address(client: &mut Client) -> (String, i32) {
    let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
    client.ask(ApiKey::Metadata, 9, &request, |reader| {
        let response = MetadataResponse::decode(reader, 9).unwrap();
        (response.brokers[0].host.to_string(), response.brokers[0].port)
    })
}

#[test]
fn environment_variables_of_both_images_start_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.current_dir(folder.path()).arg("server").env("KAFKA_NODE_ID", "7");
    command.env("KAFKA_CFG_LOG_DIRS", "from-environment").env("KAFKA_LISTENERS", "PLAINTEXT://127.0.0.1:0");
    command.env("KAFKA_METRICS_LISTENER", "127.0.0.1:0");
    let mut node = Node::run(command, folder.path());
    let line = node.wait_for(" is ready: ");
    assert!(line.contains("node 7,") && line.contains("log dirs from-environment"), "{line}");
    assert!(folder.path().join("from-environment/meta.properties").is_file());
}

#[test]
fn each_listener_tells_its_own_advertised_address() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(
        folder.path(),
        &[
            "listeners=INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0",
            "listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name=INSIDE",
            "advertised.listeners=INSIDE://inside.test:1,OUTSIDE://outside.test:2",
        ],
    );
    let inside = told_address(&mut Client::connect(node.address("INSIDE")));
    let outside = told_address(&mut Client::connect(node.address("OUTSIDE")));
    assert_eq!((inside, outside), (("inside.test".to_owned(), 1), ("outside.test".to_owned(), 2)));
}

#[test]
fn topics_come_by_themselves_with_the_partitions_set_unless_that_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["num.partitions=3", "delete.topic.enable=false"]);
    let mut client = node.connect();
    assert_eq!(created(&mut client, "by-itself"), 3);
    assert_eq!(delete(&mut client, "by-itself"), ErrorCode::TOPIC_DELETION_DISABLED);
    drop(node);
    let mut node = Node::ready(folder.path(), &["auto.create.topics.enable=false"]);
    let mut client = node.connect();
    assert_eq!(describe(&mut client, "other"), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0));
    assert_eq!(delete(&mut client, "by-itself"), ErrorCode::NONE);
}

#[test]
fn files_of_a_deleted_topic_go_after_the_delay() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["log.segment.delete.delay.ms=100"]);
    let mut client = node.connect();
    created(&mut client, "short-lived");
    let folders = || {
        let names = fs::read_dir(folder.path().join("data")).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("short-lived")).count()
    };
    // It comes a moment after its partition.
    until(|| "no folder comes".into(), || folders() == 1);
    assert_eq!(delete(&mut client, "short-lived"), ErrorCode::NONE);
    until(|| "the folder stays".into(), || folders() == 0);
}

#[test]
fn unknown_settings_are_named_and_do_not_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["num.partitons=2"]);
    let line = node.wait_for("num.partitons");
    assert!(line.contains("num.partitions"), "{line}");
}

#[test]
fn log_lines_are_json_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["log.format=json"]);
    let line = node.wait_for(" is ready: ");
    assert!(line.starts_with("{\"time\":\"") && line.ends_with('}'), "{line}");
    assert!(line.contains("\"level\":\"INFO\"") && line.contains("\"message\":\"naru "), "{line}");
    let folder = tempfile::tempdir().unwrap();
    let line = Node::ready(folder.path(), &[]).wait_for(" is ready: ");
    assert!(
        line.starts_with('[') && line.contains("] INFO naru ") && line.ends_with("(server::node)"),
        "{line}"
    );
}

#[test]
fn as_many_cores_serve_as_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::ready(folder.path(), &["io.cores=3"]);
    let cores = || {
        let threads = fs::read_dir(format!("/proc/{}/task", node.process_id())).unwrap();
        let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
        names.filter(|name| name.starts_with("core-")).count()
    };
    // A thread has its name once it runs.
    until(|| format!("{} cores", cores()), || cores() >= 3);
    assert_eq!(cores(), 3);
}

#[test]
fn metrics_and_health_are_served_where_it_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut node = Node::ready(folder.path(), &[&format!("metrics.listener=127.0.0.1:{port}")]);
    created(&mut node.connect(), "shown");
    let (status, body) = get(port, "/metrics");
    assert!(status.ends_with("200 OK"), "{status}");
    for name in METRICS.split_whitespace() {
        assert!(body.lines().any(|line| line.split([' ', '{']).next() == Some(name)), "{name} in {body}");
    }
    assert!(
        body.contains("\nkafka_server_brokertopicmetrics_messagesin_total{topic=\"shown\"} 0\n"),
        "{body}"
    );
    assert!(body.contains("\nkafka_topic_partition_leader{topic=\"shown\",partition=\"0\"} 1\n"), "{body}");
    assert_eq!(get(port, "/healthz"), ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()));
}

#[test]
fn a_busy_port_for_metrics_is_an_error_only_where_it_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let answer = Node::spawn(folder.path(), &[&format!("metrics.listener={address}")]).refused();
    assert!(answer.contains(&format!("cannot serve metrics on {address}")), "{answer}");
    assert!(answer.contains("change metrics.listener or free the port"), "{answer}");
    // Whoever has the default port, this test or another program: the node starts.
    let _taken = TcpListener::bind("127.0.0.1:9404");
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.current_dir(folder.path()).args(["server", "--override", "log.dirs=data"]);
    command.args(["--override", "listeners=PLAINTEXT://127.0.0.1:0"]);
    let mut node = Node::run(command, folder.path());
    node.wait_for(" is ready: ");
    assert!(node.wait_for("metrics are not served").contains("metrics.listener"));
}

#[test]
fn a_busy_port_for_clients_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let answer = Node::spawn(folder.path(), &[&format!("listeners=PLAINTEXT://{address}")]).refused();
    assert!(answer.contains(&format!("cannot listen on {address}")), "{answer}");
    assert!(answer.contains("another process has the port"), "{answer}");
}

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Node::ready(folder.path(), &[]);
    let answer = Node::spawn(folder.path(), &[]).refused();
    assert!(answer.contains("data"), "{answer}");
    assert!(answer.contains("another process") || answer.contains("is already"), "{answer}");
}

#[test]
fn directories_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let answer = Node::spawn(folder.path(), &["log.dirs=file/data"]).refused();
    assert!(answer.contains("file/data"), "{answer}");
    drop(Node::ready(folder.path(), &["node.id=1"]));
    let answer = Node::spawn(folder.path(), &["node.id=2"]).refused();
    assert!(
        answer.contains("Stored node id 1 doesn't match") && answer.contains("data/meta.properties"),
        "{answer}"
    );
}

#[test]
fn too_few_descriptors_are_told_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let plain = command(folder.path(), &[]);
    let mut limited = Command::new("sh");
    limited.current_dir(folder.path()).args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]);
    limited.arg(plain.get_program()).args(plain.get_args());
    let answer = Node::run(limited, folder.path()).refused();
    assert!(answer.contains("only 64 descriptors") && answer.contains("ulimit -n"), "{answer}");
}
