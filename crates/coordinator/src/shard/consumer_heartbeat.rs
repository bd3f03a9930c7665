//! ConsumerGroupHeartbeat: which group it is for, and what becomes of a classic one.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::{Asker, GroupShard};
use crate::group::Group;
use crate::group::consumer::{self, ConsumerGroup, Refusal, Resolution};
use crate::record::Record;
use crate::step::{Answer, Step};
use crate::topics::TopicView;

/// Epoch of who joins.
const JOINS: i32 = 0;

/// An answer, or why there is none.
type Outcome = Result<ConsumerGroupHeartbeatResponse<'static>, Refusal>;

impl GroupShard {
    /// ConsumerGroupHeartbeat; topics that the member may not describe are the host's to refuse.
    pub fn consumer_heartbeat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        asker: &Asker<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
    ) -> Step {
        let mut step = Step::default();
        let checked = consumer::check_form(request, asker.api_version, &self.rules.settings.consumer);
        let outcome = match checked {
            Ok(()) if request.member_epoch < JOINS => {
                self.leave_consumer_group(request, now_ms, topics, &mut step)
            }
            Ok(()) => self.heartbeat_in_group(request, asker, now_ms, topics, &mut step),
            Err(refusal) => Err(refusal),
        };
        let response = outcome.unwrap_or_else(|refusal| {
            // What was begun for it is not.
            step = Step::default();
            ConsumerGroupHeartbeatResponse {
                error_code: refusal.error_code,
                error_message: Some(refusal.message.into()),
                ..ConsumerGroupHeartbeatResponse::default()
            }
        });
        step.answer(asker.reply, Answer::ConsumerHeartbeat(response));
        step
    }

    fn leave_consumer_group(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
        step: &mut Step,
    ) -> Outcome {
        let id = &*request.group_id;
        let group = match self.groups.get_mut(id) {
            Some(Group::Consumer(group)) => group,
            Some(Group::Classic(_)) => return Err(no_consumer_group(id)),
            None => return Err(not_found(format!("Group {id} not found."))),
        };
        let (response, instead) = group.leave(request, &mut self.rules.consumer(id, now_ms, topics, step))?;
        self.take_place(instead);
        Ok(response)
    }

    fn heartbeat_in_group(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        asker: &Asker<'_>,
        now_ms: i64,
        topics: &dyn TopicView,
        step: &mut Step,
    ) -> Outcome {
        let id = &*request.group_id;
        let joins = request.member_epoch == JOINS;
        let mut begun = match self.groups.get_mut(id) {
            Some(Group::Consumer(group)) => {
                return group.heartbeat(request, asker, &mut self.rules.consumer(id, now_ms, topics, step));
            }
            Some(Group::Classic(_)) if !joins => return Err(no_consumer_group(id)),
            None if !joins => return Err(not_found(format!("Consumer group {id} not found."))),
            None => ConsumerGroup::new(id),
            Some(other) if other.is_empty() => {
                step.records.push(Record::group_gone(id));
                ConsumerGroup::new(id)
            }
            Some(Group::Classic(group)) => {
                ConsumerGroup::from_classic(group, &mut self.rules.consumer(id, now_ms, topics, step))?
            }
        };
        let response = begun.heartbeat(request, asker, &mut self.rules.consumer(id, now_ms, topics, step))?;
        // From here on it is there, whatever was before.
        if let Some(Group::Classic(group)) = self.groups.get_mut(id) {
            let mut end = Step::default();
            group.dissolve(&mut self.rules.classic(now_ms, &mut end));
            step.precede(end);
        }
        self.groups.insert(Arc::clone(&begun.id), Group::Consumer(begun));
        Ok(response)
    }

    /// The host has looked for the topics of a group's regular expressions (`Step::resolve`); without a resolution it
    /// could not find out.
    pub fn regexes_resolved(
        &mut self,
        group: &str,
        resolution: Option<Resolution>,
        now_ms: i64,
        topics: &dyn TopicView,
    ) -> Step {
        let mut step = Step::default();
        if let Some(Group::Consumer(found)) = self.groups.get_mut(group) {
            found.regexes_resolved(resolution, &mut self.rules.consumer(group, now_ms, topics, &mut step));
        }
        step
    }
}

fn no_consumer_group(id: &str) -> Refusal {
    not_found(format!("Group {id} is not a consumer group."))
}

fn not_found(message: String) -> Refusal {
    Refusal::new(ErrorCode::GROUP_ID_NOT_FOUND, message)
}
