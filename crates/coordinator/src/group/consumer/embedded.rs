//! What members of the classic protocol say to each other in it, for groups where the broker takes part.

use model::Uuid;
use protocol::messages::consumer_protocol_assignment::TopicPartition;
use protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::{DecodeError, Reader, Writer};

use crate::assignor::{Partitions, by_topic};
use crate::topics::TopicView;

/// The newest version; later ones begin as it does.
const VERSION_MAX: i16 = 3;

/// What a member reads and has, as it says itself.
pub fn subscription(metadata: &[u8]) -> Result<ConsumerProtocolSubscription<'static>, DecodeError> {
    let mut reader = Reader::new(metadata);
    let version = reader.i16()?.min(VERSION_MAX);
    Ok(ConsumerProtocolSubscription::decode(&mut reader, version)?.into_owned())
}

/// What a member was given by another, which may have its own data beside.
pub fn assignment(bytes: &[u8]) -> Result<ConsumerProtocolAssignment<'static>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?.min(VERSION_MAX);
    Ok(ConsumerProtocolAssignment::decode(&mut reader, version)?.into_owned())
}

/// The assignment of a member, in the version of what it said itself.
pub fn assigned(
    partitions: impl Iterator<Item = (Uuid, Vec<i32>)>,
    metadata: &[u8],
    topics: &dyn TopicView,
) -> Vec<u8> {
    let version = Reader::new(metadata).i16().unwrap_or(0).clamp(0, VERSION_MAX);
    let named = partitions.filter_map(|(topic, partitions)| {
        let topic = topics.by_id(topic)?.name.to_owned().into();
        Some(TopicPartition { topic, partitions })
    });
    let value = ConsumerProtocolAssignment { assigned_partitions: named.collect(), user_data: None };
    let mut writer = Writer::new();
    writer.i16(version);
    // Names and numbers of partitions always fit.
    let encoded = value.encode(&mut writer, version);
    debug_assert!(encoded.is_ok(), "an assignment made here: {encoded:?}");
    writer.into_vec()
}

/// By topic id, without topics that are gone.
pub fn by_id<'t>(topics: impl Iterator<Item = (&'t str, &'t [i32])>, view: &dyn TopicView) -> Partitions {
    by_topic(topics.filter_map(|(name, indexes)| Some((view.by_name(name)?.id, indexes))).collect())
}
