//! FindCoordinator 0-6, JoinGroup 0-9, SyncGroup 0-5, Heartbeat 0-4, LeaveGroup 0-5, DescribeGroups 0-6, ListGroups 0-5,
//! DeleteGroups 0-2: groups of one member, which needs no second connection.

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::join_group_request::JoinGroupRequestProtocol;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, SyncGroupRequest,
};

use super::Row;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("FindCoordinator", coordinators),
    ("FindCoordinator of other kinds", other_coordinators),
    ("JoinGroup, SyncGroup, Heartbeat and LeaveGroup", one_member),
    ("JoinGroup that is refused", joins_refused),
    ("SyncGroup, Heartbeat and LeaveGroup of strangers", strangers),
    ("JoinGroup of a static member", static_member),
    ("DescribeGroups", described),
    ("ListGroups", listed),
    ("DeleteGroups", deleted),
];

const TIMEOUT_MS: i32 = 10_000;

/// Has the internal topic made and the group's shard loaded.
pub fn wait_for_coordinator(session: &mut Session, group: &str) -> Result<(), Stopped> {
    session.until("the coordinator is there", |session| {
        let request = FindCoordinatorRequest { key: group.into(), ..FindCoordinatorRequest::default() };
        Ok(session.ask_quietly(3, &request)?.error_code.is_none())
    })?;
    session.until("the group can be asked for", |session| {
        let request = HeartbeatRequest { group_id: group.into(), ..HeartbeatRequest::default() };
        let code = session.ask_quietly(4, &request)?.error_code;
        Ok(code == ErrorCode::UNKNOWN_MEMBER_ID)
    })
}

fn coordinators(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "found")?;
    for version in versions(ApiKey::FindCoordinator) {
        let mut request = FindCoordinatorRequest::default();
        if version >= 4 {
            request.coordinator_keys = vec!["found".into(), "other".into(), "".into()];
        } else {
            request.key = "found".into();
        }
        session.ask(version, &request)?;
    }
    Ok(())
}

fn other_coordinators(session: &mut Session) -> Result<(), Stopped> {
    for (version, key_type) in [(2, 5), (3, -1), (4, 9), (6, 7)] {
        let mut request = FindCoordinatorRequest { key_type, ..FindCoordinatorRequest::default() };
        if version >= 4 {
            request.coordinator_keys = vec!["key".into()];
        } else {
            request.key = "key".into();
        }
        session.note(format!("of type {key_type}"));
        session.ask(version, &request)?;
    }
    Ok(())
}

/// A JoinGroup as consumers send it.
fn join_request<'a>(group: &'a str, member_id: &'a str) -> JoinGroupRequest<'a> {
    let protocol = |name: &'static str, metadata: &'static [u8]| JoinGroupRequestProtocol {
        name: name.into(),
        metadata: metadata.into(),
    };
    JoinGroupRequest {
        group_id: group.into(),
        session_timeout_ms: TIMEOUT_MS,
        rebalance_timeout_ms: TIMEOUT_MS,
        member_id: member_id.into(),
        protocol_type: "consumer".into(),
        // A subscription to the topic `t`.
        protocols: vec![
            protocol("range", b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"),
            protocol("roundrobin", b"\0\0\0\0\0\x01\0\x01t\xff\xff\xff\xff"),
        ],
        ..JoinGroupRequest::default()
    }
}

/// Joins with an id that the coordinator gives, at version 9 and without comparing.
fn join_quietly(session: &mut Session, group: &str) -> Result<JoinGroupResponse<'static>, Stopped> {
    let given = session.ask_quietly(9, &join_request(group, ""))?;
    session.ask_quietly(9, &join_request(group, &given.member_id))
}

fn sync_request<'a>(
    group: &'a str,
    joined: &'a JoinGroupResponse<'_>,
    assignment: &'a [u8],
    version: i16,
) -> SyncGroupRequest<'a> {
    let member_id = || std::borrow::Cow::Borrowed(&*joined.member_id);
    let assignments =
        vec![SyncGroupRequestAssignment { member_id: member_id(), assignment: assignment.into() }];
    SyncGroupRequest {
        group_id: group.into(),
        generation_id: joined.generation_id,
        member_id: member_id(),
        protocol_type: (version >= 5).then(|| "consumer".into()),
        protocol_name: (version >= 5).then(|| "range".into()),
        assignments,
        ..SyncGroupRequest::default()
    }
}

fn heartbeat_request<'a>(group: &'a str, member_id: &'a str, generation_id: i32) -> HeartbeatRequest<'a> {
    HeartbeatRequest {
        group_id: group.into(),
        generation_id,
        member_id: member_id.into(),
        ..HeartbeatRequest::default()
    }
}

