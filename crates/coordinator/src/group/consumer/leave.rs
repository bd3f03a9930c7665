//! ConsumerGroupHeartbeat of who leaves, and members that are sent away.

use std::sync::Arc;

use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};

use super::check::Refusal;
use super::member::{AWAY, Owned};
use super::{ConsumerGroup, Turn};
use crate::group::classic::ClassicGroup;
use crate::record::Record;
use crate::step::GroupEvent;

impl ConsumerGroup {
    /// A member goes, for good or (a static one) for a while. The group that comes out takes the place of this one.
    pub fn leave(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(ConsumerGroupHeartbeatResponse<'static>, Option<ClassicGroup>), Refusal> {
        let id = &*request.member_id;
        let member = match request.instance_id.as_deref() {
            None => self.members.get(id).ok_or_else(|| self.unknown_member(id))?,
            Some(instance) => self.check_instance(id, instance)?,
        };
        let id = Arc::clone(&member.id);
        let mut instead = None;
        if request.member_epoch == AWAY {
            self.go_away(&id, turn);
        } else {
            instead = self.fence(std::slice::from_ref(&id), "it left", turn);
        }
        let response = ConsumerGroupHeartbeatResponse {
            member_id: Some(id.to_string().into()),
            member_epoch: request.member_epoch,
            ..ConsumerGroupHeartbeatResponse::default()
        };
        Ok((response, instead))
    }

    /// A static member keeps what it has until it is back or its session is over.
    fn go_away(&mut self, id: &Arc<str>, turn: &mut Turn<'_>) {
        let Some(member) = self.members.get(id) else { return };
        let mut current = member.current.clone();
        current.epoch = AWAY;
        current.revoking = Owned::new();
        // Whoever comes back has another id, to which everything is as if it had been assigned before its first epoch.
        for epoch in current.assigned.values_mut().flat_map(|epochs| epochs.values_mut()) {
            *epoch = 0;
        }
        self.write(Record::current(&self.id, id, &current), turn);
    }

    /// Takes members out. Where only members of the classic protocol are left the group becomes one of theirs.
    pub(super) fn fence(
        &mut self,
        ids: &[Arc<str>],
        cause: &str,
        turn: &mut Turn<'_>,
    ) -> Option<ClassicGroup> {
        let ids: Vec<Arc<str>> = ids.iter().filter(|id| self.members.contains(id)).cloned().collect();
        let last = ids.last()?;
        for id in &ids {
            let (group, member, cause) = (Arc::clone(&self.id), Arc::clone(id), cause.to_owned());
            turn.step.events.push(GroupEvent::MemberRemoved { group, member, cause });
        }
        if self.may_downgrade_without(&ids, turn) {
            let cause = format!("Downgrade group {} from consumer to classic for member leaving.", self.id);
            return Some(self.become_classic(self.epoch, &ids, Some(cause), turn));
        }
        let regexes: Vec<String> = self.members.regexes().keys().cloned().collect();
        for id in &ids {
            self.forget(id, turn.step);
            self.write_member_gone(id, turn);
        }
        for regex in regexes {
            if self.members.readers_by(&regex) == 0 {
                self.write(Record::regex_gone(&self.id, &regex), turn);
            }
        }
        let hash = self.hash_of_topics(turn);
        self.bump_epoch(hash, format!("member {last} is gone: {cause}"), turn);
        None
    }
}
