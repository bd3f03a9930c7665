//! JoinGroup 0-9: a member comes, or comes again after a rebalance has begun.

use coordinator::{Answer, Asker, GroupShard};
use model::ErrorCode;
use protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::ask;
use crate::coordinators::ImageTopics;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::JoinGroup, versions: VersionRange::new(0, 9), serve };

/// Answers may leave the protocol's name out from this version on.
const NAMELESS_SINCE: i16 = 7;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let mut asked: JoinGroupRequest<'_> = request.decode(body)?;
    if request.version() == 0 {
        // The first version knew one timeout.
        asked.rebalance_timeout_ms = asked.session_timeout_ms;
    }
    let member_id = asked.member_id.to_string();
    let respond = move |outcome, version| respond(outcome, member_id, version);
    let group = &*asked.group_id;
    let decide = |shard: &mut GroupShard, asker: &Asker<'_>, now_ms, topics: &ImageTopics| {
        shard.join(&asked, asker, now_ms, topics)
    };
    ask(request, out, group, decide, respond)
}

fn respond(
    outcome: Result<Answer, ErrorCode>,
    member_id: String,
    version: i16,
) -> JoinGroupResponse<'static> {
    let mut response = match outcome {
        Ok(Answer::Join(joined)) => joined,
        outcome => JoinGroupResponse {
            error_code: outcome.err().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            member_id: member_id.into(),
            generation_id: -1,
            ..JoinGroupResponse::default()
        },
    };
    response.protocol_name = match response.protocol_name {
        None if version < NAMELESS_SINCE => Some("".into()),
        Some(name) if name.is_empty() && version >= NAMELESS_SINCE => None,
        name => name,
    };
    response
}
