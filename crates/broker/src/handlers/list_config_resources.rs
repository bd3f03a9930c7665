//! ListConfigResources 0-1: which resources have settings (KIP-714, KIP-1142).

use metadata::Image;
use metadata::image::ResourceKind;
use model::ErrorCode;
use protocol::messages::list_config_resources_request::ListConfigResourcesRequest;
use protocol::messages::list_config_resources_response::{ConfigResource, ListConfigResourcesResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::ListConfigResources, versions: VersionRange::new(0, 1), serve };

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
const ALL: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ListConfigResourcesRequest = request.decode(body)?;
    let image = request.broker().metadata.image();
    // Version 0 knew client metrics only; later an empty list stands for every type.
    let wanted = match (request.version(), asked.resource_types.as_slice()) {
        (0, _) => vec![CLIENT_METRICS],
        (_, []) => ALL.to_vec(),
        (_, types) => types.to_vec(),
    };
    if !wanted.iter().all(|kind| ALL.contains(kind)) {
        let error_code = ErrorCode::UNSUPPORTED_VERSION;
        return request.answer(out, &ListConfigResourcesResponse { error_code, ..Default::default() });
    }
    let config_resources = wanted.iter().flat_map(|kind| resources(&image, *kind)).collect();
    request.answer(out, &ListConfigResourcesResponse { config_resources, ..Default::default() })
}

fn resources(image: &Image, resource_type: i8) -> Vec<ConfigResource<'_>> {
    let named = |name: String| ConfigResource { resource_name: name.into(), resource_type };
    match resource_type {
        TOPIC => image.topics.iter().map(|topic| named(topic.name.to_string())).collect(),
        BROKER | BROKER_LOGGER => image.brokers.keys().map(|id| named(id.to_string())).collect(),
        CLIENT_METRICS => with_settings(image, ResourceKind::ClientMetrics).map(named).collect(),
        GROUP => with_settings(image, ResourceKind::Group).map(named).collect(),
        _ => Vec::new(),
    }
}

fn with_settings(image: &Image, kind: ResourceKind) -> impl Iterator<Item = String> {
    image.configs.keys().filter(move |resource| resource.kind == kind).map(|resource| resource.name.clone())
}
