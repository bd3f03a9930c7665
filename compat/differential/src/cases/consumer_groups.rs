//! ConsumerGroupHeartbeat 0-1, ConsumerGroupDescribe 0-1: groups of one member of the consumer protocol (KIP-848).

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    DescribeGroupsRequest,
};

use super::Row;
use super::group_members::wait_for_coordinator;
use super::topics::create;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("ConsumerGroupHeartbeat of one member", one_member),
    ("ConsumerGroupHeartbeat that is refused", refused),
    ("ConsumerGroupHeartbeat of a static member", static_member),
    ("ConsumerGroupHeartbeat by regular expression", by_regex),
    ("ConsumerGroupDescribe", described),
];

/// How a member joins: all that it may say at once.
fn joining<'a>(group: &'a str, member_id: &'a str, topics: &[&'a str]) -> ConsumerGroupHeartbeatRequest<'a> {
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: member_id.into(),
        member_epoch: 0,
        rebalance_timeout_ms: 30_000,
        subscribed_topic_names: Some(topics.iter().map(|topic| (*topic).into()).collect()),
        topic_partitions: Some(Vec::new()),
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

/// What a member says that has nothing to say.
fn alive<'a>(group: &'a str, member_id: &'a str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest<'a> {
    ConsumerGroupHeartbeatRequest {
        group_id: group.into(),
        member_id: member_id.into(),
        member_epoch,
        rebalance_timeout_ms: -1,
        ..ConsumerGroupHeartbeatRequest::default()
    }
}

/// The partitions that an answer assigns, as a member confirms them.
fn owned(answer: &ConsumerGroupHeartbeatResponse<'_>) -> Option<Vec<TopicPartitions>> {
    let assigned = answer.assignment.as_ref()?;
    let confirmed = assigned
        .topic_partitions
        .iter()
        .map(|topic| TopicPartitions { topic_id: topic.topic_id, partitions: topic.partitions.clone() });
    Some(confirmed.collect())
}

fn one_member(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::ConsumerGroupHeartbeat) {
        let (group, topic) = (format!("consumers-{version}"), format!("consumed-{version}"));
        create(session, &topic, 3, &[])?;
        wait_for_coordinator(session, &group)?;
        session.note("joins");
        let own_id = if version == 0 { "" } else { "rSqMPDqWTUSHpQnHk5Vs8A" };
        let joined = session.ask(version, &joining(&group, own_id, &[&topic]))?;
        let id = joined.member_id.as_deref().unwrap_or(own_id).to_owned();
        let epoch = joined.member_epoch;
        session.note("has its partitions");
        let request =
            ConsumerGroupHeartbeatRequest { topic_partitions: owned(&joined), ..alive(&group, &id, epoch) };
        session.ask(version, &request)?;
        session.note("alive");
        session.ask(version, &alive(&group, &id, epoch))?;
        for (note, wrong) in [("of the past", epoch - 1), ("of the future", epoch + 1), ("stranger", 77)] {
            session.note(note);
            let stranger = if note == "stranger" { "nobody" } else { id.as_str() };
            session.ask(version, &alive(&group, stranger, wrong))?;
        }
        session.note("goes");
        session.ask(version, &alive(&group, &id, -1))?;
        session.note("goes twice");
        session.ask(version, &alive(&group, &id, -1))?;
        session.note("");
    }
    Ok(())
}

fn refused(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "consumers-refused")?;
    let group = "consumers-refused";
    let id = "rSqMPDqWTUSHpQnHk5Vs8A";
    let requests = [
        ("no group", joining("", id, &["t"])),
        ("no member", joining(group, "", &["t"])),
        (
            "no timeout",
            ConsumerGroupHeartbeatRequest { rebalance_timeout_ms: -1, ..joining(group, id, &["t"]) },
        ),
        (
            "no topics",
            ConsumerGroupHeartbeatRequest { subscribed_topic_names: None, ..joining(group, id, &[]) },
        ),
        (
            "no list of partitions",
            ConsumerGroupHeartbeatRequest { topic_partitions: None, ..joining(group, id, &["t"]) },
        ),
        (
            "empty instance",
            ConsumerGroupHeartbeatRequest { instance_id: Some("".into()), ..joining(group, id, &["t"]) },
        ),
        (
            "empty rack",
            ConsumerGroupHeartbeatRequest { rack_id: Some("".into()), ..joining(group, id, &["t"]) },
        ),
        (
            "unknown assignor",
            ConsumerGroupHeartbeatRequest {
                server_assignor: Some("mine".into()),
                ..joining(group, id, &["t"])
            },
        ),
        ("negative epoch", alive(group, id, -5)),
        ("static leave without a name", alive(group, id, -2)),
        ("not a member", alive(group, id, 3)),
    ];
    for (note, request) in requests {
        session.note(note);
        session.ask(1, &request)?;
    }
    session.note("no member, older");
    session.ask(0, &alive(group, "", 3))?;
    Ok(())
}

