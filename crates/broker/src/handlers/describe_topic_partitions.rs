//! DescribeTopicPartitions 0: partitions of topics page by page, with eligible leader replicas (KIP-966).

use std::borrow::Cow;

use metadata::Image;
use metadata::image::{Partition, Topic};
use model::{ErrorCode, TopicName, Uuid};
use protocol::messages::describe_topic_partitions_request::{DescribeTopicPartitionsRequest, TopicRequest};
use protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::metadata::offline_replicas;
use crate::dispatch::Api;
use crate::permissions::TOPIC_OPERATIONS;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DescribeTopicPartitions, versions: VersionRange::new(0, 0), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeTopicPartitionsRequest<'_> = request.decode(body)?;
    let image = request.broker().metadata.image();
    let begin = asked.cursor.as_ref().map(|cursor| (cursor.topic_name.as_ref(), cursor.partition_index));
    let mut names: Vec<&str> = asked.topics.iter().map(|topic| topic.name.as_ref()).collect();
    if names.is_empty() {
        names = image.topics.iter().map(|topic| topic.name.as_ref()).collect();
    }
    names.sort_unstable();
    names.dedup();
    names.retain(|name| begin.is_none_or(|(first, _)| *name >= first));
    // Where topics are named, the one to go on with must be among them.
    let goes_on = |(topic, partition): (&str, i32)| {
        partition >= 0 && (asked.topics.is_empty() || names.contains(&topic))
    };
    if !begin.is_none_or(goes_on) {
        return request.answer(out, &refusal(&asked));
    }
    let allowed = request.broker().options.config.topics.described_partitions_max;
    let mut left = usize::try_from(asked.response_partition_limit.min(allowed)).unwrap_or_default().max(1);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names {
        if left == 0 {
            response.next_cursor =
                Some(Cursor { topic_name: Cow::Owned(name.to_owned()), partition_index: 0 });
            break;
        }
        let first = begin.filter(|(topic, _)| *topic == name).map_or(0, |(_, partition)| partition);
        let described = described(name, first, left, &image);
        left -= described.partitions.len();
        let next = first + i32::try_from(described.partitions.len()).unwrap_or(i32::MAX);
        let count = image.topics.get(name).map_or(0, |topic| topic.partition_count());
        response.topics.push(described);
        if next < count {
            response.next_cursor =
                Some(Cursor { topic_name: Cow::Owned(name.to_owned()), partition_index: next });
            break;
        }
    }
    request.answer(out, &response)
}

/// The answer to a cursor that points nowhere.
fn refusal<'r>(asked: &'r DescribeTopicPartitionsRequest<'_>) -> DescribeTopicPartitionsResponse<'r> {
    let refused = |topic: &'r TopicRequest<'_>| DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(Cow::Borrowed(&topic.name)),
        ..Default::default()
    };
    let topics = asked.topics.iter().map(refused).collect();
    DescribeTopicPartitionsResponse { topics, ..Default::default() }
}

fn described(
    name: &str,
    first: i32,
    limit: usize,
    image: &Image,
) -> DescribeTopicPartitionsResponseTopic<'static> {
    let is_internal = TopicName::is_internal(name);
    let shown_name = Some(Cow::Owned(name.to_owned()));
    let failed = |error_code| DescribeTopicPartitionsResponseTopic {
        error_code,
        name: shown_name.clone(),
        topic_id: Uuid::ZERO,
        is_internal,
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    };
    if TopicName::new(name).is_err() {
        return failed(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    match image.topics.get(name) {
        None => failed(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        Some(topic) => DescribeTopicPartitionsResponseTopic {
            error_code: ErrorCode::NONE,
            name: shown_name,
            topic_id: topic.id,
            is_internal,
            partitions: partitions(topic, first, limit, image),
            topic_authorized_operations: TOPIC_OPERATIONS,
        },
    }
}

fn partitions(
    topic: &Topic,
    first: i32,
    limit: usize,
    image: &Image,
) -> Vec<DescribeTopicPartitionsResponsePartition> {
    let wanted = topic.partitions.iter().filter(|(index, _)| **index >= first).take(limit);
    wanted.map(|(index, partition)| partition_of(*index, partition, image)).collect()
}

fn partition_of(
    index: i32,
    partition: &Partition,
    image: &Image,
) -> DescribeTopicPartitionsResponsePartition {
    DescribeTopicPartitionsResponsePartition {
        error_code: if partition.leader < 0 { ErrorCode::LEADER_NOT_AVAILABLE } else { ErrorCode::NONE },
        partition_index: index,
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.clone(),
        isr_nodes: partition.isr.clone(),
        eligible_leader_replicas: Some(partition.eligible_leaders.clone()),
        last_known_elr: Some(partition.last_known_leaders.clone()),
        offline_replicas: offline_replicas(partition, image),
    }
}
