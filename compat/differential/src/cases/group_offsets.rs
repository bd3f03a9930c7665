//! OffsetCommit 2-10, OffsetFetch 1-10, OffsetDelete 0.

use model::Uuid;
use protocol::ApiKey;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};

use super::Row;
use super::group_members::wait_for_coordinator;
use super::topics::create;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("OffsetCommit and OffsetFetch", committed),
    ("OffsetCommit that is refused", refused),
    ("OffsetFetch of what is not there", missing),
    ("OffsetDelete", deleted),
];

/// Offsets of one topic, by its name or by its id.
fn commit<'a>(
    version: i16,
    group: &'a str,
    (name, topic_id): (&'a str, Uuid),
    offsets: &[(i32, i64, Option<&'a str>)],
) -> OffsetCommitRequest<'a> {
    let partition = |(index, offset, metadata): &(i32, i64, Option<&'a str>)| OffsetCommitRequestPartition {
        partition_index: *index,
        committed_offset: *offset,
        committed_leader_epoch: if version >= 6 { 3 } else { -1 },
        committed_metadata: metadata.map(Into::into),
    };
    let by_id = version >= 10;
    let topic = OffsetCommitRequestTopic {
        name: if by_id { "".into() } else { name.into() },
        topic_id: if by_id { topic_id } else { Uuid::ZERO },
        partitions: offsets.iter().map(partition).collect(),
    };
    OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        retention_time_ms: -1,
        ..OffsetCommitRequest::default()
    }
}

/// Partitions of topics, or all (`None`).
fn fetch<'a>(
    version: i16,
    group: &'a str,
    topics: Option<&[(&'a str, Uuid, &[i32])]>,
) -> OffsetFetchRequest<'a> {
    if version < 8 {
        let named = |(name, _, indexes): &(&'a str, Uuid, &[i32])| OffsetFetchRequestTopic {
            name: (*name).into(),
            partition_indexes: indexes.to_vec(),
        };
        let topics = topics.map(|topics| topics.iter().map(named).collect());
        return OffsetFetchRequest { group_id: group.into(), topics, ..OffsetFetchRequest::default() };
    }
    let by_id = version >= 10;
    let named = |(name, topic_id, indexes): &(&'a str, Uuid, &[i32])| OffsetFetchRequestTopics {
        name: if by_id { "".into() } else { (*name).into() },
        topic_id: if by_id { *topic_id } else { Uuid::ZERO },
        partition_indexes: indexes.to_vec(),
    };
    let groups = vec![OffsetFetchRequestGroup {
        group_id: group.into(),
        topics: topics.map(|topics| topics.iter().map(named).collect()),
        member_epoch: -1,
        ..OffsetFetchRequestGroup::default()
    }];
    OffsetFetchRequest { groups, topics: Some(Vec::new()), ..OffsetFetchRequest::default() }
}

fn committed(session: &mut Session) -> Result<(), Stopped> {
    let topic_id = create(session, "committed", 3, &[])?;
    let topic = ("committed", topic_id);
    for version in versions(ApiKey::OffsetCommit) {
        let group = format!("commits-{version}");
        wait_for_coordinator(session, &group)?;
        session.note("");
        session.ask(version, &commit(version, &group, topic, &[(0, 5, Some("text")), (2, 0, None)]))?;
        session.note("twice");
        session.ask(version, &commit(version, &group, topic, &[(0, 4, Some(""))]))?;
    }
    for version in versions(ApiKey::OffsetFetch) {
        session.note("named");
        session
            .ask(version, &fetch(version, "commits-9", Some(&[("committed", topic_id, &[0, 1, 2, 9])])))?;
        if version >= 2 {
            session.note("all");
            // In Kafka's answer they come in no order.
            session.ask_sorted(version, &fetch(version, "commits-9", None), |response| {
                for topic in &mut response.topics {
                    topic.partitions.sort_by_key(|partition| partition.partition_index);
                }
                for topic in response.groups.iter_mut().flat_map(|group| &mut group.topics) {
                    topic.partitions.sort_by_key(|partition| partition.partition_index);
                }
            })?;
        }
    }
    Ok(())
}

fn refused(session: &mut Session) -> Result<(), Stopped> {
    let topic_id = create(session, "offsets-refused", 1, &[])?;
    wait_for_coordinator(session, "commits-refused")?;
    let topic = ("offsets-refused", topic_id);
    let long = "x".repeat(4097);
    for version in [2, 8, 9, 10] {
        let group = "commits-refused";
        session.note("unknown partition");
        session.ask(version, &commit(version, group, topic, &[(7, 1, None), (0, 1, None)]))?;
        session.note("unknown topic");
        session.ask(version, &commit(version, group, ("nowhere", Uuid([9; 16])), &[(0, 1, None)]))?;
        session.note("long metadata");
        session.ask(version, &commit(version, group, topic, &[(0, 1, Some(&long)), (0, 2, None)]))?;
        session.note("no group");
        session.ask(version, &commit(version, "", topic, &[(0, 1, None)]))?;
        session.note("member of no group");
        let request = OffsetCommitRequest {
            generation_id_or_member_epoch: 4,
            member_id: "nobody".into(),
            ..commit(version, "no-such-group", topic, &[(0, 1, None)])
        };
        session.ask(version, &request)?;
        session.note("stranger in a group without members");
        let request = OffsetCommitRequest {
            generation_id_or_member_epoch: 4,
            member_id: "nobody".into(),
            ..commit(version, group, topic, &[(0, 1, None)])
        };
        session.ask(version, &request)?;
        session.note("nothing");
        session.ask(
            version,
            &OffsetCommitRequest { topics: Vec::new(), ..commit(version, group, topic, &[]) },
        )?;
        session.note("negative offset");
        session.ask(version, &commit(version, group, topic, &[(0, -5, None)]))?;
    }
    Ok(())
}

fn missing(session: &mut Session) -> Result<(), Stopped> {
    wait_for_coordinator(session, "nobody's")?;
    for version in versions(ApiKey::OffsetFetch) {
        for group in ["nobody's", ""] {
            session.note(format!("group '{group}'"));
            let topics: &[(&str, Uuid, &[i32])] = &[("nowhere", Uuid([9; 16]), &[0, 1])];
            session.ask(version, &fetch(version, group, Some(topics)))?;
        }
        session.note("nothing");
        session.ask(version, &fetch(version, "nobody's", Some(&[])))?;
    }
    Ok(())
}

fn deleted(session: &mut Session) -> Result<(), Stopped> {
    let topic_id = create(session, "offsets-deleted", 2, &[])?;
    wait_for_coordinator(session, "deletes")?;
    let topic = ("offsets-deleted", topic_id);
    session.ask_quietly(9, &commit(9, "deletes", topic, &[(0, 5, None), (1, 6, None)]))?;
    for (note, group, name, index) in [
        ("one", "deletes", "offsets-deleted", 0),
        ("the same", "deletes", "offsets-deleted", 0),
        ("unknown partition", "deletes", "offsets-deleted", 9),
        ("unknown topic", "deletes", "nowhere", 0),
        ("unknown group", "nobody-deletes", "offsets-deleted", 0),
        ("no group", "", "offsets-deleted", 0),
    ] {
        let partitions = vec![OffsetDeleteRequestPartition { partition_index: index }];
        let topics = vec![OffsetDeleteRequestTopic { name: name.into(), partitions }];
        session.note(note);
        session.ask(0, &OffsetDeleteRequest { group_id: group.into(), topics })?;
    }
    session.note("what is left");
    session.ask(9, &fetch(9, "deletes", None))?;
    Ok(())
}
