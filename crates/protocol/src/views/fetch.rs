//! A Fetch request in place (versions 4 to 18).

use model::Uuid;

use crate::messages::FetchRequest;
use crate::messages::fetch_request::ReplicaState;
use crate::views::element::Element;
use crate::views::{Elements, TopicKey};
use crate::{DecodeError, DecodeErrorKind, Reader};

const FLEXIBLE_SINCE: i16 = FetchRequest::FLEXIBLE.min;

/// Fewest bytes of a topic: name or id, count of partitions.
const TOPIC_SIZE_MIN: usize = 2;

/// Fewest bytes of a partition: number, offset and bytes wanted.
const PARTITION_SIZE_MIN: usize = 16;

const TAG_CLUSTER_ID: u32 = 0;
const TAG_REPLICA_STATE: u32 = 1;
const TAG_REPLICA_DIRECTORY_ID: u32 = 0;
const TAG_HIGH_WATERMARK: u32 = 1;

/// A Fetch request whose structure has been checked.
#[derive(Debug, Clone)]
pub struct FetchView<'a> {
    /// Cluster that a replica of the quorum believes to be in.
    pub cluster_id: Option<&'a str>,
    /// Who asks: replica id -1 for a consumer; the epoch is -1 before version 15.
    pub replica: ReplicaState,
    /// How long to wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// Fewest bytes to answer with before `max_wait_ms` is over.
    pub min_bytes: i32,
    /// Most bytes of the answer, the first batch aside.
    pub max_bytes: i32,
    /// 0 read uncommitted, 1 read committed; unchecked.
    pub isolation_level: i8,
    /// The fetch session (KIP-227), 0 for none; before version 7 there are none.
    pub session_id: i32,
    /// -1 ends the session, 0 begins one.
    pub session_epoch: i32,
    /// Rack of the consumer (KIP-392), empty where unknown.
    pub rack_id: &'a str,
    topics: Elements<'a, FetchTopic<'a>>,
    forgotten: Elements<'a, ForgottenTopic<'a>>,
}

/// One topic of a Fetch request.
#[derive(Debug, Clone)]
pub struct FetchTopic<'a> {
    /// Which topic.
    pub topic: TopicKey<'a>,
    partitions: Elements<'a, FetchPartition>,
}

/// One partition of a Fetch request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchPartition {
    /// Number of the partition.
    pub partition: i32,
    /// Leader epoch that the reader knows, -1 for none (version 9 and up).
    pub current_leader_epoch: i32,
    /// First offset wanted.
    pub fetch_offset: i64,
    /// Epoch of the last record a replica has, -1 for none (version 12 and up).
    pub last_fetched_epoch: i32,
    /// First offset a replica has, -1 from consumers.
    pub log_start_offset: i64,
    /// Most bytes of this partition, the first batch aside.
    pub partition_max_bytes: i32,
    /// Log directory of the replica (version 17 and up).
    pub replica_directory_id: Uuid,
    /// High watermark that the replica knows (version 18 and up), `i64::MAX` where it does not say.
    pub high_watermark: i64,
}

/// One topic that leaves the fetch session.
#[derive(Debug, Clone)]
pub struct ForgottenTopic<'a> {
    /// Which topic.
    pub topic: TopicKey<'a>,
    partitions: Elements<'a, i32>,
}

impl<'a> FetchView<'a> {
    /// Checks the body of a request: all that follows the header.
    pub fn parse(body: &'a [u8], version: i16) -> Result<FetchView<'a>, DecodeError> {
        let mut reader = Reader::new(body);
        read_request(&mut reader, version).map_err(|error| error.within(FetchRequest::NAME, version))
    }

    /// The topics to read, in the order of the request.
    pub fn topics(&self) -> Elements<'a, FetchTopic<'a>> {
        self.topics.clone()
    }

    /// The topics to drop from the session, in the order of the request.
    pub fn forgotten_topics(&self) -> Elements<'a, ForgottenTopic<'a>> {
        self.forgotten.clone()
    }
}

impl<'a> FetchTopic<'a> {
    /// The partitions, in the order of the request.
    pub fn partitions(&self) -> Elements<'a, FetchPartition> {
        self.partitions.clone()
    }
}

impl<'a> ForgottenTopic<'a> {
    /// The partitions, in the order of the request.
    pub fn partitions(&self) -> Elements<'a, i32> {
        self.partitions.clone()
    }
}

