//! Features of a cluster and their levels (KIP-584).

use std::collections::BTreeMap;

use protocol::VersionRange;
use protocol::messages::UpdateFeaturesRequest;
use protocol::messages::update_features_request::FeatureUpdateKey;

use super::Admin;
use crate::cluster::Target;
use crate::error::Error;

/// Versions that say how far a change may go; the oldest one has only a flag.
const WITH_KIND: VersionRange = VersionRange::new(1, i16::MAX);

/// How far a change of a level may go; the values are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum FeatureChange {
    /// Only up.
    Upgrade = 1,
    /// Down where no metadata is lost.
    SafeDowngrade = 2,
    /// Down whatever is lost.
    UnsafeDowngrade = 3,
}

/// What a cluster's servers have of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// The least level that the server asked can have.
    pub level_min: i16,
    /// The greatest one.
    pub level_max: i16,
    /// The level in use, 0 where the feature is not in use.
    pub level: i16,
}

/// The features of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// By name.
    pub features: BTreeMap<String, Feature>,
    /// Epoch of the levels in use, where the server knows it.
    pub epoch: Option<i64>,
}

impl Admin {
    /// The features that a server can have, and the levels in use; of any broker where none is named.
    pub async fn describe_features(&self, broker: Option<i32>) -> Result<Features, Error> {
        // Asked anew: what the connection was opened with may be old.
        let request = protocol::messages::ApiVersionsRequest {
            client_software_name: "naru".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
        };
        let target = broker.map_or(Target::Any, Target::Node);
        self.ask("describeFeatures", target, &request, |answer| {
            Error::check(answer.error_code, None)?;
            let features = answer.supported_features.iter().map(|supported| {
                let in_use = answer.finalized_features.iter().find(|one| one.name == supported.name);
                let feature = Feature {
                    level_min: supported.min_version,
                    level_max: supported.max_version,
                    level: in_use.map_or(0, |in_use| in_use.max_version_level),
                };
                (supported.name.as_ref().to_owned(), feature)
            });
            let epoch = Some(answer.finalized_features_epoch).filter(|epoch| *epoch >= 0);
            Ok(Features { features: features.collect(), epoch })
        })
        .await
    }

    /// Changes levels of features, all or none since Kafka 4; only checks that where `validate_only`.
    pub async fn update_features(
        &self,
        levels: &BTreeMap<String, i16>,
        change: FeatureChange,
        validate_only: bool,
    ) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        let updates = levels.iter().map(|(name, level)| FeatureUpdateKey {
            feature: name.into(),
            max_version_level: *level,
            upgrade_type: change as i8,
            ..FeatureUpdateKey::default()
        });
        let request = UpdateFeaturesRequest {
            timeout_ms: self.timeout_ms(),
            feature_updates: updates.collect(),
            validate_only,
        };
        let deadline = self.deadline("updateFeatures");
        self.cluster
            .ask_in(WITH_KIND, deadline, Target::Controller, &request, |answer| {
                let refusal = Error::of(answer.error_code, answer.error_message.as_deref());
                if let Some(error) = refusal.clone().filter(crate::error::passes) {
                    return Err(error);
                }
                let outcomes = levels.keys().map(|name| {
                    let of_it = answer.results.iter().find(|result| *result.feature == **name);
                    let outcome = of_it.map_or(Ok(()), |result| {
                        Error::check(result.error_code, result.error_message.as_deref())
                    });
                    (name.clone(), refusal.clone().map_or(outcome, Err))
                });
                Ok(outcomes.collect())
            })
            .await
    }
}
