//! What is left after a stop and a start, and what settings that only hold from a start on make of requests.

use model::Uuid;
use protocol::ApiKey;
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_producers_request::TopicRequest;
use protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use protocol::messages::metadata_request::MetadataRequestTopic;
use protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use protocol::messages::{
    DeleteTopicsRequest, DescribeProducersRequest, InitProducerIdRequest, ListOffsetsRequest,
    MetadataRequest, OffsetForLeaderEpochRequest,
};

use super::Row;
use super::topics::{batch, create, first_producer_id, produce_request, wait_until_served, write};
use crate::session::{Session, Stopped, versions};

/// What is laid down before the restart.
pub const BEFORE: &[Row] = &[("Restart: what is there before", before)];

/// What is compared after it.
pub const AFTER: &[Row] = &[
    ("Restart: topics and their epochs", topics),
    ("Restart: records, then more of them", records),
    ("Restart: older leader epochs are fenced", fenced),
    ("Restart: where epochs end", epochs),
    ("Restart: producers are known again", producers),
    ("Restart: settings stay", settings),
    ("Restart: quotas and credentials stay", quotas_and_credentials),
    ("DeleteTopics where it is disabled", deletion_disabled),
    ("Metadata where topics are not created", no_creation),
    ("Fetch without room for sessions", no_sessions),
];

const TOPIC: &str = "restarted";

fn before(session: &mut Session) -> Result<(), Stopped> {
    create(session, TOPIC, 2, &[("retention.ms", "86400000")])?;
    first_producer_id(session)?;
    write(session, TOPIC, 0, &batch(3, 1_000))?;
    write(session, TOPIC, 0, &batch(2, 2_000).producer(7_007, 0, 0))
}

fn topics(session: &mut Session) -> Result<(), Stopped> {
    wait_until_served(session, TOPIC, 2)?;
    for version in versions(ApiKey::Metadata) {
        session.ask(version, &by_name(TOPIC))?;
    }
    Ok(())
}

fn by_name(name: &str) -> MetadataRequest<'_> {
    let topic = MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some(name.into()) };
    MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: true,
        ..MetadataRequest::default()
    }
}

fn fetch(partition: &FetchPartition) -> FetchRequest<'static> {
    let partition = FetchPartition { partition_max_bytes: 1 << 20, ..partition.clone() };
    let topic = FetchTopic { topic: TOPIC.into(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest { max_bytes: 1 << 20, session_epoch: -1, topics: vec![topic], ..FetchRequest::default() }
}

fn records(session: &mut Session) -> Result<(), Stopped> {
    for (what, more) in [("those of before", false), ("and of after", true)] {
        if more {
            write(session, TOPIC, 0, &batch(2, 3_000))?;
        }
        for (offset, isolation_level) in [(0, 0), (4, 1)] {
            session.note(format!("{what}, from {offset}"));
            let wanted = fetch(&FetchPartition { fetch_offset: offset, ..FetchPartition::default() });
            session.ask(12, &FetchRequest { isolation_level, ..wanted })?;
        }
    }
    Ok(())
}

fn list_offsets(timestamp: i64, current_leader_epoch: i32) -> ListOffsetsRequest<'static> {
    let partition = ListOffsetsPartition { partition_index: 0, current_leader_epoch, timestamp };
    let topic = ListOffsetsTopic { name: TOPIC.into(), partitions: vec![partition] };
    ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..ListOffsetsRequest::default() }
}

fn fenced(session: &mut Session) -> Result<(), Stopped> {
    for epoch in 0..5 {
        session.note(format!("epoch {epoch}"));
        let wanted = FetchPartition { current_leader_epoch: epoch, ..FetchPartition::default() };
        session.ask(12, &fetch(&wanted))?;
        for timestamp in [-1, -2, -3, 2_000] {
            session.note(format!("epoch {epoch}, {timestamp}"));
            session.ask(7, &list_offsets(timestamp, epoch))?;
        }
    }
    for timestamp in [-1, -2, -3, 2_000, 3_001] {
        session.note(format!("no epoch, {timestamp}"));
        session.ask(7, &list_offsets(timestamp, -1))?;
    }
    Ok(())
}

