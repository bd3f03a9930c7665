//! DescribeCluster 0-2: cluster id, controller, brokers.

use std::borrow::Cow;

use model::ErrorCode;
use protocol::messages::describe_cluster_request::DescribeClusterRequest;
use protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::metadata::controller_id;
use crate::dispatch::Api;
use crate::permissions::CLUSTER_OPERATIONS;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DescribeCluster, versions: VersionRange::new(0, 2), serve };

/// Endpoint type of brokers (KIP-919); 2 is controllers, which are asked on their own listener.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeClusterRequest = request.decode(body)?;
    if asked.endpoint_type != BROKERS {
        return refuse(request, asked.endpoint_type, out);
    }
    let image = request.broker().metadata.image();
    let listener = &request.facts.listener.name;
    let shown = image.brokers.iter().filter(|(_, broker)| asked.include_fenced_brokers || !broker.is_fenced);
    let brokers = shown.filter_map(|(id, broker)| {
        let endpoint = broker.endpoints.iter().find(|endpoint| endpoint.name == *listener)?;
        Some(DescribeClusterBroker {
            broker_id: *id,
            host: Cow::Borrowed(endpoint.host.as_str()),
            port: i32::from(endpoint.port),
            rack: broker.rack.as_deref().map(Cow::Borrowed),
            is_fenced: broker.is_fenced,
        })
    });
    let response = DescribeClusterResponse {
        cluster_id: Cow::Borrowed(&request.broker().options.cluster_id),
        controller_id: controller_id(request.broker(), &image),
        brokers: brokers.collect(),
        cluster_authorized_operations: if asked.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..DescribeClusterResponse::default()
    };
    request.answer(out, &response)
}

fn refuse(request: &Request<'_>, endpoint_type: i8, out: &mut Outbound) -> Served {
    let (error_code, message) = if endpoint_type == CONTROLLERS {
        let message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
        (ErrorCode::MISMATCHED_ENDPOINT_TYPE, message)
    } else {
        (ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type")
    };
    let message = if error_code == ErrorCode::UNSUPPORTED_ENDPOINT_TYPE {
        format!("{message} {endpoint_type}")
    } else {
        message.to_owned()
    };
    let response = DescribeClusterResponse {
        error_code,
        error_message: Some(message.into()),
        endpoint_type: BROKERS,
        controller_id: -1,
        ..DescribeClusterResponse::default()
    };
    request.answer(out, &response)
}
