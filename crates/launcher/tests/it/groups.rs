//! Groups of a node without any settings: the coordinator is found at once, and the metrics tell how far they are.

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::describe_configs_request::DescribeConfigsResource;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};

use crate::node::{Client, Node, free_port, get};
use crate::server::created;
use crate::until;

/// Code of the resource that a topic is.
const TOPIC: i8 = 2;
/// What dashboards over kafka_exporter and kminion ask for of groups.
const METRICS: &str = "
    kafka_consumergroup_members kafka_consumergroup_current_offset kafka_consumergroup_current_offset_sum
    kafka_consumergroup_lag kafka_consumergroup_lag_sum kminion_kafka_consumer_group_info
    kminion_kafka_consumer_group_members kminion_kafka_consumer_group_empty_members
    kminion_kafka_consumer_group_topic_lag kminion_kafka_consumer_group_topic_partition_lag
    kminion_kafka_consumer_group_topic_offset_sum naru_consumergroup_lag_seconds
    kminion_kafka_consumer_group_offset_commits_total naru_consumergroup_rebalances_total
    naru_consumergroup_rebalance_seconds_total naru_consumergroup_moved_partitions_total
";

fn find(client: &mut Client, group: &str) -> (ErrorCode, i32, i32) {
    let request = FindCoordinatorRequest { key: group.into(), ..Default::default() };
    client.ask(ApiKey::FindCoordinator, 3, &request, |reader| {
        let found = FindCoordinatorResponse::decode(reader, 3).unwrap();
        (found.error_code, found.node_id, found.port)
    })
}

fn commit(client: &mut Client, topic: &str) -> ErrorCode {
    commit_for(client, topic, -1)
}

/// Commits offset 7 of partition 0, for as long as is said or as the broker keeps it (-1).
fn commit_for(client: &mut Client, topic: &str, retention_time_ms: i64) -> ErrorCode {
    let partition = OffsetCommitRequestPartition { committed_offset: 7, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest {
        group_id: "readers".into(),
        generation_id_or_member_epoch: -1,
        retention_time_ms,
        topics: vec![topic],
        ..Default::default()
    };
    client.ask(ApiKey::OffsetCommit, 4, &request, |reader| {
        OffsetCommitResponse::decode(reader, 4).unwrap().topics[0].partitions[0].error_code
    })
}

/// Partitions and replicas of `__consumer_offsets`, once it is there.
fn shape(client: &mut Client) -> (usize, usize) {
    client.ask(ApiKey::Metadata, 9, &MetadataRequest { topics: None, ..Default::default() }, |reader| {
        let response = MetadataResponse::decode(reader, 9).unwrap();
        let named = |name: &str| response.topics.iter().find(|topic| topic.name.as_deref() == Some(name));
        named("__consumer_offsets")
            .map_or((0, 0), |topic| (topic.partitions.len(), topic.partitions[0].replica_nodes.len()))
    })
}

/// The size of the segments of `__consumer_offsets`.
fn segment_bytes(client: &mut Client) -> String {
    let resource = DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: "__consumer_offsets".into(),
        configuration_keys: Some(vec!["segment.bytes".into()]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    client.ask(ApiKey::DescribeConfigs, 4, &request, |reader| {
        let described = DescribeConfigsResponse::decode(reader, 4).unwrap();
        described.results[0].configs[0].value.as_deref().unwrap().to_owned()
    })
}

#[test]
fn a_node_without_settings_serves_groups_and_tells_how_far_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut node = Node::ready(folder.path(), &[&format!("metrics.listener=127.0.0.1:{port}")]);
    let mut client = node.connect();
    assert_eq!(shape(&mut client), (0, 0));
    let address = node.address("PLAINTEXT");
    assert_eq!(find(&mut client, "readers"), (ErrorCode::NONE, 1, i32::from(address.port())));
    assert_eq!(shape(&mut client), (50, 1));
    created(&mut client, "shown");
    until(|| "nothing can be committed".into(), || commit(&mut client, "shown").is_none());
    let (_, body) = get(port, "/metrics");
    for name in METRICS.split_whitespace() {
        assert!(body.lines().any(|line| line.split([' ', '{']).next() == Some(name)), "{name} in {body}");
    }
    let labels = "{consumergroup=\"readers\",topic=\"shown\",partition=\"0\"}";
    assert!(body.contains(&format!("\nkafka_consumergroup_lag{labels} 0\n")), "{body}");
    let commits = "\nkminion_kafka_consumer_group_offset_commits_total{group_id=\"readers\"} 1\n";
    assert!(body.contains(commits), "{body}");
}

#[test]
fn the_internal_topic_and_the_metrics_of_groups_are_as_set() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let settings = [
        "offsets.topic.num.partitions=3",
        "offsets.topic.segment.bytes=2000000",
        "metrics.group.lag=topic",
        &format!("metrics.listener=127.0.0.1:{port}"),
    ];
    let mut node = Node::ready(folder.path(), &settings);
    let mut client = node.connect();
    assert_eq!(find(&mut client, "readers").0, ErrorCode::NONE);
    assert_eq!(shape(&mut client), (3, 1));
    assert_eq!(segment_bytes(&mut client), "2000000");
    created(&mut client, "shown");
    until(|| "nothing can be committed".into(), || commit(&mut client, "shown").is_none());
    let (_, body) = get(port, "/metrics");
    assert!(
        body.contains("kafka_consumergroup_lag_sum{") && !body.contains("kafka_consumergroup_lag{"),
        "{body}"
    );
    drop(node);
    // More copies than there are brokers were asked for: the topic cannot be made.
    let other = tempfile::tempdir().unwrap();
    let mut node = Node::ready(other.path(), &["offsets.topic.replication.factor=2"]);
    assert_eq!(find(&mut node.connect(), "readers").0, ErrorCode::COORDINATOR_NOT_AVAILABLE);
}

/// What `readers` have committed in a topic.
fn committed(client: &mut Client, topic: &str) -> i64 {
    let topic = OffsetFetchRequestTopic { name: topic.into(), partition_indexes: vec![0] };
    let request =
        OffsetFetchRequest { group_id: "readers".into(), topics: Some(vec![topic]), ..Default::default() };
    client.ask(ApiKey::OffsetFetch, 5, &request, |reader| {
        OffsetFetchResponse::decode(reader, 5).unwrap().topics[0].partitions[0].committed_offset
    })
}

#[test]
fn offsets_go_once_their_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::ready(folder.path(), &["offsets.retention.check.interval.ms=20"]);
    let mut client = node.connect();
    assert_eq!(find(&mut client, "readers").0, ErrorCode::NONE);
    created(&mut client, "kept");
    created(&mut client, "lost");
    // Old clients say themselves how long.
    let [kept, lost] = [-1, 500];
    until(|| "nothing can be committed".into(), || commit_for(&mut client, "kept", kept).is_none());
    assert_eq!(commit_for(&mut client, "lost", lost), ErrorCode::NONE);
    assert_eq!(committed(&mut client, "lost"), 7);
    until(|| "the offset stays".into(), || committed(&mut client, "lost") == -1);
    assert_eq!(committed(&mut client, "kept"), 7);
}
