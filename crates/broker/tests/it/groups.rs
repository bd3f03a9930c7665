//! Groups over sockets: members join, get their assignments, commit and vanish; what was committed survives.

use std::path::Path;
use std::time::Duration;

use model::{ErrorCode, Uuid};
use protocol::messages::describe_groups_response::DescribedGroup;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest,
    SyncGroupResponse,
};
use protocol::{ApiKey, Message, Reader};
use records::{BatchBuilder, Compression, next_batch};

use crate::appends::until;
use crate::client::Client;
use crate::node::{Node, Setup};

const JOIN: i16 = 9;
const SYNC: i16 = 5;
pub const COMMIT: i16 = 9;
pub const FETCH_OFFSETS: i16 = 9;
/// A session that ends soon.
const SHORT_MS: i32 = 300;
pub const LONG_MS: i32 = 30_000;

/// A node with the topics `__consumer_offsets` and `t`, and the id of the latter.
fn node(folder: &Path) -> (Node, Uuid) {
    node_with(folder, &[("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "100")])
}

pub fn node_with(folder: &Path, settings: &[(&str, &str)]) -> (Node, Uuid) {
    let mut node = Setup { settings, ..Setup::new(folder) }.start();
    node.create_topic("__consumer_offsets", 3, &[("cleanup.policy", "compact")]);
    let topic_id = node.create_topic("t", 2, &[]);
    (node, topic_id)
}

pub fn send<'q, Q: Message<'q>>(client: &mut Client, api_key: ApiKey, version: i16, request: &Q) {
    let frame = client.frame(api_key, version, request);
    client.send(&frame);
}

pub fn receive<S: for<'s> Message<'s>>(client: &mut Client, api_key: ApiKey, version: i16) -> S {
    let body = client.receive(api_key, version).body;
    S::decode(&mut Reader::new(&body), version).unwrap()
}

/// A request of `JoinGroup`; answers come with [`joined`].
pub fn join(client: &mut Client, member_id: &str, session_timeout_ms: i32) {
    join_saying(client, member_id, session_timeout_ms, b"said");
}

/// The same with what the member says of itself.
pub fn join_saying(client: &mut Client, member_id: &str, session_timeout_ms: i32, metadata: &[u8]) {
    let protocols = vec![JoinGroupRequestProtocol { name: "range".into(), metadata: metadata.into() }];
    let request = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms,
        rebalance_timeout_ms: session_timeout_ms,
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        protocols,
        ..Default::default()
    };
    send(client, ApiKey::JoinGroup, JOIN, &request);
}

pub fn joined(client: &mut Client) -> JoinGroupResponse<'static> {
    let body = client.receive(ApiKey::JoinGroup, JOIN).body;
    JoinGroupResponse::decode(&mut Reader::new(&body), JOIN).unwrap().into_owned()
}

/// A new member's id.
pub fn member(client: &mut Client, session_timeout_ms: i32) -> String {
    join(client, "", session_timeout_ms);
    let told = joined(client);
    assert_eq!(told.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    told.member_id.into_owned()
}

pub fn sync(client: &mut Client, member_id: &str, generation_id: i32, assignments: &[(&str, &[u8])]) {
    let assignments = assignments.iter().map(|(member_id, assignment)| SyncGroupRequestAssignment {
        member_id: (*member_id).into(),
        assignment: (*assignment).into(),
    });
    let request = SyncGroupRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: assignments.collect(),
        ..Default::default()
    };
    send(client, ApiKey::SyncGroup, SYNC, &request);
}

pub fn synced(client: &mut Client) -> (ErrorCode, Vec<u8>) {
    let body = client.receive(ApiKey::SyncGroup, SYNC).body;
    let answer = SyncGroupResponse::decode(&mut Reader::new(&body), SYNC).unwrap();
    (answer.error_code, answer.assignment.into_owned())
}

pub fn heartbeat(client: &mut Client, member_id: &str, generation_id: i32) -> ErrorCode {
    let request = HeartbeatRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.into(),
        ..Default::default()
    };
    send(client, ApiKey::Heartbeat, 4, &request);
    receive::<HeartbeatResponse>(client, ApiKey::Heartbeat, 4).error_code
}

/// A commit for a group without members.
pub fn commit_of(group: &str, topic: &str, index: i32, offset: i64) -> OffsetCommitRequest<'static> {
    let partition = OffsetCommitRequestPartition {
        partition_index: index,
        committed_offset: offset,
        committed_metadata: Some("beside".into()),
        ..Default::default()
    };
    let (name, partitions) = (topic.to_owned().into(), vec![partition]);
    OffsetCommitRequest {
        group_id: group.to_owned().into(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic { name, partitions, ..Default::default() }],
        ..Default::default()
    }
}

