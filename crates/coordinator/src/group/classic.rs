//! A group of the classic protocol (JoinGroup, SyncGroup, Heartbeat, LeaveGroup).
//!
//! What a record holds is all that survives a restart: members, their assignments, generation, protocol and leader.
//! Who waits for an answer, who has a member id without having joined with it, and how far a rebalance has come does
//! not, and changes without a record.

mod heartbeat;
mod join;
mod leave;
mod member;
mod migrate;
mod rebalance;
mod roster;
mod stored;
mod subscription;
mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::group_metadata_value::MemberMetadata;
use protocol::messages::{GroupMetadataValue, JoinGroupResponse, SyncGroupResponse};

pub use self::join::{ID_REQUIRED_SINCE, refuse as refuse_join};
pub use self::member::{Member, Protocol};
use self::roster::Roster;
pub use self::sync::refuse as refuse_sync;
use crate::record::Record;
use crate::settings::GroupSettings;
use crate::step::{Answer, Step, TimerKey};

/// Protocol type of groups of consumers, the only ones whose subscriptions are understood here.
pub const CONSUMER: &str = "consumer";

/// How far a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody is in it.
    Empty,
    /// Members have to join; at the first rebalance of an empty group more of them are waited for.
    PreparingRebalance {
        /// The wait of the first rebalance.
        initial: Option<InitialWait>,
    },
    /// The leader has to bring assignments.
    CompletingRebalance,
    /// All members may have their assignments.
    Stable,
}

/// The wait for more members of a group that was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitialWait {
    /// The part of it that runs, in milliseconds.
    pub delay_ms: i64,
    /// What may be added to it, in milliseconds.
    pub remaining_ms: i64,
    /// Somebody has joined since it began to run.
    pub has_grown: bool,
}

/// What holds for the length of one decision.
pub struct Turn<'a> {
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
    /// The settings.
    pub settings: &'a GroupSettings,
    /// What is brought about.
    pub step: &'a mut Step,
}

/// A group of the classic protocol.
#[derive(Debug)]
pub struct ClassicGroup {
    pub id: Arc<str>,
    pub state: State,
    /// Since when, in milliseconds since 1970; `None` where nobody knows.
    pub state_since_ms: Option<i64>,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub generation: i32,
    pub leader: Option<Arc<str>>,
    pub members: Roster,
    /// Those that were given a member id and have not joined with it yet.
    pending: BTreeSet<Arc<str>>,
    /// Members that have not asked for their assignment of this generation.
    unsynced: BTreeSet<Arc<str>>,
    /// Topics that its members read, where that is known.
    pub subscribed: Option<BTreeSet<String>>,
}

impl State {
    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance { .. } => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

impl ClassicGroup {
    pub fn new(id: &str, now_ms: Option<i64>) -> ClassicGroup {
        ClassicGroup {
            id: id.into(),
            state: State::Empty,
            state_since_ms: now_ms,
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: Roster::default(),
            pending: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            subscribed: None,
        }
    }

    /// The group as its record says.
    pub fn from_value(id: &str, value: &GroupMetadataValue<'_>) -> ClassicGroup {
        let since_ms = Some(value.current_state_timestamp).filter(|time| *time != -1);
        let mut group = ClassicGroup::new(id, since_ms);
        group.generation = value.generation;
        group.protocol = value.protocol.as_deref().map(str::to_owned);
        group.leader = value.leader.as_deref().map(Arc::from);
        for member in &value.members {
            group.add(Member::from_value(member, value.protocol.as_deref()));
        }
        if !group.members.is_empty() {
            group.state = State::Stable;
        }
        group.protocol_type = Some(value.protocol_type.to_string()).filter(|text| !text.is_empty());
        group.subscribed = group.subscribed_topics();
        group
    }

    /// The group's record, with such assignments.
    pub fn record(&self, assignments: &BTreeMap<Arc<str>, Vec<u8>>) -> Record {
        let text = |text: &str| text.to_owned().into();
        let members = self.members.iter().map(|member| MemberMetadata {
            member_id: text(&member.id),
            group_instance_id: member.instance_id.as_deref().map(text),
            client_id: text(&member.client_id),
            client_host: text(&member.client_host),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(self.protocol.as_deref()).to_vec().into(),
            assignment: assignments.get(&member.id).cloned().unwrap_or_default().into(),
        });
        let value = GroupMetadataValue {
            protocol_type: text(self.protocol_type.as_deref().unwrap_or_default()),
            generation: self.generation,
            protocol: self.protocol.as_deref().map(text),
            leader: self.leader.as_deref().map(text),
            current_state_timestamp: self.state_since_ms.unwrap_or(-1),
            members: members.collect(),
        };
        Record::group(&self.id, value)
    }

