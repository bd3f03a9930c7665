//! Groups by the protocol their members speak.

pub mod classic;
pub mod consumer;
pub mod session;

use self::classic::{ClassicGroup, State};
use self::consumer::ConsumerGroup;
use crate::record::Record;

/// A group.
#[derive(Debug)]
pub enum Group {
    /// Its members agree among themselves who reads what.
    Classic(ClassicGroup),
    /// The broker decides who reads what.
    Consumer(ConsumerGroup),
}

impl Group {
    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Group::Classic(group) => &group.id,
            Group::Consumer(group) => &group.id,
        }
    }

    /// True where it has no members.
    pub fn is_empty(&self) -> bool {
        match self {
            Group::Classic(group) => group.state == State::Empty,
            Group::Consumer(group) => group.members.is_empty(),
        }
    }

    /// Kafka's name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Group::Classic(_) => "classic",
            Group::Consumer(_) => "consumer",
        }
    }

    /// Kafka's name of its state.
    pub fn state(&self) -> &'static str {
        match self {
            Group::Classic(group) => group.state.name(),
            Group::Consumer(group) => group.state().name(),
        }
    }

    /// What its members call their protocol, empty where that is not known.
    pub fn protocol_type(&self) -> &str {
        match self {
            Group::Classic(group) => group.protocol_type.as_deref().unwrap_or_default(),
            Group::Consumer(_) => classic::CONSUMER,
        }
    }

    /// True where a member reads the topic, or may.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Group::Classic(group) => group.is_subscribed_to(topic),
            Group::Consumer(group) => group.is_subscribed_to(topic),
        }
    }

    /// Records of its end.
    pub fn gone(&self) -> Vec<Record> {
        match self {
            Group::Classic(group) => vec![Record::group_gone(&group.id)],
            Group::Consumer(group) => group.gone(),
        }
    }
}
