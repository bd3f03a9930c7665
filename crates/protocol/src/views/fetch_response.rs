//! A Fetch response written straight into a buffer (versions 4 to 18), all but its record bytes.

use model::ErrorCode;

use crate::messages::FetchResponse;
use crate::messages::fetch_response::{
    EpochEndOffset, LeaderIdAndEpoch, NodeEndpoint, PartitionData, SnapshotId,
};
use crate::views::TopicKey;
use crate::{EncodeError, Writer};

const TAG_DIVERGING_EPOCH: u32 = 0;
const TAG_CURRENT_LEADER: u32 = 1;
const TAG_SNAPSHOT_ID: u32 = 2;
const TAG_NODE_ENDPOINTS: u32 = 0;

/// A place in the response where record bytes are to be sent from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Bytes from the beginning of the writer's buffer: what is before is sent first.
    pub position: usize,
    /// Record bytes that belong here, at least one.
    pub length: usize,
}

/// What a Fetch response says before its topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchResponseHead {
    /// How long the client was held back, in milliseconds.
    pub throttle_time_ms: i32,
    /// Error of the whole request; version 7 and up.
    pub error_code: ErrorCode,
    /// The fetch session, 0 for none; version 7 and up.
    pub session_id: i32,
}

/// Writes topics and partitions as they come: [`topic`](Self::topic), then its partitions, and so on, then
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct FetchResponseWriter<'w> {
    writer: &'w mut Writer,
    cuts: &'w mut Vec<Cut>,
    version: i16,
    topics_left: usize,
    partitions_left: usize,
    records_length: usize,
}

impl<'w> FetchResponseWriter<'w> {
    /// Begins the body, after frame and header. Cuts are appended to `cuts`, in order.
    pub fn begin(
        writer: &'w mut Writer,
        cuts: &'w mut Vec<Cut>,
        version: i16,
        head: FetchResponseHead,
        topic_count: usize,
    ) -> Result<FetchResponseWriter<'w>, EncodeError> {
        if !FetchResponse::VERSIONS.contains(version) {
            return Err(EncodeError::UnsupportedVersion { message: FetchResponse::NAME, version });
        }
        writer.i32(head.throttle_time_ms);
        if version >= 7 {
            writer.i16(head.error_code.0);
            writer.i32(head.session_id);
        } else if head.session_id != 0 {
            return Err(EncodeError::UnsupportedField { field: "FetchResponse.SessionId", version });
        }
        writer.count(FetchResponse::FLEXIBLE.contains(version), Some(topic_count))?;
        Ok(FetchResponseWriter {
            writer,
            cuts,
            version,
            topics_left: topic_count,
            partitions_left: 0,
            records_length: 0,
        })
    }

    fn flexible(&self) -> bool {
        FetchResponse::FLEXIBLE.contains(self.version)
    }

    /// Begins a topic of `partition_count` partitions.
    pub fn topic(&mut self, topic: TopicKey<'_>, partition_count: usize) -> Result<(), EncodeError> {
        if self.partitions_left > 0 {
            return Err(EncodeError::CountMismatch { what: "partitions", left: self.partitions_left });
        }
        self.topics_left =
            self.topics_left.checked_sub(1).ok_or(EncodeError::CountMismatch { what: "topics", left: 0 })?;
        self.partitions_left = partition_count;
        let flexible = self.flexible();
        topic.write(self.writer, self.version, flexible)?;
        self.writer.count(flexible, Some(partition_count))?;
        self.end_topic();
        Ok(())
    }

    /// Writes one partition, its records given by their length in bytes only (`None` for null, which Kafka
    /// does not send to consumers). The `records` of `data` are not looked at.
    pub fn partition(
        &mut self,
        data: &PartitionData<'_>,
        records_length: Option<usize>,
    ) -> Result<(), EncodeError> {
        self.partitions_left = self
            .partitions_left
            .checked_sub(1)
            .ok_or(EncodeError::CountMismatch { what: "partitions", left: 0 })?;
        self.fixed_fields(data)?;
        self.writer.count(self.flexible(), records_length)?;
        if let Some(length @ 1..) = records_length {
            self.cuts.push(Cut { position: self.writer.len(), length });
            self.records_length += length;
        }
        self.end_partition(data)
    }

    /// Writes one partition with its record bytes: for few of them, which are not worth a cut.
    pub fn partition_inline(&mut self, data: &PartitionData<'_>, records: &[u8]) -> Result<(), EncodeError> {
        self.partitions_left = self
            .partitions_left
            .checked_sub(1)
            .ok_or(EncodeError::CountMismatch { what: "partitions", left: 0 })?;
        self.fixed_fields(data)?;
        self.writer.count(self.flexible(), Some(records.len()))?;
        self.writer.raw(records);
        self.end_partition(data)
    }

    fn end_partition(&mut self, data: &PartitionData<'_>) -> Result<(), EncodeError> {
        let (flexible, version) = (self.flexible(), self.version);
        if flexible {
            write_partition_tags(self.writer, version, data)?;
        } else {
            refuse_tagged_fields(version, data)?;
        }
        self.end_topic();
        Ok(())
    }

    fn fixed_fields(&mut self, data: &PartitionData<'_>) -> Result<(), EncodeError> {
        let (flexible, version) = (self.flexible(), self.version);
        let writer = &mut *self.writer;
        writer.i32(data.partition_index);
        writer.i16(data.error_code.0);
        writer.i64(data.high_watermark);
        writer.i64(data.last_stable_offset);
        if version >= 5 {
            writer.i64(data.log_start_offset);
        }
        writer.count(flexible, data.aborted_transactions.as_ref().map(Vec::len))?;
        for aborted in data.aborted_transactions.iter().flatten() {
            aborted.write(writer, version)?;
        }
        if version >= 11 {
            writer.i32(data.preferred_read_replica);
        } else if data.preferred_read_replica != -1 {
            return Err(EncodeError::UnsupportedField {
                field: "PartitionData.PreferredReadReplica",
                version,
            });
        }
        Ok(())
    }

    fn end_topic(&mut self) {
        if self.partitions_left == 0 && self.flexible() {
            self.writer.no_tags();
        }
    }

    /// Ends the body and returns the sum of the lengths of its cuts, which the frame's size has to count
    /// ([`Writer::end_frame`]). The endpoints are those of leaders that partitions name (version 16 and up).
    pub fn finish(self, node_endpoints: &[NodeEndpoint<'_>]) -> Result<usize, EncodeError> {
        for (what, left) in [("topics", self.topics_left), ("partitions", self.partitions_left)] {
            if left > 0 {
                return Err(EncodeError::CountMismatch { what, left });
            }
        }
        let (writer, version) = (self.writer, self.version);
        if version < 16 && !node_endpoints.is_empty() {
            return Err(EncodeError::UnsupportedField { field: "FetchResponse.NodeEndpoints", version });
        }
        if FetchResponse::FLEXIBLE.contains(version) {
            writer.tag_count(&[!node_endpoints.is_empty()]);
            if !node_endpoints.is_empty() {
                let place = writer.begin_tag(TAG_NODE_ENDPOINTS);
                writer.count(true, Some(node_endpoints.len()))?;
                node_endpoints.iter().try_for_each(|endpoint| endpoint.write(writer, version))?;
                writer.end_tag(place)?;
            }
        }
        Ok(self.records_length)
    }
}

