//! ListOffsets 1-11: the offset at a time, or at a named place of the log.

use std::collections::HashSet;

use model::{ErrorCode, Offset, TimestampMs};
use protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest};
use protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::broker::Broker;
use crate::dispatch::Api;
use crate::partitions::Partition;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::ListOffsets, versions: VersionRange::new(1, 11), serve };

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// Answers name leader epochs from this version on.
const LEADER_EPOCH_SINCE: i16 = 4;
const READ_UNCOMMITTED: i8 = 0;
const READ_COMMITTED: i8 = 1;
/// Replica id of a consumer.
const CONSUMER: i32 = -1;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ListOffsetsRequest<'_> = request.decode(body)?;
    let (broker, version) = (request.broker(), request.version());
    let duplicates = duplicates(&asked);
    let mut told = HashSet::new();
    let mut response = ListOffsetsResponse::default();
    for (place, topic) in asked.topics.iter().enumerate() {
        let answer = |partition: &ListOffsetsPartition| {
            let key = (topic.name.as_ref(), partition.partition_index);
            if duplicates.contains(&key) {
                let refusal = || failed(partition.partition_index, ErrorCode::INVALID_REQUEST);
                return told.insert(key).then(refusal);
            }
            let found = look_up(broker, version, &asked, place, partition);
            Some(found.unwrap_or_else(|code| failed(partition.partition_index, code)))
        };
        let partitions: Vec<_> = topic.partitions.iter().filter_map(answer).collect();
        if partitions.is_empty() {
            continue;
        }
        response.topics.push(ListOffsetsTopicResponse { name: topic.name.clone(), partitions });
    }
    request.answer(out, &response)
}

/// Partitions that the request names more than once.
fn duplicates<'r>(asked: &'r ListOffsetsRequest<'_>) -> HashSet<(&'r str, i32)> {
    let mut seen = HashSet::new();
    let all = asked.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| (topic.name.as_ref(), partition.partition_index))
    });
    all.filter(|key| !seen.insert(*key)).collect()
}

fn look_up(
    broker: &Broker,
    version: i16,
    asked: &ListOffsetsRequest<'_>,
    topic: usize,
    wanted: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    if !matches!(asked.isolation_level, READ_UNCOMMITTED | READ_COMMITTED) {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    if !is_known_timestamp(wanted.timestamp, version) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let name = asked.topics.get(topic).map_or("", |topic| topic.name.as_ref());
    let partition = broker.partitions.partition(name, wanted.partition_index)?;
    partition.check_leader_epoch(wanted.current_leader_epoch)?;
    let until = match (asked.replica_id, asked.isolation_level) {
        (CONSUMER, READ_COMMITTED) => partition.last_stable_offset(),
        (CONSUMER, _) => partition.high_watermark(),
        _ => partition.log.log_end_offset(),
    };
    let found = find(&partition, wanted.timestamp, until)?;
    Ok(answered(version, wanted.partition_index, found))
}

fn answered(
    version: i16,
    partition_index: i32,
    found: Option<(Offset, TimestampMs, i32)>,
) -> ListOffsetsPartitionResponse {
    let (offset, timestamp, leader_epoch) = found.unwrap_or((-1, -1, -1));
    ListOffsetsPartitionResponse {
        partition_index,
        error_code: ErrorCode::NONE,
        timestamp,
        offset,
        // Not ignorable in the schema, so that older versions must be sent its default.
        leader_epoch: if version >= LEADER_EPOCH_SINCE { leader_epoch } else { -1 },
    }
}

/// Each special timestamp came with a version of its own.
fn is_known_timestamp(timestamp: i64, version: i16) -> bool {
    match timestamp {
        MAX_TIMESTAMP => version >= 7,
        EARLIEST_LOCAL => version >= 8,
        LATEST_TIERED => version >= 9,
        EARLIEST_PENDING_UPLOAD => version >= 11,
        other => other >= EARLIEST,
    }
}

/// Offset, timestamp and leader epoch of what the timestamp names below `until`.
fn find(
    partition: &Partition,
    timestamp: i64,
    until: Offset,
) -> Result<Option<(Offset, TimestampMs, i32)>, ErrorCode> {
    let log = &partition.log;
    let epoch_at = |offset: Offset| log.epoch_at(offset).unwrap_or(-1);
    match timestamp {
        LATEST => Ok(Some((until, -1, log.latest_epoch().unwrap_or_else(|| partition.leader_epoch())))),
        // Without tiers the local log begins where the log begins.
        EARLIEST | EARLIEST_LOCAL => {
            let start = log.log_start_offset();
            Ok(Some((start, -1, epoch_at(start))))
        }
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(None),
        _ => {
            let found = if timestamp == MAX_TIMESTAMP {
                log.max_timestamp_offset()
            } else {
                log.offset_for_timestamp(timestamp)
            };
            let found = found.map_err(|error| {
                tracing::error!(%error, "a lookup by time failed");
                ErrorCode::KAFKA_STORAGE_ERROR
            })?;
            let visible = found.filter(|found| found.offset < until);
            Ok(visible.map(|found| (found.offset, found.timestamp_ms, epoch_at(found.offset))))
        }
    }
}

fn failed(partition_index: i32, error_code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse { partition_index, error_code, timestamp: -1, offset: -1, leader_epoch: -1 }
}

#[cfg(test)]
mod tests {
    use protocol::Writer;

    use super::*;

    #[test]
    fn every_version_can_carry_what_was_found() {
        for version in API.versions.min..=API.versions.max {
            let topic = ListOffsetsTopicResponse {
                name: "t".into(),
                partitions: vec![answered(version, 0, Some((5, 7, 3)))],
            };
            let response = ListOffsetsResponse { topics: vec![topic], ..Default::default() };
            response.encode(&mut Writer::new(), version).unwrap();
        }
    }

    #[test]
    fn special_timestamps_came_one_by_one() {
        assert!(is_known_timestamp(EARLIEST, 1));
        assert!(!is_known_timestamp(MAX_TIMESTAMP, 6) && is_known_timestamp(MAX_TIMESTAMP, 7));
        assert!(!is_known_timestamp(EARLIEST_PENDING_UPLOAD, 10));
        assert!(!is_known_timestamp(-7, 11));
    }
}
