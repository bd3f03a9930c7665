//! Committed offsets: asked for and written at the group's coordinator.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ErrorCode;
use protocol::VersionRange;
use protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};

use crate::cluster::{Cluster, Deadline, Target};
use crate::coordinators::CoordinatorKind;
use crate::error::Error;

/// Versions of OffsetFetch that ask for several groups, and name topics.
const FETCH_OF_GROUPS: VersionRange = VersionRange::new(8, 9);
/// Versions before those.
const FETCH_OF_ONE: VersionRange = VersionRange::new(1, 7);
/// The versions of OffsetCommit that name topics.
const COMMIT: VersionRange = VersionRange::new(2, 9);

/// Who commits, as the coordinator knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) group: String,
    /// Empty for those that are no member.
    pub(crate) member_id: String,
    pub(crate) instance: Option<String>,
    /// The generation, or in the consumer protocol the epoch of the member; -1 for those that are no member.
    pub(crate) generation: i32,
    /// True where the generation is an epoch.
    pub(crate) is_epoch: bool,
}

impl Identity {
    /// One that is in the group without being a member.
    pub(crate) fn outside(group: &str) -> Identity {
        Identity {
            group: group.to_owned(),
            member_id: String::new(),
            instance: None,
            generation: -1,
            is_epoch: false,
        }
    }
}

/// An offset to be committed, or one that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to be read.
    pub offset: i64,
    /// Epoch of the leader that took the record before it, -1 where that is not known.
    pub leader_epoch: i32,
    /// What the one that committed wrote beside it.
    pub metadata: String,
}

impl CommittedOffset {
    /// An offset with nothing beside it.
    pub fn at(offset: i64) -> CommittedOffset {
        CommittedOffset { offset, leader_epoch: -1, metadata: String::new() }
    }
}

/// A partition by the name of its topic.
pub(crate) type Key = (Arc<str>, i32);

/// Offsets by partition.
pub(crate) type Offsets = BTreeMap<Key, CommittedOffset>;

/// Which committed offsets are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'k> {
    /// Those of all partitions, as they are.
    All,
    /// Those of these, once no transaction is about to change them (KIP-447).
    Stable(&'k [Key]),
}

/// The committed offsets of partitions; those without one are not in the answer.
pub(crate) async fn committed(
    cluster: &Cluster,
    identity: &Identity,
    wanted: Wanted<'_>,
    deadline: Deadline,
) -> Result<Offsets, Error> {
    let topics = match wanted {
        Wanted::All => None,
        Wanted::Stable(keys) => {
            let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for (topic, number) in keys {
                topics.entry(topic).or_default().push(*number);
            }
            Some(topics)
        }
    };
    let of_groups = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: identity.group.as_str().into(),
            member_id: identity.is_epoch.then(|| identity.member_id.as_str().into()),
            member_epoch: if identity.is_epoch { identity.generation } else { -1 },
            topics: topics
                .as_ref()
                .map(|topics| topics.iter().map(|(topic, numbers)| named(topic, numbers)).collect()),
        }],
        require_stable: topics.is_some(),
        ..OffsetFetchRequest::default()
    };
    let target = Target::Coordinator(CoordinatorKind::Group, &identity.group);
    match cluster.ask_in(FETCH_OF_GROUPS, deadline, target, &of_groups, |answer| found(&answer)).await {
        Err(Error::Unsupported(_)) => {}
        answered => return answered,
    }
    let one = |(topic, numbers): (&&str, &Vec<i32>)| OffsetFetchRequestTopic {
        name: (*topic).to_owned().into(),
        partition_indexes: numbers.clone(),
    };
    let of_one = OffsetFetchRequest {
        group_id: identity.group.as_str().into(),
        topics: topics.as_ref().map(|topics| topics.iter().map(one).collect()),
        ..OffsetFetchRequest::default()
    };
    cluster.ask_in(FETCH_OF_ONE, deadline, target, &of_one, |answer| found_of_one(&answer)).await
}

fn named<'t>(topic: &'t str, numbers: &[i32]) -> OffsetFetchRequestTopics<'t> {
    OffsetFetchRequestTopics {
        name: topic.into(),
        partition_indexes: numbers.to_vec(),
        ..OffsetFetchRequestTopics::default()
    }
}