fn write_partition_tags(
    writer: &mut Writer,
    version: i16,
    data: &PartitionData<'_>,
) -> Result<(), EncodeError> {
    let sent = [
        data.diverging_epoch != EpochEndOffset::default(),
        data.current_leader != LeaderIdAndEpoch::default(),
        data.snapshot_id != SnapshotId::default(),
    ];
    writer.tag_count(&sent);
    let [diverging_epoch, current_leader, snapshot_id] = sent;
    if diverging_epoch {
        let place = writer.begin_tag(TAG_DIVERGING_EPOCH);
        data.diverging_epoch.write(writer, version)?;
        writer.end_tag(place)?;
    }
    if current_leader {
        let place = writer.begin_tag(TAG_CURRENT_LEADER);
        data.current_leader.write(writer, version)?;
        writer.end_tag(place)?;
    }
    if snapshot_id {
        let place = writer.begin_tag(TAG_SNAPSHOT_ID);
        data.snapshot_id.write(writer, version)?;
        writer.end_tag(place)?;
    }
    Ok(())
}

fn refuse_tagged_fields(version: i16, data: &PartitionData<'_>) -> Result<(), EncodeError> {
    let field = if data.diverging_epoch != EpochEndOffset::default() {
        "PartitionData.DivergingEpoch"
    } else if data.current_leader != LeaderIdAndEpoch::default() {
        "PartitionData.CurrentLeader"
    } else if data.snapshot_id != SnapshotId::default() {
        "PartitionData.SnapshotId"
    } else {
        return Ok(());
    };
    Err(EncodeError::UnsupportedField { field, version })
}
