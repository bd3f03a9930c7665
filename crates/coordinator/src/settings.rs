//! The settings that deciders read.

/// Settings of groups and offsets, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSettings {
    /// Members of a classic group at most (`group.max.size`).
    pub size_max: usize,
    /// Least session timeout of a classic member in milliseconds (`group.min.session.timeout.ms`).
    pub session_timeout_min_ms: i32,
    /// Greatest session timeout of a classic member in milliseconds (`group.max.session.timeout.ms`).
    pub session_timeout_max_ms: i32,
    /// How long an empty group waits for more members before its first rebalance, in milliseconds
    /// (`group.initial.rebalance.delay.ms`).
    pub initial_rebalance_delay_ms: i32,
    /// Characters of the text beside a committed offset at most (`offset.metadata.max.bytes`).
    pub offset_metadata_max: usize,
    /// How long offsets outlive their group's last member, in milliseconds (`offsets.retention.minutes`).
    pub offsets_retention_ms: i64,
}

impl Default for GroupSettings {
    fn default() -> GroupSettings {
        GroupSettings {
            size_max: i32::MAX as usize,
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            offset_metadata_max: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
        }
    }
}
