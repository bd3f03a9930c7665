//! `kafka-features`: the features of a cluster and their levels.

use std::collections::BTreeMap;

use client::Admin;
use client::admin::{Feature, FeatureChange};

use crate::admin_tool::{self, wrote};
use crate::columns::width;
use crate::failure::Failure;
use crate::storage::releases;
use crate::subcommands::{Argument, Command, Program, Said, Unsaid};
use crate::{FAILED, Output};

const METADATA_VERSION: &str = "metadata.version";
const METADATA_WARNING: &str = " `metadata` flag is deprecated and may be removed in a future release.";
/// Columns between the values of the description, beyond the widest.
const GAP: usize = 10;

const FEATURE: Argument = Argument::value("feature", "FEATURE", "feature=level, may be repeated");
const RELEASE: Argument =
    Argument::value("release-version", "RELEASE_VERSION", "a release of Kafka, for example 4.3 or 4.3-IV0");
const METADATA: Argument =
    Argument::value("metadata", "METADATA", "a level of metadata.version, for example 4.3-IV0");
const UNSAFE: Argument = Argument::flag("unsafe", "even where metadata is lost");
const DRY_RUN: Argument = Argument::flag("dry-run", "only check whether it can be done");

#[rustfmt::skip]
pub(crate) static PROGRAM: Program = Program {
    name: "kafka-features",
    about: "This tool manages feature flags in Kafka.",
    options: &[
        Argument::value("bootstrap-server", "BOOTSTRAP_SERVER", "servers to connect to first, host:port, separated by commas"),
        Argument::value("bootstrap-controller", "BOOTSTRAP_CONTROLLER", "controllers to connect to first"),
        Argument::value("command-config", "COMMAND_CONFIG", "a file of settings for the admin client"),
    ],
    commands: &[
        Command { name: "describe", about: "show the features", options: &[Argument::value("node-id", "NODE_ID", "the broker to ask; any without")] },
        Command { name: "upgrade", about: "raise levels of features", options: &[METADATA, RELEASE, FEATURE, DRY_RUN] },
        Command { name: "downgrade", about: "lower levels of features", options: &[METADATA, RELEASE, FEATURE, UNSAFE, DRY_RUN] },
        Command { name: "disable", about: "lower levels of features to 0", options: &[Argument::value("feature", "FEATURE", "a feature, may be repeated"), UNSAFE, DRY_RUN] },
        Command { name: "version-mapping", about: "show the feature levels of a release", options: &[RELEASE] },
        Command { name: "feature-dependencies", about: "show what feature levels need", options: &[FEATURE] },
    ],
};

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let read = PROGRAM.read(arguments).and_then(|said| Ok((said.number("node-id", "Integer")?, said)));
    let (node, said) = match read {
        Ok(read) => read,
        Err(Unsaid::Complaint(complaint)) => return refuse(&complaint.sentence, output),
        Err(help) => return help.tell(output),
    };
    let needs_servers = !["version-mapping", "feature-dependencies"].contains(&said.command);
    if needs_servers && !said.has("bootstrap-server") && !said.has("bootstrap-controller") {
        return refuse("You must specify either --bootstrap-controller or --bootstrap-server.", output);
    }
    if said.has("bootstrap-server") && said.has("bootstrap-controller") {
        let sentence = "argument --bootstrap-controller: not allowed with argument --bootstrap-server";
        return refuse(sentence, output);
    }
    if said.command == "feature-dependencies" && !said.has("feature") {
        return refuse("argument --feature is required", output);
    }
    match act(&said, node, output) {
        Ok(()) => 0,
        Err(failure) => output.fail(failure.told()),
    }
}

/// The original leaves out the end of this line.
fn refuse(sentence: &str, output: &mut Output<'_>) -> u8 {
    let _ = write!(output.err, "Command line error: {sentence}. Type --help for help.");
    FAILED
}

fn act(said: &Said, node: Option<i32>, output: &mut Output<'_>) -> Result<(), Failure> {
    match said.command {
        "version-mapping" => {
            let mapping = releases::mapping(said.value("release-version")).map_err(Failure::terse)?;
            return wrote(output.out.write_all(mapping.as_bytes()));
        }
        "feature-dependencies" => {
            let features: Vec<String> = said.values("feature").map(str::to_owned).collect();
            let told = crate::storage::features::dependencies(&features, output).map_err(Failure::terse)?;
            return wrote(output.out.write_all(told.as_bytes()));
        }
        _ => {}
    }
    let admin = said.connect(said.value("command-config"))?;
    admin_tool::run(async {
        match said.command {
            "describe" => describe(&admin, node, output).await,
            "upgrade" => update(&admin, said, FeatureChange::Upgrade, output).await,
            _ if said.has("unsafe") => update(&admin, said, FeatureChange::UnsafeDowngrade, output).await,
            _ => update(&admin, said, FeatureChange::SafeDowngrade, output).await,
        }
    })
}

