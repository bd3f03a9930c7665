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

#[cfg(test)]
mod tests {
    use config::Inputs;

    use super::*;

    fn with(settings: &[(&str, &str)]) -> GroupSettings {
        let own = [("node.id", "1"), ("log.dirs", "/tmp")];
        let overrides = own.iter().chain(settings).map(|(key, value)| ((*key).into(), (*value).into()));
        let loaded = config::load(&Inputs { overrides: overrides.collect(), ..Inputs::default() }).unwrap();
        of_groups(&loaded.settings.layers())
    }

    #[test]
    fn without_any_settings_groups_have_kafkas_defaults() {
        assert_eq!(with(&[]), GroupSettings::default());
    }

    #[test]
    fn every_setting_of_groups_is_read_from_its_own_key() {
        let set = with(&[
            ("group.max.size", "1"),
            ("group.min.session.timeout.ms", "2"),
            ("group.max.session.timeout.ms", "3"),
            ("group.initial.rebalance.delay.ms", "4"),
            ("offset.metadata.max.bytes", "5"),
            ("offsets.retention.minutes", "6"),
            ("group.consumer.max.size", "7"),
            ("group.consumer.session.timeout.ms", "101"),
            ("group.consumer.min.session.timeout.ms", "100"),
            ("group.consumer.max.session.timeout.ms", "102"),
            ("group.consumer.heartbeat.interval.ms", "11"),
            ("group.consumer.min.heartbeat.interval.ms", "10"),
            ("group.consumer.max.heartbeat.interval.ms", "12"),
            ("group.consumer.assignment.interval.ms", "21"),
            ("group.consumer.min.assignment.interval.ms", "20"),
            ("group.consumer.max.assignment.interval.ms", "22"),
            ("group.consumer.assignors", "range"),
            ("group.consumer.migration.policy", "Downgrade"),
            ("group.consumer.regex.refresh.interval.ms", "10001"),
        ]);
        let expected = GroupSettings {
            size_max: 1,
            session_timeout_min_ms: 2,
            session_timeout_max_ms: 3,
            initial_rebalance_delay_ms: 4,
            offset_metadata_max: 5,
            offsets_retention_ms: 360_000,
            consumer: ConsumerGroupSettings {
                size_max: 7,
                session_timeout_ms: Bounded { default: 101, min: 100, max: 102 },
                heartbeat_interval_ms: Bounded { default: 11, min: 10, max: 12 },
                assignment_interval_ms: Bounded { default: 21, min: 20, max: 22 },
                assignors: vec![Assignor::Range],
                migration: MigrationPolicy::Downgrade,
                regex_refresh_interval_ms: 10_001,
            },
        };
        assert_eq!(set, expected);
    }
}
