//! What one partition of `__consumer_offsets` amounts to: its groups and their committed offsets.

mod consumer_heartbeat;
mod groups;
mod joining;
mod loading;
mod owners;
mod progress;
mod rules;

use std::collections::HashMap;
use std::sync::Arc;

use model::{ErrorCode, Uuid};
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::leave_group_response::MemberResponse;
use protocol::messages::{HeartbeatRequest, HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse};

pub use self::groups::GroupFilter;
pub use self::loading::LoadError;
pub use self::owners::Owners;
pub use self::progress::GroupProgress;
use self::rules::Rules;
use crate::group::Group;
use crate::group::classic::ClassicGroup;
use crate::offsets::Offsets;
use crate::settings::{GroupOverrides, GroupSettings};
use crate::step::{Answer, ReplyTo, Step, Stored, TimerKey};
use crate::topics::{TopicChanges, TopicView};

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
    /// Milliseconds since 1970 by the wall clock, for what is written down; all that ends in time goes by a clock that does
    /// not jump.
    pub wall_ms: i64,
}

/// Groups and offsets of one partition of `__consumer_offsets`.
#[derive(Debug, Default)]
pub struct GroupShard {
    pub(crate) rules: Rules,
    pub(crate) groups: HashMap<Arc<str>, Group>,
    pub(crate) offsets: Offsets,
}

impl GroupShard {
    /// Goes by these settings from now on.
    pub fn follow_settings(&mut self, settings: GroupSettings) {
        self.rules.settings = settings;
    }

    /// An empty shard, to be filled from the partition's records.
    pub fn new(settings: GroupSettings) -> GroupShard {
        GroupShard { rules: Rules { settings, ..Rules::default() }, ..GroupShard::default() }
    }

    /// Has later decisions follow other settings.
    pub fn follow(&mut self, settings: GroupSettings) {
        self.rules.settings = settings;
    }

    /// Has later decisions about a group follow its own settings.
    pub fn follow_group(&mut self, group: &str, overrides: GroupOverrides) {
        if overrides == GroupOverrides::default() {
            self.rules.overrides.remove(group);
        } else {
            self.rules.overrides.insert(group.into(), overrides);
        }
    }

    /// Topics were created, changed or deleted: groups that read them look at them again at their next heartbeat.
    pub fn topics_changed(&mut self, changes: &TopicChanges<'_>) {
        // Nobody knows what was created before the first news.
        if changes.has_created || self.rules.topics_created_in.is_none() {
            self.rules.topics_created_in = Some(changes.version);
        }
        self.rules.topic_hashes.forget();
        for group in self.groups.values_mut() {
            if let Group::Consumer(group) = group
                && changes.names.iter().any(|name| group.is_subscribed_to(name))
            {
                group.look_at_topics_again();
            }
        }
    }

    /// Heartbeat.
    pub fn heartbeat(
        &mut self,
        request: &HeartbeatRequest<'_>,
        asker: &Asker<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
    ) -> Step {
        let mut step = Step::default();
        let id = &*request.group_id;
        let outcome = match self.groups.get_mut(id) {
            _ if id.is_empty() => Err(ErrorCode::INVALID_GROUP_ID),
            Some(Group::Classic(group)) => {
                group.heartbeat(request, &mut self.rules.classic(now_ms, &mut step))
            }
            Some(Group::Consumer(group)) => {
                group.classic_heartbeat(request, &mut self.rules.consumer(id, now_ms, topics, &mut step))
            }
            None => Err(ErrorCode::UNKNOWN_MEMBER_ID),
        };
        let error_code = outcome.err().unwrap_or(ErrorCode::NONE);
        let response = HeartbeatResponse { error_code, ..HeartbeatResponse::default() };
        step.answer(asker.reply, Answer::Heartbeat(response));
        step
    }

