//! Membership of a group: how a consumer learns which partitions are its own.

mod classic;
mod heartbeats;
mod modern;
mod pulse;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{ErrorCode, Uuid};
use tokio::sync::mpsc;

pub(crate) use classic::{Classic, Round};
pub(crate) use modern::Modern;
pub(crate) use pulse::{InPoll, Pulse};

use super::Event;
use super::settings::ConsumerOptions;
use crate::cluster::Cluster;
use crate::error::Error;

/// Where log lines about groups come from, as Kafka's consumer names it.
pub(crate) const LOGGER: &str = "org.apache.kafka.clients.consumer.internals.ConsumerCoordinator";

/// What the parts of a membership have in common.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) cluster: Cluster,
    pub(crate) options: Arc<ConsumerOptions>,
    pub(crate) group: String,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) pulse: Arc<Pulse>,
    /// Tells one membership of a consumer from the one before it.
    pub(crate) serial: u64,
}

/// What a member of a group hears.
#[derive(Debug)]
pub(crate) enum GroupEvent {
    /// A round of the classic protocol is over.
    Round(Result<Round, Error>),
    /// A heartbeat of a generation was refused.
    Refused { generation: i32, error: Error },
    /// The coordinator of the consumer protocol says which partitions are to be read.
    Target { epoch: i32, partitions: Vec<(Uuid, i32)> },
    /// The same epoch goes on, or a new one came with the same partitions.
    Epoch(i32),
    /// The member is none any more, because of what it did not do.
    Lost(Error),
    /// The program asked for records too seldom, and the member left the group.
    TooSeldom,
    /// The coordinator will not have this consumer at all.
    Fatal(Error),
}

/// What is read as a member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Interest {
    /// Names of topics; those that match where there is a pattern.
    pub(crate) topics: BTreeSet<String>,
    /// The pattern itself, where the coordinator resolves it.
    pub(crate) pattern: Option<String>,
}

/// True for refusals after which a member has to begin anew, with nothing of its own.
pub(crate) fn is_lost(error: &Error) -> bool {
    let codes = [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION, ErrorCode::FENCED_MEMBER_EPOCH];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// True for refusals that the same request meets again.
pub(crate) fn is_fatal(error: &Error) -> bool {
    match error {
        Error::Disconnected(_) | Error::Timeout(_) => false,
        Error::Server { code, .. } => {
            let passing = [
                ErrorCode::REBALANCE_IN_PROGRESS,
                ErrorCode::MEMBER_ID_REQUIRED,
                ErrorCode::UNRELEASED_INSTANCE_ID,
                ErrorCode::STALE_MEMBER_EPOCH,
            ];
            !code.is_retriable() && !passing.contains(code) && !is_lost(error)
        }
        _ => true,
    }
}

impl Context {
    pub(crate) fn tell(&self, event: GroupEvent) {
        // A consumer that is gone need not know.
        let _ = self.events.send(Event::Group(self.serial, event));
    }
}
