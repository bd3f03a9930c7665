//! UnregisterBroker (64).

use model::ErrorCode;
use protocol::messages::{
    MetadataRecord, UnregisterBrokerRecord, UnregisterBrokerRequest, UnregisterBrokerResponse,
};

use super::fencing::{self, Leaving, versioned};
use crate::context::{Decision, DecisionContext};
use crate::image::Image;

/// Forgets a broker for good, after its partitions have been handed over.
pub fn decide(
    image: &Image,
    request: &UnregisterBrokerRequest,
    context: &DecisionContext<'_>,
) -> Decision<UnregisterBrokerResponse<'static>> {
    let Some(broker) = image.brokers.get(&request.broker_id) else {
        let message = format!("Broker ID {} is not currently registered", request.broker_id);
        return Decision::unchanged(UnregisterBrokerResponse {
            error_code: ErrorCode::BROKER_ID_NOT_REGISTERED,
            error_message: Some(message.into()),
            ..UnregisterBrokerResponse::default()
        });
    };
    let mut records = fencing::leave(image, context, broker.id, Leaving::HandsOver);
    let record = UnregisterBrokerRecord { broker_id: broker.id, broker_epoch: broker.epoch };
    records.push(versioned(image, MetadataRecord::UnregisterBroker(record)));
    let response = UnregisterBrokerResponse { error_message: None, ..UnregisterBrokerResponse::default() };
    Decision { records, response }
}
