//! Requests about groups that make no sense: each gets the error that Kafka gives, and nobody else notices.

use std::io::Read;

use model::ErrorCode;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest,
    SyncGroupResponse,
};
use protocol::messages::{join_group_request::JoinGroupRequestProtocol, leave_group_request::MemberIdentity};
use protocol::{ApiKey, Message, Reader, Writer, encode_request_header};

use crate::appends::until;
use crate::client::Client;
use crate::groups::{
    LONG_MS, commit, committed, described, heartbeat, join, join_saying, joined, member, sync, synced,
};
use crate::node::{Node, Setup};

/// Joins of one client that goes no further.
const JOINS: usize = 10_000;
/// How many of them are under way at once.
const IN_FLIGHT: usize = 100;

fn node(folder: &std::path::Path, settings: &[(&str, &str)]) -> Node {
    let quick = [("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "100")];
    let settings: Vec<_> = quick.iter().chain(settings).copied().collect();
    let mut node = Setup { settings: &settings, ..Setup::new(folder) }.start();
    node.create_topic("__consumer_offsets", 1, &[]);
    node.create_topic("t", 1, &[]);
    node
}

/// The answer, as `read` finds it in the body.
fn ask<'q, Q: Message<'q>, R>(
    client: &mut Client,
    (api_key, version): (ApiKey, i16),
    request: &Q,
    read: impl FnOnce(&mut Reader<'_>) -> R,
) -> R {
    let frame = client.frame(api_key, version, request);
    client.send(&frame);
    let body = client.receive(api_key, version).body;
    read(&mut Reader::new(&body))
}

/// What becomes of each request of members for a group of that name.
fn errors_of(client: &mut Client, group: &str) -> [ErrorCode; 6] {
    let protocols = vec![JoinGroupRequestProtocol { name: "range".into(), metadata: b""[..].into() }];
    let joining = JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: LONG_MS,
        rebalance_timeout_ms: LONG_MS,
        protocol_type: "consumer".into(),
        protocols,
        ..Default::default()
    };
    let syncing = SyncGroupRequest {
        group_id: group.into(),
        generation_id: 1,
        member_id: "m".into(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: vec![SyncGroupRequestAssignment::default()],
        ..Default::default()
    };
    let living = HeartbeatRequest {
        group_id: group.into(),
        generation_id: 1,
        member_id: "m".into(),
        ..Default::default()
    };
    let identity = MemberIdentity { member_id: "m".into(), ..Default::default() };
    let leaving = LeaveGroupRequest { group_id: group.into(), members: vec![identity], ..Default::default() };
    let beating = ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: "m".into(),
        rebalance_timeout_ms: 1000,
        subscribed_topic_names: Some(vec!["t".into()]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    };
    [
        ask(client, (ApiKey::JoinGroup, 9), &joining, |body| {
            JoinGroupResponse::decode(body, 9).unwrap().error_code
        }),
        ask(client, (ApiKey::SyncGroup, 5), &syncing, |body| {
            SyncGroupResponse::decode(body, 5).unwrap().error_code
        }),
        ask(client, (ApiKey::Heartbeat, 4), &living, |body| {
            HeartbeatResponse::decode(body, 4).unwrap().error_code
        }),
        ask(client, (ApiKey::LeaveGroup, 5), &leaving, |body| {
            let left = LeaveGroupResponse::decode(body, 5).unwrap();
            left.members.first().map_or(left.error_code, |member| member.error_code)
        }),
        ask(client, (ApiKey::ConsumerGroupHeartbeat, 1), &beating, |body| {
            ConsumerGroupHeartbeatResponse::decode(body, 1).unwrap().error_code
        }),
        commit(client, group, "t", 0, 1),
    ]
}

#[test]
fn groups_without_a_name_never_begin_and_the_longest_name_that_can_be_said_is_as_good_as_any() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[]);
    let mut client = node.connect();
    let nameless = [ErrorCode::INVALID_GROUP_ID; 4];
    let told = errors_of(&mut client, "");
    assert_eq!(told[..4], nameless);
    // Commits without a group are an old client's way to keep offsets of its own.
    assert_eq!(told[4..], [ErrorCode::INVALID_REQUEST, ErrorCode::NONE]);
    // The longest that can be.
    let longest = "g".repeat(32_767);
    assert_eq!(commit(&mut client, &longest, "t", 0, 7), ErrorCode::NONE);
    assert_eq!(committed(&mut client, &longest), Ok(7));
    let told = errors_of(&mut client, &longest);
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(told[..4], [ErrorCode::MEMBER_ID_REQUIRED, unknown, unknown, unknown]);
    // It has a member now, so that nobody else may commit.
    assert_eq!(told[4..], [ErrorCode::NONE, unknown]);
    drop((client, node));
    let node = self::node(folder.path(), &[]);
    until("all of it is there after a start", || committed(&mut node.connect(), &longest) == Ok(7));
}

/// A request that begins with a text of so many bytes, more than Kafka lets any text have.
fn with_text_of(client: &mut Client, api_key: ApiKey, version: i16, length: u32) {
    let mut writer = Writer::new();
    let place = writer.begin_frame();
    encode_request_header(&mut writer, api_key, version, 1, Some("test")).unwrap();
    writer.unsigned_varint(length + 1);
    writer.raw(&vec![b'g'; length as usize]);
    writer.raw(&[0; 100]);
    writer.end_frame(place, 0).unwrap();
    client.send(&writer.into_vec());
}

#[test]
fn a_name_longer_than_any_text_may_be_ends_the_connection_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[]);
    let mut other = node.connect();
    for (api_key, version) in [
        (ApiKey::JoinGroup, 9),
        (ApiKey::SyncGroup, 5),
        (ApiKey::Heartbeat, 4),
        (ApiKey::LeaveGroup, 5),
        (ApiKey::ConsumerGroupHeartbeat, 1),
        (ApiKey::OffsetCommit, 9),
    ] {
        let mut client = node.connect();
        with_text_of(&mut client, api_key, version, 32_768);
        assert!(matches!(client.stream.read(&mut [0]), Ok(0) | Err(_)), "{api_key:?}");
        assert_eq!(commit(&mut other, "other", "t", 0, 5), ErrorCode::NONE);
    }
}

