//! CreateTopics 2-7: names, counts, assignments, settings, and in whose words they are refused.

use protocol::ApiKey;
use protocol::messages::CreateTopicsResponse;
use protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};

use super::Row;
use super::topics::create;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("CreateTopics", creates),
    ("CreateTopics only validated", validates),
    ("CreateTopics by illegal names", names),
    ("CreateTopics of illegal counts", counts),
    ("CreateTopics with assignments", assignments),
    ("CreateTopics with settings", settings),
    ("CreateTopics of several", several),
];

/// A partition and its brokers.
type Assigned<'a> = (i32, &'a [i32]);
/// A setting and its value.
type Given<'a> = (&'a str, Option<&'a str>);

fn topic(name: &str, partitions: i32, factor: i16) -> CreatableTopic<'_> {
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: factor,
        ..CreatableTopic::default()
    }
}

fn request(topics: Vec<CreatableTopic<'_>>) -> CreateTopicsRequest<'_> {
    CreateTopicsRequest { topics, timeout_ms: 10_000, validate_only: false }
}

/// Settings of the topic are compared where they are what a case is about.
fn without_settings(response: &mut CreateTopicsResponse<'static>) {
    response.topics.sort_by(|one, other| (&one.name, one.error_code).cmp(&(&other.name, other.error_code)));
    for topic in &mut response.topics {
        if let Some(configs) = &mut topic.configs {
            configs.clear();
        }
    }
}

fn creates(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::CreateTopics) {
        let name = format!("created-{version}");
        session.note("anew");
        session.ask_sorted(version, &request(vec![topic(&name, 2, 1)]), without_settings)?;
        session.settle()?;
        session.note("again");
        session.ask_sorted(version, &request(vec![topic(&name, 2, 1)]), without_settings)?;
        if version >= 4 {
            let name = format!("created-default-{version}");
            session.note("by the defaults");
            session.ask_sorted(version, &request(vec![topic(&name, -1, -1)]), without_settings)?;
        }
    }
    Ok(())
}

fn validates(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::CreateTopics) {
        let wanted = request(vec![topic("only-validated", 3, 1), topic("a b", 3, 1)]);
        let wanted = CreateTopicsRequest { validate_only: true, ..wanted };
        session.ask_sorted(version, &wanted, without_settings)?;
    }
    Ok(())
}

fn names(session: &mut Session) -> Result<(), Stopped> {
    create(session, "collides.with_me", 1, &[])?;
    let long = "x".repeat(250);
    for version in [2, 5, 7] {
        for name in
            ["", ".", "..", "a b", "ä", &long, "__cluster_metadata", "collides_with.me", "collides.with.me"]
        {
            session.note(format!("{name:.20}"));
            session.ask_sorted(version, &request(vec![topic(name, 1, 1)]), without_settings)?;
        }
    }
    Ok(())
}

fn counts(session: &mut Session) -> Result<(), Stopped> {
    for version in [2, 4, 5, 7] {
        for (partitions, factor) in
            [(0, 1), (-1, 1), (-2, 1), (1, 0), (1, -1), (1, -2), (1, 2), (1, 32767), (0, 0)]
        {
            session.note(format!("{partitions} partitions, factor {factor}"));
            let wanted = request(vec![topic("bad-counts", partitions, factor)]);
            let wanted = CreateTopicsRequest { validate_only: true, ..wanted };
            session.ask_sorted(version, &wanted, without_settings)?;
        }
    }
    session.note("too many partitions");
    let wanted = CreateTopicsRequest { validate_only: true, ..request(vec![topic("many", 10_001, 1)]) };
    session.ask_sorted(7, &wanted, without_settings).map(|_| ())
}

fn assignments(session: &mut Session) -> Result<(), Stopped> {
    let cases: [(&str, i32, i16, &[Assigned<'_>]); 11] = [
        ("one", -1, -1, &[(0, &[1])]),
        ("three", -1, -1, &[(2, &[1]), (0, &[1]), (1, &[1])]),
        ("with a count", 1, -1, &[(0, &[1])]),
        ("with a factor", -1, 1, &[(0, &[1])]),
        ("unknown broker", -1, -1, &[(0, &[9])]),
        ("broker twice", -1, -1, &[(0, &[1, 1])]),
        ("no replicas", -1, -1, &[(0, &[])]),
        ("partition twice", -1, -1, &[(0, &[1]), (0, &[1])]),
        ("gap", -1, -1, &[(0, &[1]), (2, &[1])]),
        ("not from zero", -1, -1, &[(1, &[1])]),
        ("different factors", -1, -1, &[(0, &[1]), (1, &[1, 2])]),
    ];
    for (what, partitions, factor, assigned) in cases {
        session.note(what);
        let assignment = |(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: brokers.to_vec(),
        };
        let wanted = CreatableTopic {
            assignments: assigned.iter().map(assignment).collect(),
            ..topic("assigned", partitions, factor)
        };
        for version in [2, 5, 7] {
            let wanted = CreateTopicsRequest { validate_only: true, ..request(vec![wanted.clone()]) };
            session.ask_sorted(version, &wanted, without_settings)?;
        }
    }
    Ok(())
}

fn settings(session: &mut Session) -> Result<(), Stopped> {
    let cases: [(&str, &[Given<'_>]); 12] = [
        ("none", &[]),
        ("two", &[("retention.ms", Some("1000")), ("cleanup.policy", Some("compact"))]),
        ("unknown", &[("no.such.setting", Some("1"))]),
        ("null", &[("retention.ms", None)]),
        ("two nulls", &[("retention.ms", None), ("segment.bytes", None)]),
        ("not a number", &[("retention.ms", Some("soon"))]),
        ("too small", &[("segment.bytes", Some("1"))]),
        ("no such choice", &[("cleanup.policy", Some("forget"))]),
        ("twice", &[("retention.ms", Some("1")), ("retention.ms", Some("2"))]),
        ("contradiction", &[("min.compaction.lag.ms", Some("9")), ("max.compaction.lag.ms", Some("3"))]),
        ("several levels", &[("compression.type", Some("gzip")), ("compression.gzip.level", Some("77"))]),
        ("empty", &[("retention.ms", Some(""))]),
    ];
    for (what, configs) in cases {
        session.note(what);
        let config = |(name, value): &(&'static str, Option<&'static str>)| CreatableTopicConfig {
            name: (*name).into(),
            value: value.map(Into::into),
        };
        let wanted =
            CreatableTopic { configs: configs.iter().map(config).collect(), ..topic("with-settings", 1, 1) };
        for version in [2, 5, 7] {
            let wanted = CreateTopicsRequest { validate_only: true, ..request(vec![wanted.clone()]) };
            session.ask_sorted(version, &wanted, |response| {
                for topic in &mut response.topics {
                    if let Some(configs) = &mut topic.configs {
                        configs.sort_by(|one, other| one.name.cmp(&other.name));
                    }
                }
            })?;
        }
    }
    Ok(())
}

fn several(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::CreateTopics) {
        session.note("twice the same and another");
        let other = format!("several-{version}");
        let wanted = vec![topic("twice", 1, 1), topic("twice", 1, 1), topic(&other, 1, 1)];
        session.ask_sorted(version, &request(wanted), without_settings)?;
        session.note("colliding with each other");
        let (one, other) = (format!("with.dot-{version}"), format!("with_dot-{version}"));
        session.ask_sorted(
            version,
            &request(vec![topic(&one, 1, 1), topic(&other, 1, 1)]),
            without_settings,
        )?;
        session.note("none");
        session.ask(version, &request(Vec::new()))?;
    }
    Ok(())
}
