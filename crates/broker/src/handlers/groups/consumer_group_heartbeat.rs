//! ConsumerGroupHeartbeat 0-1: all that a member of the consumer protocol says and is told (KIP-848).

use coordinator::{Answer, Asker, GroupShard};
use model::ErrorCode;
use protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::ask;
use crate::coordinators::ImageTopics;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::ConsumerGroupHeartbeat, versions: VersionRange::new(0, 1), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ConsumerGroupHeartbeatRequest<'_> = request.decode(body)?;
    if !request.broker().groups.serves_consumer_protocol {
        return request.answer(out, &respond(Err(ErrorCode::UNSUPPORTED_VERSION)));
    }
    let group = &*asked.group_id;
    let decide = |shard: &mut GroupShard, asker: &Asker<'_>, now_ms, topics: &ImageTopics| {
        shard.consumer_heartbeat(&asked, asker, now_ms, topics)
    };
    ask(request, out, group, decide, |outcome, _| respond(outcome))
}

fn respond(outcome: Result<Answer, ErrorCode>) -> ConsumerGroupHeartbeatResponse<'static> {
    match outcome {
        Ok(Answer::ConsumerHeartbeat(answered)) => answered,
        outcome => ConsumerGroupHeartbeatResponse {
            error_code: outcome.err().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            ..ConsumerGroupHeartbeatResponse::default()
        },
    }
}