/// Commits for a group without members; the error of the one partition.
pub fn commit(client: &mut Client, group: &str, topic: &str, index: i32, offset: i64) -> ErrorCode {
    send(client, ApiKey::OffsetCommit, COMMIT, &commit_of(group, topic, index, offset));
    commit_answer(client)
}

/// The error of the one partition.
pub fn commit_answer(client: &mut Client) -> ErrorCode {
    let body = client.receive(ApiKey::OffsetCommit, COMMIT).body;
    let answer = OffsetCommitResponse::decode(&mut Reader::new(&body), COMMIT).unwrap();
    answer.topics[0].partitions[0].error_code
}

/// Asks what a group has committed in partition 0 of `t`.
pub fn offset_fetch_of(group: &str) -> OffsetFetchRequest<'static> {
    let topic =
        OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0], ..Default::default() };
    let asked = OffsetFetchRequestGroup {
        group_id: group.to_owned().into(),
        topics: Some(vec![topic]),
        ..OffsetFetchRequestGroup::default()
    };
    OffsetFetchRequest { groups: vec![asked], ..Default::default() }
}

/// What `group` has committed in partition 0 of `t`: an error of the group, or the offset.
pub fn committed(client: &mut Client, group: &str) -> Result<i64, ErrorCode> {
    send(client, ApiKey::OffsetFetch, FETCH_OFFSETS, &offset_fetch_of(group));
    fetched_offset(client)
}

/// An error of the group, or the offset of the one partition.
pub fn fetched_offset(client: &mut Client) -> Result<i64, ErrorCode> {
    let body = client.receive(ApiKey::OffsetFetch, FETCH_OFFSETS).body;
    let answer = OffsetFetchResponse::decode(&mut Reader::new(&body), FETCH_OFFSETS).unwrap();
    match answer.groups[0].error_code {
        ErrorCode::NONE => Ok(answer.groups[0].topics[0].partitions[0].committed_offset),
        error => Err(error),
    }
}

pub fn described(client: &mut Client, group: &str) -> DescribedGroup<'static> {
    let request = DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
    send(client, ApiKey::DescribeGroups, 5, &request);
    let body = client.receive(ApiKey::DescribeGroups, 5).body;
    let answer = DescribeGroupsResponse::decode(&mut Reader::new(&body), 5).unwrap().into_owned();
    answer.groups.into_iter().next().unwrap()
}

fn listed(client: &mut Client) -> Vec<String> {
    send(client, ApiKey::ListGroups, 4, &ListGroupsRequest::default());
    let body = client.receive(ApiKey::ListGroups, 4).body;
    let answer = ListGroupsResponse::decode(&mut Reader::new(&body), 4).unwrap();
    assert_eq!(answer.error_code, ErrorCode::NONE);
    answer.groups.iter().map(|group| group.group_id.to_string()).collect()
}

#[test]
fn members_join_and_have_what_their_leader_assigns() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node(folder.path());
    let [mut one, mut other] = [node.connect(), node.connect()];
    let first = member(&mut one, LONG_MS);
    join(&mut one, &first, LONG_MS);
    let alone = joined(&mut one);
    assert_eq!((alone.error_code, alone.generation_id), (ErrorCode::NONE, 1));
    assert_eq!((&*alone.leader, alone.members.len()), (&*first, 1));
    sync(&mut one, &first, 1, &[(&first, b"all")]);
    assert_eq!(synced(&mut one), (ErrorCode::NONE, b"all".to_vec()));

    // The second waits until the first has come again.
    let second = member(&mut other, LONG_MS);
    join(&mut other, &second, LONG_MS);
    until("the rebalance begins", || heartbeat(&mut one, &first, 1) == ErrorCode::REBALANCE_IN_PROGRESS);
    join(&mut one, &first, LONG_MS);
    let (leader, follower) = (joined(&mut one), joined(&mut other));
    assert_eq!((leader.generation_id, follower.generation_id), (2, 2));
    assert_eq!((leader.members.len(), follower.members.len()), (2, 0));
    // And for its assignment until the leader has brought it.
    sync(&mut other, &second, 2, &[]);
    sync(&mut one, &first, 2, &[(&first, b"half"), (&second, b"rest")]);
    assert_eq!(synced(&mut one), (ErrorCode::NONE, b"half".to_vec()));
    assert_eq!(synced(&mut other), (ErrorCode::NONE, b"rest".to_vec()));
    let shown = described(&mut one, "g");
    assert_eq!((&*shown.group_state, shown.members.len()), ("Stable", 2));
    assert_eq!(shown.members[0].client_host, "/127.0.0.1");

    let identity = |id: &str| MemberIdentity { member_id: id.to_owned().into(), ..MemberIdentity::default() };
    let members = vec![identity(&first), identity(&second)];
    let request = LeaveGroupRequest { group_id: "g".into(), members, ..Default::default() };
    send(&mut one, ApiKey::LeaveGroup, 5, &request);
    let body = one.receive(ApiKey::LeaveGroup, 5).body;
    let left = LeaveGroupResponse::decode(&mut Reader::new(&body), 5).unwrap();
    assert_eq!((left.error_code, left.members.len()), (ErrorCode::NONE, 2));
    assert_eq!(&*described(&mut one, "g").group_state, "Empty");
}

