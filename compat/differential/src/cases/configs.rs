//! DescribeConfigs 1-4, IncrementalAlterConfigs 0-1, AlterConfigs 0-2, ListConfigResources 0-1.

use protocol::ApiKey;
use protocol::messages::describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource};
use protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use protocol::messages::{
    AlterConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
    alter_configs_request as alter, incremental_alter_configs_request as incremental,
};

use super::Row;
use super::topics::create;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("DescribeConfigs of a topic", of_topic),
    ("DescribeConfigs of the broker", of_broker),
    ("DescribeConfigs of groups and client metrics", of_others),
    ("DescribeConfigs of unknown resources", unknown),
    ("IncrementalAlterConfigs of topics", incremental_topics),
    ("IncrementalAlterConfigs of brokers", incremental_brokers),
    ("DescribeConfigs with documentation", documentation),
    ("DescribeConfigs of several resources", several),
    ("DescribeConfigs of a topic under broker settings", under_broker),
    ("IncrementalAlterConfigs of threads", incremental_threads),
    ("IncrementalAlterConfigs of loggers", incremental_loggers),
    ("IncrementalAlterConfigs of others", incremental_others),
    ("AlterConfigs", alters),
    ("ListConfigResources", list),
];

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const LOGGER: i8 = 8;
const METRICS: i8 = 16;
const GROUP: i8 = 32;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Settings whose values the two servers are started with differently.
const OWN: [&str; 11] = [
    "listeners",
    "advertised.listeners",
    "log.dirs",
    "process.roles",
    "node.id",
    "controller.listener.names",
    "controller.quorum.bootstrap.servers",
    "listener.security.protocol.map",
    "metadata.max.idle.interval.ms",
    "controller.quorum.append.linger.ms",
    "metrics.listener",
];

fn describe<'a>(kind: i8, name: &'a str, keys: Option<&[&'a str]>) -> DescribeConfigsRequest<'a> {
    let keys = keys.map(|keys| keys.iter().map(|key| (*key).into()).collect());
    let resource =
        DescribeConfigsResource { resource_type: kind, resource_name: name.into(), configuration_keys: keys };
    DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, include_documentation: false }
}

fn sort(response: &mut DescribeConfigsResponse<'static>) {
    for result in &mut response.results {
        result.configs.sort_by(|one, other| one.name.cmp(&other.name));
        result.configs.retain(|config| !OWN.contains(&&*config.name));
    }
}

fn of_topic(session: &mut Session) -> Result<(), Stopped> {
    create(session, "configured", 1, &[("retention.ms", "1000"), ("cleanup.policy", "compact,delete")])?;
    for version in versions(ApiKey::DescribeConfigs) {
        for include_synonyms in [false, true] {
            session.note(format!("all, synonyms {include_synonyms}"));
            let wanted = DescribeConfigsRequest { include_synonyms, ..describe(TOPIC, "configured", None) };
            session.ask_sorted(version, &wanted, sort)?;
        }
        session.note("some");
        let keys = ["retention.ms", "segment.bytes", "no.such.setting", "retention.ms"];
        session.ask_sorted(version, &describe(TOPIC, "configured", Some(&keys)), sort)?;
        session.note("no key");
        session.ask_sorted(version, &describe(TOPIC, "configured", Some(&[])), sort)?;
    }
    Ok(())
}

/// Setting by setting, so that one that only one side knows does not shift the others.
fn of_broker(session: &mut Session) -> Result<(), Stopped> {
    for (what, name) in [("the broker", "1"), ("all brokers", "")] {
        let answer = session.ask_quietly(4, &describe(BROKER, name, None))?;
        session.note(what);
        for result in &answer.results {
            session.tell("error", (result.error_code, &result.error_message));
            let mut names: Vec<&str> = result.configs.iter().map(|config| &*config.name).collect();
            names.sort_unstable();
            for name in names.iter().filter(|name| !OWN.contains(name)) {
                let config = result.configs.iter().find(|config| config.name == *name);
                session.tell_named(name, &config);
            }
        }
    }
    for version in versions(ApiKey::DescribeConfigs) {
        session.note("some");
        let keys = ["log.retention.ms", "log.retention.hours", "broker.rack", "ssl.keystore.password"];
        session.ask_sorted(version, &describe(BROKER, "1", Some(&keys)), sort)?;
    }
    Ok(())
}

fn of_others(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DescribeConfigs) {
        for (kind, name) in
            [(GROUP, "some-group"), (METRICS, "some-subscription"), (GROUP, ""), (METRICS, "")]
        {
            session.note(format!("{kind} '{name}'"));
            session.ask_sorted(version, &describe(kind, name, None), sort)?;
        }
    }
    Ok(())
}

