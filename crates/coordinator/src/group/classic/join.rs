//! JoinGroup: who comes, who comes again, and who may not.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ErrorCode, Uuid};
use protocol::messages::{JoinGroupRequest, JoinGroupResponse, SyncGroupResponse};

use super::member::{Member, Protocol};
use super::{ClassicGroup, State, Turn};
use crate::group::session::Session;
use crate::shard::Asker;
use crate::step::{Answer, Stored};

/// Newcomers are given their id with an error and join again with it from this version on (KIP-394).
pub const ID_REQUIRED_SINCE: i16 = 4;
/// How long a new member may wait for its first rebalance to end, in milliseconds.
const NEW_MEMBER_WAIT_MS: i64 = 5 * 60 * 1000;

impl ClassicGroup {
    /// Answers a JoinGroup, now or when the rebalance that it takes part in is complete.
    pub fn join(&mut self, request: &JoinGroupRequest<'_>, asker: &Asker<'_>, turn: &mut Turn<'_>) {
        let id = &*request.member_id;
        let names = request.protocols.iter().map(|protocol| &*protocol.name);
        if !self.has_room_for(id, turn.settings.size_max) {
            self.pending.remove(id);
            refuse("", ErrorCode::GROUP_MAX_SIZE_REACHED, asker, turn);
        } else if !self.is_compatible(&request.protocol_type, names) {
            refuse(id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL, asker, turn);
        } else if id.is_empty() {
            self.join_without_id(request, asker, turn);
        } else if self.pending.contains(id) {
            match &request.group_instance_id {
                Some(_) => refuse(id, ErrorCode::UNKNOWN_SERVER_ERROR, asker, turn),
                None => self.add_joining(&id.into(), request, asker, turn),
            }
        } else if let Err(error) = self.check_member(id, request.group_instance_id.as_deref()) {
            refuse(id, error, asker, turn);
        } else {
            self.join_again(id, request, asker, turn);
        }
    }

    fn has_room_for(&self, id: &str, size_max: usize) -> bool {
        match self.state {
            State::Empty => true,
            State::PreparingRebalance { .. } => {
                self.members.get(id).is_some_and(|member| member.join.is_some())
                    || self.members.awaiting_join() < size_max
            }
            State::CompletingRebalance | State::Stable => {
                self.members.contains(id) || self.members.len() < size_max
            }
        }
    }

    fn join_without_id(&mut self, request: &JoinGroupRequest<'_>, asker: &Asker<'_>, turn: &mut Turn<'_>) {
        let instance = request.group_instance_id.as_deref();
        let new_id: Arc<str> = member_id(instance.unwrap_or(asker.client_id), asker.fresh_id).into();
        if let Some(instance) = instance {
            return match self.members.id_of_instance(instance).cloned() {
                Some(old_id) => self.replace_static(&old_id, new_id, request, asker, turn),
                None => self.add_joining(&new_id, request, asker, turn),
            };
        }
        if asker.api_version < ID_REQUIRED_SINCE {
            return self.add_joining(&new_id, request, asker, turn);
        }
        let at_ms = turn.now_ms + i64::from(request.session_timeout_ms);
        turn.step.set(self.session_timer(Arc::clone(&new_id)), at_ms);
        refuse(&new_id, ErrorCode::MEMBER_ID_REQUIRED, asker, turn);
        self.pending.insert(new_id);
    }

