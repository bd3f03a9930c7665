//! LeaveGroup in a consumer group: members go, or are sent away by their instance ids.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::LeaveGroupResponse;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::leave_group_response::MemberResponse;

use super::{ConsumerGroup, Turn};
use crate::group::classic::ClassicGroup;

impl ConsumerGroup {
    /// Takes the named members out and tells of each how it went. The group that comes out takes the place of this one.
    pub fn classic_leave(
        &mut self,
        leaving: &[MemberIdentity<'_>],
        turn: &mut Turn<'_>,
    ) -> (LeaveGroupResponse<'static>, Option<ClassicGroup>) {
        let mut gone: Vec<Arc<str>> = Vec::new();
        let mut members = Vec::new();
        for asked in leaving {
            let found = self.find_leaving(asked);
            members.push(MemberResponse {
                member_id: asked.member_id.to_string().into(),
                group_instance_id: asked
                    .group_instance_id
                    .as_deref()
                    .map(|instance| instance.to_owned().into()),
                error_code: found.as_ref().err().copied().unwrap_or(ErrorCode::NONE),
            });
            gone.extend(found.ok().filter(|id| !gone.contains(id)));
        }
        let reason = leaving.iter().rev().find_map(|asked| asked.reason.as_deref());
        let reason = reason.unwrap_or("not provided");
        let instead = self.fence(&gone, &format!("it left; client reason: {reason}"), turn);
        (LeaveGroupResponse { members, ..LeaveGroupResponse::default() }, instead)
    }

    fn find_leaving(&self, asked: &MemberIdentity<'_>) -> Result<Arc<str>, ErrorCode> {
        let id = &*asked.member_id;
        let found = match asked.group_instance_id.as_deref() {
            None => self.members.get(id),
            // Administrators name members by their instance ids alone.
            Some(instance) if id.is_empty() => self.members.of_instance(instance),
            Some(instance) => Some(self.check_instance(id, instance).map_err(|refusal| refusal.error_code)?),
        };
        found.map(|member| Arc::clone(&member.id)).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }
}
