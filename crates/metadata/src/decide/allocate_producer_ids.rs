//! AllocateProducerIds (67, KIP-730).

use model::ErrorCode;
use protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, MetadataRecord, ProducerIdsRecord,
};

use super::fencing::versioned;
use crate::context::Decision;
use crate::image::Image;

/// Ids in one block.
pub const BLOCK_LENGTH: i32 = 1000;

/// Hands the next block of producer ids to a broker.
pub fn decide(image: &Image, request: &AllocateProducerIdsRequest) -> Decision<AllocateProducerIdsResponse> {
    let refused =
        |error_code| Decision::unchanged(AllocateProducerIdsResponse { error_code, ..Default::default() });
    let Some(broker) = image.brokers.get(&request.broker_id) else {
        return refused(ErrorCode::BROKER_ID_NOT_REGISTERED);
    };
    if broker.epoch != request.broker_epoch {
        return refused(ErrorCode::STALE_BROKER_EPOCH);
    }
    let start = image.producer_ids.map_or(0, |ids| ids.next_id);
    let Some(next_producer_id) = start.checked_add(i64::from(BLOCK_LENGTH)) else {
        return refused(ErrorCode::UNKNOWN_SERVER_ERROR);
    };
    let record = ProducerIdsRecord {
        broker_id: request.broker_id,
        broker_epoch: request.broker_epoch,
        next_producer_id,
    };
    let response = AllocateProducerIdsResponse {
        producer_id_start: start,
        producer_id_len: BLOCK_LENGTH,
        ..AllocateProducerIdsResponse::default()
    };
    Decision { records: vec![versioned(image, MetadataRecord::ProducerIds(record))], response }
}
