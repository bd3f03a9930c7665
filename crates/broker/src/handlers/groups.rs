//! The APIs of groups: the request goes to the shard that the group belongs to, its answer comes now or later.

pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod delete_groups;
pub mod describe_groups;
pub mod find_coordinator;
pub mod heartbeat;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod sync_group;

use std::future::Future;

use coordinator::{Answer, Asker, GroupShard, Step};
use model::ErrorCode;
use protocol::Message;
use transport::Outbound;

use crate::connection_loop::CloseConnection;
use crate::coordinators::{Asked, Committed, ImageTopics};
use crate::request::{Behind, Outcome, Request, ResponseHead, Served};

/// Has the shard of `group` decide, and answers with what `respond` makes of the shard's answer or of the error, at the
/// version of the request. Nothing behind it on the connection is served before.
fn ask<R: Message<'static> + 'static>(
    request: &Request<'_>,
    out: &mut Outbound,
    group: &str,
    decide: impl FnOnce(&mut GroupShard, &Asker<'_>, i64, &ImageTopics) -> Step,
    respond: impl FnOnce(Result<Answer, ErrorCode>, i16) -> R + 'static,
) -> Served {
    let version = request.version();
    let asked = asked(request, group, decide);
    answer(request, out, asked, move |outcome| respond(outcome, version), Behind::Waits)
}

/// Answers with what `respond` makes of what was asked, now or once it is known.
fn answer<R: Message<'static> + 'static>(
    request: &Request<'_>,
    out: &mut Outbound,
    asked: Result<Asked, ErrorCode>,
    respond: impl FnOnce(Result<Answer, ErrorCode>) -> R + 'static,
    behind: Behind,
) -> Served {
    let waiting = match asked {
        Ok(Asked::Answered(answer)) => return request.answer(out, &respond(Ok(answer))),
        Ok(Asked::Waits(waiting)) => waiting,
        Err(error) => return request.answer(out, &respond(Err(error))),
    };
    let head = request.head;
    let work = async move {
        let answer = waiting.answer().await.ok_or(ErrorCode::NOT_COORDINATOR);
        encoded(head, &respond(answer))
    };
    Ok(Outcome::parked(behind, work))
}

/// Has the shard of `group` decide.
fn asked(
    request: &Request<'_>,
    group: &str,
    decide: impl FnOnce(&mut GroupShard, &Asker<'_>, i64, &ImageTopics) -> Step,
) -> Result<Asked, ErrorCode> {
    let broker = request.broker();
    let topics = ImageTopics(broker.metadata.image());
    broker.groups.shard_of(group)?.ask(broker, |shard, reply| {
        let asker = Asker {
            reply,
            api_version: request.version(),
            client_id: request.client_id().unwrap_or_default(),
            client_host: request.facts.client_host(),
            fresh_id: broker.clock.random_id(),
            wall_ms: broker.clock.now_ms(),
        };
        decide(shard, &asker, broker.clock.steady_ms(), &topics)
    })
}

/// Parks the request until `response` is known.
fn later<R: Message<'static> + 'static>(
    request: &Request<'_>,
    response: impl Future<Output = R> + 'static,
) -> Outcome {
    let head = request.head;
    Outcome::parked(Behind::Waits, async move { encoded(head, &response.await) })
}

/// The answer for a request that was parked.
fn encoded<R: Message<'static>>(head: ResponseHead, response: &R) -> Result<Outbound, CloseConnection> {
    let mut out = Outbound::default();
    head.answer(&mut out, response).map(|()| out)
}

/// The outcome of a write, once it is known.
async fn committed(written: tokio::sync::oneshot::Receiver<Committed>) -> Committed {
    written.await.unwrap_or(Err(ErrorCode::NOT_COORDINATOR))
}