#[test]
fn a_member_that_vanishes_is_gone_after_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node(folder.path());
    let mut client = node.connect();
    let id = member(&mut client, SHORT_MS);
    join(&mut client, &id, SHORT_MS);
    assert_eq!(joined(&mut client).generation_id, 1);
    sync(&mut client, &id, 1, &[(&id, b"all")]);
    assert_eq!(synced(&mut client).0, ErrorCode::NONE);
    drop(client);
    let mut other = node.connect();
    assert_eq!(&*described(&mut other, "g").group_state, "Stable");
    until("the session ends", || &*described(&mut other, "g").group_state == "Empty");
    assert_eq!(heartbeat(&mut other, &id, 1), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn what_was_committed_is_there_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (running, _) = node(folder.path());
    let mut client = running.connect();
    let groups: Vec<String> = (0..40).map(|number| format!("group-{number}")).collect();
    for (group, offset) in groups.iter().zip(100..) {
        assert_eq!(commit(&mut client, group, "t", 0, 1), ErrorCode::NONE);
        assert_eq!(commit(&mut client, group, "t", 0, offset), ErrorCode::NONE);
    }
    assert_eq!(committed(&mut client, "group-7"), Ok(107));
    assert_eq!(committed(&mut client, "nobody"), Ok(-1));
    assert_eq!(commit(&mut client, "group-1", "t", 9, 5), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(commit(&mut client, "group-1", "u", 0, 5), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    drop((client, running));

    let (running, topic_id) = node(folder.path());
    let mut client = running.connect();
    for (group, offset) in groups.iter().zip(100..) {
        let mut found = committed(&mut client, group);
        while found == Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) {
            found = committed(&mut client, group);
        }
        assert_eq!(found, Ok(offset), "{group}");
    }
    assert_eq!(listed(&mut client).len(), 40);
    delete_groups(&mut client);
    // What was committed in a topic ends with it, and the groups end once nobody needs them.
    let mut running = running;
    running.delete_topic(topic_id);
    until("the offset goes", || committed(&mut client, "group-8") == Ok(-1));
}

fn delete_groups(client: &mut Client) {
    let groups_names = vec!["group-0".into(), "nobody".into()];
    send(client, ApiKey::DeleteGroups, 2, &DeleteGroupsRequest { groups_names });
    let body = client.receive(ApiKey::DeleteGroups, 2).body;
    let answer = DeleteGroupsResponse::decode(&mut Reader::new(&body), 2).unwrap();
    let codes: Vec<_> = answer.results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::GROUP_ID_NOT_FOUND]);
    assert_eq!(committed(client, "group-0"), Ok(-1));
    assert_eq!(listed(client).len(), 39);
}

#[test]
fn a_group_is_not_here_before_its_topic_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    let mut client = node.connect();
    assert_eq!(committed(&mut client, "g"), Err(ErrorCode::NOT_COORDINATOR));
    node.create_topic("__consumer_offsets", 1, &[]);
    until("the shard is there", || committed(&mut client, "g") == Ok(-1));
    // This node is not registered, so that nobody can be sent to it.
    let request = FindCoordinatorRequest { coordinator_keys: vec!["g".into()], ..Default::default() };
    send(&mut client, ApiKey::FindCoordinator, 5, &request);
    let body = client.receive(ApiKey::FindCoordinator, 5).body;
    let answer = FindCoordinatorResponse::decode(&mut Reader::new(&body), 5).unwrap();
    assert_eq!(answer.coordinators[0].error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
}

#[test]
fn with_the_durable_policy_commits_are_answered_from_stable_storage() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    node.create_topic("__consumer_offsets", 1, &[("flush.policy", "durable")]);
    node.create_topic("t", 1, &[]);
    let mut client = node.connect();
    until("the shard is there", || committed(&mut client, "g") == Ok(-1));
    for offset in 1..20 {
        assert_eq!(commit(&mut client, "g", "t", 0, offset), ErrorCode::NONE);
        assert_eq!(committed(&mut client, "g"), Ok(offset));
    }
}

