//! CreateTopics 2-7, DeleteTopics 1-6 and CreatePartitions 0-3: the controller decides, within the client's quota of
//! partitions (KIP-599).

use std::sync::Arc;

use protocol::{ApiKey, VersionRange};

use crate::controller::{answer_with_body, forward};
use crate::dispatch::Api;
use crate::quotas::raise;
use crate::request::{Behind, Outcome, Request, Served};

/// The row of CreateTopics in the table of APIs.
pub const CREATE_TOPICS: Api = Api {
    key: ApiKey::CreateTopics,
    versions: VersionRange::new(2, 7),
    serve: |request, body, _| serve(request, body, 6),
};
/// The row of DeleteTopics in the table of APIs.
pub const DELETE_TOPICS: Api = Api {
    key: ApiKey::DeleteTopics,
    versions: VersionRange::new(1, 6),
    serve: |request, body, _| serve(request, body, 5),
};
/// The row of CreatePartitions in the table of APIs.
pub const CREATE_PARTITIONS: Api = Api {
    key: ApiKey::CreatePartitions,
    versions: VersionRange::new(0, 3),
    serve: |request, body, _| serve(request, body, 3),
};

/// Clients before the version `strict_since` do not know the error of a quota that is used up: they are only throttled.
fn serve(request: &mut Request<'_>, body: &mut [u8], strict_since: i16) -> Served {
    let broker = Arc::clone(request.broker());
    let Some((meters, left)) = request.meters().and_then(|meters| {
        let left = meters.mutations_left(broker.clock.steady_ms())?;
        Some((meters, left))
    }) else {
        return Ok(forward(request, body));
    };
    let (head, mute, body) = (request.head, request.facts.mute.clone(), body.to_vec());
    let is_strict = head.version >= strict_since;
    Ok(Outcome::parked(Behind::Waits, async move {
        let left = is_strict.then_some(left);
        let answered = broker.controller.call_within(left, head.api_key, head.version, body).await;
        broker.metadata.caught_up().await;
        let now_ms = broker.clock.steady_ms();
        let mut throttle_ms = 0;
        let answered = answered.map(|answer| {
            meters.mutated(answer.permits.taken(), now_ms);
            if !is_strict || answer.permits.has_refused() {
                throttle_ms = meters.mutation_throttle_ms(now_ms);
            }
            answer.body
        });
        let mut out = answer_with_body(head, answered)?;
        mute.extend(throttle_ms);
        raise(out.buffer(), head, throttle_ms);
        Ok(out)
    }))
}
