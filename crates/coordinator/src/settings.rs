//! The settings that deciders read.

use crate::assignor::Assignor;

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
    /// What is only about groups of the consumer protocol.
    pub consumer: ConsumerGroupSettings,
}

/// Settings of groups of the consumer protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupSettings {
    /// Members at most (`group.consumer.max.size`).
    pub size_max: usize,
    /// How long a member may be silent (`group.consumer.session.timeout.ms` and its bounds).
    pub session_timeout_ms: Bounded,
    /// How often a member shall be heard of (`group.consumer.heartbeat.interval.ms` and its bounds).
    pub heartbeat_interval_ms: Bounded,
    /// How long an assignment stands at least before there is another (`group.consumer.assignment.interval.ms` and its
    /// bounds).
    pub assignment_interval_ms: Bounded,
    /// Ways to assign that members may ask for, the default first (`group.consumer.assignors`).
    pub assignors: Vec<Assignor>,
    /// Which way groups may change their protocol while members stay (`group.consumer.migration.policy`).
    pub migration: MigrationPolicy,
    /// How long topics that match a regular expression are trusted, in milliseconds
    /// (`group.consumer.regex.refresh.interval.ms`).
    pub regex_refresh_interval_ms: i64,
}

/// A setting that groups may have their own value of, within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounded {
    /// What holds where a group has none.
    pub default: i32,
    /// The least.
    pub min: i32,
    /// The greatest.
    pub max: i32,
}

/// Settings of one group (GROUP configs), where it has its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupOverrides {
    /// `consumer.session.timeout.ms`
    pub session_timeout_ms: Option<i32>,
    /// `consumer.heartbeat.interval.ms`
    pub heartbeat_interval_ms: Option<i32>,
    /// `consumer.assignment.interval.ms`
    pub assignment_interval_ms: Option<i32>,
}

/// Which way a group may change its protocol while members stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationPolicy {
    /// Neither.
    Disabled,
    /// From the classic protocol to the consumer protocol.
    Upgrade,
    /// From the consumer protocol to the classic protocol.
    Downgrade,
    /// Both.
    Bidirectional,
}

impl Bounded {
    /// The group's own value within the bounds, or the default.
    pub(crate) fn of(self, own: Option<i32>) -> i32 {
        own.map_or(self.default, |own| own.max(self.min).min(self.max))
    }
}

impl MigrationPolicy {
    pub(crate) fn allows_upgrade(self) -> bool {
        matches!(self, MigrationPolicy::Upgrade | MigrationPolicy::Bidirectional)
    }

    pub(crate) fn allows_downgrade(self) -> bool {
        matches!(self, MigrationPolicy::Downgrade | MigrationPolicy::Bidirectional)
    }
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
            consumer: ConsumerGroupSettings::default(),
        }
    }
}

impl Default for ConsumerGroupSettings {
    fn default() -> ConsumerGroupSettings {
        ConsumerGroupSettings {
            size_max: i32::MAX as usize,
            session_timeout_ms: Bounded { default: 45_000, min: 45_000, max: 60_000 },
            heartbeat_interval_ms: Bounded { default: 5_000, min: 5_000, max: 15_000 },
            assignment_interval_ms: Bounded { default: 1_000, min: 0, max: 15_000 },
            assignors: vec![Assignor::Uniform, Assignor::Range],
            migration: MigrationPolicy::Bidirectional,
            regex_refresh_interval_ms: 600_000,
        }
    }
}