fn leave_request<'a>(group: &'a str, member_id: &'a str, version: i16) -> LeaveGroupRequest<'a> {
    let group_id = group.into();
    if version < 3 {
        return LeaveGroupRequest { group_id, member_id: member_id.into(), ..LeaveGroupRequest::default() };
    }
    let members = vec![MemberIdentity { member_id: member_id.into(), ..MemberIdentity::default() }];
    LeaveGroupRequest { group_id, members, ..LeaveGroupRequest::default() }
}

fn one_member(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::JoinGroup) {
        let group = format!("one-{version}");
        wait_for_coordinator(session, &group)?;
        session.note("newcomer");
        let mut joined = session.ask(version, &join_request(&group, ""))?;
        if version >= 4 {
            let id = joined.member_id.to_string();
            session.note("with its id");
            joined = session.ask(version, &join_request(&group, &id))?;
        }
        let id = joined.member_id.to_string();
        let (sync, heartbeat, leave) = (version.min(5), version.min(4), version.min(5));
        session.note("before its assignment");
        session.ask(heartbeat, &heartbeat_request(&group, &id, 1))?;
        session.note("once more");
        session.ask(version, &join_request(&group, &id))?;
        session.note("with an assignment");
        session.ask(sync, &sync_request(&group, &joined, b"\0\0\0\0\0\0\xff\xff\xff\xff", sync))?;
        session.note("again");
        session.ask(sync, &sync_request(&group, &joined, b"other", sync))?;
        for (note, generation) in [("alive", 1), ("of the past", 0), ("of the future", 2), ("of none", -1)] {
            session.note(note);
            session.ask(heartbeat, &heartbeat_request(&group, &id, generation))?;
        }
        session.note("goes");
        session.ask(leave, &leave_request(&group, &id, leave))?;
        session.note("goes twice");
        session.ask(leave, &leave_request(&group, &id, leave))?;
        session.note("after it went");
        session.ask(heartbeat, &heartbeat_request(&group, &id, 1))?;
        session.note("");
    }
    Ok(())
}

fn joins_refused(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "refused")?;
    for version in [0, 5, 9] {
        let requests = [
            ("no group", JoinGroupRequest { group_id: "".into(), ..join_request("", "") }),
            ("short session", JoinGroupRequest { session_timeout_ms: 1, ..join_request("refused", "") }),
            (
                "long session",
                JoinGroupRequest { session_timeout_ms: i32::MAX, ..join_request("refused", "") },
            ),
            ("unknown member", join_request("refused", "nobody")),
            ("no protocol", JoinGroupRequest { protocols: Vec::new(), ..join_request("refused", "") }),
            ("no type", JoinGroupRequest { protocol_type: "".into(), ..join_request("refused", "") }),
        ];
        for (note, request) in requests {
            session.note(note);
            session.ask(version, &request)?;
        }
    }
    let joined = join_quietly(session, "refused")?;
    session.note("of another type");
    let request = JoinGroupRequest { protocol_type: "connect".into(), ..join_request("refused", "") };
    session.ask(9, &request)?;
    session.note("without a common protocol");
    let protocols = vec![JoinGroupRequestProtocol { name: "mine".into(), metadata: b"".as_slice().into() }];
    session.ask(9, &JoinGroupRequest { protocols, ..join_request("refused", "") })?;
    session.note("sync with another protocol");
    let request = sync_request("refused", &joined, b"", 5);
    session.ask(5, &SyncGroupRequest { protocol_name: Some("other".into()), ..request.clone() })?;
    session.note("sync with another type");
    session.ask(5, &SyncGroupRequest { protocol_type: Some("other".into()), ..request.clone() })?;
    session.note("sync without a protocol");
    session.ask(5, &SyncGroupRequest { protocol_name: None, ..request.clone() })?;
    session.note("sync of another generation");
    session.ask(5, &SyncGroupRequest { generation_id: 9, ..request })?;
    Ok(())
}

fn strangers(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "strange")?;
    for group in ["strange", ""] {
        session.note(format!("group '{group}'"));
        for version in versions(ApiKey::Heartbeat) {
            session.ask(version, &heartbeat_request(group, "nobody", 1))?;
        }
        for version in versions(ApiKey::LeaveGroup) {
            session.ask(version, &leave_request(group, "nobody", version))?;
        }
        for version in versions(ApiKey::SyncGroup) {
            let nobody = JoinGroupResponse { member_id: "nobody".into(), ..JoinGroupResponse::default() };
            session.ask(version, &sync_request(group, &nobody, b"", version))?;
        }
    }
    session.note("nobody leaves");
    let request = LeaveGroupRequest { group_id: "strange".into(), ..LeaveGroupRequest::default() };
    session.ask(5, &request)?;
    Ok(())
}