fn epochs(session: &mut Session) -> Result<(), Stopped> {
    for (partition, current, epoch) in (0..2).flat_map(|partition| {
        (-1..3).flat_map(move |current| (-1..4).map(move |epoch| (partition, current, epoch)))
    }) {
        session.note(format!("partition {partition}, current {current}, epoch {epoch}"));
        let partition =
            OffsetForLeaderPartition { partition, current_leader_epoch: current, leader_epoch: epoch };
        let topic = OffsetForLeaderTopic { topic: TOPIC.into(), partitions: vec![partition] };
        session.ask(4, &OffsetForLeaderEpochRequest { replica_id: -1, topics: vec![topic] })?;
    }
    for (epoch, offset) in [(0, 5), (0, 6), (0, 7), (1, 5), (1, 7), (2, 7), (3, 7), (9, 1)] {
        session.note(format!("fetched epoch {epoch} up to {offset}"));
        let wanted =
            FetchPartition { last_fetched_epoch: epoch, fetch_offset: offset, ..FetchPartition::default() };
        session.ask(12, &fetch(&wanted))?;
    }
    Ok(())
}

fn producers(session: &mut Session) -> Result<(), Stopped> {
    for (what, sequence) in [("again", 0), ("gap", 9), ("next", 2)] {
        session.note(what);
        let records = batch(2, 2_000).producer(7_007, 0, sequence).build();
        session.ask(9, &produce_request(9, (TOPIC, Uuid::ZERO), 0, -1, Some(records)))?;
    }
    session.note("an id nobody had before");
    let fresh = first_producer_id(session)?;
    session.tell("from another block", fresh >= 1_000);
    let request = InitProducerIdRequest {
        transactional_id: None,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdRequest::default()
    };
    session.ask(4, &request)?;
    let topic = TopicRequest { name: TOPIC.into(), partition_indexes: vec![1] };
    session.ask(0, &DescribeProducersRequest { topics: vec![topic] })?;
    Ok(())
}

fn settings(session: &mut Session) -> Result<(), Stopped> {
    let keys = ["retention.ms", "segment.bytes", "min.insync.replicas"];
    for (kind, name) in [(2, TOPIC), (2, "altered"), (32, "g"), (16, "m"), (4, "1")] {
        session.note(name);
        let keys = (kind == 2).then(|| keys.iter().map(|key| (*key).into()).collect());
        let keys = if kind == 4 {
            Some(vec!["log.retention.ms".into(), "delete.topic.enable".into()])
        } else {
            keys
        };
        let resource = DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: keys,
        };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            include_synonyms: true,
            include_documentation: false,
        };
        session.ask_sorted(4, &request, |response| {
            for result in &mut response.results {
                result.configs.sort_by(|one, other| one.name.cmp(&other.name));
            }
        })?;
    }
    Ok(())
}

fn quotas_and_credentials(session: &mut Session) -> Result<(), Stopped> {
    super::quotas::describe_all(session)?;
    super::scram_credentials::show(session, None)
}

fn deletion_disabled(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DeleteTopics) {
        for name in [TOPIC, "never-there"] {
            session.note(name);
            let mut request = DeleteTopicsRequest { timeout_ms: 5_000, ..DeleteTopicsRequest::default() };
            if version >= 6 {
                request.topics = vec![DeleteTopicState { name: Some(name.into()), topic_id: Uuid::ZERO }];
            } else {
                request.topic_names = vec![name.into()];
            }
            session.ask_or_close(version, &request)?;
        }
    }
    Ok(())
}

fn no_creation(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::Metadata) {
        for name in ["never-there", "__consumer_offsets_", "a b", ""] {
            session.note(format!("'{name}'"));
            session.ask(version, &by_name(name))?;
        }
    }
    Ok(())
}

fn no_sessions(session: &mut Session) -> Result<(), Stopped> {
    for version in [7, 11, 12] {
        let wanted = fetch(&FetchPartition::default());
        session.note("begins");
        session.ask(version, &FetchRequest { session_epoch: 0, ..wanted })?;
        session.note("goes on with none");
        session.ask(
            version,
            &FetchRequest {
                session_id: 5,
                session_epoch: 1,
                topics: Vec::new(),
                ..fetch(&FetchPartition::default())
            },
        )?;
    }
    Ok(())
}
