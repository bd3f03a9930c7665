//! The way to the active controller: requests go there as the client sent them.

use std::sync::Arc;

use metadata::{ControllerRequest, ControllerResponse};
use model::NodeId;
use protocol::{ApiKey, Message, Reader, Writer};
use tokio::sync::{mpsc, oneshot};

use crate::connection_loop::{Answer, CloseConnection};
use crate::quotas::ANONYMOUS;
use crate::request::{Behind, Outcome, Request, ResponseHead};

/// A request on its way, and where its answer goes; an error is why there is none.
pub type ControllerCall = (ControllerRequest, oneshot::Sender<Result<ControllerResponse, String>>);

/// Sends requests to the active controller.
#[derive(Debug, Clone)]
pub struct Controller {
    node_id: NodeId,
    calls: mpsc::Sender<ControllerCall>,
}

impl Controller {
    /// A way for the broker `node_id`.
    pub fn new(node_id: NodeId, calls: mpsc::Sender<ControllerCall>) -> Controller {
        Controller { node_id, calls }
    }

    /// Sends the body of a request and waits for the body of its answer.
    pub async fn call(&self, api_key: ApiKey, api_version: i16, body: Vec<u8>) -> Result<Vec<u8>, String> {
        self.call_within(None, api_key, api_version, body).await.map(|answer| answer.body)
    }

    /// The same for a client that may create and delete only so many partitions more.
    pub async fn call_within(
        &self,
        mutations_left: Option<i64>,
        api_key: ApiKey,
        api_version: i16,
        body: Vec<u8>,
    ) -> Result<ControllerResponse, String> {
        let (reply, answer) = oneshot::channel();
        let principal = format!("User:{ANONYMOUS}");
        let broker_id = self.node_id;
        let request = ControllerRequest { api_key, api_version, body, principal, broker_id, mutations_left };
        self.calls.send((request, reply)).await.map_err(|_| "the controller has stopped".to_owned())?;
        answer.await.map_err(|_| "the controller has stopped".to_owned())?
    }

    /// Sends a request of the broker's own and decodes the answer.
    pub async fn ask<'q, Q, S>(&self, api_key: ApiKey, api_version: i16, request: &Q) -> Result<S, String>
    where
        Q: Message<'q>,
        S: for<'s> Message<'s>,
    {
        let mut writer = Writer::new();
        request.encode(&mut writer, api_version).map_err(|error| error.to_string())?;
        let body = self.call(api_key, api_version, writer.into_vec()).await?;
        S::decode(&mut Reader::new(&body), api_version).map_err(|error| error.to_string())
    }
}

/// Parks a request until the controller has answered it and this broker sees the effect.
pub fn forward(request: &Request<'_>, body: &[u8]) -> Outcome {
    let broker = Arc::clone(request.broker());
    let (head, body) = (request.head, body.to_vec());
    Outcome::parked(Behind::Waits, async move {
        let answered = broker.controller.call(head.api_key, head.version, body).await;
        broker.metadata.caught_up().await;
        answer_with_body(head, answered)
    })
}

/// The answer of a request whose body the controller has given.
pub fn answer_with_body(head: ResponseHead, answered: Result<Vec<u8>, String>) -> Answer {
    let body = answered.map_err(CloseConnection)?;
    let mut out = transport::Outbound::default();
    head.answer_with(&mut out, |writer| {
        writer.raw(&body);
        Ok(())
    })?;
    Ok(out)
}
