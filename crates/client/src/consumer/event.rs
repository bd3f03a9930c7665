//! What reaches a consumer from the tasks that work for it.

use std::collections::BTreeMap;

use protocol::messages::FetchRequest;

use super::assignment::Key;
use super::group::GroupEvent;
use super::settings::OffsetReset;
use crate::admin::FoundOffset;
use crate::error::Error;
use crate::link::Answer;
use crate::offsets::Offsets;
use crate::topics::TopicViews;

#[derive(Debug)]
pub(crate) enum Event {
    /// Topics were asked for, all of them or those that are wanted.
    Topics { told: Result<TopicViews, Error>, is_all: bool },
    /// Committed offsets were asked for.
    Committed { keys: Vec<Key>, told: Result<Offsets, Error> },
    /// Offsets to begin at were asked for.
    Reset {
        keys: Vec<Key>,
        policy: OffsetReset,
        told: Result<BTreeMap<Key, Result<FoundOffset, Error>>, Error>,
    },
    /// A broker answered a fetch.
    Fetched { broker: i32, answer: Result<Answer<FetchRequest<'static>>, Error> },
    /// What is committed now and then was, or was not.
    AutoCommitted(Result<(), Error>),
    /// What had to be committed before partitions are given up was, or was not.
    Settled { change: u64, outcome: Result<(), Error> },
    /// Of the group, by the number of the membership.
    Group(u64, GroupEvent),
}
