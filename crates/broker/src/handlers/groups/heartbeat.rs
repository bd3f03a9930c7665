//! Heartbeat 0-4: a member lives.

use coordinator::{Answer, Asker, GroupShard};
use model::ErrorCode;
use protocol::messages::{HeartbeatRequest, HeartbeatResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::ask;
use crate::coordinators::ImageTopics;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::Heartbeat, versions: VersionRange::new(0, 4), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: HeartbeatRequest<'_> = request.decode(body)?;
    let group = &*asked.group_id;
    let decide = |shard: &mut GroupShard, asker: &Asker<'_>, now_ms, topics: &ImageTopics| {
        shard.heartbeat(&asked, asker, now_ms, topics)
    };
    ask(request, out, group, decide, |outcome, _| respond(outcome))
}

fn respond(outcome: Result<Answer, ErrorCode>) -> HeartbeatResponse {
    match outcome {
        Ok(Answer::Heartbeat(answered)) => answered,
        // While the shard is loaded its members need not do anything.
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => HeartbeatResponse::default(),
        outcome => HeartbeatResponse {
            error_code: outcome.err().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            ..HeartbeatResponse::default()
        },
    }
}
