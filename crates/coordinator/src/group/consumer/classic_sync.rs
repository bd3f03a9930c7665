//! SyncGroup of a member that speaks the classic protocol in a consumer group.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::{ConsumerGroup, Member, MemberState, Turn, embedded};
use crate::group::classic::CONSUMER;

impl ConsumerGroup {
    /// A member asks for what it was given when it joined.
    pub fn classic_sync(
        &mut self,
        request: &SyncGroupRequest<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<SyncGroupResponse<'static>, ErrorCode> {
        let instance = request.group_instance_id.as_deref();
        let member = self.check_classic(&request.member_id, instance, request.generation_id)?;
        let id = Arc::clone(&member.id);
        let first = member.metadata.classic.as_ref().and_then(|classic| classic.protocols.first());
        let (name, said) = first.map_or(("", &[][..]), |first| (&*first.name, &*first.metadata));
        let differs = |asked: Option<&str>, own: &str| asked.is_some_and(|asked| asked != own);
        if differs(request.protocol_type.as_deref(), CONSUMER)
            || differs(request.protocol_name.as_deref(), name)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        // Who gives partitions up has joined already, and joins again once it has.
        let is_revoking = member.current.state == MemberState::UnrevokedPartitions;
        if self.target.epoch > member.current.epoch && !is_revoking {
            let timeout_ms = member.metadata.rebalance_timeout_ms;
            self.await_join(&id, timeout_ms, turn);
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        let assigned = member.current.assigned.iter();
        let assigned = assigned.map(|(topic, epochs)| (*topic, epochs.keys().copied().collect()));
        let assignment = embedded::assigned(assigned, said, turn.topics);
        let timeout_ms = session_timeout_ms(member);
        self.has_synced(&id, turn);
        self.touch(&id, timeout_ms, turn.now_ms, turn.step);
        Ok(SyncGroupResponse {
            protocol_type: request.protocol_type.as_deref().map(|text| text.to_owned().into()),
            protocol_name: request.protocol_name.as_deref().map(|text| text.to_owned().into()),
            assignment: assignment.into(),
            ..SyncGroupResponse::default()
        })
    }

    /// The member that asks, which has to speak the classic protocol and be in the generation it says.
    pub(super) fn check_classic(
        &self,
        id: &str,
        instance: Option<&str>,
        generation: i32,
    ) -> Result<&Member, ErrorCode> {
        let member = match instance {
            None => self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?,
            Some(instance) => self.check_instance(id, instance).map_err(|refusal| refusal.error_code)?,
        };
        if !member.is_classic() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if member.current.epoch == generation { Ok(member) } else { Err(ErrorCode::ILLEGAL_GENERATION) }
    }
}

/// How long a member of the classic protocol may be silent, as it said itself.
pub fn session_timeout_ms(member: &Member) -> i32 {
    member.metadata.classic.as_ref().map_or(0, |classic| classic.session_timeout_ms)
}
