//! Heartbeat of a member that speaks the classic protocol in a consumer group.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::HeartbeatRequest;

use super::classic_sync::session_timeout_ms;
use super::{ConsumerGroup, MemberState, Turn};

impl ConsumerGroup {
    /// A member is heard of, and learns whether it has to join again: to go on to another epoch, once it has given up
    /// partitions, or when those that it waits for are free.
    pub fn classic_heartbeat(
        &mut self,
        request: &HeartbeatRequest<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), ErrorCode> {
        let instance = request.group_instance_id.as_deref();
        let member = self.check_classic(&request.member_id, instance, request.generation_id)?;
        let id = Arc::clone(&member.id);
        let has_to_join = match member.current.state {
            _ if member.current.epoch < self.target.epoch => true,
            MemberState::UnrevokedPartitions => true,
            MemberState::UnreleasedPartitions => !self.waits_for_others(member),
            MemberState::Stable | MemberState::Unknown => false,
        };
        let (session_ms, rebalance_ms) = (session_timeout_ms(member), member.metadata.rebalance_timeout_ms);
        self.touch(&id, session_ms, turn.now_ms, turn.step);
        if !has_to_join {
            return Ok(());
        }
        self.await_join(&id, rebalance_ms, turn);
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    }
}