#[test]
fn the_first_rebalance_waits_for_more_members() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node_with(folder.path(), &[("group.initial.rebalance.delay.ms", "1000")]);
    let [mut one, mut other] = [node.connect(), node.connect()];
    let (first, second) = (member(&mut one, LONG_MS), member(&mut other, LONG_MS));
    join(&mut one, &first, LONG_MS);
    join(&mut other, &second, LONG_MS);
    let (leader, follower) = (joined(&mut one), joined(&mut other));
    assert_eq!((leader.generation_id, follower.generation_id), (1, 1));
    assert_eq!(leader.members.len() + follower.members.len(), 2);
}

#[test]
fn groups_keep_to_their_limits() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("group.initial.rebalance.delay.ms", "0"),
        ("group.max.size", "1"),
        ("group.min.session.timeout.ms", "5000"),
        ("group.max.session.timeout.ms", "40000"),
        ("offset.metadata.max.bytes", "5"),
    ];
    let (node, _) = node_with(folder.path(), &settings);
    let [mut one, mut other] = [node.connect(), node.connect()];
    for session_timeout_ms in [4_999, 40_001] {
        join(&mut one, "", session_timeout_ms);
        assert_eq!(joined(&mut one).error_code, ErrorCode::INVALID_SESSION_TIMEOUT);
    }
    let first = member(&mut one, 5_000);
    join(&mut one, &first, 5_000);
    assert_eq!(joined(&mut one).error_code, ErrorCode::NONE);
    join(&mut other, "", 40_000);
    assert_eq!(joined(&mut other).error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(commit(&mut one, "plain", "t", 0, 1), ErrorCode::OFFSET_METADATA_TOO_LARGE);
}

#[test]
fn offsets_outlive_their_group_for_the_time_set() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("offsets.retention.minutes", "2"), ("offsets.retention.check.interval.ms", "10")];
    let (node, _) = node_with(folder.path(), &settings);
    let mut client = node.connect();
    assert_eq!(commit(&mut client, "g", "t", 0, 5), ErrorCode::NONE);
    node.broker.clock.jump(100_000);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(committed(&mut client, "g"), Ok(5));
    node.broker.clock.jump(21_000);
    until("the offset goes", || committed(&mut client, "g") == Ok(-1));
    assert_eq!(listed(&mut client), Vec::<String>::new());
}

#[test]
fn records_of_groups_are_packed_as_set() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node_with(folder.path(), &[("offsets.topic.compression.codec", "2")]);
    assert_eq!(commit(&mut node.connect(), "g", "t", 0, 5), ErrorCode::NONE);
    let logs = (0..3).map(|index| folder.path().join(format!("__consumer_offsets-{index}/{:020}.log", 0)));
    let bytes = logs.filter_map(|path| std::fs::read(path).ok()).find(|bytes| !bytes.is_empty()).unwrap();
    let batch = next_batch(&bytes).unwrap().unwrap();
    assert_eq!(batch.attributes().compression(), Some(Compression::Snappy));
}

#[test]
fn lag_is_told_in_records_and_by_the_age_of_the_first_unread() {
    let folder = tempfile::tempdir().unwrap();
    let (node, _) = node(folder.path());
    let mut client = node.connect();
    let now_ms = node.broker.clock.now_ms();
    for age_ms in [90_000, 60_000, 30_000] {
        let batch = BatchBuilder::new().record(now_ms - age_ms, None, Some(b"value")).build();
        client.produce("t", 0, &batch).unwrap();
    }
    let behind = |records: i64, least_ms: i64, most_ms: i64| {
        let lags = node.broker.group_lags();
        let lag = lags.iter().find(|lag| &*lag.group.group == "g").unwrap();
        let [one] = lag.partitions.as_slice() else { panic!("{lag:?}") };
        assert_eq!(one.records, Some(records));
        let age_ms = one.age_ms.unwrap();
        assert!((least_ms..most_ms).contains(&age_ms), "{age_ms}");
    };
    assert_eq!(commit(&mut client, "g", "t", 0, 1), ErrorCode::NONE);
    behind(2, 60_000, 89_000);
    assert_eq!(commit(&mut client, "g", "t", 0, 2), ErrorCode::NONE);
    behind(1, 30_000, 59_000);
    assert_eq!(commit(&mut client, "g", "t", 0, 3), ErrorCode::NONE);
    behind(0, 0, 1);
}
