//! UpdateFeatures (57, KIP-584).

use model::ErrorCode;
use protocol::messages::update_features_request::FeatureUpdateKey;
use protocol::messages::update_features_response::UpdatableFeatureResult;
use protocol::messages::{
    ConfigRecord, FeatureLevelRecord, MetadataRecord, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use super::ApiError;
use crate::bootstrap::{KNOWN_FEATURES, KnownFeature};
use crate::context::{Decision, DecisionContext};
use crate::image::{ELIGIBLE_LEADER_REPLICAS_VERSION, Image, METADATA_VERSION, ResourceKind};
use crate::record::VersionedRecord;

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;
const KRAFT_VERSION: &str = "kraft.version";
const WITHOUT_DOWNGRADE: &str = "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.";

/// Finalizes feature levels: all of them or, if one cannot be, none.
pub fn decide(
    image: &Image,
    request: &UpdateFeaturesRequest<'_>,
    version: i16,
    context: &DecisionContext<'_>,
) -> Decision<UpdateFeaturesResponse<'static>> {
    let mut records = Vec::new();
    for update in &request.feature_updates {
        match update_one(image, update, context) {
            Ok(changed) => records.extend(changed),
            Err(error) => return Decision::unchanged(refusal(error)),
        }
    }
    if request.validate_only {
        records.clear();
    }
    let result = |update: &FeatureUpdateKey<'_>| UpdatableFeatureResult {
        feature: update.feature.to_string().into(),
        error_code: ErrorCode::NONE,
        // Kafka fills in the name of the code where one would expect no message.
        error_message: Some("NONE".into()),
    };
    let results = if version < 2 { request.feature_updates.iter().map(result).collect() } else { Vec::new() };
    let response =
        UpdateFeaturesResponse { error_message: None, results, ..UpdateFeaturesResponse::default() };
    Decision { records, response }
}

fn refusal(error: ApiError) -> UpdateFeaturesResponse<'static> {
    let sentence = error.message.unwrap_or_default();
    let message =
        format!("The update failed for all features since the following feature had an error: {sentence}");
    UpdateFeaturesResponse {
        error_code: error.code,
        error_message: Some(message.into()),
        ..UpdateFeaturesResponse::default()
    }
}

fn update_one(
    image: &Image,
    update: &FeatureUpdateKey<'_>,
    context: &DecisionContext<'_>,
) -> Result<Vec<VersionedRecord>, ApiError> {
    let (name, level) = (&*update.feature, update.max_version_level);
    // Version 0 has no upgrade type and means an upgrade; what it says of downgrades counts for nothing in Kafka.
    let kind = update.upgrade_type;
    let known = check_level(image, name, level, kind, context)?;
    let current = image.feature_level(name);
    if name == KRAFT_VERSION {
        // The level of the quorum's own log format; it stands at its highest from the first format on.
        return match (level < known.max, kind) {
            (false, _) => Ok(Vec::new()),
            (true, UPGRADE) => Err(invalid(name, level, WITHOUT_DOWNGRADE)),
            (true, _) => Err(invalid(name, level, "Can't downgrade the version of this feature.")),
        };
    }
    if level < current {
        if kind == UPGRADE {
            return Err(invalid(name, level, WITHOUT_DOWNGRADE));
        }
        if name == METADATA_VERSION {
            return Err(metadata_downgrade(current, level, kind));
        }
    }
    if level == current {
        return Ok(Vec::new());
    }
    let mut records = Vec::new();
    if name == ELIGIBLE_LEADER_REPLICAS_VERSION && level > 0 {
        prepare_eligible_leaders(image, context, &mut records);
    }
    let record = FeatureLevelRecord { name: name.to_owned().into(), feature_level: level };
    records.push(VersionedRecord::new(MetadataRecord::FeatureLevel(record), image.metadata_version()));
    Ok(records)
}

fn check_level(
    image: &Image,
    name: &str,
    level: i16,
    kind: i8,
    context: &DecisionContext<'_>,
) -> Result<&'static KnownFeature, ApiError> {
    if !matches!(kind, UPGRADE | SAFE_DOWNGRADE | UNSAFE_DOWNGRADE) {
        return Err(invalid(name, level, "The controller does not support the given upgrade type."));
    }
    if level < 0 {
        return Err(invalid(name, level, "A feature version cannot be less than 0."));
    }
    let controller = context.controller_id;
    let Some(known) = KNOWN_FEATURES.iter().find(|feature| feature.name == name) else {
        let reason = match level {
            0 => format!("Feature {name} not found."),
            _ => format!("Local controller {controller} does not support this feature."),
        };
        return Err(invalid(name, level, &reason));
    };
    if level < known.min || level > known.max {
        let (min, max) = (known.min, known.max);
        let reason = format!("Local controller {controller} only supports versions {min}-{max}");
        return Err(invalid(name, level, &reason));
    }
    for broker in image.brokers.values() {
        match broker.feature(name) {
            None if level > 0 => {
                let reason = format!("Broker {} does not support this feature.", broker.id);
                return Err(invalid(name, level, &reason));
            }
            Some(range) if level < range.min || level > range.max => {
                let reason =
                    format!("Broker {} only supports versions {}-{}", broker.id, range.min, range.max);
                return Err(invalid(name, level, &reason));
            }
            _ => {}
        }
    }
    Ok(known)
}

fn invalid(name: &str, level: i16, reason: &str) -> ApiError {
    let message = format!("Invalid update version {level} for feature {name}. {reason}");
    ApiError::new(ErrorCode::INVALID_UPDATE_VERSION, message)
}

fn metadata_downgrade(from: i16, to: i16, kind: i8) -> ApiError {
    let reason = match kind {
        SAFE_DOWNGRADE => {
            "Refusing to perform the requested downgrade because it might delete metadata information."
        }
        _ => "Unsafe metadata downgrade is not supported in this version.",
    };
    let message = format!("Unsupported metadata.version downgrade from {from} to {to}. {reason}");
    ApiError::new(ErrorCode::INVALID_UPDATE_VERSION, message)
}

/// KIP-966 needs one `min.insync.replicas` for all: brokers lose theirs, the cluster gets one.
fn prepare_eligible_leaders(
    image: &Image,
    context: &DecisionContext<'_>,
    records: &mut Vec<VersionedRecord>,
) {
    let key = "min.insync.replicas";
    let mut config = |resource_name: &str, value: Option<String>| {
        let record = ConfigRecord {
            resource_type: ResourceKind::Broker.code(),
            resource_name: resource_name.to_owned().into(),
            name: key.into(),
            value: value.map(Into::into),
        };
        records.push(VersionedRecord::new(MetadataRecord::Config(record), image.metadata_version()));
    };
    let of_cluster = image.config(ResourceKind::Broker, "");
    if of_cluster.is_none_or(|overrides| !overrides.contains_key(key)) {
        let value = context.with_layers(image, |layers| layers.fixed.layers().integer(key));
        config("", Some(value.to_string()));
    }
    for (resource, overrides) in &image.configs {
        let is_one_broker = resource.kind == ResourceKind::Broker && !resource.name.is_empty();
        if is_one_broker && overrides.contains_key(key) {
            config(&resource.name, None);
        }
    }
}
