//! What goes on once a record of the group is stored, or could not be.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::JoinGroupResponse;

use super::{ClassicGroup, State, Turn};
use crate::step::GroupEvent;

/// Leaders that come back are told to leave the assignment as it is from this version on (KIP-814).
const ASSIGNMENT_SKIPPED_SINCE: i16 = 9;

impl ClassicGroup {
    /// The leader's assignments: with them the generation is complete, without them it begins again.
    pub fn assignments_stored(
        &mut self,
        generation: i32,
        mut assignments: BTreeMap<Arc<str>, Vec<u8>>,
        outcome: Result<(), ErrorCode>,
        turn: &mut Turn<'_>,
    ) {
        if self.state != State::CompletingRebalance || self.generation != generation {
            return;
        }
        if let Err(error) = outcome.map_err(told_of) {
            self.drop_assignments(error, turn);
            let cause = format!("Error {error} when storing group assignment during SyncGroup.");
            return self.rebalance_or_complete(cause, turn);
        }
        for id in self.members.ids() {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignments.remove(&id).unwrap_or_default();
            }
            let assigned = self.assigned(&id);
            if self.answer_sync(&id, assigned, turn) {
                self.touch_session(&id, turn);
            }
        }
        self.go_to(State::Stable, turn.now_ms);
        let (group, members) = (Arc::clone(&self.id), self.members.len());
        turn.step.events.push(GroupEvent::Stable { group, generation, members });
    }

    /// A static member that has come back has its answer; where its new id could not be stored it tries again.
    pub fn replacement_stored(
        &mut self,
        id: &str,
        leader_before: Option<&str>,
        join_version: i16,
        outcome: Result<(), ErrorCode>,
        turn: &mut Turn<'_>,
    ) {
        let leader_before = leader_before.unwrap_or_default().to_owned();
        let mut response = self.joined(id);
        match outcome.map_err(told_of) {
            Ok(()) if join_version >= ASSIGNMENT_SKIPPED_SINCE => {
                response.skip_assignment = self.is_led_by(id);
            }
            // It must not take itself for the leader: an assignment from it would begin a rebalance.
            Ok(()) => {
                response =
                    JoinGroupResponse { leader: leader_before.into(), members: Vec::new(), ..response };
            }
            Err(error_code) => {
                let (member_id, leader) = ("".into(), leader_before.into());
                response =
                    JoinGroupResponse { error_code, member_id, leader, members: Vec::new(), ..response };
            }
        }
        self.answer_join(id, response, turn);
    }
}

/// What a client is told where a record of its group could not be stored.
fn told_of(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::REQUEST_TIMED_OUT => ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::KAFKA_STORAGE_ERROR => ErrorCode::NOT_COORDINATOR,
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE | ErrorCode::INVALID_FETCH_SIZE => {
            ErrorCode::UNKNOWN_SERVER_ERROR
        }
        other => other,
    }
}
