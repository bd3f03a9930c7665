//! ControllerRegistration (70, KIP-919).

use model::ErrorCode;
use protocol::messages::register_controller_record::{ControllerEndpoint, ControllerFeature};
use protocol::messages::{
    ControllerRegistrationRequest, ControllerRegistrationResponse, MetadataRecord, RegisterControllerRecord,
};

use super::fencing::versioned;
use crate::context::Decision;
use crate::image::Image;

/// Registers a controller, or registers it anew after it restarted.
pub fn decide(
    image: &Image,
    request: &ControllerRegistrationRequest<'_>,
) -> Decision<ControllerRegistrationResponse<'static>> {
    if request.controller_id < 0 || request.listeners.is_empty() {
        return Decision::unchanged(ControllerRegistrationResponse {
            error_code: ErrorCode::INVALID_REGISTRATION,
            error_message: Some("A controller needs an id from 0 up and at least one listener.".into()),
            ..ControllerRegistrationResponse::default()
        });
    }
    let end_points = request.listeners.iter().map(|listener| ControllerEndpoint {
        name: listener.name.to_string().into(),
        host: listener.host.to_string().into(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    });
    let features = request.features.iter().map(|feature| ControllerFeature {
        name: feature.name.to_string().into(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    });
    let record = RegisterControllerRecord {
        controller_id: request.controller_id,
        incarnation_id: request.incarnation_id,
        zk_migration_ready: request.zk_migration_ready,
        end_points: end_points.collect(),
        features: features.collect(),
    };
    let records = vec![versioned(image, MetadataRecord::RegisterController(record))];
    let response = ControllerRegistrationResponse { error_message: None, ..Default::default() };
    Decision { records, response }
}
