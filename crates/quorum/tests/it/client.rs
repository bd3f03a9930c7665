//! Nodes to test and requests to send them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metadata::{ControllerRequest, StaticSettings};
use model::{ErrorCode, Uuid};
use partition_log::{FileHandles, LogHome, RealDisk};
use protocol::messages::api_key::ApiKey;
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
    CreateTopicsRequest, CreateTopicsResponse, broker_registration_request,
};
use protocol::{Message, Reader, Writer};
use quorum::{
    AskError, InProcessNetwork, Quorum, QuorumHandle, QuorumOptions, SnapshotTriggers, Voter, VoterEndpoint,
};

pub const CLUSTER: &str = "AAAAAAAAQACAAAAAAAAAAA";
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn voter(id: i32) -> Voter {
    let endpoint = VoterEndpoint { name: "CONTROLLER".to_owned(), host: "localhost".to_owned(), port: 9093 };
    Voter { id, directory_id: Uuid([id.to_le_bytes()[0] + 100; 16]), endpoints: vec![endpoint] }
}

pub fn options(dir: &Path, id: i32, voters: &[i32], network: &InProcessNetwork) -> QuorumOptions {
    QuorumOptions {
        node_id: id,
        directory_id: voter(id).directory_id,
        cluster_id: CLUSTER.to_owned(),
        log_dir: dir.to_owned(),
        home: LogHome::new(Arc::new(RealDisk), Arc::new(FileHandles::new(16))),
        voters: voters.iter().map(|id| voter(*id)).collect(),
        settings: StaticSettings::default(),
        snapshots: SnapshotTriggers { after_bytes: 20 << 20, after_ms: 3_600_000 },
        election_timeout_ms: 300,
        unclean_election_interval_ms: 300_000,
        segment_bytes: 1 << 30,
        segment_ms: i64::MAX,
        min_insync_replicas: 1,
        network: network.clone(),
    }
}

pub fn start_lone(dir: &Path) -> QuorumHandle {
    Quorum::start(options(dir, 1, &[1], &InProcessNetwork::new())).unwrap()
}

/// Waits until `condition` holds, for at most [`DEADLINE`].
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < DEADLINE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn wait_active(node: &QuorumHandle) {
    wait_for("a controller", || node.images().borrow().metadata_version() == 30);
}

pub fn ask<'m, M: Message<'m>>(
    node: &QuorumHandle,
    api_key: ApiKey,
    api_version: i16,
    message: &M,
) -> Result<Vec<u8>, AskError> {
    let mut writer = Writer::new();
    message.encode(&mut writer, api_version).unwrap();
    let request = ControllerRequest {
        api_key,
        api_version,
        body: writer.into_vec(),
        principal: "User:ANONYMOUS".to_owned(),
        broker_id: 1,
        mutations_left: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answer = runtime.block_on(async { tokio::time::timeout(DEADLINE, node.ask(request)).await });
    answer.expect("an answer in time").map(|response| response.body)
}

/// Registers broker 1 and has it unfenced; returns its epoch.
pub fn register(node: &QuorumHandle, run: u8) -> i64 {
    register_broker(node, 1, run)
}

/// Registers a broker and has it unfenced; returns its epoch.
pub fn register_broker(node: &QuorumHandle, id: i32, run: u8) -> i64 {
    let features = metadata::KNOWN_FEATURES.iter().map(|known| broker_registration_request::Feature {
        name: known.name.into(),
        min_supported_version: known.min,
        max_supported_version: known.max,
    });
    let request = BrokerRegistrationRequest {
        broker_id: id,
        cluster_id: CLUSTER.into(),
        incarnation_id: Uuid([run; 16]),
        listeners: vec![broker_registration_request::Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            security_protocol: 0,
        }],
        features: features.collect(),
        rack: None,
        log_dirs: vec![voter(id).directory_id],
        ..BrokerRegistrationRequest::default()
    };
    let body = ask(node, ApiKey::BrokerRegistration, 4, &request).unwrap();
    let answer = BrokerRegistrationResponse::decode(&mut Reader::new(&body), 4).unwrap();
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert!(!heartbeat(node, id, answer.broker_epoch, false));
    answer.broker_epoch
}

/// A broker that has seen everything is heard of; true where it is fenced afterwards.
pub fn heartbeat(node: &QuorumHandle, id: i32, epoch: i64, want_fence: bool) -> bool {
    let request = BrokerHeartbeatRequest {
        broker_id: id,
        broker_epoch: epoch,
        current_metadata_offset: i64::MAX,
        want_fence,
        ..BrokerHeartbeatRequest::default()
    };
    let body = ask(node, ApiKey::BrokerHeartbeat, 2, &request).unwrap();
    BrokerHeartbeatResponse::decode(&mut Reader::new(&body), 2).unwrap().is_fenced
}

pub fn create_topic(node: &QuorumHandle, name: &str) -> Result<ErrorCode, AskError> {
    let topic = CreatableTopic {
        name: name.to_owned().into(),
        num_partitions: 2,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, validate_only: false };
    let body = ask(node, ApiKey::CreateTopics, 7, &request)?;
    let answer = CreateTopicsResponse::decode(&mut Reader::new(&body), 7).unwrap();
    Ok(answer.topics[0].error_code)
}
