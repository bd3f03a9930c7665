//! Starts a fresh quorum of one, creates topics and stops: `fresh_node DIR [TOPICS [PARTITIONS]]`. Prints how long the start
//! took; scripts look at the files it leaves (tests/kafka-dump.sh).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use metadata::{ControllerRequest, StaticSettings};
use model::Uuid;
use partition_log::{FileHandles, LogHome, RealDisk};
use protocol::messages::api_key::ApiKey;
use protocol::messages::{
    BrokerHeartbeatRequest, BrokerRegistrationRequest, BrokerRegistrationResponse, CreateTopicsRequest,
    broker_registration_request, create_topics_request,
};
use protocol::{EncodeError, Message, Reader, Writer};
use quorum::{InProcessNetwork, Quorum, QuorumHandle, QuorumOptions, SnapshotTriggers, Voter, VoterEndpoint};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("fresh_node DIR [TOPICS]")?);
    let topics: u32 = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let partitions: i32 = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let begin = Instant::now();
    let node = Quorum::start(options(dir))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(node.images().wait_for(|image| image.metadata_version() > 0))?;
    println!("controller ready after {:?}", begin.elapsed());
    let epoch = register(&node, &runtime)?;
    println!("broker registered after {:?}", begin.elapsed());
    heartbeat(&node, &runtime, epoch)?;
    println!("broker active after {:?}", begin.elapsed());
    let begin = Instant::now();
    for number in 0..topics {
        create(&node, &runtime, number, partitions)?;
        println!("created topic-{number}");
    }
    println!("{topics} topics in {:?}, one at a time", begin.elapsed());
    node.shutdown();
    Ok(())
}

fn options(log_dir: PathBuf) -> QuorumOptions {
    let endpoint = VoterEndpoint { name: "CONTROLLER".to_owned(), host: "localhost".to_owned(), port: 9093 };
    let voter = Voter { id: 1, directory_id: Uuid([7; 16]), endpoints: vec![endpoint] };
    QuorumOptions {
        node_id: 1,
        directory_id: voter.directory_id,
        cluster_id: "AAAAAAAAQACAAAAAAAAAAA".to_owned(),
        log_dir,
        home: LogHome::new(Arc::new(RealDisk), Arc::new(FileHandles::new(16))),
        voters: vec![voter],
        settings: StaticSettings::default(),
        snapshots: SnapshotTriggers { after_bytes: 2_000, after_ms: 0 },
        election_timeout_ms: 1_000,
        unclean_election_interval_ms: 300_000,
        segment_bytes: 1 << 30,
        segment_ms: i64::MAX,
        min_insync_replicas: 1,
        network: InProcessNetwork::new(),
    }
}

fn ask(
    node: &QuorumHandle,
    runtime: &tokio::runtime::Runtime,
    api_key: ApiKey,
    api_version: i16,
    encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
) -> Result<Vec<u8>, Failure> {
    let mut writer = Writer::new();
    encode(&mut writer)?;
    let request = ControllerRequest {
        api_key,
        api_version,
        body: writer.into_vec(),
        principal: "User:ANONYMOUS".to_owned(),
        broker_id: 1,
        mutations_left: None,
    };
    Ok(runtime.block_on(node.ask(request))?.body)
}

fn register(node: &QuorumHandle, runtime: &tokio::runtime::Runtime) -> Result<i64, Failure> {
    let features = metadata::KNOWN_FEATURES.iter().map(|known| broker_registration_request::Feature {
        name: known.name.into(),
        min_supported_version: known.min,
        max_supported_version: known.max,
    });
    let request = BrokerRegistrationRequest {
        broker_id: 1,
        cluster_id: "AAAAAAAAQACAAAAAAAAAAA".into(),
        incarnation_id: Uuid([9; 16]),
        listeners: vec![broker_registration_request::Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            security_protocol: 0,
        }],
        features: features.collect(),
        rack: None,
        log_dirs: vec![Uuid([7; 16])],
        ..BrokerRegistrationRequest::default()
    };
    let body = ask(node, runtime, ApiKey::BrokerRegistration, 4, |writer| request.encode(writer, 4))?;
    Ok(BrokerRegistrationResponse::decode(&mut Reader::new(&body), 4)?.broker_epoch)
}

fn heartbeat(node: &QuorumHandle, runtime: &tokio::runtime::Runtime, epoch: i64) -> Result<(), Failure> {
    let request = BrokerHeartbeatRequest {
        broker_id: 1,
        broker_epoch: epoch,
        current_metadata_offset: epoch,
        ..BrokerHeartbeatRequest::default()
    };
    ask(node, runtime, ApiKey::BrokerHeartbeat, 2, |writer| Message::encode(&request, writer, 2))?;
    Ok(())
}

fn create(
    node: &QuorumHandle,
    runtime: &tokio::runtime::Runtime,
    number: u32,
    partitions: i32,
) -> Result<(), Failure> {
    let topic = create_topics_request::CreatableTopic {
        name: format!("topic-{number}").into(),
        num_partitions: partitions,
        replication_factor: 1,
        ..create_topics_request::CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1_000, validate_only: false };
    ask(node, runtime, ApiKey::CreateTopics, 7, |writer| request.encode(writer, 7))?;
    Ok(())
}
