//! DescribeClientQuotas 0-1 and AlterClientQuotas 0-1, and quotas of mutations as the requests see them.

use protocol::ApiKey;
use protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use protocol::messages::create_partitions_request::CreatePartitionsTopic;
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::messages::describe_client_quotas_request::ComponentData;
use protocol::messages::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, DescribeClientQuotasRequest, DescribeClientQuotasResponse,
};

use super::Row;
use crate::session::{Session, Stopped, versions};

/// The cases. Whoever comes after them must find no quota that holds for it.
pub const CASES: &[Row] = &[
    ("AlterClientQuotas", alter),
    ("AlterClientQuotas that make no sense", senseless),
    ("AlterClientQuotas of an entity twice", twice),
    ("AlterClientQuotas of hosts", hosts),
    ("DescribeClientQuotas by filter", filters),
    ("DescribeClientQuotas by a senseless filter", senseless_filters),
    ("Quotas of mutations", mutations),
];

type Entity<'a> = &'a [(&'a str, Option<&'a str>)];
type Ops<'a> = &'a [(&'a str, Option<f64>)];

fn entry<'a>(entity: Entity<'a>, ops: Ops<'a>) -> EntryData<'a> {
    let part = |(kind, name): &(&'a str, Option<&'a str>)| EntityData {
        entity_type: (*kind).into(),
        entity_name: name.map(Into::into),
    };
    let op = |(key, value): &(&'a str, Option<f64>)| OpData {
        key: (*key).into(),
        value: value.unwrap_or_default(),
        remove: value.is_none(),
    };
    EntryData { entity: entity.iter().map(part).collect(), ops: ops.iter().map(op).collect() }
}

fn sort_altered(response: &mut AlterClientQuotasResponse<'static>) {
    for entry in &mut response.entries {
        entry.entity.sort_by(|one, other| one.entity_type.cmp(&other.entity_type));
    }
    response.entries.sort_by_key(|entry| format!("{:?}", entry.entity));
}

fn sort_described(response: &mut DescribeClientQuotasResponse<'static>) {
    let entries = response.entries.iter_mut().flatten();
    for entry in entries {
        entry.entity.sort_by(|one, other| one.entity_type.cmp(&other.entity_type));
        entry.values.sort_by(|one, other| one.key.cmp(&other.key));
    }
    if let Some(entries) = &mut response.entries {
        entries.sort_by_key(|entry| format!("{:?}", entry.entity));
    }
}

fn ask(session: &mut Session, version: i16, entries: Vec<EntryData<'_>>) -> Result<(), Stopped> {
    let request = AlterClientQuotasRequest { entries, validate_only: false };
    session.ask_sorted(version, &request, sort_altered)?;
    Ok(())
}

/// All quotas there are.
pub fn describe_all(session: &mut Session) -> Result<(), Stopped> {
    session.settle()?;
    let request = DescribeClientQuotasRequest { components: Vec::new(), strict: false };
    session.ask_sorted(1, &request, sort_described)?;
    Ok(())
}

const A_USER: (&str, Option<&str>) = ("user", Some("quota-user"));
const A_CLIENT: (&str, Option<&str>) = ("client-id", Some("quota-client"));
const AN_ADDRESS: (&str, Option<&str>) = ("ip", Some("10.1.2.3"));

fn alter(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::AlterClientQuotas) {
        for entity in [vec![A_USER], vec![A_CLIENT], vec![A_USER, A_CLIENT], vec![A_CLIENT, A_USER]] {
            for ops in [
                vec![("producer_byte_rate", Some(1e9)), ("consumer_byte_rate", Some(2e9))],
                vec![("request_percentage", Some(12345.5)), ("controller_mutation_rate", Some(1e6))],
                vec![("producer_byte_rate", Some(3e9)), ("consumer_byte_rate", None)],
                vec![("consumer_byte_rate", None), ("no.such", None)],
                vec![],
            ] {
                session.note(format!("{ops:?} of {entity:?}"));
                ask(session, version, vec![entry(&entity, &ops)])?;
                describe_all(session)?;
            }
        }
        session.note("an address");
        ask(session, version, vec![entry(&[AN_ADDRESS], &[("connection_creation_rate", Some(7.0))])])?;
        describe_all(session)?;
        session.note("only asked");
        let entries = vec![entry(&[AN_ADDRESS], &[("connection_creation_rate", Some(8.0))])];
        let request = AlterClientQuotasRequest { entries, validate_only: true };
        session.ask_sorted(version, &request, sort_altered)?;
        describe_all(session)?;
        session.note("nothing");
        ask(session, version, Vec::new())?;
    }
    Ok(())
}

fn senseless(session: &mut Session) -> Result<(), Stopped> {
    let rate = |value| ("producer_byte_rate", Some(value));
    let connections = |value| ("connection_creation_rate", Some(value));
    let entities: &[(Entity<'_>, (&str, Option<f64>))] = &[
        (&[], rate(1.0)),
        (&[("group", Some("g"))], rate(1.0)),
        (&[("user", Some(""))], rate(1.0)),
        (&[("client-id", Some(""))], rate(1.0)),
        (&[("ip", Some(""))], connections(1.0)),
        (&[AN_ADDRESS, A_USER], connections(1.0)),
        (&[("ip", None), A_CLIENT], connections(1.0)),
        (&[AN_ADDRESS], rate(1.0)),
        (&[A_USER], connections(1.0)),
        (&[A_USER], ("no.such", Some(1.0))),
        (&[A_USER], rate(0.0)),
        (&[A_USER], rate(-1.0)),
        (&[A_USER], rate(1.5)),
        (&[A_USER], rate(1e30)),
        (&[A_USER], ("consumer_byte_rate", Some(f64::INFINITY))),
        (&[A_USER], ("request_percentage", Some(0.0))),
        (&[A_USER], ("controller_mutation_rate", Some(-0.5))),
        (&[AN_ADDRESS], connections(2.5)),
        (&[AN_ADDRESS], connections(3e9)),
        (&[AN_ADDRESS], connections(0.0)),
        (&[("user", None), ("user", Some("quota-last"))], rate(1e9)),
    ];
    for (entity, op) in entities {
        session.note(format!("{op:?} of {entity:?}"));
        ask(session, 1, vec![entry(entity, &[*op])])?;
    }
    describe_all(session)?;
    session.note("no number");
    ask(session, 1, vec![entry(&[("user", Some("quota-nan"))], &[rate(f64::NAN)])])?;
    ask(session, 1, vec![entry(&[("user", Some("quota-nan"))], &[("producer_byte_rate", None)])])
}

fn twice(session: &mut Session) -> Result<(), Stopped> {
    let one =
        |value| entry(&[("user", Some("quota-twice"))], Box::leak(Box::new([("producer_byte_rate", value)])));
    for (what, entries) in [
        ("two values", vec![one(Some(1e9)), one(Some(2e9))]),
        ("set and removed", vec![one(Some(3e9)), one(None)]),
        ("senseless, then not", vec![one(Some(0.0)), one(Some(4e9))]),
        ("three times", vec![one(Some(5e9)), one(Some(6e9)), one(Some(7e9))]),
    ] {
        session.note(what);
        ask(session, 1, entries)?;
        describe_all(session)?;
    }
    session.note("a key twice");
    let keys = [("producer_byte_rate", Some(8e9)), ("producer_byte_rate", Some(9e9))];
    ask(session, 1, vec![entry(&[("user", Some("quota-keys"))], &keys)])?;
    session.note("a pair twice");
    let pair: Entity<'_> = &[("user", Some("quota-twice")), ("client-id", None)];
    let turned: Entity<'_> = &[("client-id", None), ("user", Some("quota-twice"))];
    let ops: Ops<'_> = &[("producer_byte_rate", Some(9e9))];
    ask(session, 1, vec![entry(pair, ops), entry(turned, ops)])?;
    describe_all(session)
}

fn hosts(session: &mut Session) -> Result<(), Stopped> {
    for host in ["localhost", "no.such.host.invalid", "::1", "256.1.1.1"] {
        session.note(host);
        let rate = [("connection_creation_rate", Some(1e6))];
        ask(session, 1, vec![entry(&[("ip", Some(host))], &rate), entry(&[AN_ADDRESS], &rate)])?;
        ask(session, 1, vec![entry(&[("ip", Some(host))], &[("connection_creation_rate", None)])])?;
    }
    session.note("with a senseless key");
    ask(session, 1, vec![entry(&[("ip", Some("no.such.host.invalid"))], &[("no.such", Some(1.0))])])?;
    describe_all(session)
}

fn component<'a>(kind: &'a str, match_type: i8, name: Option<&'a str>) -> ComponentData<'a> {
    ComponentData { entity_type: kind.into(), match_type, r#match: name.map(Into::into) }
}

fn filters(session: &mut Session) -> Result<(), Stopped> {
    let rate: Ops<'_> = &[("producer_byte_rate", Some(4e9))];
    let limit: Ops<'_> = &[("connection_creation_rate", Some(1e6))];
    let entities: [Entity<'_>; 8] = [
        &[("user", Some("f-u"))],
        &[("user", Some("f-v"))],
        &[("client-id", Some("f-c"))],
        &[("user", Some("f-u")), ("client-id", Some("f-c"))],
        &[("user", Some("f-u")), ("client-id", None)],
        &[("user", None), ("client-id", Some("f-c"))],
        &[("user", None), ("client-id", None)],
        &[("ip", Some("10.9.9.9"))],
    ];
    for entity in entities {
        let ops = if entity[0].0 == "ip" { limit } else { rate };
        ask(session, 1, vec![entry(entity, ops)])?;
    }
    session.settle()?;
    let matches = [(0, Some("f-u")), (0, Some("f-c")), (0, Some("f-none")), (1, None), (2, None)];
    for version in versions(ApiKey::DescribeClientQuotas) {
        for strict in [false, true] {
            for (match_type, name) in matches {
                for kind in ["user", "client-id", "ip"] {
                    session.note(format!("{kind} {match_type} {name:?}, strict {strict}"));
                    let components = vec![component(kind, match_type, name)];
                    let request = DescribeClientQuotasRequest { components, strict };
                    session.ask_sorted(version, &request, sort_described)?;
                }
                session.note(format!("both {match_type} {name:?}, strict {strict}"));
                let components = vec![component("user", match_type, name), component("client-id", 2, None)];
                let request = DescribeClientQuotasRequest { components, strict };
                session.ask_sorted(version, &request, sort_described)?;
            }
            session.note(format!("no components, strict {strict}"));
            let request = DescribeClientQuotasRequest { components: Vec::new(), strict };
            session.ask_sorted(version, &request, sort_described)?;
        }
    }
    for entity in entities {
        let key = if entity[0].0 == "ip" { "connection_creation_rate" } else { "producer_byte_rate" };
        ask(session, 1, vec![entry(entity, &[(key, None)])])?;
    }
    Ok(())
}

fn senseless_filters(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DescribeClientQuotas) {
        for components in [
            vec![component("", 0, Some("a"))],
            vec![component("group", 0, Some("a"))],
            vec![component("user", 0, None)],
            vec![component("user", 1, Some("a"))],
            vec![component("user", 2, Some("a"))],
            vec![component("user", 3, None)],
            vec![component("user", -1, Some("a"))],
            vec![component("user", 0, Some("a")), component("user", 2, None)],
            vec![component("user", 0, Some("a")), component("ip", 2, None)],
            vec![component("client-id", 1, None), component("ip", 1, None)],
        ] {
            session.note(format!("{components:?}"));
            let request = DescribeClientQuotasRequest { components, strict: false };
            session.ask(version, &request)?;
        }
    }
    Ok(())
}

/// As many partitions as all windows allow may be created at once; from then on only the errors are compared, as the times
/// are those of the clock.
fn mutations(session: &mut Session) -> Result<(), Stopped> {
    let client = [("client-id", Some("quota-mutator"))];
    ask(session, 1, vec![entry(&client, &[("controller_mutation_rate", Some(0.001))])])?;
    session.settle()?;
    session.client_id("quota-mutator");
    let topic = |name: &str, num_partitions| CreatableTopic {
        name: name.to_owned().into(),
        num_partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    for (what, version, topics) in [
        ("strict", 7, vec![topic("mutated-a", 3), topic("mutated-b", 1)]),
        ("strict again", 6, vec![topic("mutated-c", 1)]),
        ("permissive", 5, vec![topic("mutated-d", 2), topic("mutated-e", 1)]),
    ] {
        // Each throttled connection is left alone.
        session.reconnect();
        session.note(what);
        let request = CreateTopicsRequest { topics, timeout_ms: 5000, validate_only: false };
        let answer = session.ask_quietly(version, &request)?;
        let told: Vec<String> = answer
            .topics
            .iter()
            .map(|topic| format!("{} {} {:?}", topic.name, topic.error_code, topic.error_message))
            .collect();
        session.tell("topics", told);
        session.tell("is throttled", answer.throttle_time_ms > 0);
    }
    session.reconnect();
    session.settle()?;
    for version in [2, 3] {
        session.reconnect();
        session.note(format!("CreatePartitions {version}"));
        let grown = CreatePartitionsTopic {
            name: "mutated-d".into(),
            count: 2 + i32::from(version),
            assignments: None,
        };
        let topics = vec![grown];
        let request = CreatePartitionsRequest { topics, timeout_ms: 5000, validate_only: false };
        let answer = session.ask_quietly(version, &request)?;
        let told: Vec<String> = answer
            .results
            .iter()
            .map(|result| format!("{} {:?}", result.error_code, result.error_message))
            .collect();
        session.tell("partitions", told);
        session.tell("is throttled", answer.throttle_time_ms > 0);
    }
    for version in [5, 4] {
        session.reconnect();
        session.note(format!("DeleteTopics {version}"));
        let topic_names = vec!["mutated-d".into()];
        let request = DeleteTopicsRequest { topic_names, timeout_ms: 5000, ..DeleteTopicsRequest::default() };
        let answer = session.ask_quietly(version, &request)?;
        let told: Vec<String> = answer
            .responses
            .iter()
            .map(|response| format!("{} {:?}", response.error_code, response.error_message))
            .collect();
        session.tell("topics", told);
        session.tell("is throttled", answer.throttle_time_ms > 0);
    }
    session.client_id("differential");
    session.reconnect();
    ask(session, 1, vec![entry(&client, &[("controller_mutation_rate", None)])])
}
