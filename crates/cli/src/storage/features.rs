//! Feature levels on the command line: what they need, and the records a fresh cluster begins with.

use std::collections::BTreeMap;

use metadata::{KNOWN_FEATURES, KnownFeature, VersionedRecord};
use protocol::messages::{FeatureLevelRecord, MetadataRecord};

use super::releases::{self, LATEST_STABLE};
use crate::Output;

const METADATA_VERSION: &str = "metadata.version";
const KRAFT_VERSION: &str = "kraft.version";

/// Lowest level of `metadata.version` that a cluster may begin with here (3.7-IV2).
const LOWEST_FORMATTED: i16 = 17;

/// Level of `metadata.version` that a feature level needs, for those that need one.
const NEEDS: &[(&str, i16, i16)] = &[("eligible.leader.replicas.version", 1, 23)];

fn known(name: &str) -> Option<&'static KnownFeature> {
    KNOWN_FEATURES.iter().find(|feature| feature.name == name)
}

fn need_of(name: &str, level: i16) -> Option<i16> {
    NEEDS.iter().find(|need| need.0 == name && need.1 == level).map(|need| need.2)
}

/// What `feature-dependencies` prints; what is known before the first mistake is printed at once.
pub fn dependencies(features: &[String], output: &mut Output<'_>) -> Result<String, String> {
    for feature in features {
        let lines = dependency(feature)?;
        output.out.write_all(lines.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(String::new())
}

fn dependency(feature: &str) -> Result<String, String> {
    let (name, text) = feature.split_once('=').ok_or_else(|| {
        format!(
            "Invalid feature format: {feature}. Expected format: 'feature=version' (e.g. 'group.version=1')"
        )
    })?;
    let level: i16 =
        text.parse().map_err(|_| format!("Invalid version format: {text} for feature {name}"))?;
    if name == METADATA_VERSION {
        let shown = releases::name_of(level).ok_or_else(|| format!("Unknown metadata.version {level}"))?;
        return Ok(format!("{name}={level} ({shown}) has no dependencies.\n"));
    }
    let feature = known(name).ok_or_else(|| format!("Unknown feature: {name}"))?;
    if !(feature.min..=feature.max).contains(&level) {
        return Err(format!("Feature level {level} is not supported for feature {name}"));
    }
    Ok(match need_of(name, level) {
        None => format!("{name}={level} has no dependencies.\n"),
        Some(needed) => {
            let shown = releases::name_of(needed).unwrap_or_default();
            format!("{name}={level} requires:\n    {METADATA_VERSION}={needed} ({shown})\n")
        }
    })
}

/// The feature levels a fresh cluster begins with.
#[derive(Debug, PartialEq, Eq)]
pub struct Levels {
    /// Level of `metadata.version`.
    pub metadata_version: i16,
    /// `kraft.version`, if the command line names it.
    pub kraft_version: Option<i16>,
    /// The others that are not 0, ascending by name.
    others: BTreeMap<&'static str, i16>,
}

impl Levels {
    /// Those of a release, with what `--feature` changes.
    pub fn new(release: Option<&str>, features: &[String]) -> Result<Levels, String> {
        let mut asked = BTreeMap::new();
        for feature in features {
            let (name, level) = parse_level(feature)?;
            asked.insert(name, level);
        }
        let by_feature = asked.remove(METADATA_VERSION);
        let metadata_version = match (release, by_feature) {
            (Some(_), Some(_)) => {
                return Err(
                    "Use --release-version instead of --feature metadata.version=X to avoid ambiguity."
                        .to_owned(),
                );
            }
            (Some(release), None) => releases::by_name(release, LATEST_STABLE)?.level,
            (None, Some(level)) if level <= LATEST_STABLE && releases::name_of(level).is_some() => level,
            (None, Some(level)) => return Err(format!("No MetadataVersion with feature level {level}")),
            (None, None) => LATEST_STABLE,
        };
        if metadata_version < LOWEST_FORMATTED {
            let lowest = releases::name_of(LOWEST_FORMATTED).unwrap_or_default();
            return Err(format!(
                "A cluster cannot begin below metadata.version {lowest} here: its brokers name their log directories, which older levels have no field for."
            ));
        }
        let mut levels = Levels { metadata_version, kraft_version: None, others: BTreeMap::new() };
        for (name, level) in releases::features_at(metadata_version) {
            levels.others.insert(name, level);
        }
        for (name, level) in asked {
            levels.set(&name, level)?;
        }
        levels.others.remove(KRAFT_VERSION);
        levels.others.retain(|_, level| *level > 0);
        Ok(levels)
    }

    fn set(&mut self, name: &str, level: i16) -> Result<(), String> {
        let feature = known(name).ok_or_else(|| {
            let mut names: Vec<&str> = KNOWN_FEATURES.iter().map(|feature| feature.name).collect();
            names.retain(|name| *name != METADATA_VERSION);
            names.sort_unstable();
            format!("Unsupported feature: {name}. Supported features are: {}", names.join(", "))
        })?;
        if !(feature.min..=feature.max).contains(&level) {
            return Err(format!("No feature:{name} with feature level {level}"));
        }
        if let Some(needed) = need_of(name, level).filter(|needed| *needed > self.metadata_version) {
            return Err(format!(
                "{name} could not be set to {level} because it depends on {METADATA_VERSION} level {needed}"
            ));
        }
        if name == KRAFT_VERSION {
            self.kraft_version = Some(level);
        }
        self.others.insert(feature.name, level);
        Ok(())
    }

    /// The records of `bootstrap.checkpoint`.
    pub fn records(&self) -> Vec<VersionedRecord> {
        let all = std::iter::once((METADATA_VERSION, self.metadata_version))
            .chain(self.others.iter().map(|(name, level)| (*name, *level)));
        let record = |(name, feature_level): (&'static str, i16)| {
            let record = FeatureLevelRecord { name: name.into(), feature_level };
            VersionedRecord::new(MetadataRecord::FeatureLevel(record), self.metadata_version)
        };
        all.map(record).collect()
    }

    /// The line that `format` begins with.
    pub fn summary(&self) -> String {
        let all = std::iter::once((METADATA_VERSION, self.metadata_version))
            .chain(self.others.iter().map(|(name, level)| (*name, *level)));
        let shown: Vec<String> = all
            .map(|(name, level)| {
                format!("ApiMessageAndVersion(FeatureLevelRecord(name='{name}', featureLevel={level}) at version 0)")
            })
            .collect();
        format!(
            "Bootstrap metadata: BootstrapMetadata(records=[{}], metadataVersionLevel={}, source=format command)\n",
            shown.join(", "),
            self.metadata_version
        )
    }
}

fn parse_level(feature: &str) -> Result<(String, i16), String> {
    let (name, text) = feature
        .split_once('=')
        .ok_or_else(|| format!("Can't parse feature=level string {feature}: equals sign not found."))?;
    let level = text.trim().parse();
    let level = level.map_err(|_| {
        format!("Can't parse feature=level string {feature}: unable to parse {text} as a short.")
    })?;
    Ok((name.trim().to_owned(), level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_brokers_cannot_register_at_are_refused() {
        assert_eq!(Levels::new(Some("3.7-IV2"), &[]).unwrap().metadata_version, 17);
        for release in ["3.3", "3.6.2", "3.7-IV1"] {
            let sentence = Levels::new(Some(release), &[]).unwrap_err();
            assert!(sentence.contains("below metadata.version 3.7-IV2"), "{sentence}");
        }
        assert!(Levels::new(None, &["metadata.version=16".to_owned()]).is_err());
        assert!(Levels::new(None, &["metadata.version=31".to_owned()]).is_err());
    }
}