    /// LeaveGroup; before version 3 a request names one member, which the host puts among `members`.
    pub fn leave(
        &mut self,
        request: &LeaveGroupRequest<'_>,
        asker: &Asker<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
    ) -> Step {
        let mut step = Step::default();
        let refused = |error_code| LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() };
        let id = &*request.group_id;
        let mut instead = None;
        let response = match self.groups.get_mut(id) {
            _ if id.is_empty() => refused(ErrorCode::INVALID_GROUP_ID),
            Some(Group::Classic(group)) => {
                group.leave(&request.members, &mut self.rules.classic(now_ms, &mut step))
            }
            Some(Group::Consumer(group)) => {
                let mut turn = self.rules.consumer(id, now_ms, topics, &mut step);
                let (response, other) = group.classic_leave(&request.members, &mut turn);
                instead = other;
                response
            }
            None => none_known(&request.members),
        };
        self.take_place(instead);
        step.answer(asker.reply, Answer::Leave(response));
        step
    }

    /// A timer has ended.
    pub fn expired(&mut self, key: &TimerKey, now_ms: i64, topics: &dyn TopicView) -> Step {
        let mut step = Step::default();
        let (TimerKey::Session { group: id, .. }
        | TimerKey::Join { group: id }
        | TimerKey::Sync { group: id }
        | TimerKey::Revocation { group: id, .. }
        | TimerKey::MemberJoin { group: id, .. }
        | TimerKey::MemberSync { group: id, .. }) = key;
        let mut instead = None;
        match self.groups.get_mut(id) {
            Some(Group::Classic(group)) => {
                let mut turn = self.rules.classic(now_ms, &mut step);
                match key {
                    TimerKey::Session { member, .. } => group.session_over(member, &mut turn),
                    TimerKey::Join { .. } => group.join_time_over(&mut turn),
                    TimerKey::Sync { .. } => group.sync_time_over(&mut turn),
                    // Set for the consumer group that it was.
                    TimerKey::Revocation { .. }
                    | TimerKey::MemberJoin { .. }
                    | TimerKey::MemberSync { .. } => {}
                }
            }
            Some(Group::Consumer(group)) => {
                instead = group.time_over(key, &mut self.rules.consumer(id, now_ms, topics, &mut step));
            }
            None => {}
        }
        self.take_place(instead);
        step
    }

    /// The records of a step are committed, or could not be.
    pub fn stored(&mut self, stored: Stored, outcome: Result<(), ErrorCode>, now_ms: i64) -> Step {
        let mut step = Step::default();
        let mut turn = self.rules.classic(now_ms, &mut step);
        let (Stored::Assignments { group, .. } | Stored::Replacement { group, .. }) = &stored;
        if let Some(Group::Classic(group)) = self.groups.get_mut(group) {
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

    /// A consumer group has become a classic one.
    fn take_place(&mut self, instead: Option<ClassicGroup>) {
        if let Some(group) = instead {
            self.groups.insert(Arc::clone(&group.id), Group::Classic(group));
        }
    }
}

/// The group of that id, which begins with this as a classic one where there is none.
pub(crate) fn group_or_begin<'g>(
    groups: &'g mut HashMap<Arc<str>, Group>,
    id: &str,
    now_ms: i64,
) -> &'g mut Group {
    groups.entry(id.into()).or_insert_with(|| Group::Classic(ClassicGroup::new(id, Some(now_ms))))
}

/// Nobody of a group that is not here can leave it.
fn none_known(members: &[MemberIdentity<'_>]) -> LeaveGroupResponse<'static> {
    let unknown = members.iter().map(|member| MemberResponse {
        member_id: member.member_id.to_string().into(),
        group_instance_id: member.group_instance_id.as_deref().map(|id| id.to_owned().into()),
        error_code: ErrorCode::UNKNOWN_MEMBER_ID,
    });
    LeaveGroupResponse { members: unknown.collect(), ..LeaveGroupResponse::default() }
}
