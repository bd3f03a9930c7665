//! Settings of brokers and topics, asked for and judged by [`super::rules`].

use client::Admin;
use client::admin::{ConfigEntry, ConfigResource, ResourceType, TopicDescription};
use config::ConfigSource;

use super::client_settings::{self, Own};
use super::report::Report;
use super::rules::{TopicShape, Values, check_broker, check_topic};

/// A setting that only a Naru has.
const OF_NARU: &str = "metrics.listener";
/// How settings of the brokers' own topics begin.
const ADAPTED: [&str; 2] = ["offsets.topic.", "transaction.state.log."];
const CHECK: &str = "settings";
/// Topics whose settings are asked for at a time.
const TOPICS_AT_A_TIME: usize = 200;

/// Looks at the settings of the brokers that can be reached, and of all topics.
pub(super) async fn check(
    admin: &Admin,
    reachable: &[i32],
    brokers: usize,
    topics: &[TopicDescription],
    own: &Own,
    report: &mut Report,
) {
    let before = report.problems();
    let mut of_a_broker = None;
    for id in reachable {
        let resource = ConfigResource { kind: ResourceType::Broker, name: id.to_string() };
        match admin.describe_configs(&resource, None).await {
            Ok(entries) => {
                let values = values_of_broker(&entries);
                check_broker(*id, &values, brokers, report);
                of_a_broker = Some(values);
            }
            Err(error) => {
                report.note(CHECK, format!("those of broker {id} were not looked at: {error}"), "", "");
            }
        }
    }
    let of_a_broker = of_a_broker.unwrap_or_default();
    client_settings::check_with_broker(own, &of_a_broker, report);
    let number = |key: &str| of_a_broker.0.get(key).and_then(|text| text.parse::<i64>().ok());
    let replica_fetch_bytes = number("replica.fetch.max.bytes");
    for some in topics.chunks(TOPICS_AT_A_TIME) {
        let resources: Vec<ConfigResource> =
            some.iter().map(|topic| ConfigResource::topic(&topic.name)).collect();
        let described = match admin.describe_configs_of(&resources).await {
            Ok(described) => described,
            Err(error) => {
                report.note(CHECK, format!("those of topics were not looked at: {error}"), "", "");
                continue;
            }
        };
        for topic in some {
            let Some(entries) = described.get(&ConfigResource::topic(&topic.name)) else { continue };
            let replicas = topic.partitions.iter().map(|partition| partition.replicas.len()).min();
            let shape = TopicShape {
                name: &topic.name,
                replicas: replicas.unwrap_or(1),
                brokers,
                replica_fetch_bytes,
            };
            check_topic(shape, &values(entries), report);
        }
    }
    let (brokers, topics) = (reachable.len(), topics.len());
    report.fine_since(
        before,
        CHECK,
        format!("those of brokers ({brokers}) and topics ({topics}) do not contradict each other"),
    );
}

/// The same of a broker. A Naru gives its own topics as many replicas as there are brokers where nobody says how many, so that
/// defaults about that contradict nothing.
fn values_of_broker(entries: &[ConfigEntry]) -> Values {
    let is_naru = entries.iter().any(|entry| entry.name == OF_NARU);
    let adapts = |entry: &ConfigEntry| {
        let is_of_topics = ADAPTED.iter().any(|prefix| entry.name.starts_with(prefix));
        is_naru && is_of_topics && entry.source == ConfigSource::DefaultConfig.code()
    };
    let entries: Vec<ConfigEntry> = entries.iter().filter(|entry| !adapts(entry)).cloned().collect();
    values(&entries)
}

fn values(entries: &[ConfigEntry]) -> Values {
    let shown = entries.iter().filter_map(|entry| Some((entry.name.clone(), entry.value.clone()?)));
    Values(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &str, source: ConfigSource) -> ConfigEntry {
        ConfigEntry {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            source: source.code(),
            is_sensitive: false,
            is_read_only: true,
            synonyms: Vec::new(),
        }
    }

    #[test]
    fn replicas_that_nobody_asked_for_are_no_contradiction_of_a_naru() {
        let problems = |entries: &[ConfigEntry]| {
            let mut report = Report::default();
            check_broker(1, &values_of_broker(entries), 1, &mut report);
            report.problems()
        };
        let key = "offsets.topic.replication.factor";
        let implied = entry(key, "3", ConfigSource::DefaultConfig);
        let own = entry(OF_NARU, "none", ConfigSource::DefaultConfig);
        assert_eq!(problems(std::slice::from_ref(&implied)), 1);
        assert_eq!(problems(&[implied, own.clone()]), 0);
        assert_eq!(problems(&[entry(key, "3", ConfigSource::StaticBrokerConfig), own]), 1);
    }
}
