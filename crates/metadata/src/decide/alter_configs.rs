//! AlterConfigs (33): the settings given replace all the resource has.

use config::alter::Changes;
use model::{ErrorCode, NodeId};
use protocol::messages::alter_configs_request::AlterConfigsResource;
use protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

use super::ApiError;
use super::resources::{Resource, check_entries, check_unique};
use crate::context::{Decision, DecisionContext};
use crate::image::Image;
use crate::record::VersionedRecord;

/// Replaces the settings of each resource; resources that fail change nothing, the others change.
pub fn decide(
    image: &Image,
    request: &AlterConfigsRequest<'_>,
    broker_id: NodeId,
    context: &DecisionContext<'_>,
) -> Decision<AlterConfigsResponse<'static>> {
    let mut records = Vec::new();
    let mut responses = Vec::new();
    for resource in &request.resources {
        let same = |other: &&AlterConfigsResource<'_>| {
            other.resource_type == resource.resource_type && other.resource_name == resource.resource_name
        };
        let outcome = check_unique(request.resources.iter().filter(same).count())
            .and_then(|()| replace(image, resource, broker_id, context));
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
    Decision { records, response: AlterConfigsResponse { throttle_time_ms: 0, responses } }
}

fn replace(
    image: &Image,
    asked: &AlterConfigsResource<'_>,
    broker_id: NodeId,
    context: &DecisionContext<'_>,
) -> Result<Vec<VersionedRecord>, ApiError> {
    let without_value = asked.configs.iter().filter(|config| config.value.is_none());
    check_entries(
        asked.configs.iter().map(|config| &*config.name),
        without_value.map(|config| &*config.name),
    )?;
    let name = (asked.resource_type, &*asked.resource_name);
    let resource = Resource::find(image, context, name, broker_id)?;
    let mut changes: Changes = resource.current().into_keys().map(|key| (key, None)).collect();
    for config in &asked.configs {
        changes.insert(config.name.to_string(), config.value.as_deref().map(str::to_owned));
    }
    resource.records(&changes)
}
