//! The messages between a broker and the active controller, and the one entry to every decider.
//!
//! A broker forwards a request as the client sent it, body and version unchanged (as Kafka's Envelope does);
//! the controller answers with the body of the response in the same version.

use std::fmt;

use model::NodeId;
use protocol::messages::api_key::ApiKey;
use protocol::messages::{
    AllocateProducerIdsRequest, AlterClientQuotasRequest, AlterConfigsRequest,
    AlterPartitionReassignmentsRequest, AlterUserScramCredentialsRequest, AssignReplicasToDirsRequest,
    BrokerHeartbeatRequest, BrokerRegistrationRequest, ControllerRegistrationRequest,
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest,
    IncrementalAlterConfigsRequest, ListPartitionReassignmentsRequest, UnregisterBrokerRequest,
    UpdateFeaturesRequest,
};
use protocol::{DecodeError, EncodeError, Message, Reader, Request, Writer};

use crate::context::{Decision, DecisionContext};
use crate::decide::{self, MutationPermits};
use crate::image::Image;

/// A request for the active controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerRequest {
    /// Which API.
    pub api_key: ApiKey,
    /// Version of the body, and of the response's.
    pub api_version: i16,
    /// The body as it came, without header.
    pub body: Vec<u8>,
    /// Who asks, as `type:name`, for example `User:ANONYMOUS`.
    pub principal: String,
    /// The broker that forwards it; settings of a broker may only be changed through itself.
    pub broker_id: NodeId,
    /// Partitions that whoever asks may still create and delete, by the quota that the broker keeps; any number where it
    /// is `None`.
    pub mutations_left: Option<i64>,
}

/// The controller's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControllerResponse {
    /// The body, without header.
    pub body: Vec<u8>,
    /// What counts against the quota of whoever asked.
    pub permits: MutationPermits,
}

/// Why a request gets no answer at all; the connection it came from should be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControllerError {
    /// The controller does not decide this API.
    NotForController(ApiKey),
    /// The body is not what key and version say.
    Malformed(DecodeError),
    /// The answer cannot be written in the request's version, which is a defect of ours.
    Unanswerable(EncodeError),
}

/// True for the APIs that [`handle`] decides.
pub fn is_decided(api_key: ApiKey) -> bool {
    matches!(
        api_key,
        ApiKey::CreateTopics
            | ApiKey::DeleteTopics
            | ApiKey::CreatePartitions
            | ApiKey::IncrementalAlterConfigs
            | ApiKey::AlterConfigs
            | ApiKey::UpdateFeatures
            | ApiKey::ElectLeaders
            | ApiKey::AlterPartitionReassignments
            | ApiKey::ListPartitionReassignments
            | ApiKey::BrokerRegistration
            | ApiKey::BrokerHeartbeat
            | ApiKey::UnregisterBroker
            | ApiKey::AllocateProducerIds
            | ApiKey::ControllerRegistration
            | ApiKey::AssignReplicasToDirs
            | ApiKey::AlterClientQuotas
            | ApiKey::AlterUserScramCredentials
    )
}

/// Decodes a request, decides it against the image, encodes the answer.
pub fn handle(
    image: &Image,
    request: &ControllerRequest,
    context: &DecisionContext<'_>,
) -> Result<Decision<ControllerResponse>, ControllerError> {
    let call = Call { image, request, context };
    let mut permits = MutationPermits::new(request.mutations_left);
    let decided = dispatch(&call, &mut permits);
    decided.map(|mut decision| {
        decision.response.permits = permits;
        decision
    })
}

