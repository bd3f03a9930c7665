//! DescribeConfigs entries equal those of Apache Kafka 4.3.1 for the same settings.

use config::describe::{
    DescribedConfig, describe_broker, describe_client_metrics, describe_cluster_default, describe_group,
    describe_topic,
};
use config::{ConfigSource, Inputs, Layers, Overrides, Properties, load, tables};

const DESCRIBED: &str = include_str!("../../testdata/described.tsv");

const SERVER_PROPERTIES: &str = "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:19393
listeners=PLAINTEXT://127.0.0.1:19392,CONTROLLER://127.0.0.1:19393
advertised.listeners=PLAINTEXT://127.0.0.1:19392,CONTROLLER://127.0.0.1:19393
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=/data/logs
num.network.threads=3
num.io.threads=8
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
";

fn overrides(pairs: &[(&str, &str)]) -> Overrides {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn dynamic() -> Overrides {
    overrides(&[
        ("log.cleaner.threads", "2"),
        ("log.cleanup.policy", "delete,compact"),
        ("log.flush.interval.ms", "1000"),
        ("log.message.timestamp.type", "LogAppendTime"),
        ("log.retention.ms", "0"),
        ("max.connections", "5000"),
        ("min.insync.replicas", "2"),
        ("num.io.threads", "9"),
    ])
}

fn source_name(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::TopicConfig => "DYNAMIC_TOPIC_CONFIG",
        ConfigSource::DynamicBrokerConfig => "DYNAMIC_BROKER_CONFIG",
        ConfigSource::DynamicDefaultBrokerConfig => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource::StaticBrokerConfig => "STATIC_BROKER_CONFIG",
        ConfigSource::DefaultConfig => "DEFAULT_CONFIG",
        ConfigSource::GroupConfig => "DYNAMIC_GROUP_CONFIG",
        ConfigSource::ClientMetricsConfig => "DYNAMIC_CLIENT_METRICS_CONFIG",
        other => panic!("{other:?} is not expected here"),
    }
}

fn line(kind: &str, name: &str, entry: &DescribedConfig) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonyms = entry
        .synonyms
        .iter()
        .map(|synonym| format!("{}:{}={}", source_name(synonym.source), synonym.name, text(&synonym.value)));
    [
        kind,
        name,
        &entry.name,
        &text(&entry.value),
        source_name(entry.source),
        &entry.is_sensitive.to_string(),
        &entry.read_only.to_string(),
        entry.kind.map_or("UNKNOWN", config::ConfigType::name),
        &synonyms.collect::<Vec<_>>().join("; "),
    ]
    .join("\t")
}

#[test]
fn entries_are_kafkas_value_for_value_and_synonym_for_synonym() {
    let properties = Properties::parse(SERVER_PROPERTIES.as_bytes()).unwrap();
    let inputs = Inputs { files: vec![("server.properties".to_owned(), properties)], ..Inputs::default() };
    let loaded = load(&inputs).unwrap();
    let cluster = dynamic();
    let mut broker = dynamic();
    broker.remove("min.insync.replicas");
    broker.insert("log.retention.ms".to_owned(), "100000000".to_owned());
    broker.insert("sasl.jaas.config".to_owned(), "x".to_owned());
    broker.insert("listener.name.plaintext.ssl.keystore.password".to_owned(), "pw".to_owned());
    let layers = Layers { broker: &broker, cluster: &cluster, fixed: &loaded.settings };
    let topic = overrides(&[
        ("cleanup.policy", "compact"),
        ("compression.type", "gzip"),
        ("leader.replication.throttled.replicas", "0:1,1:1"),
        ("local.retention.ms", "999999999999"),
        ("max.message.bytes", " 77 "),
        ("retention.ms", "172800000"),
    ]);
    let group = overrides(&[("consumer.session.timeout.ms", "46000")]);

    let mut ours: Vec<String> = Vec::new();
    ours.extend(describe_topic(&topic, &layers).iter().map(|entry| line("TOPIC", "t1", entry)));
    ours.extend(
        describe_broker(&layers)
            .iter()
            .filter(|entry| !is_own(entry))
            .map(|entry| line("BROKER", "1", entry)),
    );
    ours.extend(describe_cluster_default(&layers).iter().map(|entry| line("BROKER", "", entry)));
    ours.extend(describe_group(&group, &layers).iter().map(|entry| line("GROUP", "g1", entry)));
    let metrics = overrides(&[("interval.ms", "1000"), ("metrics", "a,b")]);
    ours.extend(describe_client_metrics(&metrics).iter().map(|entry| line("CLIENT_METRICS", "m1", entry)));
    let kafkas: Vec<&str> = DESCRIBED.lines().filter(|line| !line.starts_with('#')).collect();
    for (our, kafka) in ours.iter().zip(&kafkas) {
        assert_eq!(our, kafka);
    }
    assert_eq!(ours.len(), kafkas.len());
}

fn is_own(entry: &DescribedConfig) -> bool {
    tables::NARU.iter().any(|setting| setting.key == entry.name)
}

#[test]
fn unknown_static_keys_are_listed_and_kept_back() {
    let inputs = Inputs {
        overrides: vec![("my.plugin.password".to_owned(), "s3cret".to_owned())],
        ..Inputs::default()
    };
    let loaded = load(&inputs).unwrap();
    let entries = describe_broker(&loaded.settings.layers());
    let entry = entries.iter().find(|entry| entry.name == "my.plugin.password").unwrap();
    assert!(entry.is_sensitive && entry.value.is_none() && entry.kind.is_none());
    assert!(!format!("{entries:?} {loaded:?}").contains("s3cret"));
}
