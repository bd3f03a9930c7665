//! FindCoordinator 0-6: which broker a group belongs to. The first who asks has `__consumer_offsets` made.

use std::sync::Arc;

use metadata::Image;
use model::{ErrorCode, TopicName};
use protocol::messages::find_coordinator_response::Coordinator;
use protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use super::later;
use crate::broker::Broker;
use crate::dispatch::Api;
use crate::handlers::metadata::creation;
use crate::request::{MALFORMED, Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::FindCoordinator, versions: VersionRange::new(0, 6), serve };

/// A request is about several keys from this version on (KIP-699).
const MANY_SINCE: i16 = 4;
/// Types of coordinators.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Who asks where, for the answer.
struct Question {
    keys: Vec<String>,
    key_type: i8,
    listener: String,
    version: i16,
}

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: FindCoordinatorRequest<'_> = request.decode(body)?;
    let version = request.version();
    let keys = if version >= MANY_SINCE { asked.coordinator_keys } else { vec![asked.key] };
    let question = Question {
        keys: keys.into_iter().map(|key| key.into_owned()).collect(),
        key_type: asked.key_type,
        listener: request.facts.listener.name.clone(),
        version,
    };
    let broker = request.broker();
    let image = broker.metadata.image();
    if question.key_type != GROUP || image.topics.get(TopicName::CONSUMER_OFFSETS).is_some() {
        return request.answer(out, &question.answer(broker, &image));
    }
    let broker = Arc::clone(broker);
    Ok(later(request, async move {
        creation::create_now(&broker, vec![TopicName::CONSUMER_OFFSETS.to_owned()]).await;
        question.answer(&broker, &broker.metadata.image())
    }))
}

impl Question {
    fn answer(&self, broker: &Broker, image: &Image) -> FindCoordinatorResponse<'static> {
        let found: Vec<_> = self.keys.iter().map(|key| self.find(broker, image, key)).collect();
        if self.version >= MANY_SINCE {
            return FindCoordinatorResponse { coordinators: found, ..FindCoordinatorResponse::default() };
        }
        let Some(only) = found.into_iter().next() else { return FindCoordinatorResponse::default() };
        FindCoordinatorResponse {
            error_code: only.error_code,
            // Kafka's word for none, which versions before spell with nothing.
            error_message: if only.error_code.is_none() { Some("NONE".into()) } else { only.error_message },
            node_id: only.node_id,
            host: only.host,
            port: only.port,
            ..FindCoordinatorResponse::default()
        }
    }

    fn find(&self, broker: &Broker, image: &Image, key: &str) -> Coordinator<'static> {
        let key = key.to_owned().into();
        match self.endpoint(broker, image) {
            Ok((host, port)) => Coordinator {
                key,
                node_id: broker.options.node_id,
                host: host.into(),
                port: i32::from(port),
                ..Coordinator::default()
            },
            Err((error_code, reason)) => Coordinator {
                key,
                node_id: -1,
                port: -1,
                error_code,
                error_message: Some(reason.into()),
                ..Coordinator::default()
            },
        }
    }

    /// Where this broker, which leads all partitions there are, is reached.
    fn endpoint(&self, broker: &Broker, image: &Image) -> Result<(String, u16), (ErrorCode, &'static str)> {
        match self.key_type {
            GROUP => {}
            TRANSACTION => {
                return Err((ErrorCode::INVALID_REQUEST, "There are no transactions in this version."));
            }
            _ => return Err((ErrorCode::INVALID_REQUEST, MALFORMED)),
        }
        let unavailable = (ErrorCode::COORDINATOR_NOT_AVAILABLE, "The coordinator is not available.");
        if image.topics.get(TopicName::CONSUMER_OFFSETS).is_none() {
            return Err(unavailable);
        }
        let own = image.brokers.get(&broker.options.node_id).ok_or(unavailable)?;
        let endpoint = own.endpoints.iter().find(|endpoint| endpoint.name == self.listener);
        endpoint.map(|endpoint| (endpoint.host.clone(), endpoint.port)).ok_or(unavailable)
    }
}
