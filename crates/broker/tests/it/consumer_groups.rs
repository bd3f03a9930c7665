//! Groups of the consumer protocol over sockets: each of their settings has the effect that it promises.

use std::path::Path;
use std::time::Duration;

use model::ErrorCode;
use protocol::messages::consumer_group_describe_response::DescribedGroup;
use protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
};
use protocol::{ApiKey, Reader};
use records::next_batch;

use crate::appends::until;
use crate::client::Client;
use crate::groups::{LONG_MS, described, join_saying, joined, member, sync, synced};
use crate::node::{BROKER, Node, Setup};

const HEARTBEAT: i16 = 1;
const DESCRIBE: i16 = 1;
/// Code of the resource that holds the settings of one group.
const GROUP: i8 = 32;
/// Kafka's subscription of version 0 to the topic `t`, without data of the user's.
const SUBSCRIPTION: &[u8] = &[0, 0, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff];
/// Kafka's assignment of version 0 of nothing.
const ASSIGNMENT: &[u8] = &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];

/// A node with the topics `__consumer_offsets` and `t`.
fn node(folder: &Path, settings: &[(&str, &str)]) -> Node {
    let quick = [("group.initial.rebalance.delay.ms", "0")];
    let settings: Vec<_> = quick.iter().chain(settings).copied().collect();
    let mut node = Setup { settings: &settings, ..Setup::new(folder) }.start();
    node.create_topic("__consumer_offsets", 1, &[]);
    node.create_topic("t", 2, &[]);
    node
}

/// What a member says that joins, or that lives where it has an epoch already.
fn says<'a>(group: &'a str, member: &'a str, epoch: i32) -> ConsumerGroupHeartbeatRequest<'a> {
    let joins = epoch == 0;
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: member.into(),
        member_epoch: epoch,
        rebalance_timeout_ms: if joins { 60_000 } else { -1 },
        subscribed_topic_names: joins.then(|| vec!["t".into()]),
        topic_partitions: joins.then(Vec::new),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

fn send(
    client: &mut Client,
    request: &ConsumerGroupHeartbeatRequest<'_>,
) -> ConsumerGroupHeartbeatResponse<'static> {
    begin(client, request);
    answer(client)
}

fn begin(client: &mut Client, request: &ConsumerGroupHeartbeatRequest<'_>) {
    let frame = client.frame(ApiKey::ConsumerGroupHeartbeat, HEARTBEAT, request);
    client.send(&frame);
}

fn answer(client: &mut Client) -> ConsumerGroupHeartbeatResponse<'static> {
    let body = client.receive(ApiKey::ConsumerGroupHeartbeat, HEARTBEAT).body;
    ConsumerGroupHeartbeatResponse::decode(&mut Reader::new(&body), HEARTBEAT).unwrap().into_owned()
}

fn beat(
    client: &mut Client,
    group: &str,
    member: &str,
    epoch: i32,
) -> ConsumerGroupHeartbeatResponse<'static> {
    send(client, &says(group, member, epoch))
}

fn shown(client: &mut Client, group: &str) -> DescribedGroup<'static> {
    let request = ConsumerGroupDescribeRequest { group_ids: vec![group.into()], ..Default::default() };
    let frame = client.frame(ApiKey::ConsumerGroupDescribe, DESCRIBE, &request);
    client.send(&frame);
    let body = client.receive(ApiKey::ConsumerGroupDescribe, DESCRIBE).body;
    let answer = ConsumerGroupDescribeResponse::decode(&mut Reader::new(&body), DESCRIBE).unwrap();
    answer.into_owned().groups.remove(0)
}

/// Batches that have been written for groups.
fn batches(folder: &Path) -> usize {
    let bytes = std::fs::read(folder.join(format!("__consumer_offsets-0/{:020}.log", 0))).unwrap();
    let mut rest = bytes.as_slice();
    let next = || {
        let size = next_batch(rest).unwrap()?.size();
        rest = &rest[size..];
        Some(())
    };
    std::iter::from_fn(next).count()
}

