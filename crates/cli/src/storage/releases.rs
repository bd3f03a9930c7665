//! The levels of `metadata.version`, the releases that brought them, and the feature levels of each.

/// A level of `metadata.version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The level.
    pub level: i16,
    /// Its name, such as `4.3-IV0`.
    pub name: &'static str,
}

const fn release(level: i16, name: &'static str) -> Release {
    Release { level, name }
}

/// Every level Kafka 4.3.1 knows, ascending; the last is for testing only.
pub const RELEASES: &[Release] = &[
    release(7, "3.3-IV3"),
    release(8, "3.4-IV0"),
    release(9, "3.5-IV0"),
    release(10, "3.5-IV1"),
    release(11, "3.5-IV2"),
    release(12, "3.6-IV0"),
    release(13, "3.6-IV1"),
    release(14, "3.6-IV2"),
    release(15, "3.7-IV0"),
    release(16, "3.7-IV1"),
    release(17, "3.7-IV2"),
    release(18, "3.7-IV3"),
    release(19, "3.7-IV4"),
    release(20, "3.8-IV0"),
    release(21, "3.9-IV0"),
    release(22, "4.0-IV0"),
    release(23, "4.0-IV1"),
    release(24, "4.0-IV2"),
    release(25, "4.0-IV3"),
    release(26, "4.1-IV0"),
    release(27, "4.1-IV1"),
    release(28, "4.2-IV0"),
    release(29, "4.2-IV1"),
    release(30, "4.3-IV0"),
    release(31, "4.4-IV0"),
];

/// Level of the latest stable release.
pub const LATEST_STABLE: i16 = 30;

/// Features beside `metadata.version`: name, level a release brings, from which `metadata.version` on; in the
/// order Kafka lists them.
const BROUGHT: &[(&str, i16, i16)] = &[
    ("kraft.version", 1, 21),
    ("transaction.version", 2, 24),
    ("group.version", 1, 22),
    ("eligible.leader.replicas.version", 1, 26),
    ("share.version", 1, 28),
    ("streams.version", 1, 29),
];

/// The level a name means: `4.3-IV0`, or the last level of a release by `4.3`, `4.3.1` or `4.3.1-any`.
pub fn by_name(text: &str, levels_max: i16) -> Result<Release, String> {
    let known = || RELEASES.iter().filter(|release| release.level <= levels_max);
    if let Some(exact) = known().find(|release| release.name == text) {
        return Ok(*exact);
    }
    let mut parts = text.split('.');
    let numbers = parts.next().zip(parts.next());
    let in_release = numbers.filter(|(_, minor)| !minor.contains('-')).and_then(|(major, minor)| {
        let prefix = format!("{major}.{minor}-IV");
        known().rfind(|release| release.level <= LATEST_STABLE && release.name.starts_with(&prefix))
    });
    in_release.copied().ok_or_else(|| {
        let names: Vec<&str> = known().map(|release| release.name).collect();
        format!("Unknown metadata.version '{text}'. Supported metadata.version are: {}", names.join(", "))
    })
}

/// Name of a level.
pub fn name_of(level: i16) -> Option<&'static str> {
    RELEASES.iter().find(|release| release.level == level).map(|release| release.name)
}

/// Features and the levels that a release of this `metadata.version` brings, in the order Kafka lists them.
pub fn features_at(level: i16) -> impl Iterator<Item = (&'static str, i16)> {
    BROUGHT.iter().map(move |(name, brought, from)| (*name, if level >= *from { *brought } else { 0 }))
}

/// What `version-mapping` prints.
pub fn mapping(asked: Option<&str>) -> Result<String, String> {
    let (level, shown) = match asked {
        None => (LATEST_STABLE, name_of(LATEST_STABLE).unwrap_or_default()),
        Some(text) => (by_name(text, i16::MAX)?.level, text),
    };
    let mut lines = format!("metadata.version={level} ({shown})\n");
    for (name, level) in features_at(level) {
        lines.push_str(&format!("{name}={level}\n"));
    }
    Ok(lines)
}
