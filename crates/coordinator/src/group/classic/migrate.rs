//! Between a classic group and one of the consumer protocol, while members stay.

use model::ErrorCode;
use protocol::messages::{JoinGroupResponse, SyncGroupResponse};

use super::{CONSUMER, ClassicGroup, Member, State, Turn};

impl ClassicGroup {
    /// The group that takes the place of a consumer group, with its members and what they have.
    pub fn of_members(id: &str, generation: i32, members: Vec<Member>, now_ms: i64) -> ClassicGroup {
        let mut group = ClassicGroup::new(id, Some(now_ms));
        group.state = State::Stable;
        group.generation = generation;
        group.protocol_type = Some(CONSUMER.to_owned());
        for member in members {
            group.add(member);
        }
        group.protocol = group.members.preferred_protocol(group.leader.as_deref());
        group.subscribed = group.subscribed_topics();
        group
    }

    /// A consumer group takes this one's place: whoever waits has to join again, and no timer is for it any more.
    pub fn dissolve(&mut self, turn: &mut Turn<'_>) {
        let error_code = ErrorCode::REBALANCE_IN_PROGRESS;
        turn.step.cancel(self.join_timer());
        turn.step.cancel(self.sync_timer());
        for id in self.members.ids() {
            let member_id = id.to_string().into();
            let join = JoinGroupResponse { error_code, member_id, ..JoinGroupResponse::default() };
            self.answer_join(&id, join, turn);
            self.answer_sync(&id, SyncGroupResponse { error_code, ..SyncGroupResponse::default() }, turn);
            turn.step.cancel(self.session_timer(&*id));
        }
        for id in std::mem::take(&mut self.pending) {
            turn.step.cancel(self.session_timer(&*id));
        }
    }
}
