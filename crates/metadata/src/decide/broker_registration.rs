//! BrokerRegistration (62).

use std::borrow::Cow;

use model::ErrorCode;
use protocol::messages::broker_registration_request::{Feature, Listener};
use protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use protocol::messages::{
    BrokerRegistrationRequest, BrokerRegistrationResponse, MetadataRecord, RegisterBrokerRecord,
};

use super::fencing::{self, Leaving, session_timeout_ms, versioned};
use crate::bootstrap::KNOWN_FEATURES;
use crate::context::{Decision, DecisionContext};
use crate::image::{Broker, Image};

/// Registers a broker, fenced at first; its epoch is the offset this decision begins at.
pub fn decide(
    image: &Image,
    request: &BrokerRegistrationRequest<'_>,
    context: &DecisionContext<'_>,
) -> Decision<BrokerRegistrationResponse> {
    if let Err(error_code) = check(image, request, context) {
        return Decision::unchanged(BrokerRegistrationResponse { error_code, ..Default::default() });
    }
    let existing = image.brokers.get(&request.broker_id);
    let is_same_run = existing.is_some_and(|broker| broker.incarnation_id == request.incarnation_id);
    // A request repeated because its answer was lost must not raise the epoch again.
    let broker_epoch = existing.filter(|_| is_same_run).map_or(context.next_offset, |broker| broker.epoch);
    let mut records = Vec::new();
    if let Some(broker) = existing.filter(|_| !is_same_run) {
        // KIP-966: only a broker that recorded its last epoch at a clean stop still holds all it held.
        let was_clean = broker.epoch == request.previous_broker_epoch;
        if !was_clean && image.keeps_eligible_leader_replicas() {
            records.extend(fencing::leave(image, context, broker.id, Leaving::Lost));
        } else if !broker.is_fenced {
            records.extend(fencing::leave(image, context, broker.id, Leaving::HandsOver));
        }
    }
    let record = RegisterBrokerRecord {
        broker_id: request.broker_id,
        incarnation_id: request.incarnation_id,
        broker_epoch,
        end_points: request.listeners.iter().map(endpoint).collect(),
        features: request.features.iter().map(feature).collect(),
        rack: request.rack.as_deref().map(|rack| Cow::Owned(rack.to_owned())),
        fenced: existing.filter(|_| is_same_run).is_none_or(|broker| broker.is_fenced),
        in_controlled_shutdown: false,
        log_dirs: request.log_dirs.clone(),
        ..RegisterBrokerRecord::default()
    };
    records.push(versioned(image, MetadataRecord::RegisterBroker(record)));
    Decision { records, response: BrokerRegistrationResponse { broker_epoch, ..Default::default() } }
}

fn check(
    image: &Image,
    request: &BrokerRegistrationRequest<'_>,
    context: &DecisionContext<'_>,
) -> Result<(), ErrorCode> {
    if *request.cluster_id != *context.cluster_id {
        return Err(ErrorCode::INCONSISTENT_CLUSTER_ID);
    }
    if request.is_migrating_zk_broker || request.broker_id < 0 || request.listeners.is_empty() {
        return Err(ErrorCode::INVALID_REGISTRATION);
    }
    let mut directories = request.log_dirs.clone();
    directories.sort_unstable();
    if directories.windows(2).any(|pair| pair[0] == pair[1])
        || directories.iter().any(|dir| dir.is_reserved())
    {
        return Err(ErrorCode::INVALID_REGISTRATION);
    }
    if let Some(existing) = image.brokers.get(&request.broker_id)
        && is_another_process(existing, request, image, context)
    {
        return Err(ErrorCode::DUPLICATE_BROKER_REGISTRATION);
    }
    for (name, level) in &image.features {
        let range = request.features.iter().find(|feature| *feature.name == **name);
        let is_known = KNOWN_FEATURES.iter().any(|known| known.name == *name);
        let supports = range
            .is_some_and(|range| (range.min_supported_version..=range.max_supported_version).contains(level));
        if is_known && !supports {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
    }
    Ok(())
}

/// True where a living broker uses the id. One that shares a log directory with the registered one is the
/// same broker started again, since a directory is locked by the process that uses it: it need not wait for
/// the session of its killed predecessor to end.
fn is_another_process(
    existing: &Broker,
    request: &BrokerRegistrationRequest<'_>,
    image: &Image,
    context: &DecisionContext<'_>,
) -> bool {
    let timeout = session_timeout_ms(image, context);
    let is_alive = !existing.is_fenced && context.sessions.is_alive(existing.id, context.now_ms, timeout);
    let shares_directory = request.log_dirs.iter().any(|dir| existing.log_dirs.contains(dir));
    is_alive && existing.incarnation_id != request.incarnation_id && !shares_directory
}

fn endpoint(listener: &Listener<'_>) -> BrokerEndpoint<'static> {
    BrokerEndpoint {
        name: listener.name.to_string().into(),
        host: listener.host.to_string().into(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    }
}

fn feature(feature: &Feature<'_>) -> BrokerFeature<'static> {
    BrokerFeature {
        name: feature.name.to_string().into(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    }
}