fn unknown(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DescribeConfigs) {
        for (kind, name) in [
            (TOPIC, "nowhere"),
            (TOPIC, "a b"),
            (TOPIC, "."),
            (TOPIC, ""),
            (BROKER, "2"),
            (BROKER, "x"),
            (LOGGER, "2"),
            (LOGGER, "x"),
            (LOGGER, ""),
            (0, "x"),
            (1, "x"),
            (3, "x"),
            (99, "x"),
            (-1, "x"),
        ] {
            session.note(format!("{kind} '{name}'"));
            session.ask_sorted(version, &describe(kind, name, None), sort)?;
        }
        session.note("none");
        let none = DescribeConfigsRequest { resources: Vec::new(), ..describe(TOPIC, "", None) };
        session.ask(version, &none)?;
    }
    Ok(())
}

/// A setting and its value.
type Given<'a> = (&'a str, Option<&'a str>);
/// A setting, what to do with it, and the value to do it with.
type Operation<'a> = (&'a str, i8, Option<&'a str>);

fn change<'a>(
    kind: i8,
    name: &'a str,
    operations: &[Operation<'a>],
) -> incremental::AlterConfigsResource<'a> {
    let config = |(name, config_operation, value): &Operation<'a>| incremental::AlterableConfig {
        name: (*name).into(),
        config_operation: *config_operation,
        value: value.map(Into::into),
    };
    incremental::AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs: operations.iter().map(config).collect(),
    }
}

