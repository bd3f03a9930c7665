//! Heartbeat, and what happens to who is not heard of.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::{HeartbeatRequest, JoinGroupResponse};

use super::{ClassicGroup, State, Turn};

impl ClassicGroup {
    /// A member is heard of, and learns whether it has to join again.
    pub fn heartbeat(
        &mut self,
        request: &HeartbeatRequest<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), ErrorCode> {
        self.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        self.check_generation(request.generation_id)?;
        self.touch_session(&request.member_id, turn);
        if self.is_preparing() { Err(ErrorCode::REBALANCE_IN_PROGRESS) } else { Ok(()) }
    }

    /// A member's timer has ended; perhaps it has been heard of since it was set.
    pub fn session_over(&mut self, id: &str, turn: &mut Turn<'_>) {
        if self.pending.remove(id) {
            return self.complete_after_loss(turn);
        }
        let Some(member) = self.members.get_mut(id) else { return };
        if let Some(at_ms) = member.session.look(turn.now_ms) {
            let id = Arc::clone(&member.id);
            turn.step.set(self.session_timer(id), at_ms);
        } else if !member.is_kept_by_waiting() {
            self.lose(id, "heartbeat expiration", turn);
            self.go_on_after_loss(format!("removing member {id} on heartbeat expiration."), turn);
        }
    }

    /// Takes a member out, whose JoinGroup may still wait.
    pub(super) fn lose(&mut self, id: &str, cause: &str, turn: &mut Turn<'_>) {
        let error_code = ErrorCode::UNKNOWN_MEMBER_ID;
        self.answer_join(id, JoinGroupResponse { error_code, ..JoinGroupResponse::default() }, turn);
        self.drop_member(id, cause, turn);
    }

    fn go_on_after_loss(&mut self, cause: String, turn: &mut Turn<'_>) {
        match self.state {
            State::Stable | State::CompletingRebalance => self.rebalance_or_complete(cause, turn),
            State::PreparingRebalance { .. } | State::Empty => self.complete_after_loss(turn),
        }
    }

    fn complete_after_loss(&mut self, turn: &mut Turn<'_>) {
        if self.is_preparing() && self.has_everybody_joined() {
            self.complete_join(turn);
        }
    }
}