fn found(answer: &OffsetFetchResponse<'_>) -> Result<Offsets, Error> {
    let Some(group) = answer.groups.first() else {
        return Err(Error::Malformed("The server's answer says nothing of the group.".to_owned()));
    };
    Error::check(group.error_code, None)?;
    gather(group.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|one| {
            let (code, offset, epoch) = (one.error_code, one.committed_offset, one.committed_leader_epoch);
            Told {
                topic: &topic.name,
                number: one.partition_index,
                code,
                offset,
                epoch,
                metadata: one.metadata.as_deref(),
            }
        })
    }))
}

fn found_of_one(answer: &OffsetFetchResponse<'_>) -> Result<Offsets, Error> {
    Error::check(answer.error_code, None)?;
    gather(answer.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|one| {
            let (code, offset, epoch) = (one.error_code, one.committed_offset, one.committed_leader_epoch);
            Told {
                topic: &topic.name,
                number: one.partition_index,
                code,
                offset,
                epoch,
                metadata: one.metadata.as_deref(),
            }
        })
    }))
}

/// What an answer of any version tells of a partition.
struct Told<'a> {
    topic: &'a str,
    number: i32,
    code: ErrorCode,
    offset: i64,
    epoch: i32,
    metadata: Option<&'a str>,
}

/// The offsets that were committed; the error is that of the first partition that has one.
fn gather<'a>(told: impl Iterator<Item = Told<'a>>) -> Result<Offsets, Error> {
    let mut offsets = Offsets::new();
    for Told { topic, number, code, offset, epoch, metadata } in told {
        Error::check(code, None)?;
        if offset >= 0 {
            let metadata = metadata.unwrap_or_default().to_owned();
            offsets.insert((topic.into(), number), CommittedOffset { offset, leader_epoch: epoch, metadata });
        }
    }
    Ok(offsets)
}

/// Commits offsets; the error is that of the first partition that has one.
pub(crate) async fn commit(
    cluster: &Cluster,
    identity: &Identity,
    offsets: &Offsets,
    deadline: Deadline,
) -> Result<(), Error> {
    let outcomes = |answer: &OffsetCommitResponse<'_>| {
        let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let refused = partitions.find_map(|partition| refusal(partition.error_code));
        refused.map_or(Ok(()), Err)
    };
    send_commit(cluster, identity, offsets, deadline, outcomes).await
}

/// Sends a commit; `read` takes what is wanted out of the answer.
pub(crate) async fn send_commit<T>(
    cluster: &Cluster,
    identity: &Identity,
    offsets: &Offsets,
    deadline: Deadline,
    mut read: impl FnMut(&OffsetCommitResponse<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut topics: Vec<OffsetCommitRequestTopic<'_>> = Vec::new();
    for ((topic, number), committed) in offsets {
        let partition = OffsetCommitRequestPartition {
            partition_index: *number,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            committed_metadata: Some(committed.metadata.as_str().into()),
        };
        match topics.last_mut().filter(|last| *last.name == **topic) {
            Some(last) => last.partitions.push(partition),
            None => topics.push(OffsetCommitRequestTopic {
                name: (&**topic).into(),
                partitions: vec![partition],
                ..OffsetCommitRequestTopic::default()
            }),
        }
    }
    let request = OffsetCommitRequest {
        group_id: identity.group.as_str().into(),
        generation_id_or_member_epoch: identity.generation,
        member_id: identity.member_id.as_str().into(),
        group_instance_id: identity.instance.as_deref().map(Into::into),
        retention_time_ms: -1,
        topics,
    };
    let target = Target::Coordinator(CoordinatorKind::Group, &identity.group);
    cluster.ask_in(COMMIT, deadline, target, &request, |answer| read(&answer)).await
}

/// Codes that say that the one that commits is no member any more get the sentence of Kafka's consumer.
fn refusal(code: ErrorCode) -> Option<Error> {
    let outside = [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION];
    if code == ErrorCode::REBALANCE_IN_PROGRESS {
        let message = "Offset commit cannot be completed since the consumer is undergoing a rebalance for auto partition assignment. You can try completing the rebalance by calling poll() and then retry the operation.".to_owned();
        return Some(Error::Server { code, message });
    }
    if outside.contains(&code) {
        return Some(not_a_member(code));
    }
    Error::of(code, None)
}

/// The error of one that is no member where only members may commit.
pub(crate) fn not_a_member(code: ErrorCode) -> Error {
    let message = "Offset commit cannot be completed since the consumer is not part of an active group for auto partition assignment; it is likely that the consumer was kicked out of the group.".to_owned();
    Error::Server { code, message }
}