fn read_request<'a>(reader: &mut Reader<'a>, version: i16) -> Result<FetchView<'a>, DecodeError> {
    if !FetchRequest::VERSIONS.contains(version) {
        return Err(reader.error(DecodeErrorKind::UnsupportedVersion));
    }
    let flexible = version >= FLEXIBLE_SINCE;
    let mut replica = ReplicaState::default();
    if version <= 14 {
        replica.replica_id = reader.i32()?;
    }
    let max_wait_ms = reader.i32()?;
    let min_bytes = reader.i32()?;
    let max_bytes = reader.i32()?;
    let isolation_level = reader.i8()?;
    let (session_id, session_epoch) = if version >= 7 { (reader.i32()?, reader.i32()?) } else { (0, -1) };
    let count = reader.count(flexible, TOPIC_SIZE_MIN)?;
    let topics = Elements::check(reader, count, version)?;
    let count = if version >= 7 { reader.count(flexible, TOPIC_SIZE_MIN)? } else { 0 };
    let forgotten = Elements::check(reader, count, version)?;
    let rack_id = if version >= 11 { reader.str(flexible)? } else { "" };
    let mut view = FetchView {
        cluster_id: None,
        replica,
        max_wait_ms,
        min_bytes,
        max_bytes,
        isolation_level,
        session_id,
        session_epoch,
        rack_id,
        topics,
        forgotten,
    };
    if flexible {
        read_request_tags(reader, version, &mut view)?;
    }
    Ok(view)
}

fn read_request_tags<'a>(
    reader: &mut Reader<'a>,
    version: i16,
    view: &mut FetchView<'a>,
) -> Result<(), DecodeError> {
    for _ in 0..reader.tag_count()? {
        let (tag, end) = reader.tag()?;
        match tag {
            TAG_CLUSTER_ID => view.cluster_id = reader.nullable_str(true)?,
            TAG_REPLICA_STATE if version < 15 => return Err(reader.unexpected_tag(tag)),
            TAG_REPLICA_STATE => view.replica = ReplicaState::read(reader, version)?,
            _ => reader.skip_tag(end),
        }
        reader.end_tag(tag, end)?;
    }
    Ok(())
}

impl<'a> Element<'a> for FetchTopic<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let flexible = version >= FLEXIBLE_SINCE;
        let topic = TopicKey::read(reader, version, flexible)?;
        let count = reader.count(flexible, PARTITION_SIZE_MIN)?;
        let partitions = Elements::check(reader, count, version)?;
        if flexible {
            reader.skip_tags()?;
        }
        Ok(FetchTopic { topic, partitions })
    }
}

impl<'a> Element<'a> for FetchPartition {
    #[inline]
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let mut partition = FetchPartition {
            partition: reader.i32()?,
            current_leader_epoch: if version >= 9 { reader.i32()? } else { -1 },
            fetch_offset: reader.i64()?,
            last_fetched_epoch: if version >= 12 { reader.i32()? } else { -1 },
            log_start_offset: if version >= 5 { reader.i64()? } else { -1 },
            partition_max_bytes: reader.i32()?,
            replica_directory_id: Uuid::ZERO,
            high_watermark: i64::MAX,
        };
        if version < FLEXIBLE_SINCE {
            return Ok(partition);
        }
        for _ in 0..reader.tag_count()? {
            let (tag, end) = reader.tag()?;
            match tag {
                TAG_REPLICA_DIRECTORY_ID if version < 17 => return Err(reader.unexpected_tag(tag)),
                TAG_REPLICA_DIRECTORY_ID => partition.replica_directory_id = reader.uuid()?,
                TAG_HIGH_WATERMARK if version < 18 => return Err(reader.unexpected_tag(tag)),
                TAG_HIGH_WATERMARK => partition.high_watermark = reader.i64()?,
                _ => reader.skip_tag(end),
            }
            reader.end_tag(tag, end)?;
        }
        Ok(partition)
    }
}

impl<'a> Element<'a> for ForgottenTopic<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {
        let flexible = version >= FLEXIBLE_SINCE;
        let topic = TopicKey::read(reader, version, flexible)?;
        let count = reader.count(flexible, size_of::<i32>())?;
        let partitions = Elements::check(reader, count, version)?;
        if flexible {
            reader.skip_tags()?;
        }
        Ok(ForgottenTopic { topic, partitions })
    }
}
