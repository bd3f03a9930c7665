//! OffsetFetch 1-10: how far groups have come.

use metadata::Image;
use model::{ErrorCode, Uuid};
use protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};
use protocol::{ApiKey, VersionRange};
use tokio::sync::oneshot;
use transport::Outbound;

use super::later;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::OffsetFetch, versions: VersionRange::new(1, 10), serve };

/// An answer has an error of its own, beside those of partitions, from this version on.
const ERROR_SINCE: i16 = 2;
/// A request is about several groups from this version on (KIP-709).
const GROUPS_SINCE: i16 = 8;
/// Topics are named by their ids from this version on (KIP-848).
const IDS_SINCE: i16 = 10;

/// What a group has committed.
struct Found {
    group: OffsetFetchResponseGroup<'static>,
    /// Tells when that is on stable storage, unless it is.
    settled: Option<oneshot::Receiver<()>>,
}

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: OffsetFetchRequest<'_> = request.decode(body)?;
    let version = request.version();
    if version < GROUPS_SINCE {
        let group = of_one(asked);
        let found = fetch(request, &group);
        if found.settled.is_none() {
            return request.answer(out, &response_of_one(found.group, &group, version));
        }
        let group = group.into_owned();
        return Ok(later(request, async move { response_of_one(found.settle().await, &group, version) }));
    }
    let image = request.broker().metadata.image();
    let found = asked.groups.into_iter().map(|group| match version >= IDS_SINCE {
        true => fetch_by_id(request, group, &image),
        false => fetch(request, &group),
    });
    let found: Vec<_> = found.collect();
    let response = |groups| OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
    if found.iter().all(|found| found.settled.is_none()) {
        return request.answer(out, &response(found.into_iter().map(|found| found.group).collect()));
    }
    Ok(later(request, async move {
        let mut groups = Vec::with_capacity(found.len());
        for one in found {
            groups.push(one.settle().await);
        }
        response(groups)
    }))
}

fn fetch(request: &Request<'_>, group: &OffsetFetchRequestGroup<'_>) -> Found {
    let broker = request.broker();
    let shard = broker.groups.shard_of(&group.group_id);
    match shard.and_then(|shard| shard.look_at_offsets(broker, |shard| shard.fetch_offsets(group))) {
        Ok((group, settled)) => Found { group, settled },
        Err(code) => Found { group: refused_group(&group.group_id, code), settled: None },
    }
}

impl Found {
    /// Once it is on stable storage; another coordinator may know better where that fails.
    async fn settle(self) -> OffsetFetchResponseGroup<'static> {
        if let Some(settled) = self.settled
            && settled.await.is_err()
        {
            return refused_group(&self.group.group_id, ErrorCode::NOT_COORDINATOR);
        }
        self.group
    }
}

fn refused_group(id: &str, error_code: ErrorCode) -> OffsetFetchResponseGroup<'static> {
    let group_id = id.to_owned().into();
    OffsetFetchResponseGroup { group_id, error_code, ..OffsetFetchResponseGroup::default() }
}

/// The group of an older request.
fn of_one(asked: OffsetFetchRequest<'_>) -> OffsetFetchRequestGroup<'_> {
    let topics = asked.topics.map(|topics| {
        let named = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            partition_indexes: topic.partition_indexes,
            ..OffsetFetchRequestTopics::default()
        });
        named.collect()
    });
    OffsetFetchRequestGroup { group_id: asked.group_id, topics, ..OffsetFetchRequestGroup::default() }
}

fn response_of_one(
    found: OffsetFetchResponseGroup<'static>,
    group: &OffsetFetchRequestGroup<'_>,
    version: i16,
) -> OffsetFetchResponse<'static> {
    let mut topics = found.topics;
    if version < ERROR_SINCE && !found.error_code.is_none() {
        topics = group.topics.iter().flatten().map(|topic| refused(topic, found.error_code)).collect();
    }
    let old = |partition: OffsetFetchResponsePartitions<'static>| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    };
    let topics = topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(old).collect(),
    });
    OffsetFetchResponse {
        topics: topics.collect(),
        error_code: found.error_code,
        ..OffsetFetchResponse::default()
    }
}

/// Topics that are not known by their ids are answered behind those that are.
fn fetch_by_id(request: &Request<'_>, mut group: OffsetFetchRequestGroup<'_>, image: &Image) -> Found {
    let mut unknown = Vec::new();
    if let Some(topics) = &mut group.topics {
        let mut known = Vec::with_capacity(topics.len());
        for mut topic in std::mem::take(topics) {
            match image.topics.get_by_id(topic.topic_id) {
                Some(found) => {
                    topic.name = found.name.to_string().into();
                    known.push(topic);
                }
                None => unknown.push(refused(&topic, ErrorCode::UNKNOWN_TOPIC_ID)),
            }
        }
        *topics = known;
    }
    let mut found = fetch(request, &group);
    let topics = &mut found.group.topics;
    for topic in topics.iter_mut().filter(|topic| topic.topic_id == Uuid::ZERO) {
        topic.topic_id = image.topics.get(&topic.name).map_or(Uuid::ZERO, |topic| topic.id);
    }
    // What is left of a topic that was deleted cannot be named.
    topics.retain(|topic| topic.topic_id != Uuid::ZERO);
    if found.group.error_code.is_none() {
        topics.extend(unknown);
    }
    found
}

fn refused(
    topic: &OffsetFetchRequestTopics<'_>,
    error_code: ErrorCode,
) -> OffsetFetchResponseTopics<'static> {
    let partitions = topic.partition_indexes.iter().map(|index| OffsetFetchResponsePartitions {
        partition_index: *index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some("".into()),
        error_code,
    });
    OffsetFetchResponseTopics {
        name: topic.name.to_string().into(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
    }
}
