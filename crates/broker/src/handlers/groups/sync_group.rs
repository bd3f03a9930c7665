//! SyncGroup 0-5: members fetch their assignments, the leader brings them.

use coordinator::{Answer, Asker, GroupShard};
use model::ErrorCode;
use protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::ask;
use crate::coordinators::ImageTopics;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::SyncGroup, versions: VersionRange::new(0, 5), serve };

/// Members say which protocol they follow from this version on (KIP-559).
const PROTOCOL_SINCE: i16 = 5;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: SyncGroupRequest<'_> = request.decode(body)?;
    let is_named = asked.protocol_type.is_some() && asked.protocol_name.is_some();
    if request.version() >= PROTOCOL_SINCE && !is_named {
        return request.answer(out, &respond(Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)));
    }
    let group = &*asked.group_id;
    let decide = |shard: &mut GroupShard, asker: &Asker<'_>, now_ms, topics: &ImageTopics| {
        shard.sync(&asked, asker, now_ms, topics)
    };
    ask(request, out, group, decide, |outcome, _| respond(outcome))
}

fn respond(outcome: Result<Answer, ErrorCode>) -> SyncGroupResponse<'static> {
    match outcome {
        Ok(Answer::Sync(synced)) => synced,
        outcome => SyncGroupResponse {
            error_code: outcome.err().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            ..SyncGroupResponse::default()
        },
    }
}
