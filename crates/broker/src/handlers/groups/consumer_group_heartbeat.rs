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

/// Bytes of the records beside the one of what a member says, in a group of a usual size.
const BESIDE_BYTES: usize = 4 << 10;
/// Bytes that the length of a name takes at most.
const NAME_LENGTH_BYTES: usize = 3;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ConsumerGroupHeartbeatRequest<'_> = request.decode(body)?;
    let groups = &request.broker().groups;
    if !groups.serves_consumer_protocol {
        return request.answer(out, &respond(Err(ErrorCode::UNSUPPORTED_VERSION)));
    }
    let group = &*asked.group_id;
    let said = said_bytes(&asked);
    if said > BESIDE_BYTES && !groups.has_room_for(group, said + BESIDE_BYTES) {
        return request.answer(out, &respond(Err(ErrorCode::UNKNOWN_SERVER_ERROR)));
    }
    let decide = |shard: &mut GroupShard, asker: &Asker<'_>, now_ms, topics: &ImageTopics| {
        shard.consumer_heartbeat(&asked, asker, now_ms, topics)
    };
    ask(request, out, group, decide, |outcome, _| respond(outcome))
}

/// What a member says of itself, which becomes one record. Where that could not be appended the shard would be ahead of its
/// log, and all its groups had to be loaded again.
fn said_bytes(asked: &ConsumerGroupHeartbeatRequest<'_>) -> usize {
    let names = asked.subscribed_topic_names.iter().flatten().map(|name| name.len() + NAME_LENGTH_BYTES);
    let optional =
        [&asked.instance_id, &asked.rack_id, &asked.subscribed_topic_regex, &asked.server_assignor];
    let optional = optional.into_iter().flatten().map(|text| text.len());
    names.chain(optional).sum::<usize>() + asked.member_id.len()
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
