//! Records of `__remote_log_metadata`, as Java's `toString` has them.

use std::collections::BTreeMap;

use protocol::Reader;
use protocol::messages::{RemoteLogRecord, RemoteLogSegmentMetadataSnapshotRecord};

use super::decoders;

const SEGMENT_STATES: [&str; 4] =
    ["COPY_SEGMENT_STARTED", "COPY_SEGMENT_FINISHED", "DELETE_SEGMENT_STARTED", "DELETE_SEGMENT_FINISHED"];
const PARTITION_STATES: [&str; 3] =
    ["DELETE_PARTITION_MARKED", "DELETE_PARTITION_STARTED", "DELETE_PARTITION_FINISHED"];

/// A record out of its value, or why it cannot be read.
pub(super) fn shown(value: &[u8]) -> Result<String, String> {
    let mut reader = Reader::new(value);
    let (number, version) = decoders::frame(&mut reader)?;
    if RemoteLogRecord::versions_of(number).is_none() {
        return Err(decoders::unknown_type(number));
    }
    let failed = || format!("Failed to deserialize record with type {number}");
    let record = RemoteLogRecord::decode_body(&mut reader, number, version).map_err(|_| failed())?;
    if reader.remaining() > 0 {
        return Err(format!("Found {} byte(s) of garbage after {number}", reader.remaining()));
    }
    Ok(match record {
        RemoteLogRecord::RemoteLogSegmentMetadata(segment) => {
            let id = &segment.remote_log_segment_id;
            let partition = &id.topic_id_partition;
            let epochs = segment.segment_leader_epochs.iter().map(|entry| (entry.leader_epoch, entry.offset));
            format!(
                "RemoteLogSegmentMetadata{{remoteLogSegmentId={}, startOffset={}, endOffset={}, brokerId={}, \
                 maxTimestampMs={}, eventTimestampMs={}, segmentLeaderEpochs={}, segmentSizeInBytes={}, \
                 customMetadata={}, state={}, txnIdxEmpty={}}}",
                segment_id(&partition_name(&partition.id, &partition.name, partition.partition), &id.id),
                segment.start_offset,
                segment.end_offset,
                segment.broker_id,
                segment.max_timestamp_ms,
                segment.event_timestamp_ms,
                epochs_text(epochs),
                segment.segment_size_in_bytes,
                custom(segment.custom_metadata.as_deref()),
                state(&SEGMENT_STATES, segment.remote_log_segment_state)?,
                segment.txn_index_empty,
            )
        }
        RemoteLogRecord::RemoteLogSegmentMetadataUpdate(update) => {
            let id = &update.remote_log_segment_id;
            let partition = &id.topic_id_partition;
            format!(
                "RemoteLogSegmentMetadataUpdate{{remoteLogSegmentId={}, customMetadata={}, state={}, \
                 eventTimestampMs={}, brokerId={}}}",
                segment_id(&partition_name(&partition.id, &partition.name, partition.partition), &id.id),
                custom(update.custom_metadata.as_deref()),
                state(&SEGMENT_STATES, update.remote_log_segment_state)?,
                update.event_timestamp_ms,
                update.broker_id,
            )
        }
        RemoteLogRecord::RemotePartitionDeleteMetadata(delete) => {
            let partition = &delete.topic_id_partition;
            format!(
                "RemotePartitionDeleteMetadata{{topicPartition={}, state={}, eventTimestampMs={}, brokerId={}}}",
                partition_name(&partition.id, &partition.name, partition.partition),
                state(&PARTITION_STATES, delete.remote_partition_delete_state)?,
                delete.event_timestamp_ms,
                delete.broker_id,
            )
        }
        RemoteLogRecord::RemoteLogSegmentMetadataSnapshot(segment) => snapshot(&segment)?,
    })
}

fn snapshot(segment: &RemoteLogSegmentMetadataSnapshotRecord<'_>) -> Result<String, String> {
    let epochs = segment.segment_leader_epochs.iter().map(|entry| (entry.leader_epoch, entry.offset));
    Ok(format!(
        "RemoteLogSegmentMetadataSnapshot{{segmentId={}, startOffset={}, endOffset={}, maxTimestampMs={}, \
         segmentLeaderEpochs={}, segmentSizeInBytes={}, customMetadata={}, state={}, txnIdxEmpty={}}}",
        segment.segment_id,
        segment.start_offset,
        segment.end_offset,
        segment.max_timestamp_ms,
        epochs_text(epochs),
        segment.segment_size_in_bytes,
        custom(segment.custom_metadata.as_deref()),
        state(&SEGMENT_STATES, segment.remote_log_segment_state)?,
        segment.txn_index_empty,
    ))
}

fn partition_name(id: &model::Uuid, topic: &str, partition: i32) -> String {
    format!("{id}:{topic}-{partition}")
}

fn segment_id(partition: &str, id: &model::Uuid) -> String {
    format!("RemoteLogSegmentId{{topicIdPartition={partition}, id={id}}}")
}

/// Epochs in order, the last offset of each.
fn epochs_text(epochs: impl Iterator<Item = (i32, i64)>) -> String {
    let epochs: BTreeMap<i32, i64> = epochs.collect();
    let each: Vec<String> = epochs.iter().map(|(epoch, offset)| format!("{epoch}={offset}")).collect();
    format!("{{{}}}", each.join(", "))
}

fn custom(bytes: Option<&[u8]>) -> String {
    match bytes {
        Some(bytes) => format!("Optional[CustomMetadata{{{} bytes}}]", bytes.len()),
        None => "Optional.empty".to_owned(),
    }
}

fn state(names: &'static [&'static str], id: i8) -> Result<&'static str, String> {
    let name = usize::try_from(id).ok().and_then(|place| names.get(place));
    name.copied().ok_or_else(|| "null".to_owned())
}