fn dispatch(
    call: &Call<'_>,
    permits: &mut MutationPermits,
) -> Result<Decision<ControllerResponse>, ControllerError> {
    let Call { image, request, context } = *call;
    match request.api_key {
        ApiKey::CreateTopics => call.run(|asked: CreateTopicsRequest<'_>| {
            decide::create_topics::decide(image, &asked, context, permits)
        }),
        ApiKey::DeleteTopics => call.run(|asked: DeleteTopicsRequest<'_>| {
            decide::delete_topics::decide(image, &asked, request.api_version, context, permits)
        }),
        ApiKey::CreatePartitions => call.run(|asked: CreatePartitionsRequest<'_>| {
            decide::create_partitions::decide(image, &asked, context, permits)
        }),
        ApiKey::IncrementalAlterConfigs => call.run(|asked: IncrementalAlterConfigsRequest<'_>| {
            decide::incremental_alter_configs::decide(image, &asked, request.broker_id, context)
        }),
        ApiKey::AlterConfigs => call.run(|asked: AlterConfigsRequest<'_>| {
            decide::alter_configs::decide(image, &asked, request.broker_id, context)
        }),
        ApiKey::UpdateFeatures => call.run(|asked: UpdateFeaturesRequest<'_>| {
            decide::update_features::decide(image, &asked, request.api_version, context)
        }),
        ApiKey::ElectLeaders => {
            call.run(|asked: ElectLeadersRequest<'_>| decide::elect_leaders::decide(image, &asked, context))
        }
        ApiKey::AlterPartitionReassignments => call
            .run(|asked: AlterPartitionReassignmentsRequest<'_>| decide::reassignments::alter(image, &asked)),
        ApiKey::ListPartitionReassignments => call
            .run(|asked: ListPartitionReassignmentsRequest<'_>| decide::reassignments::list(image, &asked)),
        ApiKey::AlterClientQuotas => {
            call.run(|asked: AlterClientQuotasRequest<'_>| decide::alter_client_quotas::decide(image, &asked))
        }
        ApiKey::AlterUserScramCredentials => call.run(|asked: AlterUserScramCredentialsRequest<'_>| {
            decide::alter_user_scram_credentials::decide(image, &asked)
        }),
        _ => dispatch_of_nodes(call),
    }
}

/// What brokers and controllers ask for themselves.
fn dispatch_of_nodes(call: &Call<'_>) -> Result<Decision<ControllerResponse>, ControllerError> {
    let Call { image, request, context } = *call;
    match request.api_key {
        ApiKey::BrokerRegistration => call.run(|asked: BrokerRegistrationRequest<'_>| {
            decide::broker_registration::decide(image, &asked, context)
        }),
        ApiKey::BrokerHeartbeat => {
            call.run(|asked: BrokerHeartbeatRequest| decide::broker_heartbeat::decide(image, &asked, context))
        }
        ApiKey::UnregisterBroker => call
            .run(|asked: UnregisterBrokerRequest| decide::unregister_broker::decide(image, &asked, context)),
        ApiKey::AllocateProducerIds => {
            call.run(|asked: AllocateProducerIdsRequest| decide::allocate_producer_ids::decide(image, &asked))
        }
        ApiKey::ControllerRegistration => call.run(|asked: ControllerRegistrationRequest<'_>| {
            decide::controller_registration::decide(image, &asked)
        }),
        ApiKey::AssignReplicasToDirs => call.run(|asked: AssignReplicasToDirsRequest| {
            decide::assign_replicas_to_dirs::decide(image, &asked, context)
        }),
        other => Err(ControllerError::NotForController(other)),
    }
}

struct Call<'a> {
    image: &'a Image,
    request: &'a ControllerRequest,
    context: &'a DecisionContext<'a>,
}

impl<'a> Call<'a> {
    fn run<Q>(
        &self,
        decide: impl FnOnce(Q) -> Decision<Q::Response<'static>>,
    ) -> Result<Decision<ControllerResponse>, ControllerError>
    where
        Q: Request + Message<'a>,
    {
        debug_assert!(self.image.applied_offset < self.context.next_offset);
        let version = self.request.api_version;
        let mut reader = Reader::new(&self.request.body);
        let asked = Q::decode(&mut reader, version).map_err(ControllerError::Malformed)?;
        reader.expect_end().map_err(ControllerError::Malformed)?;
        let decision = decide(asked);
        let mut writer = Writer::new();
        decision.response.encode(&mut writer, version).map_err(ControllerError::Unanswerable)?;
        let response = ControllerResponse { body: writer.into_vec(), ..ControllerResponse::default() };
        Ok(Decision { records: decision.records, response })
    }
}

impl fmt::Display for ControllerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotForController(key) => write!(f, "the controller does not decide {key:?}"),
            Self::Malformed(error) => write!(f, "request for the controller: {error}"),
            Self::Unanswerable(error) => write!(f, "answer of the controller: {error}"),
        }
    }
}

impl std::error::Error for ControllerError {}