/// Sends one change, then compares the settings that follow from it.
fn try_change(
    session: &mut Session,
    version: i16,
    (kind, name): (i8, &str),
    operations: &[Operation<'_>],
) -> Result<(), Stopped> {
    session.note(format!("{kind} '{name}' {operations:?}"));
    let resources = vec![change(kind, name, operations)];
    session.ask(version, &IncrementalAlterConfigsRequest { resources, validate_only: false })?;
    session.settle()?;
    let keys: Vec<&str> = operations.iter().map(|(key, ..)| *key).collect();
    if !keys.is_empty() {
        session.ask_sorted(4, &describe(kind, name, Some(&keys)), sort)?;
    }
    Ok(())
}

fn incremental_topics(session: &mut Session) -> Result<(), Stopped> {
    create(session, "altered", 1, &[])?;
    let topic = (TOPIC, "altered");
    let steps: &[&[Operation<'_>]] = &[
        &[("retention.ms", SET, Some("5000"))],
        &[("retention.ms", SET, Some("5000"))],
        &[("cleanup.policy", APPEND, Some("compact"))],
        &[("cleanup.policy", APPEND, Some("compact"))],
        &[("cleanup.policy", SUBTRACT, Some("delete"))],
        &[("cleanup.policy", SUBTRACT, Some("compact"))],
        &[("retention.ms", DELETE, None)],
        &[("retention.ms", DELETE, Some("7"))],
        &[("retention.ms", APPEND, Some("7"))],
        &[("retention.ms", SUBTRACT, Some("7"))],
        &[("retention.ms", SET, None)],
        &[("retention.ms", APPEND, None)],
        &[("retention.ms", SET, Some("x"))],
        &[("retention.ms", SET, Some("-5"))],
        &[("no.such.setting", SET, Some("1"))],
        &[("no.such.setting", DELETE, None)],
        &[("no.such.setting", APPEND, Some("1"))],
        &[("retention.ms", 9, Some("1"))],
        &[("retention.ms", -1, Some("1"))],
        &[("retention.ms", SET, Some("1")), ("retention.ms", SET, Some("2"))],
        &[("segment.bytes", SET, Some("1")), ("retention.ms", SET, Some("8"))],
        &[("min.insync.replicas", SET, Some("3"))],
        &[("min.insync.replicas", DELETE, None)],
        &[("compression.type", SET, Some("ZSTD"))],
        &[("cleanup.policy", SET, Some(""))],
        &[],
    ];
    for version in versions(ApiKey::IncrementalAlterConfigs) {
        // What is done with a setting does not hang on the version: all of it is tried with the newest.
        let steps = if version == 1 { steps } else { &steps[..6] };
        for operations in steps {
            try_change(session, version, topic, operations)?;
        }
        for name in ["nowhere", "a b", ".", "", "__cluster_metadata"] {
            try_change(session, version, (TOPIC, name), &[("retention.ms", SET, Some("5000"))])?;
        }
        session.note("only validated");
        let resources = vec![change(TOPIC, "altered", &[("retention.ms", SET, Some("77"))])];
        session.ask(version, &IncrementalAlterConfigsRequest { resources, validate_only: true })?;
        session.note("twice the same resource");
        let one = change(TOPIC, "altered", &[("retention.ms", SET, Some("77"))]);
        let resources = vec![one.clone(), one];
        session.ask(version, &IncrementalAlterConfigsRequest { resources, validate_only: false })?;
        session.settle()?;
        session.ask_sorted(4, &describe(TOPIC, "altered", Some(&["retention.ms"])), sort)?;
        session.note("none");
        let none = IncrementalAlterConfigsRequest { resources: Vec::new(), validate_only: false };
        session.ask(version, &none)?;
    }
    Ok(())
}

fn incremental_brokers(session: &mut Session) -> Result<(), Stopped> {
    let steps: &[(&str, &[Operation<'_>])] = &[
        ("1", &[("log.retention.ms", SET, Some("123456789"))]),
        ("", &[("log.retention.ms", SET, Some("987654321"))]),
        ("1", &[("log.retention.ms", DELETE, None)]),
        ("", &[("log.retention.ms", DELETE, None)]),
        ("1", &[("log.cleaner.threads", SET, Some("1"))]),
        ("1", &[("log.cleaner.threads", DELETE, None)]),
        ("1", &[("broker.rack", SET, Some("b"))]),
        ("1", &[("num.network.threads", SET, Some("0"))]),
        ("", &[("num.io.threads", SET, Some("9"))]),
        ("", &[("num.io.threads", DELETE, None)]),
        ("", &[("num.io.threads", SET, Some("99"))]),
        ("1", &[("num.network.threads", SET, Some("4"))]),
        ("1", &[("num.recovery.threads.per.data.dir", SET, Some("4"))]),
        ("1", &[("num.recovery.threads.per.data.dir", SET, Some("1"))]),
        ("1", &[("num.recovery.threads.per.data.dir", DELETE, None)]),
        ("1", &[("log.cleaner.threads", SET, Some("5"))]),
        ("1", &[("cordoned.log.dirs", SET, Some("/nope"))]),
        ("1", &[("cordoned.log.dirs", SET, Some("*,/nope"))]),
        ("", &[("cordoned.log.dirs", SET, Some("*"))]),
        ("1", &[("no.such.setting", SET, Some("1"))]),
        ("1", &[("no.such.setting", DELETE, None)]),
        ("", &[("no.such.setting", SET, Some("1"))]),
        ("", &[("no.such.setting", DELETE, None)]),
        ("1", &[("message.max.bytes", SET, Some("x"))]),
        ("1", &[("message.max.bytes", SET, Some("-1"))]),
        ("1", &[("min.insync.replicas", SET, Some("1"))]),
        ("", &[("min.insync.replicas", DELETE, None)]),
        ("", &[("min.insync.replicas", SET, Some("2"))]),
        ("", &[("min.insync.replicas", SET, Some("1"))]),
        ("", &[("listeners", SET, Some("PLAINTEXT://:1"))]),
        ("1", &[("ssl.keystore.password", SET, Some("secret"))]),
        ("1", &[("ssl.keystore.password", DELETE, None)]),
        ("1", &[("broker.rack", DELETE, None)]),
        ("", &[("listeners", DELETE, None)]),
        ("2", &[("log.retention.ms", SET, Some("5"))]),
        ("x", &[("log.retention.ms", SET, Some("5"))]),
        ("-1", &[("log.retention.ms", SET, Some("5"))]),
    ];
    for (name, operations) in steps {
        try_change(session, 1, (BROKER, name), operations)?;
    }
    Ok(())
}

fn documentation(session: &mut Session) -> Result<(), Stopped> {
    create(session, "documented", 1, &[])?;
    for version in [3, 4] {
        for (kind, name, key) in [
            (TOPIC, "documented", "retention.ms"),
            (BROKER, "1", "log.retention.hours"),
            (GROUP, "g2", "consumer.session.timeout.ms"),
        ] {
            session.note(format!("{kind} '{name}'"));
            let wanted = describe(kind, name, Some(&[key]));
            let answer = session
                .ask_quietly(version, &DescribeConfigsRequest { include_documentation: true, ..wanted })?;
            let configs = answer.results.iter().flat_map(|result| &result.configs);
            let has_text = |config: &DescribeConfigsResourceResult<'_>| {
                config.documentation.as_deref().is_some_and(|text| !text.is_empty())
            };
            session.tell("documented", configs.map(has_text).collect::<Vec<_>>());
        }
    }
    Ok(())
}

fn several(session: &mut Session) -> Result<(), Stopped> {
    create(session, "configured-too", 1, &[])?;
    for version in versions(ApiKey::DescribeConfigs) {
        let keys = ["retention.ms", "log.retention.ms"];
        let one = |kind, name| describe(kind, name, Some(&keys)).resources.remove(0);
        let resources = vec![
            one(TOPIC, "configured-too"),
            one(BROKER, "1"),
            one(TOPIC, "nowhere"),
            one(BROKER, ""),
            one(TOPIC, "configured-too"),
        ];
        let wanted = DescribeConfigsRequest { resources, ..describe(TOPIC, "", None) };
        session.ask_sorted(version, &wanted, |response| {
            sort(response);
            response.results.sort_by(|one, other| {
                (one.resource_type, &one.resource_name).cmp(&(other.resource_type, &other.resource_name))
            });
        })?;
    }
    Ok(())
}

fn under_broker(session: &mut Session) -> Result<(), Stopped> {
    create(session, "under-broker", 1, &[])?;
    let shown = ["retention.ms", "segment.bytes", "compression.type", "max.message.bytes", "cleanup.policy"];
    for (name, operation) in [
        ("", ("log.retention.ms", SET, Some("700000"))),
        ("", ("log.retention.minutes", SET, Some("5"))),
        ("1", ("log.retention.ms", SET, Some("800000"))),
        ("1", ("compression.type", SET, Some("lz4"))),
        ("", ("message.max.bytes", SET, Some("5000"))),
        ("", ("log.cleanup.policy", APPEND, Some("compact"))),
        ("", ("log.retention.ms", DELETE, None)),
        ("1", ("log.retention.ms", DELETE, None)),
        ("1", ("compression.type", DELETE, None)),
        ("", ("message.max.bytes", DELETE, None)),
        ("", ("log.cleanup.policy", DELETE, None)),
    ] {
        try_change(session, 1, (BROKER, name), &[operation])?;
        session.ask_sorted(4, &describe(TOPIC, "under-broker", Some(&shown)), sort)?;
    }
    Ok(())
}

/// Kafka lets a number of threads at most double or halve at a time. Fewer network threads would close connections.
fn incremental_threads(session: &mut Session) -> Result<(), Stopped> {
    session.note("threads");
    let change_to = |value| change(BROKER, "1", &[("num.io.threads", SET, Some(value))]);
    let request =
        |resource| IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    session.ask(1, &request(change_to("100")))?;
    session.ask(1, &request(change_to("5")))?;
    let reset = change(BROKER, "1", &[("num.io.threads", DELETE, None)]);
    session.ask(1, &request(reset))?;
    session.settle()
}

fn incremental_loggers(session: &mut Session) -> Result<(), Stopped> {
    for (name, operation) in [
        ("1", ("no.such.logger", SET, Some("DEBUG"))),
        ("1", ("no.such.logger", APPEND, Some("DEBUG"))),
        ("1", ("no.such.logger", SET, Some("LOUD"))),
        ("2", ("no.such.logger", SET, Some("DEBUG"))),
        ("x", ("no.such.logger", SET, Some("DEBUG"))),
        ("", ("no.such.logger", SET, Some("DEBUG"))),
    ] {
        session.note(format!("'{name}' {operation:?}"));
        let resources = vec![change(LOGGER, name, &[operation])];
        session.ask(1, &IncrementalAlterConfigsRequest { resources, validate_only: false })?;
    }
    let answer = session.ask_quietly(4, &describe(LOGGER, "1", None))?;
    session.tell("has loggers", answer.results.iter().any(|result| !result.configs.is_empty()));
    Ok(())
}

fn incremental_others(session: &mut Session) -> Result<(), Stopped> {
    let steps: &[(i8, &str, &[Operation<'_>])] = &[
        (GROUP, "g", &[("consumer.session.timeout.ms", SET, Some("50000"))]),
        (GROUP, "g", &[("consumer.session.timeout.ms", SET, Some("5"))]),
        (GROUP, "g", &[("consumer.session.timeout.ms", DELETE, None)]),
        (GROUP, "g", &[("no.such.setting", SET, Some("5"))]),
        (GROUP, "", &[("consumer.session.timeout.ms", SET, Some("50000"))]),
        (METRICS, "m", &[("interval.ms", SET, Some("1000"))]),
        (METRICS, "m", &[("interval.ms", SET, Some("1"))]),
        (METRICS, "m", &[("match", SET, Some("client_id=a.*"))]),
        (METRICS, "m", &[("match", SET, Some("nonsense"))]),
        (METRICS, "m", &[("match", SET, Some("unknown_key=a"))]),
        (METRICS, "m", &[("metrics", SET, Some("org.apache.kafka."))]),
        (METRICS, "m", &[("no.such.setting", SET, Some("1"))]),
        (METRICS, "", &[("interval.ms", SET, Some("1000"))]),
        (0, "x", &[("a", SET, Some("1"))]),
        (1, "x", &[("a", SET, Some("1"))]),
        (99, "x", &[("a", SET, Some("1"))]),
    ];
    for (kind, name, operations) in steps {
        session.note(format!("{kind} '{name}' {operations:?}"));
        let resources = vec![change(*kind, name, operations)];
        session.ask(1, &IncrementalAlterConfigsRequest { resources, validate_only: false })?;
        session.settle()?;
    }
    for (kind, name) in [(GROUP, "g"), (METRICS, "m")] {
        session.note(format!("then {kind} '{name}'"));
        session.ask_sorted(4, &describe(kind, name, None), sort)?;
    }
    Ok(())
}

fn alters(session: &mut Session) -> Result<(), Stopped> {
    create(session, "replaced", 1, &[("segment.ms", "5000000")])?;
    let steps: &[(i8, &str, &[Given<'_>])] = &[
        (TOPIC, "replaced", &[("retention.ms", Some("100"))]),
        (TOPIC, "replaced", &[("retention.ms", Some("x"))]),
        (TOPIC, "replaced", &[("retention.ms", None)]),
        (TOPIC, "replaced", &[("no.such.setting", Some("x"))]),
        (TOPIC, "replaced", &[("retention.ms", Some("1")), ("retention.ms", Some("2"))]),
        (TOPIC, "replaced", &[]),
        (TOPIC, "nowhere", &[("retention.ms", Some("100"))]),
        (TOPIC, "", &[("retention.ms", Some("100"))]),
        (BROKER, "1", &[("log.retention.ms", Some("123456789"))]),
        (BROKER, "1", &[]),
        (BROKER, "2", &[]),
        (BROKER, "x", &[]),
        (GROUP, "", &[]),
        (99, "x", &[]),
    ];
    for version in versions(ApiKey::AlterConfigs) {
        for (kind, name, configs) in steps {
            session.note(format!("{kind} '{name}' {configs:?}"));
            let config = |(name, value): &(&'static str, Option<&'static str>)| alter::AlterableConfig {
                name: (*name).into(),
                value: value.map(Into::into),
            };
            let resource = alter::AlterConfigsResource {
                resource_type: *kind,
                resource_name: (*name).into(),
                configs: configs.iter().map(config).collect(),
            };
            let request = AlterConfigsRequest { resources: vec![resource], validate_only: false };
            session.ask(version, &request)?;
            session.settle()?;
            let keys = ["retention.ms", "segment.ms"];
            session.ask_sorted(4, &describe(TOPIC, "replaced", Some(&keys)), sort)?;
        }
    }
    Ok(())
}

fn list(session: &mut Session) -> Result<(), Stopped> {
    session.note("client metrics");
    session.ask(0, &ListConfigResourcesRequest { resource_types: Vec::new() })?;
    for resource_types in [
        &[BROKER][..],
        &[LOGGER],
        &[METRICS],
        &[GROUP],
        &[METRICS, GROUP, BROKER],
        &[99],
        &[0],
        &[1],
        &[BROKER, 77],
    ] {
        session.note(format!("{resource_types:?}"));
        let request = ListConfigResourcesRequest { resource_types: resource_types.to_vec() };
        session.ask_sorted(1, &request, |response| {
            response.config_resources.sort_by(|one, other| {
                (one.resource_type, &one.resource_name).cmp(&(other.resource_type, &other.resource_name))
            });
        })?;
    }
    session.note("all kinds");
    let answer = session.ask_quietly(1, &ListConfigResourcesRequest { resource_types: Vec::new() })?;
    let mut kinds: Vec<i8> = answer.config_resources.iter().map(|resource| resource.resource_type).collect();
    kinds.sort_unstable();
    kinds.dedup();
    session.tell("kinds", kinds);
    let mut topics: Vec<String> = answer
        .config_resources
        .iter()
        .filter(|resource| resource.resource_type == TOPIC)
        .map(|resource| resource.resource_name.to_string())
        .collect();
    topics.sort_unstable();
    session.tell("topics", topics);
    Ok(())
}
