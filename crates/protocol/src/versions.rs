//! Ranges of versions.

/// An inclusive range of versions; empty where `max` is below `min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// Oldest version.
    pub min: i16,
    /// Newest version; `i16::MAX` where the range has no end.
    pub max: i16,
}

impl VersionRange {
    /// No version at all.
    pub const NONE: VersionRange = VersionRange { min: 0, max: -1 };

    /// The versions from `min` to `max`, both included.
    pub const fn new(min: i16, max: i16) -> VersionRange {
        VersionRange { min, max }
    }

    /// True where `version` lies in the range.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// True where no version lies in the range.
    pub const fn is_empty(self) -> bool {
        self.max < self.min
    }
}
