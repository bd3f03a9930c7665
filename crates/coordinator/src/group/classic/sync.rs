//! SyncGroup: the leader brings the assignments, everybody takes its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::{ClassicGroup, State, Turn};
use crate::shard::Asker;
use crate::step::{Answer, Stored};

impl ClassicGroup {
    /// Answers a SyncGroup, now or when the leader's assignments are stored.
    pub fn sync(&mut self, request: &SyncGroupRequest<'_>, asker: &Asker<'_>, turn: &mut Turn<'_>) {
        if let Err(error) = self.check_sync(request) {
            return refuse(error, asker, turn);
        }
        let id = &*request.member_id;
        match self.state {
            State::Empty => refuse(ErrorCode::UNKNOWN_MEMBER_ID, asker, turn),
            State::PreparingRebalance { .. } => refuse(ErrorCode::REBALANCE_IN_PROGRESS, asker, turn),
            State::CompletingRebalance => {
                if let Some(member) = self.members.get_mut(id) {
                    member.sync = Some(asker.reply);
                }
                self.note_synced(id, turn);
                if self.is_led_by(id) {
                    self.store_assignments(request, turn);
                }
            }
            State::Stable => {
                self.note_synced(id, turn);
                turn.step.answer(asker.reply, Answer::Sync(self.assigned(id)));
            }
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest<'_>) -> Result<(), ErrorCode> {
        self.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        self.check_generation(request.generation_id)?;
        let differs =
            |asked: Option<&str>, own: Option<&str>| asked.is_some() && own.is_some() && asked != own;
        let type_differs = differs(request.protocol_type.as_deref(), self.protocol_type.as_deref());
        if type_differs || differs(request.protocol_name.as_deref(), self.protocol.as_deref()) {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        Ok(())
    }

    fn note_synced(&mut self, id: &str, turn: &mut Turn<'_>) {
        self.unsynced.remove(id);
        if self.unsynced.is_empty() {
            turn.step.cancel(self.sync_timer());
        }
    }

    /// Who was left out by the leader has an empty assignment.
    fn store_assignments(&self, request: &SyncGroupRequest<'_>, turn: &mut Turn<'_>) {
        let mut assignments: BTreeMap<Arc<str>, Vec<u8>> =
            self.members.ids().into_iter().map(|id| (id, Vec::new())).collect();
        for brought in &request.assignments {
            if let Some(assignment) = assignments.get_mut(&*brought.member_id) {
                *assignment = brought.assignment.to_vec();
            }
        }
        turn.step.records.push(self.record(&assignments));
        let (group, generation) = (Arc::clone(&self.id), self.generation);
        turn.step.stored = Some(Stored::Assignments { group, generation, assignments });
    }

    pub(super) fn assigned(&self, id: &str) -> SyncGroupResponse<'static> {
        SyncGroupResponse {
            protocol_type: self.protocol_type.clone().map(Into::into),
            protocol_name: self.protocol.clone().map(Into::into),
            assignment: self.members.get(id).map_or_else(Vec::new, |member| member.assignment.clone()).into(),
            ..SyncGroupResponse::default()
        }
    }
}

/// A SyncGroup that is refused.
pub fn refuse(error_code: ErrorCode, asker: &Asker<'_>, turn: &mut Turn<'_>) {
    turn.step
        .answer(asker.reply, Answer::Sync(SyncGroupResponse { error_code, ..SyncGroupResponse::default() }));
}
