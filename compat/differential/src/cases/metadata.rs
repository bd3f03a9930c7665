//! Metadata 0-13: brokers, topics by name and id, auto-creation, authorized operations.

use model::Uuid;
use protocol::ApiKey;
use protocol::messages::MetadataRequest;
use protocol::messages::metadata_request::MetadataRequestTopic;

use super::{Row, topics};
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("Metadata of an empty cluster", empty_cluster),
    ("Metadata by name", by_name),
    ("Metadata by id", by_id),
    ("Metadata of illegal topics", illegal),
    ("Metadata creates topics", auto_create),
    ("Metadata authorized operations", operations),
];

fn by_names<'a>(names: &[&'a str]) -> MetadataRequest<'a> {
    let topic = |name: &&'a str| MetadataRequestTopic { topic_id: Uuid::ZERO, name: Some((*name).into()) };
    MetadataRequest {
        topics: Some(names.iter().map(topic).collect()),
        allow_auto_topic_creation: true,
        ..MetadataRequest::default()
    }
}

fn no_creation(version: i16, request: MetadataRequest<'_>) -> MetadataRequest<'_> {
    // Before version 4 topics are always created.
    MetadataRequest { allow_auto_topic_creation: version < 4, ..request }
}

fn empty_cluster(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::Metadata) {
        session.note("of no topic");
        session.ask(version, &no_creation(version, by_names(&[])))?;
        if version > 0 {
            session.note("of all topics");
            let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
            session.ask(version, &no_creation(version, all))?;
        }
    }
    Ok(())
}

fn by_name(session: &mut Session) -> Result<(), Stopped> {
    topics::create(session, "metadata-one", 1, &[])?;
    topics::create(session, "metadata-three", 3, &[])?;
    for version in versions(ApiKey::Metadata) {
        let wanted = by_names(&["metadata-three", "metadata-one"]);
        session.ask_sorted(version, &no_creation(version, wanted), sort)?;
        session.note("twice the same");
        let wanted = by_names(&["metadata-three", "metadata-three"]);
        session.ask_sorted(version, &no_creation(version, wanted), sort)?;
        if version >= 4 {
            session.note("unknown");
            session.ask(version, &no_creation(version, by_names(&["metadata-unknown"])))?;
        }
        session.note("");
    }
    Ok(())
}

fn by_id(session: &mut Session) -> Result<(), Stopped> {
    let id = topics::create(session, "metadata-by-id", 2, &[])?;
    let unknown = Uuid([7; 16]);
    let topic =
        |topic_id, name: Option<&'static str>| MetadataRequestTopic { topic_id, name: name.map(Into::into) };
    let request = |topics| MetadataRequest { topics: Some(topics), ..MetadataRequest::default() };
    for version in 10..=13 {
        session.note("by id");
        session.ask(version, &request(vec![topic(id, None)]))?;
        session.note("by id and name");
        session.ask(version, &request(vec![topic(id, Some("metadata-by-id"))]))?;
        session.note("by unknown id");
        session.ask(version, &request(vec![topic(unknown, None)]))?;
        session.note("by known and unknown id");
        session.ask_sorted(version, &request(vec![topic(id, None), topic(unknown, None)]), sort)?;
        session.note("by id, then by name");
        let both = request(vec![topic(id, None), topic(Uuid::ZERO, Some("metadata-by-id"))]);
        session.ask_or_close(version, &both)?;
        session.note("neither id nor name");
        session.ask_or_close(version, &request(vec![topic(Uuid::ZERO, None)]))?;
    }
    Ok(())
}

fn illegal(session: &mut Session) -> Result<(), Stopped> {
    let long = "x".repeat(250);
    for version in versions(ApiKey::Metadata) {
        for name in ["", ".", "..", "a b", "ä", &long, "__cluster_metadata"] {
            session.note(format!("{name:.20}"));
            session.ask(version, &by_names(&[name]))?;
            if version >= 4 {
                session.note(format!("{name:.20} without creation"));
                session.ask(version, &no_creation(version, by_names(&[name])))?;
            }
        }
    }
    Ok(())
}

fn auto_create(session: &mut Session) -> Result<(), Stopped> {
    let mut names = Vec::new();
    for version in versions(ApiKey::Metadata) {
        names.push(format!("metadata-created-{version}"));
    }
    for (version, name) in versions(ApiKey::Metadata).zip(&names) {
        session.note("first");
        session.ask(version, &by_names(&[name]))?;
        wait_until_described(session, name)?;
        session.note("then");
        session.ask(version, &by_names(&[name]))?;
    }
    session.note("two at once, one of them illegal");
    session.ask_sorted(13, &by_names(&["metadata-created-pair", "a b"]), sort)?;
    session.note("collides");
    session.ask(13, &by_names(&["metadata_created-0"]))?;
    session.note("internal");
    session.ask(13, &by_names(&["__transaction_state"]))?;
    wait_until_described(session, "__transaction_state")?;
    session.note("internal, then");
    session.ask_sorted(13, &by_names(&["__transaction_state"]), sort)?;
    Ok(())
}

fn wait_until_described(session: &mut Session, name: &str) -> Result<(), Stopped> {
    session.until("the topic is described", |session| {
        let answer = session.ask_quietly(12, &no_creation(12, by_names(&[name])))?;
        Ok(answer.topics.iter().all(|topic| topic.error_code.is_none()))
    })
}

fn operations(session: &mut Session) -> Result<(), Stopped> {
    topics::create(session, "metadata-operations", 1, &[])?;
    for version in 8..=13 {
        let wanted = by_names(&["metadata-operations", "metadata-no-operations"]);
        let request = MetadataRequest {
            include_cluster_authorized_operations: version <= 10,
            include_topic_authorized_operations: true,
            ..no_creation(version, wanted)
        };
        session.ask_sorted(version, &request, sort)?;
    }
    Ok(())
}

fn sort(response: &mut protocol::messages::MetadataResponse<'static>) {
    // Not by id: ids are drawn, and their order would differ.
    response.topics.sort_by(|one, other| one.name.cmp(&other.name));
    for topic in &mut response.topics {
        topic.partitions.sort_by_key(|partition| partition.partition_index);
    }
}
