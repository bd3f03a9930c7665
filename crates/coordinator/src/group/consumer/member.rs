//! A member of a consumer group: what it says of itself, and what it has.

use std::sync::Arc;

use model::Uuid;
use protocol::messages::consumer_group_current_member_assignment_value::TopicPartitions;
use protocol::messages::consumer_group_member_metadata_value::{ClassicMemberMetadata, ClassicProtocol};
use protocol::messages::{ConsumerGroupCurrentMemberAssignmentValue, ConsumerGroupMemberMetadataValue};

use crate::assignor::Partitions;
use crate::group::classic::Protocol;
use crate::sorted::{SortedMap, SortedSet};

/// Epoch of a static member that has left for a while.
pub const AWAY: i32 = -2;
/// Epoch of who has left.
pub const LEFT: i32 = -1;

/// Partitions by topic, each with the epoch in which it was assigned.
pub type Owned = SortedMap<Uuid, SortedMap<i32, i32>>;

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub id: Arc<str>,
    pub metadata: Metadata,
    pub current: Current,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// A name that survives restarts of the client.
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub client_id: Box<str>,
    pub client_host: Box<str>,
    pub topics: SortedSet<String>,
    /// Topics are also those that it matches; empty for none.
    pub regex: String,
    pub rebalance_timeout_ms: i32,
    pub assignor: Option<String>,
    /// It speaks the classic protocol.
    pub classic: Option<Box<Classic>>,
}

/// What a member that speaks the classic protocol says beside.
#[derive(Debug, Clone, PartialEq)]
pub struct Classic {
    pub session_timeout_ms: i32,
    /// By preference.
    pub protocols: Vec<Protocol>,
}

/// How far a member is on its way to what it shall have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has it.
    #[default]
    Stable,
    /// It has to give partitions up before it may go on to the next epoch.
    UnrevokedPartitions,
    /// It waits for partitions that others still have.
    UnreleasedPartitions,
    /// Something that a later version knows.
    Unknown,
}

/// What a member has.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    pub epoch: i32,
    pub previous_epoch: i32,
    pub state: MemberState,
    pub assigned: Owned,
    /// What it has to give up.
    pub revoking: Owned,
}

impl MemberState {
    /// As it is stored.
    pub fn value(self) -> i8 {
        match self {
            MemberState::Stable => 0,
            MemberState::UnrevokedPartitions => 1,
            MemberState::UnreleasedPartitions => 2,
            MemberState::Unknown => 127,
        }
    }

    fn from_value(value: i8) -> MemberState {
        match value {
            0 => MemberState::Stable,
            1 => MemberState::UnrevokedPartitions,
            2 => MemberState::UnreleasedPartitions,
            _ => MemberState::Unknown,
        }
    }
}

impl Member {
    /// Somebody of whom nothing is known yet.
    pub fn new(id: Arc<str>) -> Member {
        Member { id, metadata: Metadata::default(), current: Current::default() }
    }

    pub fn is_classic(&self) -> bool {
        self.metadata.classic.is_some()
    }

    /// True where it has what it shall have in an epoch.
    pub fn is_reconciled_to(&self, epoch: i32) -> bool {
        self.current.state == MemberState::Stable && self.current.epoch == epoch
    }
}

impl Default for Metadata {
    fn default() -> Metadata {
        Metadata {
            instance_id: None,
            rack_id: None,
            client_id: Box::default(),
            client_host: Box::default(),
            topics: SortedSet::default(),
            regex: String::new(),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
        }
    }
}

impl Metadata {
    /// As its record says.
    pub fn from_value(value: &ConsumerGroupMemberMetadataValue<'_>) -> Metadata {
        let text = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
        Metadata {
            instance_id: text(&value.instance_id),
            rack_id: text(&value.rack_id),
            client_id: (*value.client_id).into(),
            client_host: (*value.client_host).into(),
            topics: value.subscribed_topic_names.iter().map(ToString::to_string).collect(),
            regex: text(&value.subscribed_topic_regex).unwrap_or_default(),
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            assignor: text(&value.server_assignor),
            classic: value.classic_member_metadata.as_ref().map(|said| Box::new(Classic::from_value(said))),
        }
    }

    /// For its record.
    pub fn value(&self) -> ConsumerGroupMemberMetadataValue<'static> {
        ConsumerGroupMemberMetadataValue {
            instance_id: self.instance_id.clone().map(Into::into),
            rack_id: self.rack_id.clone().map(Into::into),
            client_id: self.client_id.to_string().into(),
            client_host: self.client_host.to_string().into(),
            subscribed_topic_names: self.topics.iter().map(|topic| topic.clone().into()).collect(),
            subscribed_topic_regex: Some(self.regex.clone().into()),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.assignor.clone().map(Into::into),
            classic_member_metadata: self.classic.as_deref().map(Classic::value),
        }
    }
}

impl Classic {
    fn from_value(value: &ClassicMemberMetadata<'_>) -> Classic {
        let own = |protocol: &ClassicProtocol<'_>| Protocol {
            name: protocol.name.to_string(),
            metadata: protocol.metadata.to_vec(),
        };
        Classic {
            session_timeout_ms: value.session_timeout_ms,
            protocols: value.supported_protocols.iter().map(own).collect(),
        }
    }

    fn value(&self) -> ClassicMemberMetadata<'static> {
        let stored = |protocol: &Protocol| ClassicProtocol {
            name: protocol.name.clone().into(),
            metadata: protocol.metadata.clone().into(),
        };
        ClassicMemberMetadata {
            session_timeout_ms: self.session_timeout_ms,
            supported_protocols: self.protocols.iter().map(stored).collect(),
        }
    }
}

impl Default for Current {
    fn default() -> Current {
        Current {
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            assigned: Owned::new(),
            revoking: Owned::new(),
        }
    }
}

impl Current {
    /// As its record says.
    pub fn from_value(value: &ConsumerGroupCurrentMemberAssignmentValue) -> Current {
        let owned = |stored: &[TopicPartitions]| -> Owned {
            let each = stored.iter().map(|topic| (topic.topic_id, epochs_of(topic, value.member_epoch)));
            each.collect()
        };
        Current {
            epoch: value.member_epoch,
            previous_epoch: value.previous_member_epoch,
            state: MemberState::from_value(value.state),
            assigned: owned(&value.assigned_partitions),
            revoking: owned(&value.partitions_pending_revocation),
        }
    }

    /// Of who has left.
    pub fn left() -> Current {
        Current { epoch: LEFT, previous_epoch: LEFT, ..Current::default() }
    }

    /// The epoch in which a partition that it has was assigned.
    pub fn assigned_in(&self, topic: Uuid, partition: i32) -> Option<i32> {
        let find = |owned: &Owned| owned.get(&topic)?.get(&partition).copied();
        find(&self.assigned).or_else(|| find(&self.revoking))
    }
}

/// Records of older brokers do not tell when a partition was assigned: at the latest in the member's epoch.
fn epochs_of(topic: &TopicPartitions, member_epoch: i32) -> SortedMap<i32, i32> {
    let epochs = topic.assignment_epochs.as_deref().unwrap_or_default();
    let of =
        |(place, partition): (usize, &i32)| (*partition, epochs.get(place).copied().unwrap_or(member_epoch));
    topic.partitions.iter().enumerate().map(of).collect()
}

/// Every partition as assigned in one epoch.
pub fn assigned_all_in(epoch: i32, partitions: &Partitions) -> Owned {
    let each = partitions.iter().map(|(topic, indexes)| {
        let epochs = indexes.iter().map(|index| (*index, epoch)).collect();
        (*topic, epochs)
    });
    each.collect()
}
