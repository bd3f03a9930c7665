//! A Produce request in place (versions 3 to 13).

use std::ops::Range;

use crate::messages::ProduceRequest;
use crate::views::TopicKey;
use crate::{DecodeError, DecodeErrorKind, Reader};

const FLEXIBLE_SINCE: i16 = ProduceRequest::FLEXIBLE.min;

/// Fewest bytes of a topic: name or id, count of partitions.
const TOPIC_SIZE_MIN: usize = 2;

/// Fewest bytes of a partition: index and length of records.
const PARTITION_SIZE_MIN: usize = 5;

/// What a Produce request says beside its topics.
#[derive(Debug, Clone)]
pub struct ProduceView<'a> {
    /// The transaction's id, null outside of transactions.
    pub transactional_id: Option<&'a str>,
    /// -1 for all in-sync replicas, 0 for no answer, 1 for the leader only; unchecked.
    pub acks: i16,
    /// How long to wait for the acks, in milliseconds.
    pub timeout_ms: i32,
}

/// One step through the topics of a Produce request: each topic is followed by its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProducePart<'a> {
    /// A topic begins.
    Topic(ProduceTopic<'a>),
    /// The next partition of the topic that began last.
    Partition(ProducePartition),
}

/// One topic of a Produce request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceTopic<'a> {
    /// Which topic.
    pub key: TopicKey<'a>,
    /// Where its name lies, in bytes from the beginning of the body; empty where it is named by id.
    pub name_at: Range<usize>,
    /// How many partitions follow.
    pub partition_count: usize,
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
    /// Reads the body of a request (all that follows the header) once, and hands each topic and partition to `visit` as it
    /// comes. An error tells that what was handed over is of no use either; the records are not looked at.
    pub fn parse(
        body: &'a [u8],
        version: i16,
        visit: impl FnMut(ProducePart<'a>),
    ) -> Result<ProduceView<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        read_request(&mut reader, version, visit).map_err(|error| error.within(ProduceRequest::NAME, version))
    }
}

fn read_request<'a>(
    reader: &mut Reader<'a>,
    version: i16,
    mut visit: impl FnMut(ProducePart<'a>),
) -> Result<ProduceView<'a>, DecodeError> {
    if !ProduceRequest::VERSIONS.contains(version) {
        return Err(reader.error(DecodeErrorKind::UnsupportedVersion));
    }
    let flexible = version >= FLEXIBLE_SINCE;
    let transactional_id = reader.nullable_str(flexible)?;
    let acks = reader.i16()?;
    let timeout_ms = reader.i32()?;
    for _ in 0..reader.count(flexible, TOPIC_SIZE_MIN)? {
        let topic = read_topic(reader, version, flexible)?;
        let partition_count = topic.partition_count;
        visit(ProducePart::Topic(topic));
        for _ in 0..partition_count {
            visit(ProducePart::Partition(read_partition(reader, flexible)?));
        }
        skip_tags(reader, flexible)?;
    }
    skip_tags(reader, flexible)?;
    Ok(ProduceView { transactional_id, acks, timeout_ms })
}

fn read_topic<'a>(
    reader: &mut Reader<'a>,
    version: i16,
    flexible: bool,
) -> Result<ProduceTopic<'a>, DecodeError> {
    let key = TopicKey::read(reader, version, flexible)?;
    let name_ends = reader.position();
    let name_size = match key {
        TopicKey::Name(name) => name.len(),
        TopicKey::Id(_) => 0,
    };
    let partition_count = reader.count(flexible, PARTITION_SIZE_MIN)?;
    Ok(ProduceTopic { key, name_at: name_ends - name_size..name_ends, partition_count })
}

#[inline]
fn read_partition(reader: &mut Reader<'_>, flexible: bool) -> Result<ProducePartition, DecodeError> {
    let index = reader.i32()?;
    let records = reader.nullable_slice(flexible)?;
    let end = reader.position();
    skip_tags(reader, flexible)?;
    Ok(ProducePartition { index, records: records.map(|records| end - records.len()..end) })
}

#[inline]
fn skip_tags(reader: &mut Reader<'_>, flexible: bool) -> Result<(), DecodeError> {
    if flexible { reader.skip_tags() } else { Ok(()) }
}
