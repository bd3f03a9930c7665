//! A quorum of one: fresh start, restart, snapshots.

use std::fs;
use std::path::Path;

use metadata::controller::ControllerError;
use model::ErrorCode;
use protocol::Reader;
use protocol::messages::api_key::ApiKey;
use protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DescribeQuorumRequest, DescribeQuorumResponse,
    IncrementalAlterConfigsRequest, describe_quorum_request,
};
use quorum::{AskError, InProcessNetwork, Quorum, SnapshotTriggers};

use crate::client::{
    ask, create_topic, heartbeat, options, register, register_broker, start_lone, wait_active, wait_for,
};

fn log_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("__cluster_metadata-0")
}

fn checkpoints(dir: &Path) -> Vec<String> {
    let names =
        fs::read_dir(log_dir(dir)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".checkpoint")).collect()
}

#[test]
fn a_fresh_node_begins_as_kafka_formats_it_and_decides() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_lone(dir.path());
    wait_active(&node);
    let epoch = register(&node, 1);
    assert_eq!(epoch, node.images().borrow().brokers.get(&1).unwrap().epoch);
    assert_eq!(create_topic(&node, "a"), Ok(ErrorCode::NONE));
    assert_eq!(create_topic(&node, "a"), Ok(ErrorCode::TOPIC_ALREADY_EXISTS));
    assert_eq!(node.images().borrow().topics.get("a").unwrap().partition_count(), 2);
    let status = node.status();
    assert_eq!((status.leader_id, status.leader_epoch), (Some(1), 1));
    assert_eq!(status.voters.len(), 1);
    assert_eq!(status.voters[0].log_end_offset, status.high_watermark);
    assert_eq!(status.high_watermark, node.images().borrow().applied_offset + 1);
}

#[test]
fn the_quorum_describes_itself_as_kafka_does() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_lone(dir.path());
    wait_active(&node);
    let topic = |name: &'static str, index| describe_quorum_request::TopicData {
        topic_name: name.into(),
        partitions: vec![describe_quorum_request::PartitionData { partition_index: index }],
    };
    let own = || topic("__cluster_metadata", 0);
    let request = DescribeQuorumRequest { topics: vec![own()] };
    for version in 0..=2 {
        let body = ask(&node, ApiKey::DescribeQuorum, version, &request).unwrap();
        let answer = DescribeQuorumResponse::decode(&mut Reader::new(&body), version).unwrap();
        let own = &answer.topics[0].partitions[0];
        assert_eq!((own.leader_id, own.leader_epoch, own.current_voters.len()), (1, 1, 1));
        assert_eq!(own.current_voters[0].log_end_offset, own.high_watermark);
        assert_eq!(answer.nodes.len(), usize::from(version == 2));
    }
    for topics in [vec![topic("x", 0)], vec![topic("__cluster_metadata", 1)], vec![own(), topic("x", 0)]] {
        let body = ask(&node, ApiKey::DescribeQuorum, 2, &DescribeQuorumRequest { topics }).unwrap();
        let answer = DescribeQuorumResponse::decode(&mut Reader::new(&body), 2).unwrap();
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        assert!(partitions.into_iter().all(|one| one.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        assert!(answer.nodes.is_empty());
    }
}

#[test]
fn requests_it_does_not_decide_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_lone(dir.path());
    wait_active(&node);
    let foreign = ask(&node, ApiKey::ApiVersions, 3, &ApiVersionsRequest::default());
    assert_eq!(foreign, Err(AskError::Refused(ControllerError::NotForController(ApiKey::ApiVersions))));
    let malformed = ask(&node, ApiKey::DeleteTopics, 6, &CreateTopicsRequest::default());
    assert!(matches!(malformed, Err(AskError::Refused(ControllerError::Malformed(_)))), "{malformed:?}");
}

#[test]
fn a_restart_gives_the_same_image() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_lone(dir.path());
    wait_active(&node);
    register(&node, 1);
    for name in ["a", "b", "c"] {
        assert_eq!(create_topic(&node, name), Ok(ErrorCode::NONE));
    }
    let before = node.images().borrow().clone();
    node.shutdown();
    let node = start_lone(dir.path());
    wait_for("the same image", || *node.images().borrow() == before);
    assert_eq!(create_topic(&node, "d"), Ok(ErrorCode::NONE));
    assert_eq!(node.images().borrow().topics.len(), 4);
}

