//! DeleteTopics 1-6 and CreatePartitions 0-3.

use model::Uuid;
use protocol::ApiKey;
use protocol::messages::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use protocol::messages::delete_topics_request::DeleteTopicState;
use protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
};

use super::Row;
use super::topics::create;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("DeleteTopics by name", by_name),
    ("DeleteTopics by id", by_id),
    ("DeleteTopics of illegal requests", illegal),
    ("CreatePartitions", partitions),
    ("CreatePartitions of illegal counts", partition_counts),
    ("CreatePartitions with assignments", partition_assignments),
];

fn delete<'a>(version: i16, topics: &[(Option<&'a str>, Uuid)]) -> DeleteTopicsRequest<'a> {
    let state = |(name, topic_id): &(Option<&'a str>, Uuid)| DeleteTopicState {
        name: name.map(Into::into),
        topic_id: *topic_id,
    };
    let mut request = DeleteTopicsRequest { timeout_ms: 10_000, ..DeleteTopicsRequest::default() };
    if version >= 6 {
        request.topics = topics.iter().map(state).collect();
    } else {
        request.topic_names = topics.iter().filter_map(|(name, _)| name.map(Into::into)).collect();
    }
    request
}

fn sort(response: &mut DeleteTopicsResponse<'static>) {
    response.responses.sort_by(|one, other| {
        (&one.name, one.error_code, &one.error_message).cmp(&(
            &other.name,
            other.error_code,
            &other.error_message,
        ))
    });
}

fn by_name(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DeleteTopics) {
        let name = format!("deleted-{version}");
        create(session, &name, 2, &[])?;
        session.note("known and unknown");
        let wanted = [(Some(&*name), Uuid::ZERO), (Some("never-there"), Uuid::ZERO)];
        session.ask_sorted(version, &delete(version, &wanted), sort)?;
        session.settle()?;
        session.note("gone");
        session.ask(version, &delete(version, &wanted[..1]))?;
        session.note("illegal name");
        session.ask(version, &delete(version, &[(Some("a b"), Uuid::ZERO)]))?;
        session.note("empty name");
        session.ask(version, &delete(version, &[(Some(""), Uuid::ZERO)]))?;
        session.note("none");
        session.ask(version, &delete(version, &[]))?;
    }
    Ok(())
}

fn by_id(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "deleted-by-id", 1, &[])?;
    let unknown = Uuid([6; 16]);
    session.note("unknown id");
    session.ask(6, &delete(6, &[(None, unknown)]))?;
    session.note("id");
    session.ask(6, &delete(6, &[(None, id)]))?;
    session.settle()?;
    session.note("gone");
    session.ask(6, &delete(6, &[(None, id)]))?;
    Ok(())
}

fn illegal(session: &mut Session) -> Result<(), Stopped> {
    let id = create(session, "deleted-never", 1, &[])?;
    let name = Some("deleted-never");
    session.note("name and id");
    session.ask_sorted(6, &delete(6, &[(name, id)]), sort)?;
    session.note("neither name nor id");
    session.ask_or_close(6, &delete(6, &[(None, Uuid::ZERO)]))?;
    session.note("name twice");
    session.ask_sorted(6, &delete(6, &[(name, Uuid::ZERO), (name, Uuid::ZERO)]), sort)?;
    session.note("id twice");
    session.ask_sorted(6, &delete(6, &[(None, id), (None, id)]), sort)?;
    session.note("by name and again by id");
    session.ask_sorted(6, &delete(6, &[(name, Uuid::ZERO), (None, id)]), sort)?;
    session.note("name twice, old version");
    session.ask_sorted(5, &delete(5, &[(name, Uuid::ZERO), (name, Uuid::ZERO)]), sort)?;
    session.note("unknown name twice");
    let unknown = Some("never-there");
    session.ask_sorted(6, &delete(6, &[(unknown, Uuid::ZERO), (unknown, Uuid::ZERO)]), sort)?;
    Ok(())
}

/// A topic, its new count, and the brokers of each new partition.
type Grown<'a> = (&'a str, i32, Option<&'a [&'a [i32]]>);

fn grow<'a>(topics: &[Grown<'a>]) -> CreatePartitionsRequest<'a> {
    let topic = |(name, count, assigned): &Grown<'a>| CreatePartitionsTopic {
        name: (*name).into(),
        count: *count,
        assignments: assigned.map(|assigned| {
            assigned.iter().map(|ids| CreatePartitionsAssignment { broker_ids: ids.to_vec() }).collect()
        }),
    };
    CreatePartitionsRequest {
        topics: topics.iter().map(topic).collect(),
        timeout_ms: 10_000,
        validate_only: false,
    }
}

fn sort_grown(response: &mut CreatePartitionsResponse<'static>) {
    response.results.sort_by(|one, other| one.name.cmp(&other.name));
}

fn partitions(session: &mut Session) -> Result<(), Stopped> {
    create(session, "grown", 1, &[])?;
    for version in versions(ApiKey::CreatePartitions) {
        session.note("only validated");
        let wanted = grow(&[("grown", 50, None)]);
        session.ask(version, &CreatePartitionsRequest { validate_only: true, ..wanted })?;
        session.note("by one, and an unknown topic");
        let count = i32::from(version) + 2;
        session.ask_sorted(
            version,
            &grow(&[("grown", count, None), ("never-there", 3, None)]),
            sort_grown,
        )?;
        session.settle()?;
        session.note("twice the same");
        session.ask_sorted(version, &grow(&[("grown", 20, None), ("grown", 21, None)]), sort_grown)?;
        session.note("none");
        session.ask(version, &grow(&[]))?;
    }
    Ok(())
}

fn partition_counts(session: &mut Session) -> Result<(), Stopped> {
    create(session, "grown-badly", 3, &[])?;
    for version in versions(ApiKey::CreatePartitions) {
        for count in [3, 2, 0, -1, i32::MIN] {
            session.note(format!("{count}"));
            session.ask(version, &grow(&[("grown-badly", count, None)]))?;
        }
        for name in ["", "a b", "."] {
            session.note(format!("topic '{name}'"));
            session.ask(version, &grow(&[(name, 5, None)]))?;
        }
    }
    Ok(())
}

fn partition_assignments(session: &mut Session) -> Result<(), Stopped> {
    create(session, "grown-assigned", 1, &[])?;
    let cases: [(&str, &[&[i32]]); 7] = [
        ("too few", &[]),
        ("one too few", &[&[1]]),
        ("too many", &[&[1], &[1], &[1]]),
        ("unknown broker", &[&[1], &[8]]),
        ("broker twice", &[&[1], &[1, 1]]),
        ("no replicas", &[&[1], &[]]),
        ("right", &[&[1], &[1]]),
    ];
    for version in [0, 2, 3] {
        for (what, assigned) in cases {
            session.note(what);
            let wanted = grow(&[("grown-assigned", 3, Some(assigned))]);
            session.ask(version, &CreatePartitionsRequest { validate_only: true, ..wanted })?;
        }
    }
    Ok(())
}