fn static_member(session: &mut Session) -> Result<(), Stopped> {
    create(session, "consumed-static", 2, &[])?;
    wait_for_coordinator(session, "consumers-static")?;
    let named = |member_id| ConsumerGroupHeartbeatRequest {
        instance_id: Some("instance".into()),
        ..joining("consumers-static", member_id, &["consumed-static"])
    };
    let (first, second) = ("AAAAPDqWTUSHpQnHk5Vs8A", "BBBBPDqWTUSHpQnHk5Vs8A");
    session.ask(1, &named(first))?;
    session.note("another under the same name");
    session.ask(1, &named(second))?;
    session.note("away for a while");
    session.ask(
        1,
        &ConsumerGroupHeartbeatRequest {
            instance_id: Some("instance".into()),
            ..alive("consumers-static", first, -2)
        },
    )?;
    session.note("another under the same name");
    let back = session.ask(1, &named(second))?;
    session.note("the one before");
    session.ask(
        1,
        &ConsumerGroupHeartbeatRequest {
            instance_id: Some("instance".into()),
            ..alive("consumers-static", first, back.member_epoch)
        },
    )?;
    session.note("goes");
    session.ask(
        1,
        &ConsumerGroupHeartbeatRequest {
            instance_id: Some("instance".into()),
            ..alive("consumers-static", second, -1)
        },
    )?;
    Ok(())
}

fn by_regex(session: &mut Session) -> Result<(), Stopped> {
    create(session, "consumed-by-regex", 2, &[])?;
    wait_for_coordinator(session, "consumers-by-regex")?;
    let id = "CCCCPDqWTUSHpQnHk5Vs8A";
    session.note("malformed");
    session.ask(
        1,
        &ConsumerGroupHeartbeatRequest {
            subscribed_topic_regex: Some("consumed-by-(".into()),
            ..joining("consumers-by-regex", id, &[])
        },
    )?;
    session.note("");
    let joined = session.ask_quietly(
        1,
        &ConsumerGroupHeartbeatRequest {
            subscribed_topic_regex: Some("consumed-by-reg.*".into()),
            ..joining("consumers-by-regex", id, &[])
        },
    )?;
    let mut epoch = joined.member_epoch;
    session.until("its topics are found", |session| {
        let answer = session.ask_quietly(1, &alive("consumers-by-regex", id, epoch))?;
        epoch = answer.member_epoch;
        let count =
            |assigned: &[TopicPartitions]| assigned.iter().map(|topic| topic.partitions.len()).sum::<usize>();
        Ok(owned(&answer).is_some_and(|assigned| count(&assigned) == 2))
    })
}

fn described(session: &mut Session) -> Result<(), Stopped> {
    create(session, "consumed-described", 2, &[])?;
    wait_for_coordinator(session, "consumers-described")?;
    let id = "DDDDPDqWTUSHpQnHk5Vs8A";
    let joined = session.ask_quietly(1, &joining("consumers-described", id, &["consumed-described"]))?;
    if joined.error_code != ErrorCode::NONE {
        return Err(format!("the member cannot join: {joined:?}"));
    }
    for version in versions(ApiKey::ConsumerGroupDescribe) {
        let request = ConsumerGroupDescribeRequest {
            group_ids: vec!["consumers-described".into(), "nowhere".into(), "".into()],
            include_authorized_operations: version >= 1,
        };
        session.ask_sorted(version, &request, |response| {
            response.groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
        })?;
    }
    session.note("as a classic group");
    for version in [5, 6] {
        let groups = vec!["consumers-described".into()];
        session.ask(version, &DescribeGroupsRequest { groups, ..DescribeGroupsRequest::default() })?;
    }
    Ok(())
}