    fn add_joining(
        &mut self,
        id: &Arc<str>,
        request: &JoinGroupRequest<'_>,
        asker: &Asker<'_>,
        turn: &mut Turn<'_>,
    ) {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.to_string());
        }
        if let State::PreparingRebalance { initial: Some(wait) } = &mut self.state {
            wait.has_grown = true;
        }
        let instance = request.group_instance_id.as_deref();
        self.add(Member {
            id: Arc::clone(id),
            instance_id: instance.map(str::to_owned),
            client_id: asker.client_id.into(),
            client_host: asker.client_host.into(),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            session_timeout_ms: request.session_timeout_ms,
            protocols: Protocol::all(&request.protocols),
            assignment: Vec::new(),
            is_new: true,
            session: Session::default(),
            join: Some(asker.reply),
            sync: None,
        });
        self.touch(id, NEW_MEMBER_WAIT_MS, turn);
        let (instance, reason) = (instance.unwrap_or("null"), reason_of(request));
        let cause =
            format!("Adding new member {id} with group instance id {instance}; client reason: {reason}");
        self.rebalance_or_complete(cause, turn);
    }

    fn join_again(
        &mut self,
        id: &str,
        request: &JoinGroupRequest<'_>,
        asker: &Asker<'_>,
        turn: &mut Turn<'_>,
    ) {
        let says_the_same = self.members.get(id).is_some_and(|member| member.says(&request.protocols));
        let (state, reason) = (self.state.name(), reason_of(request));
        let cause = match self.state {
            State::PreparingRebalance { .. } => {
                format!("Member {id} is joining group during {state}; client reason: {reason}")
            }
            State::Stable if self.is_led_by(id) => {
                format!("Leader {id} re-joining group during {state}; client reason: {reason}")
            }
            State::CompletingRebalance | State::Stable if !says_the_same => {
                format!("Updating metadata for member {id} during {state}; client reason: {reason}")
            }
            // The answer was lost, or the member does not know that the rebalance is over.
            State::CompletingRebalance | State::Stable | State::Empty => {
                return turn.step.answer(asker.reply, Answer::Join(self.joined(id)));
            }
        };
        self.update(id, request, asker);
        self.rebalance_or_complete(cause, turn);
    }

    /// What a member says now, which waits for its answer.
    fn update(&mut self, id: &str, request: &JoinGroupRequest<'_>, asker: &Asker<'_>) {
        self.members.set_protocols(id, &Protocol::all(&request.protocols));
        if let Some(member) = self.members.get_mut(id) {
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
            member.session_timeout_ms = request.session_timeout_ms;
        }
        self.members.await_join(id, asker.reply);
    }

    /// A static member is back: it has its assignment again without a rebalance where that is possible (KIP-345).
    fn replace_static(
        &mut self,
        old_id: &str,
        new_id: Arc<str>,
        request: &JoinGroupRequest<'_>,
        asker: &Asker<'_>,
        turn: &mut Turn<'_>,
    ) {
        let leader_before = self.leader.clone();
        self.fence(old_id, turn);
        let Some(old) = self.members.remove(old_id) else { return };
        self.unsynced.remove(old_id);
        if self.is_led_by(old_id) {
            self.leader = Some(Arc::clone(&new_id));
        }
        // Whoever comes back is not new, though the one before may not have got through its first rebalance.
        let session = Session::default();
        self.members.insert(Member { id: Arc::clone(&new_id), session, is_new: false, ..old });
        self.update(&new_id, request, asker);
        self.touch_session(&new_id, turn);
        let (instance, reason) =
            (request.group_instance_id.as_deref().unwrap_or_default(), reason_of(request));
        match self.state {
            State::Stable if self.protocol == self.members.preferred_protocol(self.leader.as_deref()) => {
                let assigned = |member: &Member| (Arc::clone(&member.id), member.assignment.clone());
                let assignments: BTreeMap<_, _> = self.members.iter().map(assigned).collect();
                turn.step.records.push(self.record(&assignments));
                let (group, join_version) = (Arc::clone(&self.id), asker.api_version);
                let replaced = Stored::Replacement { group, member: new_id, leader_before, join_version };
                turn.step.stored = Some(replaced);
            }
            State::Stable => {
                let cause = format!(
                    "Group's selectedProtocol will change because static member {new_id} with instance id {instance} \
                     joined with change of protocol; client reason: {reason}"
                );
                self.rebalance_or_complete(cause, turn);
            }
            State::CompletingRebalance => {
                let cause = format!(
                    "Updating metadata for static member {new_id} with instance id {instance}; client reason: {reason}"
                );
                self.prepare(cause, turn);
            }
            State::Empty | State::PreparingRebalance { .. } => self.complete_join_phase(turn),
        }
    }

    /// Whoever has had the instance id is told that another has it now.
    fn fence(&mut self, id: &str, turn: &mut Turn<'_>) {
        let error_code = ErrorCode::FENCED_INSTANCE_ID;
        let member_id = id.to_owned().into();
        self.answer_join(
            id,
            JoinGroupResponse { error_code, member_id, ..JoinGroupResponse::default() },
            turn,
        );
        self.answer_sync(id, SyncGroupResponse { error_code, ..SyncGroupResponse::default() }, turn);
        turn.step.cancel(self.session_timer(id));
    }
}

/// A JoinGroup that is refused.
pub fn refuse(member_id: &str, error_code: ErrorCode, asker: &Asker<'_>, turn: &mut Turn<'_>) {
    let member_id = member_id.to_owned().into();
    let refused = JoinGroupResponse { error_code, member_id, ..JoinGroupResponse::default() };
    turn.step.answer(asker.reply, Answer::Join(refused));
}

fn reason_of<'r>(request: &'r JoinGroupRequest<'_>) -> &'r str {
    request.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("not provided")
}

/// A name and a random part with hyphens, as Java writes a UUID.
fn member_id(name: &str, fresh: Uuid) -> String {
    let hex: String = fresh.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("{name}-{a}-{b}-{c}-{d}-{e}")
}