    /// The record of a group that has not had a generation yet.
    pub fn record_empty(&self) -> Record {
        let value = GroupMetadataValue {
            protocol: None,
            leader: None,
            current_state_timestamp: self.state_since_ms.unwrap_or(-1),
            ..GroupMetadataValue::default()
        };
        Record::group(&self.id, value)
    }

    /// Every member has its session timeout from now on, as after a start.
    pub fn begin_sessions(&mut self, turn: &mut Turn<'_>) {
        for id in self.members.ids() {
            self.touch_session(&id, turn);
        }
    }

    fn is_preparing(&self) -> bool {
        matches!(self.state, State::PreparingRebalance { .. })
    }

    /// True where its members tell which topics they read.
    pub fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    fn is_led_by(&self, member: &str) -> bool {
        self.leader.as_deref() == Some(member)
    }

    fn has_everybody_joined(&self) -> bool {
        self.members.len() == self.members.awaiting_join() && self.pending.is_empty()
    }

    fn go_to(&mut self, state: State, now_ms: i64) {
        self.state = state;
        self.state_since_ms = Some(now_ms);
    }

    /// Refuses who is not in the group, or calls itself by an instance id that another member has (KIP-345).
    pub fn check_member(&self, member: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            let known = self.members.id_of_instance(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if &**known != member {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        if self.members.contains(member) { Ok(()) } else { Err(ErrorCode::UNKNOWN_MEMBER_ID) }
    }

    pub fn check_generation(&self, generation: i32) -> Result<(), ErrorCode> {
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }

    fn add(&mut self, member: Member) {
        self.leader.get_or_insert_with(|| Arc::clone(&member.id));
        self.pending.remove(&member.id);
        self.members.insert(member);
    }

    fn remove(&mut self, id: &str) -> Option<Member> {
        self.pending.remove(id);
        self.unsynced.remove(id);
        let member = self.members.remove(id)?;
        if self.is_led_by(id) {
            self.leader = self.members.iter().next().map(|member| Arc::clone(&member.id));
        }
        Some(member)
    }

    /// True where somebody with these protocols could be a member.
    fn is_compatible<'p>(&self, protocol_type: &str, mut names: impl Iterator<Item = &'p str>) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && names.next().is_some();
        }
        self.protocol_type.as_deref() == Some(protocol_type) && names.any(|name| self.members.speaks(name))
    }

    /// The member is heard of, and has to be again within `timeout_ms`.
    fn touch(&mut self, id: &str, timeout_ms: i64, turn: &mut Turn<'_>) {
        let Some(member) = self.members.get_mut(id) else { return };
        let expires_at_ms = turn.now_ms.saturating_add(timeout_ms);
        if let Some(at_ms) = member.session.extend(expires_at_ms) {
            let id = Arc::clone(&member.id);
            turn.step.set(self.session_timer(id), at_ms);
        }
    }

    pub fn touch_session(&mut self, id: &str, turn: &mut Turn<'_>) {
        let timeout_ms = self.members.get(id).map_or(0, |member| i64::from(member.session_timeout_ms));
        self.touch(id, timeout_ms, turn);
    }

    /// A timer that is set for long shares the id of its member.
    fn session_timer(&self, member: impl Into<Arc<str>>) -> TimerKey {
        TimerKey::Session { group: Arc::clone(&self.id), member: member.into() }
    }

    /// Answers a member that waits for its JoinGroup.
    fn answer_join(&mut self, id: &str, response: JoinGroupResponse<'static>, turn: &mut Turn<'_>) {
        if let Some(reply) = self.members.take_join(id) {
            turn.step.answer(reply, Answer::Join(response));
        }
    }

    /// Answers a member that waits for its SyncGroup; true where one did.
    fn answer_sync(&mut self, id: &str, response: SyncGroupResponse<'static>, turn: &mut Turn<'_>) -> bool {
        let Some(reply) = self.members.get_mut(id).and_then(|member| member.sync.take()) else {
            return false;
        };
        turn.step.answer(reply, Answer::Sync(response));
        true
    }
}
