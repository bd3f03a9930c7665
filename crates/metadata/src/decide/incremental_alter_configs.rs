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
