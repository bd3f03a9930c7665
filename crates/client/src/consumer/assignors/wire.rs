//! What members of a classic group tell each other, as bytes (ConsumerProtocolSubscription and -Assignment).

use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedTopic;
use protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use protocol::{DecodeError, Message, Reader, Writer};

use super::{AssignorKind, MemberSubscription};
use crate::error::Error;

/// What a member says of itself under one of its assignors, in the newest version.
pub(crate) fn subscription_bytes(
    kind: AssignorKind,
    topics: &BTreeSet<String>,
    owned: &[(String, i32)],
    generation: i32,
    rack: &str,
) -> Vec<u8> {
    let by_topic = by_topic(owned);
    let owned_partitions = by_topic
        .iter()
        .map(|(topic, partitions)| OwnedTopic { topic: (*topic).into(), partitions: partitions.clone() });
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|topic| topic.as_str().into()).collect(),
        user_data: user_data(kind, &by_topic, generation).map(Into::into),
        owned_partitions: owned_partitions.collect(),
        generation_id: generation,
        rack_id: Some(rack).filter(|rack| !rack.is_empty()).map(Into::into),
    };
    versioned(&subscription, ConsumerProtocolSubscription::VERSIONS.max)
}

/// Sticky assignors of clients before version 2 of the subscription read what is owned, and of which generation, out of the
/// user data.
fn user_data(kind: AssignorKind, owned: &BTreeMap<&str, Vec<i32>>, generation: i32) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    match kind {
        AssignorKind::Range | AssignorKind::RoundRobin => return None,
        AssignorKind::CooperativeSticky => writer.i32(generation),
        AssignorKind::Sticky => {
            writer.i32(i32::try_from(owned.len()).unwrap_or_default());
            for (topic, partitions) in owned {
                writer.string(false, topic).ok()?;
                writer.i32(i32::try_from(partitions.len()).unwrap_or_default());
                partitions.iter().for_each(|number| writer.i32(*number));
            }
            writer.i32(generation);
        }
    }
    Some(writer.into_vec())
}

/// Reads what a member says of itself.
pub(crate) fn subscription_of(
    member_id: &str,
    instance_id: Option<&str>,
    metadata: &[u8],
) -> Result<MemberSubscription, Error> {
    let subscription: ConsumerProtocolSubscription<'_> = unversioned(metadata)
        .map_err(|error| Error::Malformed(format!("The subscription of member {member_id}: {error}")))?;
    let owned = subscription
        .owned_partitions
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|number| (topic.topic.as_ref().to_owned(), *number)));
    Ok(MemberSubscription {
        member_id: member_id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        topics: subscription.topics.iter().map(|topic| topic.as_ref().to_owned()).collect(),
        owned: owned.collect(),
        generation: subscription.generation_id,
    })
}

/// A member's share, as its leader sends it.
pub(crate) fn assignment_bytes(share: &[(String, i32)]) -> Vec<u8> {
    let topics = by_topic(share);
    let assigned =
        topics.into_iter().map(|(topic, partitions)| AssignedTopic { topic: topic.into(), partitions });
    let assignment = ConsumerProtocolAssignment { assigned_partitions: assigned.collect(), user_data: None };
    versioned(&assignment, ConsumerProtocolAssignment::VERSIONS.max)
}

/// Reads a share; no bytes are no partitions.
pub(crate) fn partitions_of(bytes: &[u8]) -> Result<Vec<(String, i32)>, Error> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let assignment: ConsumerProtocolAssignment<'_> = unversioned(bytes)
        .map_err(|error| Error::Malformed(format!("The assignment of a member: {error}")))?;
    let partitions = assignment
        .assigned_partitions
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|number| (topic.topic.as_ref().to_owned(), *number)));
    Ok(partitions.collect())
}

fn by_topic(partitions: &[(String, i32)]) -> BTreeMap<&str, Vec<i32>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, number) in partitions {
        topics.entry(topic).or_default().push(*number);
    }
    topics
}

/// What stands behind a version, a newer one read as the newest that is known.
fn unversioned<'b, M: Message<'b>>(bytes: &'b [u8]) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    M::decode(&mut reader, version.clamp(0, M::VERSIONS.max))
}

/// The version in front of what is written in it. What cannot be written, as a name that is too long, is left out: no server
/// gives out such names.
fn versioned<'m>(message: &impl Message<'m>, version: i16) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.i16(version);
    let _ = message.encode(&mut writer, version);
    writer.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_and_shares_read_back() {
        let topics = ["t", "u"].map(str::to_owned).into();
        let owned = [("t".to_owned(), 1), ("u".to_owned(), 0), ("t".to_owned(), 2)];
        for kind in [AssignorKind::Range, AssignorKind::Sticky, AssignorKind::CooperativeSticky] {
            let bytes = subscription_bytes(kind, &topics, &owned, 5, "r");
            let read = subscription_of("m", Some("i"), &bytes).unwrap();
            assert_eq!((read.topics, read.generation), (topics.clone(), 5));
            assert_eq!(read.owned.len(), 3);
        }
        let mut share = partitions_of(&assignment_bytes(&owned)).unwrap();
        share.sort();
        assert_eq!(share, [("t".to_owned(), 1), ("t".to_owned(), 2), ("u".to_owned(), 0)]);
        assert_eq!(partitions_of(&[]), Ok(Vec::new()));
        assert!(partitions_of(&[0]).is_err() && subscription_of("m", None, &[0, 0, 9]).is_err());
    }
}
