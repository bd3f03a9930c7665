//! LeaveGroup 0-5: members go.

use coordinator::{Answer, Asker, GroupShard};
use model::ErrorCode;
use protocol::messages::leave_group_request::MemberIdentity;
use protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::ask;
use crate::coordinators::ImageTopics;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::LeaveGroup, versions: VersionRange::new(0, 5), serve };

/// A request names any number of members from this version on (KIP-345).
const MANY_SINCE: i16 = 3;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let mut asked: LeaveGroupRequest<'_> = request.decode(body)?;
    if request.version() < MANY_SINCE {
        let member_id = std::mem::take(&mut asked.member_id);
        asked.members = vec![MemberIdentity { member_id, ..MemberIdentity::default() }];
    }
    let group = &*asked.group_id;
    let decide = |shard: &mut GroupShard, asker: &Asker<'_>, now_ms, topics: &ImageTopics| {
        shard.leave(&asked, asker, now_ms, topics)
    };
    ask(request, out, group, decide, respond)
}

fn respond(outcome: Result<Answer, ErrorCode>, version: i16) -> LeaveGroupResponse<'static> {
    let mut response = match outcome {
        Ok(Answer::Leave(left)) => left,
        outcome => LeaveGroupResponse {
            error_code: outcome.err().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            ..LeaveGroupResponse::default()
        },
    };
    if version < MANY_SINCE {
        let of_member = std::mem::take(&mut response.members);
        if response.error_code.is_none() {
            response.error_code = of_member.first().map_or(ErrorCode::NONE, |member| member.error_code);
        }
    }
    response
}
