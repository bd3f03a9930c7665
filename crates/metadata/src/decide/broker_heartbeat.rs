//! BrokerHeartbeat (63): a broker asks to be unfenced, to be fenced, or to stop.

use model::{ErrorCode, PartitionIndex, Uuid};
use protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationChangeRecord, MetadataRecord,
};

use super::fencing::{self, Leaving, versioned};
use crate::context::{Decision, DecisionContext};
use crate::image::{Broker, Image, Topic};
use crate::record::{CORDONED_LEVEL, VersionedRecord};

/// Moves the broker between its states: fenced, active, shutting down.
pub fn decide(
    image: &Image,
    request: &BrokerHeartbeatRequest,
    context: &DecisionContext<'_>,
) -> Decision<BrokerHeartbeatResponse> {
    let refused = |error_code| {
        Decision::unchanged(BrokerHeartbeatResponse { error_code, ..BrokerHeartbeatResponse::default() })
    };
    let Some(broker) = image.brokers.get(&request.broker_id) else {
        return refused(ErrorCode::BROKER_ID_NOT_REGISTERED);
    };
    if broker.epoch != request.broker_epoch {
        return refused(ErrorCode::STALE_BROKER_EPOCH);
    }
    // It has caught up once it has seen its own registration.
    let is_caught_up = request.current_metadata_offset >= broker.epoch;
    let mut records = cordoned(image, broker, request);
    let mut is_fenced = broker.is_fenced;
    let mut should_shut_down = false;
    if broker.is_fenced {
        if request.want_shut_down {
            should_shut_down = true;
        } else if !request.want_fence && is_caught_up {
            records.push(change(image, broker, |record| record.fenced = -1));
            records.extend(fencing::join(image, context, broker.id));
            is_fenced = false;
        }
    } else if request.want_fence {
        records.extend(fencing::fence(image, context, broker));
        is_fenced = true;
        should_shut_down = request.want_shut_down;
    } else if request.want_shut_down {
        should_shut_down = !leads_any(image, broker);
        if should_shut_down {
            records.extend(fencing::fence(image, context, broker));
            is_fenced = true;
        } else if !broker.is_shutting_down {
            records.push(change(image, broker, |record| record.in_controlled_shutdown = 1));
            records.extend(fencing::leave(image, context, broker.id, Leaving::HandsOver));
        }
    }
    if !request.want_fence && !request.want_shut_down {
        records.extend(offline(image, broker, request, context));
    }
    let response =
        BrokerHeartbeatResponse { is_caught_up, is_fenced, should_shut_down, ..Default::default() };
    Decision { records, response }
}

fn leads_any(image: &Image, broker: &Broker) -> bool {
    image.topics.iter().any(|topic| topic.partitions.values().any(|partition| partition.leader == broker.id))
}

/// What follows from log directories that have failed: replicas there leave, the directories are online no more.
fn offline(
    image: &Image,
    broker: &Broker,
    request: &BrokerHeartbeatRequest,
    context: &DecisionContext<'_>,
) -> Vec<VersionedRecord> {
    let has_failed = |directory: &Uuid| request.offline_log_dirs.contains(directory);
    let (failed, online): (Vec<Uuid>, Vec<Uuid>) = broker.log_dirs.iter().partition(|dir| has_failed(dir));
    if failed.is_empty() {
        return Vec::new();
    }
    let is_left = |topic: &Topic, index: PartitionIndex| {
        topic.partition(index).is_some_and(|partition| failed.contains(&partition.directory_of(broker.id)))
    };
    let mut records = fencing::leave_some(image, context, broker.id, &is_left);
    records.push(change(image, broker, |record| record.log_dirs = online));
    records
}

fn cordoned(image: &Image, broker: &Broker, request: &BrokerHeartbeatRequest) -> Vec<VersionedRecord> {
    if image.metadata_version() < CORDONED_LEVEL {
        return Vec::new();
    }
    let reported = request.cordoned_log_dirs.as_ref();
    match reported.filter(|dirs| broker.cordoned_log_dirs.as_ref() != Some(*dirs)) {
        Some(dirs) => vec![change(image, broker, |record| record.cordoned_log_dirs = Some(dirs.clone()))],
        None => Vec::new(),
    }
}

fn change(
    image: &Image,
    broker: &Broker,
    set: impl FnOnce(&mut BrokerRegistrationChangeRecord),
) -> VersionedRecord {
    let mut record = BrokerRegistrationChangeRecord {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        ..BrokerRegistrationChangeRecord::default()
    };
    set(&mut record);
    versioned(image, MetadataRecord::BrokerRegistrationChange(record))
}