#[test]
fn changes_of_consumer_groups_that_come_together_are_one_batch_and_hold_after_a_start() {
    for (linger_ms, expected) in [("300", 1..3), ("0", 3..4)] {
        let folder = tempfile::tempdir().unwrap();
        let first = node(folder.path(), &[("group.coordinator.append.linger.ms", linger_ms)]);
        let members = ["a", "b", "c"];
        let mut clients = members.map(|_| first.connect());
        for (client, member) in clients.iter_mut().zip(members) {
            begin(client, &says("g", member, 0));
        }
        let told = clients.each_mut().map(|client| answer(client));
        assert!(told.iter().all(|answer| answer.error_code.is_none()), "{told:?}");
        let written = batches(folder.path());
        assert!(expected.contains(&written), "{written} batches");
        let before = shown(&mut clients[0], "g");
        assert_eq!(before.members.len(), 3);
        drop((clients, first));
        let again = node(folder.path(), &[]);
        let mut client = again.connect();
        until("the group is loaded", || shown(&mut client, "g") == before);
    }
}

#[test]
fn members_of_consumer_groups_are_told_the_heartbeat_interval_set_within_its_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("group.consumer.heartbeat.interval.ms", "2000"),
        ("group.consumer.min.heartbeat.interval.ms", "1000"),
        ("group.consumer.max.heartbeat.interval.ms", "3000"),
    ];
    let mut node = node(folder.path(), &settings);
    let mut client = node.connect();
    let first = beat(&mut client, "g", "m", 0);
    assert_eq!((first.error_code, first.heartbeat_interval_ms), (ErrorCode::NONE, 2000));
    for (own, told) in [(Some("1500"), 1500), (Some("500"), 1000), (Some("9000"), 3000), (None, 2000)] {
        node.configure(GROUP, "g", "consumer.heartbeat.interval.ms", own);
        assert_eq!(beat(&mut client, "g", "m", first.member_epoch).heartbeat_interval_ms, told);
    }
}

#[test]
fn silent_members_of_consumer_groups_are_gone_after_the_session_timeout_set_within_its_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("group.consumer.min.heartbeat.interval.ms", "10"),
        ("group.consumer.heartbeat.interval.ms", "20"),
        ("group.consumer.session.timeout.ms", "300"),
        ("group.consumer.min.session.timeout.ms", "300"),
        ("group.consumer.max.session.timeout.ms", "400"),
    ];
    let mut node = node(folder.path(), &settings);
    node.configure(GROUP, "own", "consumer.session.timeout.ms", Some("3600000"));
    let mut client = node.connect();
    for group in ["g", "own"] {
        assert_eq!(beat(&mut client, group, "m", 0).error_code, ErrorCode::NONE);
        assert_eq!(&*shown(&mut client, group).group_state, "Stable");
    }
    for group in ["g", "own"] {
        until("the session ends", || &*shown(&mut client, group).group_state == "Empty");
        assert_eq!(beat(&mut client, group, "m", 2).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    }
}

#[test]
fn no_consumer_group_has_a_shorter_session_timeout_than_the_least_one_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = node(folder.path(), &[("group.consumer.min.session.timeout.ms", "40000")]);
    node.configure(GROUP, "g", "consumer.session.timeout.ms", Some("1"));
    let mut client = node.connect();
    let epoch = beat(&mut client, "g", "m", 0).member_epoch;
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(beat(&mut client, "g", "m", epoch).error_code, ErrorCode::NONE);
}

#[test]
fn consumer_groups_take_no_more_members_than_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[("group.consumer.max.size", "2")]);
    let mut client = node.connect();
    for (member, code) in
        [("a", ErrorCode::NONE), ("b", ErrorCode::NONE), ("c", ErrorCode::GROUP_MAX_SIZE_REACHED)]
    {
        assert_eq!(beat(&mut client, "g", member, 0).error_code, code);
    }
}

#[test]
fn members_of_consumer_groups_choose_among_the_assignors_set_and_the_first_is_the_default() {
    for (set, refused) in [("range", "uniform"), ("uniform", "range"), ("range,uniform", "sticky")] {
        let folder = tempfile::tempdir().unwrap();
        let node = node(folder.path(), &[("group.consumer.assignors", set)]);
        let mut client = node.connect();
        let asks = |assignor: &'static str| ConsumerGroupHeartbeatRequest {
            server_assignor: Some(assignor.into()),
            ..says("g", "m", 0)
        };
        let answer = send(&mut client, &asks(refused));
        assert_eq!(answer.error_code, ErrorCode::UNSUPPORTED_ASSIGNOR, "{set}");
        assert_eq!(beat(&mut client, "g", "m", 0).error_code, ErrorCode::NONE);
        let first = set.split(',').next().unwrap();
        assert_eq!(&*shown(&mut client, "g").assignor_name, first);
        for assignor in set.split(',') {
            let last: &'static str = if assignor == "range" { "range" } else { "uniform" };
            assert_eq!(send(&mut client, &asks(last)).error_code, ErrorCode::NONE);
            assert_eq!(&*shown(&mut client, "g").assignor_name, last, "what its members ask for");
        }
    }
}

