//! What one partition of `__consumer_offsets` amounts to: its groups and their committed offsets.

mod groups;
mod loading;

pub use self::groups::GroupFilter;
pub use self::loading::LoadError;

use std::collections::HashMap;
use std::sync::Arc;

use model::{ErrorCode, Uuid};
use protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest,
};

use crate::group::classic::{self, ClassicGroup, Turn};
use crate::offsets::Offsets;
use crate::settings::GroupSettings;
use crate::step::{Answer, ReplyTo, Step, Stored, TimerKey};

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Whom to answer.
    pub reply: ReplyTo,
    /// Version of the request.
    pub api_version: i16,
    /// What the client calls itself.
    pub client_id: &'a str,
    /// Where it is, as Kafka writes it: a slash and the address.
    pub client_host: &'a str,
    /// A random id, for a member id if one has to be made.
    pub fresh_id: Uuid,
}

/// Groups and offsets of one partition of `__consumer_offsets`.
#[derive(Debug, Default)]
pub struct GroupShard {
    pub(crate) settings: GroupSettings,
    pub(crate) groups: HashMap<Arc<str>, ClassicGroup>,
    pub(crate) offsets: Offsets,
}

impl GroupShard {
    /// An empty shard, to be filled from the partition's records.
    pub fn new(settings: GroupSettings) -> GroupShard {
        GroupShard { settings, ..GroupShard::default() }
    }

    /// Has later decisions follow other settings.
    pub fn follow(&mut self, settings: GroupSettings) {
        self.settings = settings;
    }

    /// JoinGroup.
    pub fn join(&mut self, request: &JoinGroupRequest<'_>, asker: &Asker<'_>, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = Turn { now_ms, settings: &self.settings, step: &mut step };
        let timeouts = self.settings.session_timeout_min_ms..=self.settings.session_timeout_max_ms;
        if request.group_id.is_empty() {
            classic::refuse_join(&request.member_id, ErrorCode::INVALID_GROUP_ID, asker, &mut turn);
            return step;
        }
        if !timeouts.contains(&request.session_timeout_ms) {
            classic::refuse_join(&request.member_id, ErrorCode::INVALID_SESSION_TIMEOUT, asker, &mut turn);
            return step;
        }
        let is_new = !self.groups.contains_key(&*request.group_id);
        if is_new && !request.member_id.is_empty() {
            classic::refuse_join(&request.member_id, ErrorCode::UNKNOWN_MEMBER_ID, asker, &mut turn);
            return step;
        }
        let group = group_or_begin(&mut self.groups, &request.group_id, now_ms);
        group.join(request, asker, &mut turn);
        if is_new && turn.step.records.is_empty() {
            // Others learn of it before its first generation.
            turn.step.records.push(group.record_empty());
        }
        step
    }

    /// SyncGroup.
    pub fn sync(&mut self, request: &SyncGroupRequest<'_>, asker: &Asker<'_>, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = Turn { now_ms, settings: &self.settings, step: &mut step };
        match self.groups.get_mut(&*request.group_id) {
            _ if request.group_id.is_empty() => {
                classic::refuse_sync(ErrorCode::INVALID_GROUP_ID, asker, &mut turn);
            }
            Some(group) => group.sync(request, asker, &mut turn),
            None => classic::refuse_sync(ErrorCode::UNKNOWN_MEMBER_ID, asker, &mut turn),
        }
        step
    }

    /// Heartbeat.
    pub fn heartbeat(&mut self, request: &HeartbeatRequest<'_>, asker: &Asker<'_>, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = Turn { now_ms, settings: &self.settings, step: &mut step };
        let outcome = match self.groups.get_mut(&*request.group_id) {
            _ if request.group_id.is_empty() => Err(ErrorCode::INVALID_GROUP_ID),
            Some(group) => group.heartbeat(request, &mut turn),
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        };
        let error_code = outcome.err().unwrap_or(ErrorCode::NONE);
        let response = HeartbeatResponse { error_code, ..HeartbeatResponse::default() };
        step.answer(asker.reply, Answer::Heartbeat(response));
        step
    }

    /// LeaveGroup; before version 3 a request names one member, which the host puts among `members`.
    pub fn leave(&mut self, request: &LeaveGroupRequest<'_>, asker: &Asker<'_>, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = Turn { now_ms, settings: &self.settings, step: &mut step };
        let refused = |error_code| LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() };
        let response = match self.groups.get_mut(&*request.group_id) {
            _ if request.group_id.is_empty() => refused(ErrorCode::INVALID_GROUP_ID),
            Some(group) => group.leave(&request.members, &mut turn),
            None => refused(ErrorCode::UNKNOWN_MEMBER_ID),
        };
        step.answer(asker.reply, Answer::Leave(response));
        step
    }

    /// A timer has ended.
    pub fn expired(&mut self, key: &TimerKey, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = Turn { now_ms, settings: &self.settings, step: &mut step };
        let (TimerKey::Session { group, .. } | TimerKey::Join { group } | TimerKey::Sync { group }) = key;
        if let Some(group) = self.groups.get_mut(group) {
            match key {
                TimerKey::Session { member, .. } => group.session_over(member, &mut turn),
                TimerKey::Join { .. } => group.join_time_over(&mut turn),
                TimerKey::Sync { .. } => group.sync_time_over(&mut turn),
            }
        }
        step
    }

    /// The records of a step are committed, or could not be.
    pub fn stored(&mut self, stored: Stored, outcome: Result<(), ErrorCode>, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = Turn { now_ms, settings: &self.settings, step: &mut step };
        let (Stored::Assignments { group, .. } | Stored::Replacement { group, .. }) = &stored;
        if let Some(group) = self.groups.get_mut(group) {
            match stored {
                Stored::Assignments { generation, assignments, .. } => {
                    group.assignments_stored(generation, assignments, outcome, &mut turn);
                }
                Stored::Replacement { member, leader_before, join_version, .. } => {
                    let leader_before = leader_before.as_deref();
                    group.replacement_stored(&member, leader_before, join_version, outcome, &mut turn);
                }
            }
        }
        step
    }
}

/// The group of that id, which begins with this where there is none.
pub(crate) fn group_or_begin<'g>(
    groups: &'g mut HashMap<Arc<str>, ClassicGroup>,
    id: &str,
    now_ms: i64,
) -> &'g mut ClassicGroup {
    groups.entry(id.into()).or_insert_with(|| ClassicGroup::new(id, Some(now_ms)))
}
