//! The settings of groups, as the deciders read them.

use config::Layers;
use coordinator::{Assignor, Bounded, ConsumerGroupSettings, GroupOverrides, GroupSettings, MigrationPolicy};
use metadata::Image;
use metadata::image::ResourceKind;

/// The settings of all groups.
pub fn of_groups(layers: &Layers<'_>) -> GroupSettings {
    let int = |key: &str| layers.int(key);
    let size = |key: &str| usize::try_from(int(key)).unwrap_or_default();
    GroupSettings {
        size_max: size("group.max.size"),
        session_timeout_min_ms: int("group.min.session.timeout.ms"),
        session_timeout_max_ms: int("group.max.session.timeout.ms"),
        initial_rebalance_delay_ms: int("group.initial.rebalance.delay.ms"),
        offset_metadata_max: size("offset.metadata.max.bytes"),
        offsets_retention_ms: i64::from(int("offsets.retention.minutes")) * 60_000,
        consumer: of_consumer_groups(layers),
    }
}

fn of_consumer_groups(layers: &Layers<'_>) -> ConsumerGroupSettings {
    let int = |key: &str| layers.int(key);
    let bounded = |what: &str| Bounded {
        default: int(&format!("group.consumer.{what}.ms")),
        min: int(&format!("group.consumer.min.{what}.ms")),
        max: int(&format!("group.consumer.max.{what}.ms")),
    };
    let names = layers.list("group.consumer.assignors");
    let mut assignors: Vec<Assignor> = names.iter().filter_map(|name| Assignor::named(name)).collect();
    if assignors.is_empty() {
        // Only classes of Java were named.
        assignors = ConsumerGroupSettings::default().assignors;
    }
    ConsumerGroupSettings {
        size_max: usize::try_from(int("group.consumer.max.size")).unwrap_or_default(),
        session_timeout_ms: bounded("session.timeout"),
        heartbeat_interval_ms: bounded("heartbeat.interval"),
        assignment_interval_ms: bounded("assignment.interval"),
        assignors,
        migration: match layers.string("group.consumer.migration.policy").to_ascii_lowercase().as_str() {
            "disabled" => MigrationPolicy::Disabled,
            "upgrade" => MigrationPolicy::Upgrade,
            "downgrade" => MigrationPolicy::Downgrade,
            _ => MigrationPolicy::Bidirectional,
        },
        regex_refresh_interval_ms: layers.integer("group.consumer.regex.refresh.interval.ms"),
    }
}

/// The groups that have settings of their own, with these.
pub fn of_single_groups(image: &Image) -> impl Iterator<Item = (&str, GroupOverrides)> {
    let groups = image.configs.iter().filter(|(resource, _)| resource.kind == ResourceKind::Group);
    groups.map(|(resource, _)| {
        let own = image.overrides(ResourceKind::Group, &resource.name);
        let int = |key: &str| own.get(key).and_then(|text| text.trim().parse().ok());
        let overrides = GroupOverrides {
            session_timeout_ms: int("consumer.session.timeout.ms"),
            heartbeat_interval_ms: int("consumer.heartbeat.interval.ms"),
            assignment_interval_ms: int("consumer.assignment.interval.ms"),
        };
        (resource.name.as_str(), overrides)
    })
}
