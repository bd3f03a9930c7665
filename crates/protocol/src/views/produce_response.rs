//! A Produce response written straight into a buffer (versions 3 to 13).

use crate::messages::ProduceResponse;
use crate::messages::produce_response::{NodeEndpoint, PartitionProduceResponse};
use crate::views::TopicKey;
use crate::{EncodeError, Writer};

const TAG_NODE_ENDPOINTS: u32 = 0;

/// Writes topics and partitions as they come: [`topic`](Self::topic), then its partitions, and so on, then
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct ProduceResponseWriter<'w> {
    writer: &'w mut Writer,
    version: i16,
    topics_left: usize,
    partitions_left: usize,
}

impl<'w> ProduceResponseWriter<'w> {
    /// Begins the body, after frame and header.
    pub fn begin(
        writer: &'w mut Writer,
        version: i16,
        topic_count: usize,
    ) -> Result<ProduceResponseWriter<'w>, EncodeError> {
        if !ProduceResponse::VERSIONS.contains(version) {
            return Err(EncodeError::UnsupportedVersion { message: ProduceResponse::NAME, version });
        }
        let response =
            ProduceResponseWriter { writer, version, topics_left: topic_count, partitions_left: 0 };
        let flexible = response.flexible();
        response.writer.count(flexible, Some(topic_count))?;
        Ok(response)
    }

    fn flexible(&self) -> bool {
        ProduceResponse::FLEXIBLE.contains(self.version)
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

    /// Writes one partition's answer.
    pub fn partition(&mut self, answer: &PartitionProduceResponse<'_>) -> Result<(), EncodeError> {
        self.partitions_left = self
            .partitions_left
            .checked_sub(1)
            .ok_or(EncodeError::CountMismatch { what: "partitions", left: 0 })?;
        answer.write(self.writer, self.version)?;
        self.end_topic();
        Ok(())
    }

    fn end_topic(&mut self) {
        if self.partitions_left == 0 && self.flexible() {
            self.writer.no_tags();
        }
    }

    /// Ends the body. The endpoints are those of leaders that partitions name (version 10 and up).
    pub fn finish(
        self,
        throttle_time_ms: i32,
        node_endpoints: &[NodeEndpoint<'_>],
    ) -> Result<(), EncodeError> {
        for (what, left) in [("topics", self.topics_left), ("partitions", self.partitions_left)] {
            if left > 0 {
                return Err(EncodeError::CountMismatch { what, left });
            }
        }
        let (writer, version) = (self.writer, self.version);
        writer.i32(throttle_time_ms);
        if version < 10 && !node_endpoints.is_empty() {
            return Err(EncodeError::UnsupportedField { field: "ProduceResponse.NodeEndpoints", version });
        }
        if !ProduceResponse::FLEXIBLE.contains(version) {
            return Ok(());
        }
        writer.tag_count(&[!node_endpoints.is_empty()]);
        if node_endpoints.is_empty() {
            return Ok(());
        }
        let place = writer.begin_tag(TAG_NODE_ENDPOINTS);
        writer.count(true, Some(node_endpoints.len()))?;
        node_endpoints.iter().try_for_each(|endpoint| endpoint.write(writer, version))?;
        writer.end_tag(place)
    }
}