#[test]
fn a_restart_after_purge_gives_the_same_image() {
    let dir = tempfile::tempdir().unwrap();
    let mut small = options(dir.path(), 1, &[1], &InProcessNetwork::new());
    small.snapshots = SnapshotTriggers { after_bytes: 2_000, after_ms: 0 };
    small.segment_bytes = 4_000;
    let node = Quorum::start(small.clone()).unwrap();
    wait_active(&node);
    register(&node, 1);
    for number in 0..60 {
        assert_eq!(create_topic(&node, &format!("topic-{number}")), Ok(ErrorCode::NONE));
    }
    wait_for("a snapshot and a purged log", || {
        let first = log_dir(dir.path()).join("00000000000000000000.log");
        !checkpoints(dir.path()).is_empty() && !first.exists()
    });
    let before = node.images().borrow().clone();
    node.shutdown();
    for round in 0..3 {
        let node = Quorum::start(small.clone()).unwrap();
        wait_for("the same image", || node.images().borrow().topics.len() == 60 + round);
        let image = node.images().borrow().clone();
        assert_eq!(image.brokers, before.brokers);
        assert_eq!(create_topic(&node, &format!("late-{round}")), Ok(ErrorCode::NONE));
        let last = node.images().borrow().clone();
        assert!(last.applied_offset > before.applied_offset, "offsets go on where they were");
        node.shutdown();
    }
}

#[test]
fn segments_of_the_log_are_closed_at_the_age_set() {
    let dir = tempfile::tempdir().unwrap();
    let mut aged = options(dir.path(), 1, &[1], &InProcessNetwork::new());
    aged.segment_ms = 1;
    let node = Quorum::start(aged).unwrap();
    wait_active(&node);
    register(&node, 1);
    let segments = || {
        let names = fs::read_dir(log_dir(dir.path())).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".log")).count()
    };
    let before = segments();
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!(create_topic(&node, "a"), Ok(ErrorCode::NONE));
    assert!(segments() > before);
}

/// The leader of the one partition of `u`.
fn leader(node: &quorum::QuorumHandle) -> i32 {
    let image = node.images().borrow().clone();
    image.topics.get("u").unwrap().partition(0).unwrap().leader
}

#[test]
fn partitions_whose_topic_lets_any_replica_lead_get_a_leader_at_the_interval_set() {
    let dir = tempfile::tempdir().unwrap();
    let mut often = options(dir.path(), 1, &[1], &InProcessNetwork::new());
    often.unclean_election_interval_ms = 10;
    let node = Quorum::start(often).unwrap();
    wait_active(&node);
    let epochs = [register_broker(&node, 1, 1), register_broker(&node, 2, 2)];
    let assignment = CreatableReplicaAssignment { partition_index: 0, broker_ids: vec![1, 2] };
    let topic = CreatableTopic {
        name: "u".into(),
        num_partitions: -1,
        replication_factor: -1,
        assignments: vec![assignment],
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false };
    ask(&node, ApiKey::CreateTopics, 7, &request).unwrap();
    // The second is the last in sync, the first one comes back behind it.
    assert!(heartbeat(&node, 1, epochs[0], true) && heartbeat(&node, 2, epochs[1], true));
    assert!(!heartbeat(&node, 1, epochs[0], false));
    assert_eq!(leader(&node), -1);
    let set = AlterableConfig {
        name: "unclean.leader.election.enable".into(),
        config_operation: 0,
        value: Some("true".into()),
    };
    let topic = AlterConfigsResource { resource_type: 2, resource_name: "u".into(), configs: vec![set] };
    let request = IncrementalAlterConfigsRequest { resources: vec![topic], validate_only: false };
    ask(&node, ApiKey::IncrementalAlterConfigs, 1, &request).unwrap();
    wait_for("a leader", || leader(&node) == 1);
}

#[test]
fn a_torn_tail_is_cut_off_and_the_rest_kept() {
    let dir = tempfile::tempdir().unwrap();
    let node = start_lone(dir.path());
    wait_active(&node);
    register(&node, 1);
    assert_eq!(create_topic(&node, "kept"), Ok(ErrorCode::NONE));
    node.shutdown();
    let path = log_dir(dir.path()).join("00000000000000000000.log");
    let mut bytes = fs::read(&path).unwrap();
    let whole = bytes.len();
    let torn = bytes[..100].to_vec();
    bytes.extend_from_slice(&torn);
    fs::write(&path, &bytes).unwrap();
    let node = start_lone(dir.path());
    wait_for("the topic", || node.images().borrow().topics.get("kept").is_some());
    assert_eq!(fs::metadata(&path).unwrap().len(), whole as u64);
}

#[test]
fn damage_in_the_middle_stops_the_start_and_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut small = options(dir.path(), 1, &[1], &InProcessNetwork::new());
    small.segment_bytes = 500;
    let node = Quorum::start(small.clone()).unwrap();
    wait_active(&node);
    register(&node, 1);
    for number in 0..10 {
        assert_eq!(create_topic(&node, &format!("topic-{number}")), Ok(ErrorCode::NONE));
    }
    node.shutdown();
    let path = log_dir(dir.path()).join("00000000000000000000.log");
    let mut bytes = fs::read(&path).unwrap();
    bytes[100] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let message = Quorum::start(small).err().unwrap().to_string();
    assert!(message.contains("00000000000000000000.log at byte"), "{message}");
}
