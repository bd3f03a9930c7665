//! LeaveGroup: members go, or are sent away by their instance ids.

use model::ErrorCode;
use protocol::messages::LeaveGroupResponse;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::leave_group_response::MemberResponse;

use super::{ClassicGroup, State, Turn};

impl ClassicGroup {
    /// Takes the named members out and tells of each how it went.
    pub fn leave(
        &mut self,
        leaving: &[MemberIdentity<'_>],
        turn: &mut Turn<'_>,
    ) -> LeaveGroupResponse<'static> {
        let mut gone = Vec::new();
        let mut members = Vec::new();
        for asked in leaving {
            let outcome = self.leave_one(asked, turn);
            if outcome.is_ok() {
                gone.push(&*asked.member_id);
            }
            members.push(MemberResponse {
                member_id: asked.member_id.to_string().into(),
                group_instance_id: asked
                    .group_instance_id
                    .as_deref()
                    .map(|instance| instance.to_owned().into()),
                error_code: outcome.err().unwrap_or(ErrorCode::NONE),
            });
        }
        if !gone.is_empty() {
            match self.state {
                State::Stable | State::CompletingRebalance => {
                    let cause = format!("explicit `LeaveGroup` request for ({}) members.", gone.join(", "));
                    self.rebalance_or_complete(cause, turn);
                }
                State::PreparingRebalance { .. } => self.complete_join_phase(turn),
                State::Empty => {}
            }
        }
        LeaveGroupResponse { members, ..LeaveGroupResponse::default() }
    }

    fn leave_one(&mut self, asked: &MemberIdentity<'_>, turn: &mut Turn<'_>) -> Result<(), ErrorCode> {
        let instance = asked.group_instance_id.as_deref();
        let reason = asked.reason.as_deref().unwrap_or("not provided");
        let cause = format!("it left; client reason: {reason}");
        let id = &*asked.member_id;
        if id.is_empty() {
            let known = instance.and_then(|instance| self.members.id_of_instance(instance).cloned());
            let known = known.ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            self.lose(&known, &cause, turn);
            return Ok(());
        }
        if self.pending.remove(id) {
            turn.step.cancel(self.session_timer(id));
            return Ok(());
        }
        self.check_member(id, instance)?;
        self.lose(id, &cause, turn);
        Ok(())
    }
}