fn static_member(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "static")?;
    let named = |member_id| JoinGroupRequest {
        group_instance_id: Some("instance".into()),
        ..join_request("static", member_id)
    };
    let first = session.ask(9, &named(""))?;
    session.ask(5, &sync_request("static", &first, b"assigned", 5))?;
    session.note("back under its name");
    let second = session.ask(9, &named(""))?;
    session.note("with the id of before");
    let old = HeartbeatRequest {
        group_instance_id: Some("instance".into()),
        ..heartbeat_request("static", &first.member_id, first.generation_id)
    };
    session.ask(4, &old)?;
    session.ask(9, &named(&first.member_id))?;
    session.note("its assignment");
    let request = SyncGroupRequest {
        group_instance_id: Some("instance".into()),
        assignments: Vec::new(),
        ..sync_request("static", &second, b"", 5)
    };
    session.ask(5, &request)?;
    session.note("described");
    session.ask(5, &DescribeGroupsRequest { groups: vec!["static".into()], ..Default::default() })?;
    session.note("leaves by its name");
    let members = vec![MemberIdentity {
        group_instance_id: Some("instance".into()),
        reason: Some("done".into()),
        ..MemberIdentity::default()
    }];
    session.ask(5, &LeaveGroupRequest { group_id: "static".into(), members, ..Default::default() })?;
    session.note("unknown name");
    let members = vec![MemberIdentity {
        member_id: "nobody".into(),
        group_instance_id: Some("stranger".into()),
        ..MemberIdentity::default()
    }];
    session.ask(4, &LeaveGroupRequest { group_id: "static".into(), members, ..Default::default() })?;
    Ok(())
}

fn described(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "described")?;
    let joined = join_quietly(session, "described")?;
    for version in versions(ApiKey::DescribeGroups) {
        let request = DescribeGroupsRequest {
            groups: vec!["described".into(), "nowhere".into(), "".into()],
            include_authorized_operations: version >= 3,
        };
        session.note("before it is stable");
        // In Kafka's answer they come by their partitions.
        session.ask_sorted(version, &request, |response| {
            response.groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
        })?;
    }
    session.ask_quietly(5, &sync_request("described", &joined, b"assigned", 5))?;
    session.note("stable");
    for version in versions(ApiKey::DescribeGroups) {
        let request = DescribeGroupsRequest { groups: vec!["described".into()], ..Default::default() };
        session.ask(version, &request)?;
    }
    session.ask_quietly(5, &leave_request("described", &joined.member_id, 5))?;
    session.note("empty");
    session.ask(6, &DescribeGroupsRequest { groups: vec!["described".into()], ..Default::default() })?;
    Ok(())
}

fn listed(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "listed")?;
    let joined = join_quietly(session, "listed")?;
    session.ask_quietly(5, &sync_request("listed", &joined, b"assigned", 5))?;
    for version in versions(ApiKey::ListGroups) {
        session.note("all");
        // Other cases leave groups behind.
        session.ask_sorted(version, &ListGroupsRequest::default(), |response| {
            response.groups.retain(|group| group.group_id == "listed");
        })?;
    }
    for (states, types) in [
        (vec!["Stable"], vec![]),
        (vec!["stable", "empty"], vec!["classic"]),
        (vec!["Empty"], vec![]),
        (vec![], vec!["Consumer"]),
        (vec!["nonsense"], vec![]),
        (vec![], vec!["nonsense"]),
    ] {
        session.note(format!("{states:?} {types:?}"));
        let request = ListGroupsRequest {
            states_filter: states.into_iter().map(Into::into).collect(),
            types_filter: types.into_iter().map(Into::into).collect(),
        };
        session.ask_sorted(5, &request, |response| {
            response.groups.retain(|group| group.group_id == "listed");
        })?;
    }
    session.ask_quietly(5, &leave_request("listed", &joined.member_id, 5))?;
    Ok(())
}

fn deleted(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DeleteGroups) {
        let (used, empty) = (format!("used-{version}"), format!("unused-{version}"));
        wait_for_coordinator(session, &used)?;
        wait_for_coordinator(session, &empty)?;
        join_quietly(session, &used)?;
        let joined = join_quietly(session, &empty)?;
        session.ask_quietly(5, &leave_request(&empty, &joined.member_id, 5))?;
        let names = [used.as_str(), &empty, "nowhere", ""];
        let request = DeleteGroupsRequest { groups_names: names.iter().map(|name| (*name).into()).collect() };
        session.ask_sorted(version, &request, |response| {
            response.results.sort_by(|one, other| one.group_id.cmp(&other.group_id));
        })?;
        session.note("again");
        session.ask(version, &DeleteGroupsRequest { groups_names: vec![empty.as_str().into()] })?;
        session.note("");
    }
    Ok(())
}
