//! From one generation to the next: members join, a protocol is chosen, assignments are waited for.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::join_group_response::JoinGroupResponseMember;
use protocol::messages::{JoinGroupResponse, SyncGroupResponse};

use super::{ClassicGroup, InitialWait, Member, State, Turn};
use crate::step::{GroupEvent, TimerKey};

impl ClassicGroup {
    /// After somebody has joined: a rebalance begins, or the one under way has perhaps got everybody.
    pub(super) fn rebalance_or_complete(&mut self, cause: String, turn: &mut Turn<'_>) {
        if self.is_preparing() {
            self.complete_join_phase(turn);
        } else {
            self.prepare(cause, turn);
        }
    }

    /// Every member has to join again.
    pub(in crate::group) fn prepare(&mut self, cause: String, turn: &mut Turn<'_>) {
        if self.state == State::CompletingRebalance {
            self.drop_assignments(ErrorCode::REBALANCE_IN_PROGRESS, turn);
        }
        self.unsynced.clear();
        turn.step.cancel(self.sync_timer());
        let (group, generation) = (Arc::clone(&self.id), self.generation);
        turn.step.events.push(GroupEvent::RebalanceBegan { group, generation, cause });
        if self.state != State::Empty {
            self.go_to(State::PreparingRebalance { initial: None }, turn.now_ms);
            return self.complete_or_wait(turn);
        }
        let delay_ms = i64::from(turn.settings.initial_rebalance_delay_ms);
        let remaining_ms = (self.members.rebalance_timeout_ms() - delay_ms).max(0);
        let initial = Some(InitialWait { delay_ms, remaining_ms, has_grown: false });
        self.go_to(State::PreparingRebalance { initial }, turn.now_ms);
        turn.step.set(self.join_timer(), turn.now_ms + delay_ms);
    }

    fn complete_or_wait(&mut self, turn: &mut Turn<'_>) {
        if self.has_everybody_joined() {
            return self.complete_join(turn);
        }
        turn.step.set(self.join_timer(), turn.now_ms + self.members.rebalance_timeout_ms());
    }

    /// Completes the rebalance where everybody has joined; the first one of an empty group takes its time anyway.
    pub(super) fn complete_join_phase(&mut self, turn: &mut Turn<'_>) {
        if self.state == (State::PreparingRebalance { initial: None }) && self.has_everybody_joined() {
            self.complete_join(turn);
        }
    }

    /// The time to join is over, or a part of the first rebalance's.
    pub fn join_time_over(&mut self, turn: &mut Turn<'_>) {
        match &mut self.state {
            State::PreparingRebalance { initial: Some(wait) } if wait.has_grown && wait.remaining_ms > 0 => {
                let delay_ms = i64::from(turn.settings.initial_rebalance_delay_ms).min(wait.remaining_ms);
                let remaining_ms = (wait.remaining_ms - wait.delay_ms).max(0);
                *wait = InitialWait { delay_ms, remaining_ms, has_grown: false };
                turn.step.set(self.join_timer(), turn.now_ms + delay_ms);
            }
            State::PreparingRebalance { .. } => self.complete_join(turn),
            // The rebalance is over.
            State::Empty | State::CompletingRebalance | State::Stable => {}
        }
    }

    /// A generation begins with those that have joined. Static members stay without it.
    pub(super) fn complete_join(&mut self, turn: &mut Turn<'_>) {
        turn.step.cancel(self.join_timer());
        for id in self.members.ids() {
            let is_late = |member: &Member| member.join.is_none() && member.instance_id.is_none();
            if self.members.get(&id).is_some_and(is_late) {
                self.drop_member(&id, "it did not join in time", turn);
            }
        }
        if !self.elect_joined_leader() && !self.members.is_empty() {
            turn.step.set(self.join_timer(), turn.now_ms + self.members.rebalance_timeout_ms());
            return;
        }
        self.generation += 1;
        self.unsynced.clear();
        if self.members.is_empty() {
            self.protocol = None;
            self.subscribed = self.subscribed_topics();
            self.go_to(State::Empty, turn.now_ms);
            turn.step.records.push(self.record(&BTreeMap::new()));
            return;
        }
        self.protocol = self.members.preferred_protocol(self.leader.as_deref());
        self.subscribed = self.subscribed_topics();
        self.go_to(State::CompletingRebalance, turn.now_ms);
        for id in self.members.ids() {
            let response = self.joined(&id);
            self.answer_join(&id, response, turn);
            self.touch_session(&id, turn);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
            }
            self.unsynced.insert(id);
        }
        turn.step.set(self.sync_timer(), turn.now_ms + self.members.rebalance_timeout_ms());
    }

    /// True where the leader waits for its JoinGroup, or another that does has become the leader.
    fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(|leader| leader.join.is_some()) {
            return true;
        }
        let joined =
            self.members.iter().find(|member| member.join.is_some()).map(|member| Arc::clone(&member.id));
        let is_found = joined.is_some();
        self.leader = joined.or(self.leader.take());
        is_found
    }

    /// The answer to a member of this generation; only its leader is told of the others.
    pub(super) fn joined(&self, id: &str) -> JoinGroupResponse<'static> {
        let members = if self.is_led_by(id) { self.shown_members() } else { Vec::new() };
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone().map(Into::into),
            protocol_name: self.protocol.clone().map(Into::into),
            leader: self.leader.as_deref().unwrap_or_default().to_owned().into(),
            member_id: id.to_owned().into(),
            members,
            ..JoinGroupResponse::default()
        }
    }

    pub(super) fn shown_members(&self) -> Vec<JoinGroupResponseMember<'static>> {
        let shown = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.to_string().into(),
            group_instance_id: member.instance_id.clone().map(Into::into),
            metadata: member.metadata(self.protocol.as_deref()).to_vec().into(),
        };
        self.members.iter().map(shown).collect()
    }

    /// Who waits for an assignment of this generation gets an error instead.
    pub(super) fn drop_assignments(&mut self, error_code: ErrorCode, turn: &mut Turn<'_>) {
        for id in self.members.ids() {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment.clear();
            }
            let refused = SyncGroupResponse { error_code, ..SyncGroupResponse::default() };
            if self.answer_sync(&id, refused, turn) {
                self.touch_session(&id, turn);
            }
        }
    }

    /// Some members have not asked for their assignments in time: they are no members any more.
    pub fn sync_time_over(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.state, State::CompletingRebalance | State::Stable) || self.unsynced.is_empty() {
            return;
        }
        let late: Vec<Arc<str>> = self.unsynced.iter().cloned().collect();
        for id in &late {
            self.drop_member(id, "it did not ask for its assignment in time", turn);
        }
        let named = late.join(", ");
        self.prepare(format!("removing {named} on pending sync request expiration"), turn);
    }

    /// Takes a member out, with its timer.
    pub(super) fn drop_member(&mut self, id: &str, cause: &str, turn: &mut Turn<'_>) {
        let Some(member) = self.remove(id) else { return };
        turn.step.cancel(self.session_timer(id));
        let (group, cause) = (Arc::clone(&self.id), cause.to_owned());
        turn.step.events.push(GroupEvent::MemberRemoved { group, member: member.id, cause });
    }

    pub(super) fn join_timer(&self) -> TimerKey {
        TimerKey::Join { group: Arc::clone(&self.id) }
    }

    pub(super) fn sync_timer(&self) -> TimerKey {
        TimerKey::Sync { group: Arc::clone(&self.id) }
    }
}
