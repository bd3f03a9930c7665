//! InitProducerId 0-6, for idempotent producers: an id nobody else has, at epoch 0.

use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::request::{Behind, Outcome, Request, Served};

/// The handler's row in the table of APIs. Version 6 is not stable in Kafka 4.3 and not offered.
pub const API: Api = Api { key: ApiKey::InitProducerId, versions: VersionRange::new(0, 5), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: InitProducerIdRequest<'_> = request.decode(body)?;
    if let Some(id) = &asked.transactional_id {
        // No transactions yet: FindCoordinator has said so, so only a broken client comes here.
        let error_code = if id.is_empty() { ErrorCode::INVALID_REQUEST } else { ErrorCode::NOT_COORDINATOR };
        return request.answer(out, &failed(error_code));
    }
    if asked.producer_id != -1 && asked.producer_epoch == -1
        || asked.producer_id == -1 && asked.producer_epoch != -1
    {
        return request.answer(out, &failed(ErrorCode::INVALID_REQUEST));
    }
    let broker = Arc::clone(request.broker());
    if let Some(producer_id) = broker.producer_ids.take() {
        return request.answer(out, &given(producer_id));
    }
    let head = request.head;
    Ok(Outcome::parked(Behind::Waits, async move {
        let image = broker.metadata.image();
        let node_id = broker.options.node_id;
        let epoch = image.brokers.get(&node_id).map_or(-1, |broker| broker.epoch);
        let next = broker.producer_ids.next(&broker.controller, node_id, epoch).await;
        let response = next.map_or_else(failed, given);
        let mut out = Outbound::default();
        head.answer(&mut out, &response).map(|()| out)
    }))
}

fn given(producer_id: i64) -> InitProducerIdResponse {
    InitProducerIdResponse { producer_id, producer_epoch: 0, ..InitProducerIdResponse::default() }
}

fn failed(error_code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code,
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}