#[test]
fn what_members_say_is_passed_on_however_malformed_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[]);
    let mut client = node.connect();
    // Nothing at all, a count beyond the end, a negative one, a name beyond the end, and text.
    let malformed: [&[u8]; 5] = [
        b"",
        &[0, 0, 0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0xff, 0xff, 0xff, 0xfe, 0, 0],
        &[0, 3, 0, 0, 0, 1, 0x7f, 0xff, b't'],
        b"said",
    ];
    let id = member(&mut client, LONG_MS);
    for (said, generation) in malformed.iter().zip(1..) {
        join_saying(&mut client, &id, LONG_MS, said);
        let told = joined(&mut client);
        assert_eq!((told.error_code, told.generation_id), (ErrorCode::NONE, generation));
        assert_eq!(&*told.members[0].metadata, *said);
        sync(&mut client, &id, generation, &[(&id, said)]);
        assert_eq!(synced(&mut client), (ErrorCode::NONE, said.to_vec()));
        // A coordinator that does not know what is read deletes nothing of it.
        assert_eq!(&*described(&mut client, "g").group_state, "Stable");
    }
}

#[test]
fn ten_thousand_joins_of_a_client_that_goes_no_further_keep_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[]);
    let mut client = node.connect();
    for _ in 0..JOINS / IN_FLIGHT {
        (0..IN_FLIGHT).for_each(|_| join(&mut client, "", 2_000));
        for _ in 0..IN_FLIGHT {
            assert_eq!(joined(&mut client).error_code, ErrorCode::MEMBER_ID_REQUIRED);
        }
    }
    let mut other = node.connect();
    let id = member(&mut other, LONG_MS);
    join(&mut other, &id, LONG_MS);
    let told = joined(&mut other);
    assert_eq!((told.error_code, told.generation_id), (ErrorCode::NONE, 1));
    sync(&mut other, &id, 1, &[(&id, b"all")]);
    assert_eq!(synced(&mut other), (ErrorCode::NONE, b"all".to_vec()));
    assert_eq!(heartbeat(&mut other, &id, 1), ErrorCode::NONE);
    // Once the ids are forgotten the group rebalances as if they had never been.
    join(&mut other, &id, LONG_MS);
    let told = joined(&mut other);
    assert_eq!((told.error_code, told.generation_id), (ErrorCode::NONE, 2));
}

#[test]
fn a_member_that_says_more_than_a_record_can_hold_is_refused_and_disturbs_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path(), &[]);
    let mut client = node.connect();
    assert_eq!(commit(&mut client, "other", "t", 0, 5), ErrorCode::NONE);
    let names = (0..100).map(|number| format!("{number:032000}").into()).collect();
    let request = ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: "m".into(),
        rebalance_timeout_ms: 1000,
        subscribed_topic_names: Some(names),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    };
    for _ in 0..100 {
        let error = ask(&mut client, (ApiKey::ConsumerGroupHeartbeat, 1), &request, |body| {
            ConsumerGroupHeartbeatResponse::decode(body, 1).unwrap().error_code
        });
        assert_eq!(error, ErrorCode::UNKNOWN_SERVER_ERROR);
        assert_eq!(committed(&mut client, "other"), Ok(5));
    }
}
