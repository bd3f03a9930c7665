//! Settings of the whole server: where it keeps its data, how it keeps the metadata, how it joins and stops.

use std::fs;
use std::path::Path;
use std::process::Command;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, MetadataRequest, MetadataResponse,
};

use crate::node::{Client, Node, command};
use crate::until;

const METADATA_LOG: &str = "data/__cluster_metadata-0";

fn create(client: &mut Client, name: &str) {
    let topic = CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 10_000, validate_only: false };
    let code = client.ask(ApiKey::CreateTopics, 7, &request, |reader| {
        CreateTopicsResponse::decode(reader, 7).unwrap().topics[0].error_code
    });
    assert_eq!(code, ErrorCode::NONE);
}

/// Files of the metadata log with that ending, the first snapshot of a format left out.
fn metadata_files(folder: &Path, ending: &str) -> usize {
    let files = fs::read_dir(folder.join(METADATA_LOG)).unwrap().map(|file| file.unwrap().file_name());
    let names = files.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(ending) && !name.starts_with(&"0".repeat(20))).count()
}

#[test]
fn the_rack_is_told_to_clients() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["broker.rack=rack-a"]);
    let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
    let rack = node.connect().ask(ApiKey::Metadata, 9, &request, |reader| {
        let response = MetadataResponse::decode(reader, 9).unwrap();
        response.brokers[0].rack.as_ref().map(ToString::to_string)
    });
    assert_eq!(rack.as_deref(), Some("rack-a"));
}

#[test]
fn the_one_log_directory_counts_where_several_are_not_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.current_dir(folder.path()).arg("server").env("KAFKA_LISTENERS", "PLAINTEXT://127.0.0.1:0");
    command.env("KAFKA_METRICS_LISTENER", "127.0.0.1:0").env("KAFKA_LOG_DIR", "only");
    let line = Node::run(command, folder.path()).wait_for(" is ready: ");
    assert!(line.contains("log dirs only,"), "{line}");
    assert!(folder.path().join("only/meta.properties").is_file());
}

#[test]
fn the_metadata_log_has_its_own_directory_where_one_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["metadata.log.dir=apart"]);
    create(&mut node.connect(), "t");
    assert!(folder.path().join("apart/__cluster_metadata-0").is_dir());
    // The folder comes a moment after its partition.
    until(|| "no folder comes".into(), || folder.path().join("data/t-0").is_dir());
    assert!(!folder.path().join(METADATA_LOG).exists());
}

#[test]
fn snapshots_of_the_metadata_come_after_the_bytes_or_the_time_set() {
    for setting in
        ["metadata.log.max.record.bytes.between.snapshots=1", "metadata.log.max.snapshot.interval.ms=100"]
    {
        let folder = tempfile::tempdir().unwrap();
        let mut node = Node::ready(folder.path(), &[setting]);
        create(&mut node.connect(), "t");
        until(|| format!("no snapshot with {setting}"), || metadata_files(folder.path(), ".checkpoint") > 0);
    }
}

/// Sets texts of in all a megabyte for the one topic, each other than the one before.
fn write_a_megabyte(client: &mut Client) {
    let keys = ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"];
    for n in 0..16 {
        let long = format!("{n}:1,").repeat(8_000 - 1_500 * (n / 10)) + "0:0";
        let configs = keys.map(|key| AlterableConfig {
            name: key.into(),
            config_operation: 0,
            value: Some(long.as_str().into()),
        });
        let topic =
            AlterConfigsResource { resource_type: 2, resource_name: "t".into(), configs: configs.into() };
        let request = IncrementalAlterConfigsRequest { resources: vec![topic], validate_only: false };
        let code = client.ask(ApiKey::IncrementalAlterConfigs, 1, &request, |reader| {
            IncrementalAlterConfigsResponse::decode(reader, 1).unwrap().responses[0].error_code
        });
        assert_eq!(code, ErrorCode::NONE);
    }
}

#[test]
fn segments_of_the_metadata_log_have_the_size_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["metadata.log.segment.bytes=8388608"]);
    let mut client = node.connect();
    create(&mut client, "t");
    (0..8).for_each(|_| write_a_megabyte(&mut client));
    assert_eq!(metadata_files(folder.path(), ".log"), 0);
    write_a_megabyte(&mut client);
    assert_eq!(metadata_files(folder.path(), ".log"), 1);
    drop(node);
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["internal.metadata.log.segment.bytes=3000000"]);
    let mut client = node.connect();
    create(&mut client, "t");
    (0..4).for_each(|_| write_a_megabyte(&mut client));
    assert_eq!(metadata_files(folder.path(), ".log"), 1);
}

#[test]
fn segments_of_the_metadata_log_are_closed_at_the_age_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["metadata.log.segment.ms=1"]);
    let mut client = node.connect();
    for name in ["a", "b", "c"] {
        std::thread::sleep(std::time::Duration::from_millis(5));
        create(&mut client, name);
    }
    assert!(metadata_files(folder.path(), ".log") >= 2);
}

/// A node that is one voter of three, and alone.
fn outnumbered(folder: &Path, settings: &[&str]) -> Node {
    let properties = "process.roles=broker,controller\nnode.id=1\nlog.dirs=data\n\
        listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:19093\ncontroller.listener.names=CONTROLLER\n\
        controller.quorum.bootstrap.servers=127.0.0.1:19093\n";
    fs::write(folder.join("a.properties"), properties).unwrap();
    let voters =
        (1..=3).map(|id| format!("{id}@127.0.0.1:1909{id}:AAAAAAAAQACAAAAAAAAAA{}", ["w", "g", "Q"][id - 1]));
    let mut format = Command::new(env!("CARGO_BIN_EXE_naru"));
    format.current_dir(folder).args(["kafka-storage", "format", "--cluster-id", "AAAAAAAAQACAAAAAAAAAAA"]);
    format.args(["--config", "a.properties", "--initial-controllers", &voters.collect::<Vec<_>>().join(",")]);
    let formatted = format.output().unwrap();
    assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
    Node::run(command(folder, settings), folder)
}

#[test]
fn a_start_without_a_quorum_ends_in_the_time_set() {
    for setting in ["initial.broker.registration.timeout.ms", "server.max.startup.time.ms"] {
        let folder = tempfile::tempdir().unwrap();
        let answer = outnumbered(folder.path(), &[&format!("{setting}=300")]).refused();
        assert!(answer.contains(&format!("{setting} (300 ms)")), "{answer}");
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_quorum() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = outnumbered(folder.path(), &["log.format=kafka"]);
    // The last thing before the wait.
    until(|| node.output(), || folder.path().join(METADATA_LOG).join("quorum-state").exists());
    let told = Command::new("kill").arg(node.process_id().to_string()).status().unwrap();
    assert!(told.success());
    assert!(node.wait().success(), "{}", node.output());
    assert!(node.output().contains("stopped before the broker was registered"), "{}", node.output());
}
