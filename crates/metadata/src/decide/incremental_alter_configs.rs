//! IncrementalAlterConfigs (44, KIP-339).

use config::alter::{Change, Operation, incremental};
use model::{ErrorCode, NodeId};
use protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::ApiError;
use super::create_topics::alter_error;
use super::resources::{Resource, check_entries, check_unique};
use crate::context::{Decision, DecisionContext};
use crate::image::Image;
use crate::record::VersionedRecord;

/// Resource type of log levels.
const BROKER_LOGGER: i8 = 8;

/// Changes single settings of each resource; resources that fail change nothing, the others change.
pub fn decide(
    image: &Image,
    request: &IncrementalAlterConfigsRequest<'_>,
    broker_id: NodeId,
    context: &DecisionContext<'_>,
) -> Decision<IncrementalAlterConfigsResponse<'static>> {
    let mut records = Vec::new();
    let mut responses = Vec::new();
    for resource in &request.resources {
        let same = |other: &&AlterConfigsResource<'_>| {
            other.resource_type == resource.resource_type && other.resource_name == resource.resource_name
        };
        let outcome = check_unique(request.resources.iter().filter(same).count())
            .and_then(|()| alter(image, resource, broker_id, context));
        let (error_code, error_message) = match outcome {
            Ok(changed) => {
                records.extend(changed);
                (ErrorCode::NONE, None)
            }
            Err(error) => (error.code, error.into_message()),
        };
        responses.push(AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.to_string().into(),
        });
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, response: IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses } }
}

/// There are no loggers by Kafka's names here, so that none has a level to change.
fn refuse_loggers(
    asked: &AlterConfigsResource<'_>,
    broker_id: NodeId,
) -> Result<Vec<VersionedRecord>, ApiError> {
    let refused = |code, message: String| Err(ApiError::new(code, message));
    let name = &*asked.resource_name;
    match name.parse::<NodeId>() {
        Err(_) => {
            let message = format!("Node id must be an integer, but it is: {name}");
            return refused(ErrorCode::INVALID_REQUEST, message);
        }
        Ok(id) if id != broker_id => {
            let message = format!("Unexpected node id. Expected {broker_id}, but received {id}");
            return refused(ErrorCode::INVALID_REQUEST, message);
        }
        Ok(_) => {}
    }
    let Some(config) = asked.configs.first() else { return Ok(Vec::new()) };
    let operation = match Operation::from_code(config.config_operation) {
        Some(Operation::Append) => "APPEND",
        Some(Operation::Subtract) => "SUBTRACT",
        _ => return refused(ErrorCode::INVALID_CONFIG, format!("Logger {} does not exist!", config.name)),
    };
    let message = format!("{operation} operation is not allowed for the BROKER_LOGGER resource");
    refused(ErrorCode::INVALID_REQUEST, message)
}

fn alter(
    image: &Image,
    asked: &AlterConfigsResource<'_>,
    broker_id: NodeId,
    context: &DecisionContext<'_>,
) -> Result<Vec<VersionedRecord>, ApiError> {
    let delete = Operation::Delete;
    let is_delete = |code: i8| Operation::from_code(code) == Some(delete);
    let without_value =
        asked.configs.iter().filter(|config| config.value.is_none() && !is_delete(config.config_operation));
    check_entries(
        asked.configs.iter().map(|config| &*config.name),
        without_value.map(|config| &*config.name),
    )?;
    if asked.resource_type == BROKER_LOGGER {
        return refuse_loggers(asked, broker_id);
    }
    let name = (asked.resource_type, &*asked.resource_name);
    let resource = Resource::find(image, context, name, broker_id)?;
    let mut changes = Vec::with_capacity(asked.configs.len());
    for config in &asked.configs {
        let code = config.config_operation;
        let Some(operation) = Operation::from_code(code) else {
            return Err(ApiError::new(
                ErrorCode::INVALID_REQUEST,
                format!("Unknown config operation {code}"),
            ));
        };
        let value = config.value.as_deref().map(str::to_owned);
        changes.push(Change { key: config.name.to_string(), operation, value });
    }
    let stored = incremental(resource.target(), &resource.current(), &changes);
    resource.records(&stored.map_err(|error| alter_error(&error))?)
}