/// A classic group of one member, stable, asked by somebody who speaks the consumer protocol.
fn upgrade(client: &mut Client) -> ErrorCode {
    let id = member(client, LONG_MS);
    join_saying(client, &id, LONG_MS, SUBSCRIPTION);
    let generation = joined(client).generation_id;
    sync(client, &id, generation, &[(&id, ASSIGNMENT)]);
    assert_eq!(synced(client).0, ErrorCode::NONE);
    beat(client, "g", "newcomer", 0).error_code
}

/// Whether a consumer group is a classic one once only a member of that kind is left; an error where none may come.
fn downgrade(client: &mut Client) -> Result<bool, ErrorCode> {
    let epoch = beat(client, "g", "leaver", 0).member_epoch;
    join_saying(client, "", LONG_MS, SUBSCRIPTION);
    let told = joined(client);
    if told.error_code != ErrorCode::MEMBER_ID_REQUIRED {
        return Err(told.error_code);
    }
    let id = told.member_id.into_owned();
    join_saying(client, &id, LONG_MS, SUBSCRIPTION);
    assert_eq!(joined(client).error_code, ErrorCode::NONE);
    assert!(epoch > 0);
    assert_eq!(beat(client, "g", "leaver", -1).error_code, ErrorCode::NONE);
    Ok(&*described(client, "g").group_state != "Dead")
}

#[test]
fn groups_change_their_protocol_only_the_ways_that_are_set() {
    let refused = ErrorCode::GROUP_ID_NOT_FOUND;
    for (policy, upgraded, downgraded) in [
        ("disabled", refused, Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)),
        ("Upgrade", ErrorCode::NONE, Ok(false)),
        ("downgrade", refused, Ok(true)),
        ("BIDIRECTIONAL", ErrorCode::NONE, Ok(true)),
    ] {
        let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let settings = [("group.consumer.migration.policy", policy)];
        assert_eq!(upgrade(&mut node(one.path(), &settings).connect()), upgraded, "{policy}");
        assert_eq!(downgrade(&mut node(other.path(), &settings).connect()), downgraded, "{policy}");
    }
}

#[test]
fn an_assignment_stands_for_the_time_set_now_within_its_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("group.consumer.assignment.interval.ms", "600000"),
        ("group.consumer.min.assignment.interval.ms", "0"),
        ("group.consumer.max.assignment.interval.ms", "600000"),
    ];
    let mut node = node(folder.path(), &settings);
    let mut client = node.connect();
    // A second member brings no other assignment yet.
    let stands = |client: &mut Client, group: &str| {
        assert_eq!(beat(client, group, "one", 0).error_code, ErrorCode::NONE);
        let epoch = beat(client, group, "two", 0).member_epoch;
        let shown = shown(client, group);
        assert!(shown.group_epoch > shown.assignment_epoch, "{shown:?}");
        epoch
    };
    let is_new = |client: &mut Client, group: &str, epoch: i32| {
        assert_eq!(beat(client, group, "two", epoch).error_code, ErrorCode::NONE);
        let shown = shown(client, group);
        shown.group_epoch == shown.assignment_epoch
    };
    let epoch = stands(&mut client, "own");
    node.configure(GROUP, "own", "consumer.assignment.interval.ms", Some("0"));
    assert!(is_new(&mut client, "own", epoch));
    let epoch = stands(&mut client, "g");
    assert!(!is_new(&mut client, "g", epoch));
    node.configure(BROKER, "", "group.consumer.assignment.interval.ms", Some("0"));
    assert!(is_new(&mut client, "g", epoch));
}

#[test]
fn the_consumer_protocol_is_not_served_where_it_is_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[("group.coordinator.rebalance.protocols", "classic")]);
    assert_eq!(beat(&mut node.connect(), "g", "m", 0).error_code, ErrorCode::UNSUPPORTED_VERSION);
}
