//! JoinGroup and SyncGroup: by the kind of the group that they are for.

use model::ErrorCode;
use protocol::messages::{JoinGroupRequest, SyncGroupRequest};

use super::{Asker, GroupShard, group_or_begin};
use crate::group::Group;
use crate::group::classic;
use crate::step::{Answer, Step};
use crate::topics::TopicView;

impl GroupShard {
    /// JoinGroup.
    pub fn join(
        &mut self,
        request: &JoinGroupRequest<'_>,
        asker: &Asker<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
    ) -> Step {
        let mut step = Step::default();
        let settings = &self.rules.settings;
        let timeouts = settings.session_timeout_min_ms..=settings.session_timeout_max_ms;
        let id = &*request.group_id;
        let mut error = if id.is_empty() {
            Some(ErrorCode::INVALID_GROUP_ID)
        } else if !timeouts.contains(&request.session_timeout_ms) {
            Some(ErrorCode::INVALID_SESSION_TIMEOUT)
        } else {
            None
        };
        match self.groups.get(id) {
            _ if error.is_some() => {}
            Some(Group::Consumer(group)) if !group.members.is_empty() => {
                self.join_consumer_group(request, asker, now_ms, topics, &mut step);
                return step;
            }
            Some(Group::Consumer(_)) if !request.member_id.is_empty() => {
                error = Some(ErrorCode::UNKNOWN_MEMBER_ID);
            }
            Some(Group::Consumer(group)) => {
                // Nobody is in it: it ends, and another begins.
                step.records = group.gone();
                self.groups.remove(id);
            }
            Some(Group::Classic(_)) | None => {}
        }
        self.join_classic_group(request, asker, error, now_ms, &mut step);
        step
    }

    fn join_classic_group(
        &mut self,
        request: &JoinGroupRequest<'_>,
        asker: &Asker<'_>,
        error: Option<ErrorCode>,
        now_ms: i64,
        step: &mut Step,
    ) {
        let id = &*request.group_id;
        let is_new = !self.groups.contains_key(id);
        let is_lost = is_new && !request.member_id.is_empty();
        let mut turn = self.rules.classic(now_ms, step);
        if let Some(error) = error.or(is_lost.then_some(ErrorCode::UNKNOWN_MEMBER_ID)) {
            return classic::refuse_join(&request.member_id, error, asker, &mut turn);
        }
        let Group::Classic(group) = group_or_begin(&mut self.groups, id, now_ms) else { return };
        let records_before = turn.step.records.len();
        group.join(request, asker, &mut turn);
        if is_new && turn.step.records.len() == records_before {
            // Others learn of it before its first generation.
            turn.step.records.push(group.record_empty());
        }
    }

    fn join_consumer_group(
        &mut self,
        request: &JoinGroupRequest<'_>,
        asker: &Asker<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
        step: &mut Step,
    ) {
        let id = &*request.group_id;
        let Some(Group::Consumer(group)) = self.groups.get_mut(id) else { return };
        let joined = group.classic_join(request, asker, &mut self.rules.consumer(id, now_ms, topics, step));
        match joined {
            Ok(joining) => {
                self.take_place(joining.instead);
                step.answer(asker.reply, Answer::Join(joining.response));
            }
            Err((error, member)) => {
                classic::refuse_join(&member, error, asker, &mut self.rules.classic(now_ms, step));
            }
        }
    }

    /// SyncGroup.
    pub fn sync(
        &mut self,
        request: &SyncGroupRequest<'_>,
        asker: &Asker<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
    ) -> Step {
        let mut step = Step::default();
        let id = &*request.group_id;
        let refusal = match self.groups.get_mut(id) {
            _ if id.is_empty() => Some(ErrorCode::INVALID_GROUP_ID),
            Some(Group::Classic(group)) => {
                group.sync(request, asker, &mut self.rules.classic(now_ms, &mut step));
                None
            }
            Some(Group::Consumer(group)) => {
                let mut turn = self.rules.consumer(id, now_ms, topics, &mut step);
                match group.classic_sync(request, &mut turn) {
                    Ok(response) => {
                        step.answer(asker.reply, Answer::Sync(response));
                        None
                    }
                    Err(error) => Some(error),
                }
            }
            None => Some(ErrorCode::UNKNOWN_MEMBER_ID),
        };
        if let Some(error) = refusal {
            classic::refuse_sync(error, asker, &mut self.rules.classic(now_ms, &mut step));
        }
        step
    }
}