async fn describe(admin: &Admin, node: Option<i32>, output: &mut Output<'_>) -> Result<(), Failure> {
    let described = admin.describe_features(node).await.map_err(Failure::executed)?;
    let epoch = described.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
    let rows = described.features.iter().map(|(name, feature)| {
        let Feature { level_min, level_max, level } = *feature;
        (name, [level_min, level_max, level].map(|level| level_name(name, level)))
    });
    let rows: Vec<_> = rows.collect();
    let name_width = width(0, rows.iter().map(|(name, _)| name.as_str())) + GAP;
    let level_width = |place: usize| width(0, rows.iter().map(|(_, levels)| levels[place].as_str())) + GAP;
    let widths = [0, 1, 2].map(level_width);
    for (name, [least, greatest, level]) in &rows {
        let [first, second, third] = widths;
        wrote(writeln!(
            output.out,
            "Feature: {name:<name_width$}SupportedMinVersion: {least:<first$}SupportedMaxVersion: {greatest:<second$}FinalizedVersionLevel: {level:<third$}Epoch: {epoch}"
        ))?;
    }
    Ok(())
}

fn level_name(feature: &str, level: i16) -> String {
    if feature != METADATA_VERSION {
        return level.to_string();
    }
    releases::name_of(level).map_or_else(|| format!("UNKNOWN [{level}]"), str::to_owned)
}

async fn update(
    admin: &Admin,
    said: &Said,
    change: FeatureChange,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let operation = said.command;
    if said.has("metadata") && !said.has("release-version") {
        wrote(writeln!(output.out, "{METADATA_WARNING}"))?;
    }
    let levels = levels(said)?;
    if levels.is_empty() {
        return Err(Failure::terse(format!("You must specify at least one feature to {operation}")));
    }
    let dry_run = said.has("dry-run");
    let outcomes = admin.update_features(&levels, change, dry_run).await.map_err(Failure::executed)?;
    let mut failures = 0;
    for (feature, outcome) in &outcomes {
        let level = levels.get(feature).copied().unwrap_or_default();
        let is_disabled = operation == "disable";
        match outcome {
            Ok(()) => {
                let verb = if dry_run { "can be" } else { "was" };
                let what =
                    if is_disabled { "disabled".to_owned() } else { format!("{operation}d to {level}") };
                wrote(writeln!(output.out, "{feature} {verb} {what}."))?;
            }
            Err(error) => {
                failures += 1;
                let verb = if dry_run { "Can not" } else { "Could not" };
                let target = if is_disabled { String::new() } else { format!(" to {level}") };
                wrote(writeln!(output.out, "{verb} {operation} {feature}{target}. {error}"))?;
            }
        }
    }
    if failures == 0 {
        return Ok(());
    }
    Err(Failure::terse(format!("{failures} out of {} operation(s) failed.", levels.len())))
}

/// The level that each feature is to have.
fn levels(said: &Said) -> Result<BTreeMap<String, i16>, Failure> {
    let mut levels = BTreeMap::new();
    if let Some(release) = said.value("release-version") {
        if said.has("metadata") || said.has("feature") {
            return Err(Failure::terse("Can not specify `release-version` with other feature flags."));
        }
        let release = releases::by_name(release, i16::MAX).map_err(Failure::terse)?;
        levels.insert(METADATA_VERSION.to_owned(), release.level);
        levels.extend(releases::features_at(release.level).map(|(name, level)| (name.to_owned(), level)));
        return Ok(levels);
    }
    if let Some(metadata) = said.value("metadata") {
        let release = releases::by_name(metadata, i16::MAX).map_err(Failure::terse)?;
        levels.insert(METADATA_VERSION.to_owned(), release.level);
    }
    for feature in said.values("feature") {
        let (name, level) = if said.command == "disable" { (feature, 0) } else { name_and_level(feature)? };
        if level < 1 && said.command == "upgrade" {
            return Err(Failure::terse(format!(
                "The upgradeType flag should be set to SAFE_DOWNGRADE or UNSAFE_DOWNGRADE when the provided maxVersionLevel:{level} is < 1."
            )));
        }
        if levels.insert(name.to_owned(), level).is_some() {
            return Err(Failure::terse(format!("Feature {name} was specified more than once.")));
        }
    }
    Ok(levels)
}

fn name_and_level(text: &str) -> Result<(&str, i16), Failure> {
    let cannot = |why: &str| Failure::terse(format!("Can't parse feature=level string {text}: {why}"));
    let (name, level) = text.split_once('=').ok_or_else(|| cannot("equals sign not found."))?;
    let (name, level) = (name.trim(), level.trim());
    let parsed = level.parse().map_err(|_| cannot(&format!("unable to parse {level} as a short.")))?;
    Ok((name, parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_named_with_their_level() {
        let read = |text: &str| name_and_level(text).map(|(name, level)| (name.to_owned(), level));
        assert_eq!(read(" group.version = 1"), Ok(("group.version".to_owned(), 1)));
        let failure = read("group.version").unwrap_err();
        assert_eq!(
            failure.message(),
            "Can't parse feature=level string group.version: equals sign not found."
        );
        let failure = read("group.version=x").unwrap_err();
        assert_eq!(
            failure.message(),
            "Can't parse feature=level string group.version=x: unable to parse x as a short."
        );
        assert_eq!(level_name(METADATA_VERSION, 30), "4.3-IV0");
    }
}
