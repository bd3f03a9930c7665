//! What a decision brings about.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::messages::{
    ConsumerGroupHeartbeatResponse, HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse,
    OffsetCommitResponse, SyncGroupResponse,
};

use crate::record::Record;

/// Whom an answer goes to; the host knows who that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTo(pub u64);

/// An answer to a request; those to JoinGroup and SyncGroup may come long after the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To JoinGroup.
    Join(JoinGroupResponse<'static>),
    /// To SyncGroup.
    Sync(SyncGroupResponse<'static>),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    Leave(LeaveGroupResponse<'static>),
    /// To OffsetCommit.
    Commit(OffsetCommitResponse<'static>),
    /// To ConsumerGroupHeartbeat.
    ConsumerHeartbeat(ConsumerGroupHeartbeatResponse<'static>),
}

/// What a timer is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerKey {
    /// A member has to be heard of.
    Session {
        /// The group's id.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
    },
    /// The members of a group have to have joined.
    Join {
        /// The group's id.
        group: Arc<str>,
    },
    /// The members of a group have to have asked for their assignments.
    Sync {
        /// The group's id.
        group: Arc<str>,
    },
    /// A member of a consumer group has to have given partitions up.
    Revocation {
        /// The group's id.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
    },
    /// A member that speaks the classic protocol in a consumer group has to have joined again.
    MemberJoin {
        /// The group's id.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
    },
    /// A member that speaks the classic protocol in a consumer group has to have asked for its assignment.
    MemberSync {
        /// The group's id.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
    },
}

/// A timer is set, in place of an earlier one with the same key, or cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// What it is for.
    pub key: TimerKey,
    /// When it ends, in milliseconds since 1970; `None` cancels it.
    pub at_ms: Option<i64>,
}

/// What goes on once the records of a step are stored, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The leader's assignments.
    Assignments {
        /// The group's id.
        group: Arc<str>,
        /// Its generation when they were made.
        generation: i32,
        /// Assignment by member.
        assignments: BTreeMap<Arc<str>, Vec<u8>>,
    },
    /// A static member has come back under another id.
    Replacement {
        /// The group's id.
        group: Arc<str>,
        /// Its id now.
        member: Arc<str>,
        /// Whoever led the group before.
        leader_before: Option<Arc<str>>,
        /// The version of its JoinGroup.
        join_version: i16,
    },
}

/// Which topics match? The host comes back with `GroupShard::regexes_resolved`, whatever it has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveRegexes {
    /// The group's id.
    pub group: Arc<str>,
    /// Whoever asks: topics that it may not describe do not match.
    pub member: Arc<str>,
    /// Each has to match a topic's name as a whole.
    pub regexes: Vec<String>,
}

/// What became of a group, for logs, metrics and tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupEvent {
    /// Members have to join again.
    RebalanceBegan {
        /// The group's id.
        group: Arc<str>,
        /// The generation that ends; of a consumer group its epoch.
        generation: i32,
        /// Who caused it, and how.
        cause: String,
    },
    /// All members may have their assignments.
    Stable {
        /// The group's id.
        group: Arc<str>,
        /// The generation that has begun.
        generation: i32,
        /// How many members it has.
        members: usize,
    },
    /// A member is gone.
    MemberRemoved {
        /// The group's id.
        group: Arc<str>,
        /// The member's id.
        member: Arc<str>,
        /// Why.
        cause: String,
    },
}

/// What a decision brings about. Answers and timers count once the records are committed. Where they cannot be appended
/// and the step does not come back with `stored`, the shard is ahead of its log: the host loads it again.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    /// To append, in this order.
    pub records: Vec<Record>,
    /// To deliver.
    pub answers: Vec<(ReplyTo, Answer)>,
    /// To set or cancel.
    pub timers: Vec<Timer>,
    /// To come back with.
    pub stored: Option<Stored>,
    /// To tell.
    pub events: Vec<GroupEvent>,
    /// To find out.
    pub resolve: Option<ResolveRegexes>,
}

impl Step {
    pub(crate) fn answer(&mut self, reply: ReplyTo, answer: Answer) {
        self.answers.push((reply, answer));
    }

    pub(crate) fn set(&mut self, key: TimerKey, at_ms: i64) {
        self.timers.push(Timer { key, at_ms: Some(at_ms) });
    }

    /// What an earlier decision has brought about goes before.
    pub(crate) fn precede(&mut self, mut earlier: Step) {
        earlier.timers.append(&mut self.timers);
        self.timers = earlier.timers;
        earlier.answers.append(&mut self.answers);
        self.answers = earlier.answers;
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.timers.push(Timer { key, at_ms: None });
    }
}
