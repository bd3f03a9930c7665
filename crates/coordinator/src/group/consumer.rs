//! A group of the consumer protocol (KIP-848): the broker decides who reads what, and members follow by heartbeats.
//!
//! Three numbers tell how far a group is. Its epoch grows with every change that asks for another assignment; the
//! target is what members shall have, computed for an epoch; each member's own epoch follows when it has given up what
//! it shall not have any more. A partition is assigned to somebody only once nobody has it.
//!
//! All of this is in records. A decision writes a record and the group is what it says from then on, through the same
//! function that reads it after a start. What is not in records, sessions and timers, is in [`Watch`].

mod apply;
mod check;
mod classic_heartbeat;
mod classic_join;
mod classic_leave;
mod classic_sync;
mod commit;
mod describe;
pub mod embedded;
mod from_classic;
mod heartbeat;
mod leave;
mod member;
mod members;
mod metadata_hash;
mod reconcile;
mod regex;
mod subscription;
mod target;
mod timers;
mod to_classic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{ErrorCode, Uuid};

pub use self::check::{Refusal, check_form};
pub use self::commit::CommitRule;
pub use self::member::{Current, Member, MemberState, Owned};
pub use self::members::Members;
pub use self::metadata_hash::TopicHashes;
pub use self::regex::{Regexes, Resolution, Resolved};
pub use self::target::Target;
pub use self::timers::Watch;
use crate::record::Record;
use crate::settings::GroupSettings;
use crate::step::{GroupEvent, Step};
use crate::topics::{Topic, TopicView};

/// The epoch of a group, and of its target, before anything has happened.
const FIRST_EPOCH: i32 = 1;

/// How far a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody is in it.
    Empty,
    /// It needs another assignment.
    Assigning,
    /// Members are on their way to what they shall have.
    Reconciling,
    /// All have it.
    Stable,
}

/// What holds for the length of one decision.
pub struct Turn<'a> {
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
    /// The settings.
    pub settings: &'a GroupSettings,
    /// Those that the group may have of its own.
    pub pace: Pace,
    /// The cluster's topics.
    pub topics: &'a dyn TopicView,
    /// What the topics amount to, as far as that was computed.
    pub topic_hashes: &'a TopicHashes,
    /// The version of the metadata in which topics were last created, as far as that is known.
    pub topics_created_in: Option<i64>,
    /// What is brought about.
    pub step: &'a mut Step,
}

/// Times of a group, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long a member may be silent.
    pub session_timeout_ms: i32,
    /// How often it shall be heard of.
    pub heartbeat_interval_ms: i32,
    /// How long an assignment stands at least.
    pub assignment_interval_ms: i32,
}

/// A group of the consumer protocol.
#[derive(Debug)]
pub struct ConsumerGroup {
    pub id: Arc<str>,
    pub epoch: i32,
    /// What it has made of its topics: another hash asks for another assignment.
    pub metadata_hash: i64,
    pub members: Members,
    pub target: Target,
    pub regexes: Regexes,
    /// A broker before 4.1 has left a record that later ones end.
    has_partition_metadata: bool,
    /// From when on its topics are looked at again, in milliseconds since 1970.
    refresh_at_ms: i64,
    watches: BTreeMap<Arc<str>, Watch>,
}

impl State {
    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Assigning => "Assigning",
            State::Reconciling => "Reconciling",
            State::Stable => "Stable",
        }
    }
}

impl ConsumerGroup {
    pub fn new(id: &str) -> ConsumerGroup {
        ConsumerGroup {
            id: id.into(),
            epoch: FIRST_EPOCH,
            metadata_hash: 0,
            members: Members::default(),
            target: Target::default(),
            regexes: Regexes::default(),
            has_partition_metadata: false,
            refresh_at_ms: 0,
            watches: BTreeMap::new(),
        }
    }

    pub fn state(&self) -> State {
        if self.members.is_empty() {
            State::Empty
        } else if self.epoch > self.target.epoch {
            State::Assigning
        } else if self.members.iter().all(|member| member.is_reconciled_to(self.target.epoch)) {
            State::Stable
        } else {
            State::Reconciling
        }
    }

    /// True where a member reads the topic.
    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.members.names().contains_key(topic) || self.regexes.matched(topic) > 0
    }

    /// The cluster's topics have changed: the next heartbeat looks at them.
    pub fn look_at_topics_again(&mut self) {
        self.refresh_at_ms = 0;
    }

    /// A record holds from now on.
    fn write(&mut self, record: Record, turn: &mut Turn<'_>) {
        let applied = self.apply(&record.key, record.value.as_ref().map(|(value, _)| value));
        debug_assert!(applied.is_ok(), "a record made here: {record:?}");
        turn.step.records.push(record);
    }

    /// Another assignment is needed.
    fn bump_epoch(&mut self, metadata_hash: i64, cause: String, turn: &mut Turn<'_>) {
        let (group, generation) = (Arc::clone(&self.id), self.epoch);
        turn.step.events.push(GroupEvent::RebalanceBegan { group, generation, cause });
        let record = Record::consumer_group(&self.id, self.epoch.saturating_add(1), metadata_hash);
        self.write(record, turn);
    }

    /// Topics that a member reads and that there are.
    fn topics_of(&self, member: &Member, topics: &dyn TopicView) -> BTreeSet<Uuid> {
        let named = member.metadata.topics.iter();
        let matched = self.regexes.topics(&member.metadata.regex);
        let known = named.chain(matched).filter_map(|name| topics.by_name(name));
        known.map(|topic: Topic<'_>| topic.id).collect()
    }

    fn unknown_member(&self, id: &str) -> Refusal {
        let message = format!("Member {id} is not a member of group {}.", self.id);
        Refusal::new(ErrorCode::UNKNOWN_MEMBER_ID, message)
    }
}
