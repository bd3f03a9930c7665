//! AlterClientQuotas (49, KIP-546).
//!
//! Whether a host that a quota names can be resolved is for whoever forwards the request to find out: nothing here
//! asks a name server.

use std::collections::BTreeMap;

use model::ErrorCode;
use protocol::messages::alter_client_quotas_request::{EntryData as Alteration, OpData};
use protocol::messages::alter_client_quotas_response::{EntityData, EntryData};
use protocol::messages::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, ClientQuotaRecord, MetadataRecord,
    client_quota_record,
};

use super::ApiError;
use crate::context::Decision;
use crate::image::{Image, QuotaEntity};
use crate::quota::{CLIENT_ID, IP, QuotaKey, QuotaNumber, USER};
use crate::record::VersionedRecord;

/// Fractions up to this are taken for errors of calculation.
const FRACTION_MAX: f64 = 1e-6;

/// Changes the quotas of each entity; entities that fail change nothing, the others change.
pub fn decide(
    image: &Image,
    request: &AlterClientQuotasRequest<'_>,
) -> Decision<AlterClientQuotasResponse<'static>> {
    let mut records = Vec::new();
    let mut outcomes: Vec<(QuotaEntity, Result<(), ApiError>)> = Vec::new();
    for entry in &request.entries {
        let entity = entity(entry);
        let known = outcomes.iter().position(|(other, _)| *other == entity);
        let outcome = if known.is_some() || names_a_key_twice(&entry.ops) {
            // Kafka says so of keys, too. What came of the entity before stays, though it is answered otherwise.
            Err(invalid(format!("Ignoring duplicate entity {}", shown(&entity))))
        } else {
            alter(image, &entity, &entry.ops).map(|altered| records.extend(altered))
        };
        match known.and_then(|at| outcomes.get_mut(at)) {
            Some(known) => known.1 = outcome,
            None => outcomes.push((entity, outcome)),
        }
    }
    if request.validate_only {
        records.clear();
    }
    let entries = outcomes.into_iter().map(|(entity, outcome)| answer(entity, outcome.err())).collect();
    Decision { records, response: AlterClientQuotasResponse { throttle_time_ms: 0, entries } }
}

/// Whom an entry means; of a type that it names twice, the last name counts.
pub fn entity(entry: &Alteration<'_>) -> QuotaEntity {
    let parts = entry.entity.iter();
    let parts =
        parts.map(|part| (part.entity_type.to_string(), part.entity_name.as_deref().map(str::to_owned)));
    parts.collect::<BTreeMap<_, _>>().into_iter().collect()
}

/// What an entity is answered.
pub fn answer(entity: QuotaEntity, error: Option<ApiError>) -> EntryData<'static> {
    let part = |(kind, name): (String, Option<String>)| EntityData {
        entity_type: kind.into(),
        entity_name: name.map(Into::into),
    };
    EntryData {
        error_code: error.as_ref().map_or(ErrorCode::NONE, |error| error.code),
        error_message: error.and_then(ApiError::into_message),
        entity: entity.into_iter().map(part).collect(),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::INVALID_REQUEST, message)
}

fn names_a_key_twice(ops: &[OpData<'_>]) -> bool {
    ops.iter().enumerate().any(|(place, op)| ops[..place].iter().any(|other| other.key == op.key))
}

/// As Java shows it.
fn shown(entity: &QuotaEntity) -> String {
    let part =
        |(kind, name): &(String, Option<String>)| format!("{kind}={}", name.as_deref().unwrap_or("null"));
    format!("ClientQuotaEntity(entries={{{}}})", entity.iter().map(part).collect::<Vec<_>>().join(", "))
}

fn alter(image: &Image, entity: &QuotaEntity, ops: &[OpData<'_>]) -> Result<Vec<VersionedRecord>, ApiError> {
    let keys = keys_of(entity)?;
    let current = image.quotas.get(entity);
    let mut records = Vec::new();
    for op in ops {
        let known = current.and_then(|limits| limits.get(&*op.key));
        if op.remove {
            if known.is_some() {
                records.push(record(image, entity, op));
            }
            continue;
        }
        check(keys, &op.key, op.value)?;
        if known != Some(&op.value) {
            records.push(record(image, entity, op));
        }
    }
    Ok(records)
}

/// Which quotas there are for an entity, which has to make sense.
fn keys_of(entity: &QuotaEntity) -> Result<&'static [QuotaKey], ApiError> {
    if entity.is_empty() {
        return Err(invalid("Invalid empty client quota entity"));
    }
    for (kind, name) in entity {
        if ![USER, CLIENT_ID, IP].contains(&kind.as_str()) {
            return Err(invalid(format!("Unhandled client quota entity type: {kind}")));
        }
        if name.as_deref() == Some("") {
            return Err(invalid(format!("Empty {kind} not supported")));
        }
    }
    let is_address = entity.iter().any(|(kind, _)| kind == IP);
    match entity.len() {
        1 if is_address => Ok(&QuotaKey::OF_ADDRESSES),
        // The missing space is Kafka's.
        _ if is_address => Err(invalid(
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        )),
        _ => Ok(&QuotaKey::OF_CLIENTS),
    }
}

fn check(keys: &[QuotaKey], name: &str, value: f64) -> Result<(), ApiError> {
    let Some(key) = keys.iter().find(|key| key.name() == name) else {
        return Err(invalid(format!("Invalid configuration key {name}")));
    };
    if value <= 0.0 || value.is_nan() {
        return Err(invalid(format!("Quota {name} must be greater than 0")));
    }
    let (max, type_name) = match key.number() {
        QuotaNumber::Double => return Ok(()),
        QuotaNumber::Long => (i64::MAX as f64, "a LONG"),
        QuotaNumber::Int => (f64::from(i32::MAX), "an INT"),
    };
    if value > max {
        return Err(invalid(format!("Proposed value for {name} is too large for {type_name}.")));
    }
    if value.fract() > FRACTION_MAX {
        return Err(invalid(format!("{name} cannot be a fractional value.")));
    }
    Ok(())
}

fn record(image: &Image, entity: &QuotaEntity, op: &OpData<'_>) -> VersionedRecord {
    let part = |(kind, name): &(String, Option<String>)| client_quota_record::EntityData {
        entity_type: kind.clone().into(),
        entity_name: name.clone().map(Into::into),
    };
    let record = ClientQuotaRecord {
        entity: entity.iter().map(part).collect(),
        key: op.key.to_string().into(),
        value: if op.remove { 0.0 } else { op.value },
        remove: op.remove,
    };
    VersionedRecord::new(MetadataRecord::ClientQuota(record), image.metadata_version())
}
