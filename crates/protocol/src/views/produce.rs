//! A Produce request in place (versions 3 to 13).

use std::ops::Range;

use crate::messages::ProduceRequest;
use crate::views::element::Element;
use crate::views::{Elements, TopicKey};
use crate::{DecodeError, DecodeErrorKind, Reader};

const FLEXIBLE_SINCE: i16 = ProduceRequest::FLEXIBLE.min;

/// Fewest bytes of a topic: name or id, count of partitions.
const TOPIC_SIZE_MIN: usize = 2;

/// Fewest bytes of a partition: index and length of records.
const PARTITION_SIZE_MIN: usize = 5;

/// A Produce request whose structure has been checked; its records have not.
#[derive(Debug, Clone)]
pub struct ProduceView<'a> {
    /// The transaction's id, null outside of transactions.
    pub transactional_id: Option<&'a str>,
    /// -1 for all in-sync replicas, 0 for no answer, 1 for the leader only; unchecked.
    pub acks: i16,
    /// How long to wait for the acks, in milliseconds.
    pub timeout_ms: i32,
    topics: Elements<'a, ProduceTopic<'a>>,
}

/// One topic of a Produce request.
#[derive(Debug, Clone)]
pub struct ProduceTopic<'a> {
    /// Which topic.
    pub topic: TopicKey<'a>,
    partitions: Elements<'a, ProducePartition>,
}

/// One partition of a Produce request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducePartition {
    /// Number of the partition.
    pub index: i32,
    /// Where the record batches lie, in bytes from the beginning of the body; `None` for null.
    pub records: Option<Range<usize>>,
}

impl<'a> ProduceView<'a> {
    /// Checks the body of a request: all that follows the header.
    pub fn parse(body: &'a [u8], version: i16) -> Result<ProduceView<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        read_request(&mut reader, version).map_err(|error| error.within(ProduceRequest::NAME, version))
    }

    /// The topics, in the order of the request.
    pub fn topics(&self) -> Elements<'a, ProduceTopic<'a>> {
        self.topics.clone()
    }
}

impl<'a> ProduceTopic<'a> {
    /// The partitions, in the order of the request.
    pub fn partitions(&self) -> Elements<'a, ProducePartition> {
        self.partitions.clone()
    }
}

fn read_request<'a>(reader: &mut Reader<'a>, version: i16) -> Result<ProduceView<'a>, DecodeError> {
    if !ProduceRequest::VERSIONS.contains(version) {
        return Err(reader.error(DecodeErrorKind::UnsupportedVersion));
    }
    let flexible = version >= FLEXIBLE_SINCE;
    let transactional_id = reader.nullable_str(flexible)?;
    let acks = reader.i16()?;
    let timeout_ms = reader.i32()?;
    let count = reader.count(flexible, TOPIC_SIZE_MIN)?;
    let topics = Elements::check(reader, count, version)?;
    if flexible {
        reader.skip_tags()?;
    }
    Ok(ProduceView { transactional_id, acks, timeout_ms, topics })
}

impl<'a> Element<'a> for ProduceTopic<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let flexible = version >= FLEXIBLE_SINCE;
        let topic = TopicKey::read(reader, version, flexible)?;
        let count = reader.count(flexible, PARTITION_SIZE_MIN)?;
        let partitions = Elements::check(reader, count, version)?;
        if flexible {
            reader.skip_tags()?;
        }
        Ok(ProduceTopic { topic, partitions })
    }
}

impl<'a> Element<'a> for ProducePartition {
    #[inline]
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let flexible = version >= FLEXIBLE_SINCE;
        let index = reader.i32()?;
        let records = reader.nullable_slice(flexible)?;
        let end = reader.position();
        if flexible {
            reader.skip_tags()?;
        }
        Ok(ProducePartition { index, records: records.map(|records| end - records.len()..end) })
    }
}
