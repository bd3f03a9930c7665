//! What AlterClientQuotas and AlterUserScramCredentials decide, and mutations within their quota.

use config::{Inputs, StaticSettings, load};
use metadata::controller::handle;
use metadata::{
    BrokerSessions, ControllerRequest, DecisionContext, Image, VersionedRecord, bootstrap_records,
};
use model::ErrorCode;
use protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::messages::{
    AlterClientQuotasRequest, AlterUserScramCredentialsRequest, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, MetadataRecord, RegisterBrokerRecord,
};
use protocol::{Message, Reader, Request, Writer};

struct World {
    image: Image,
    settings: StaticSettings,
}

impl World {
    fn new() -> World {
        let mut world = World { image: Image::new(), settings: load(&Inputs::default()).unwrap().settings };
        world.apply(&bootstrap_records(1));
        world
    }

    fn apply(&mut self, records: &[VersionedRecord]) {
        for record in records {
            let offset = self.image.applied_offset + 1;
            self.image.apply(&record.record, offset).unwrap();
        }
    }

    /// Decides, applies, and hands the answer over with the records and the partitions counted.
    fn ask<'q, Q, T>(
        &mut self,
        request: &Q,
        mutations_left: Option<i64>,
        read: impl FnOnce(Q::Response<'_>) -> T,
    ) -> (T, Vec<VersionedRecord>, i64)
    where
        Q: Request + Message<'q>,
    {
        let version = Q::VERSIONS.max;
        let mut writer = Writer::new();
        request.encode(&mut writer, version).unwrap();
        let request = ControllerRequest {
            api_key: Q::KEY,
            api_version: version,
            body: writer.into_vec(),
            principal: "User:ANONYMOUS".to_owned(),
            broker_id: 1,
            mutations_left,
        };
        let context = DecisionContext {
            now_ms: 0,
            seed: 1,
            next_offset: self.image.applied_offset + 1,
            controller_id: 1,
            cluster_id: "AAAAAAAAQACAAAAAAAAAAA",
            settings: &self.settings,
            sessions: &BrokerSessions::default(),
        };
        let decision = handle(&self.image, &request, &context).unwrap();
        self.apply(&decision.records);
        let body = decision.response.body;
        let answer = read(Q::Response::decode(&mut Reader::new(&body), version).unwrap());
        (answer, decision.records, decision.response.permits.taken())
    }

    /// Error and message of each entity, and how many records there are.
    fn quotas(&mut self, entries: Vec<EntryData<'_>>) -> (Vec<(ErrorCode, String)>, usize) {
        let request = AlterClientQuotasRequest { entries, validate_only: false };
        let (answers, records, _) = self.ask(&request, None, |response| {
            let told = |message: Option<std::borrow::Cow<'_, str>>| message.unwrap_or_default().into_owned();
            response.entries.into_iter().map(|entry| (entry.error_code, told(entry.error_message))).collect()
        });
        (answers, records.len())
    }

    fn limit(&self, entity: &[(&str, Option<&str>)], key: &str) -> Option<f64> {
        let owned = |(kind, name): &(&str, Option<&str>)| ((*kind).to_owned(), name.map(str::to_owned));
        let entity: Vec<_> = entity.iter().map(owned).collect();
        self.image.quotas.get(&entity).and_then(|limits| limits.get(key)).copied()
    }

    /// User, error and message of each answer, and how many records there are.
    fn credentials(
        &mut self,
        deletions: &[(&str, i8)],
        upsertions: &[(&str, i8, i32)],
    ) -> (Vec<(String, ErrorCode, String)>, usize) {
        let deletion = |(name, mechanism): &(&str, i8)| ScramCredentialDeletion {
            name: (*name).to_owned().into(),
            mechanism: *mechanism,
        };
        let upsertion = |(name, mechanism, iterations): &(&str, i8, i32)| ScramCredentialUpsertion {
            name: (*name).to_owned().into(),
            mechanism: *mechanism,
            iterations: *iterations,
            salt: b"salt".into(),
            salted_password: b"salted".into(),
        };
        let request = AlterUserScramCredentialsRequest {
            deletions: deletions.iter().map(deletion).collect(),
            upsertions: upsertions.iter().map(upsertion).collect(),
        };
        let (answers, records, _) = self.ask(&request, None, |response| {
            let told = response.results.into_iter().map(|result| {
                let message = result.error_message.unwrap_or_default().into_owned();
                (result.user.into_owned(), result.error_code, message)
            });
            told.collect()
        });
        (answers, records.len())
    }
}

fn entry<'a>(entity: &[(&'a str, Option<&'a str>)], ops: &[(&'a str, Option<f64>)]) -> EntryData<'a> {
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

const USER: (&str, Option<&str>) = ("user", Some("u"));
const CLIENT: (&str, Option<&str>) = ("client-id", Some("c"));

#[test]
fn quotas_are_set_changed_and_removed() {
    let mut world = World::new();
    let fine = vec![(ErrorCode::NONE, String::new())];
    let set =
        entry(&[CLIENT, USER], &[("producer_byte_rate", Some(10.0)), ("request_percentage", Some(0.5))]);
    assert_eq!(world.quotas(vec![set.clone()]), (fine.clone(), 2));
    assert_eq!(world.limit(&[CLIENT, USER], "producer_byte_rate"), Some(10.0));
    assert_eq!(world.limit(&[CLIENT, USER], "request_percentage"), Some(0.5));
    // What holds already needs no record.
    assert_eq!(world.quotas(vec![set]), (fine.clone(), 0));
    let ops = [("producer_byte_rate", Some(11.0)), ("request_percentage", None), ("no.such", None)];
    assert_eq!(world.quotas(vec![entry(&[CLIENT, USER], &ops)]), (fine.clone(), 2));
    assert_eq!(world.limit(&[CLIENT, USER], "producer_byte_rate"), Some(11.0));
    assert_eq!(world.limit(&[CLIENT, USER], "request_percentage"), None);
    let last = entry(&[CLIENT, USER], &[("producer_byte_rate", None)]);
    assert_eq!(world.quotas(vec![last]), (fine, 1));
    assert_eq!(world.image.quotas.size(), 0);
}

#[test]
fn what_makes_no_sense_is_refused_in_kafkas_words_and_changes_nothing() {
    let rate = |value| ("producer_byte_rate", Some(value));
    let connections = |value| ("connection_creation_rate", Some(value));
    let ip: (&str, Option<&str>) = ("ip", Some("10.0.0.1"));
    for (entity, op, message) in [
        (vec![], rate(1.0), "Invalid empty client quota entity"),
        (vec![("group", Some("g"))], rate(1.0), "Unhandled client quota entity type: group"),
        (vec![("user", Some(""))], rate(1.0), "Empty user not supported"),
        (
            vec![ip, USER],
            connections(1.0),
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ),
        (vec![ip], rate(1.0), "Invalid configuration key producer_byte_rate"),
        (vec![USER], connections(1.0), "Invalid configuration key connection_creation_rate"),
        (vec![USER], rate(0.0), "Quota producer_byte_rate must be greater than 0"),
        (vec![USER], rate(f64::NAN), "Quota producer_byte_rate must be greater than 0"),
        (vec![USER], rate(1.5), "producer_byte_rate cannot be a fractional value."),
        (vec![USER], rate(1e300), "Proposed value for producer_byte_rate is too large for a LONG."),
        (vec![ip], connections(3e9), "Proposed value for connection_creation_rate is too large for an INT."),
    ] {
        let mut world = World::new();
        let (answers, records) = world.quotas(vec![entry(&entity, &[("request_percentage", None), op])]);
        assert_eq!((answers, records), (vec![(ErrorCode::INVALID_REQUEST, message.to_owned())], 0));
    }
}

#[test]
fn an_entity_that_is_named_twice_is_refused_and_keeps_its_first_change() {
    let mut world = World::new();
    let first = entry(&[USER, CLIENT], &[("consumer_byte_rate", Some(1.0))]);
    let second = entry(&[CLIENT, USER], &[("consumer_byte_rate", Some(2.0))]);
    let (answers, records) = world.quotas(vec![first, second]);
    let message = "Ignoring duplicate entity ClientQuotaEntity(entries={client-id=c, user=u})";
    assert_eq!((answers, records), (vec![(ErrorCode::INVALID_REQUEST, message.to_owned())], 1));
    assert_eq!(world.limit(&[CLIENT, USER], "consumer_byte_rate"), Some(1.0));
    let twice = entry(&[("user", None)], &[("request_percentage", Some(1.0)), ("request_percentage", None)]);
    let message = "Ignoring duplicate entity ClientQuotaEntity(entries={user=null})";
    assert_eq!(world.quotas(vec![twice]), (vec![(ErrorCode::INVALID_REQUEST, message.to_owned())], 0));
}

#[test]
fn a_request_that_only_asks_changes_no_quota() {
    let mut world = World::new();
    let entries = vec![entry(&[USER], &[("consumer_byte_rate", Some(1.0))])];
    let request = AlterClientQuotasRequest { entries, validate_only: true };
    let (codes, records, _) = world.ask(&request, None, |response| {
        response.entries.into_iter().map(|entry| entry.error_code).collect::<Vec<_>>()
    });
    assert_eq!((codes, records.len()), (vec![ErrorCode::NONE], 0));
}

#[test]
fn credentials_are_kept_as_keys_and_deleted() {
    let mut world = World::new();
    let fine = |user: &str| (user.to_owned(), ErrorCode::NONE, String::new());
    assert_eq!(world.credentials(&[], &[("u", 1, 4096), ("v", 2, 16384)]), (vec![fine("u"), fine("v")], 2));
    let kept = world.image.scram.get(&("u".to_owned(), 1)).unwrap();
    assert_eq!((kept.iterations, &*kept.salt, kept.stored_key.len()), (4096, b"salt".as_slice(), 32));
    assert_eq!(world.image.scram.get(&("v".to_owned(), 2)).unwrap().server_key.len(), 64);
    assert_eq!(world.credentials(&[("u", 1)], &[]), (vec![fine("u")], 1));
    assert!(world.image.scram.get(&("u".to_owned(), 1)).is_none());
}

#[test]
fn credentials_that_cannot_be_are_refused_in_kafkas_words() {
    let mut world = World::new();
    let (answers, records) = world.credentials(
        &[("gone", 1), ("bad", 3), ("", 1), ("twice", 1)],
        &[("few", 1, 4095), ("many", 2, 16385), ("two", 1, 4096), ("two", 2, 4096), ("fine", 1, 4096)],
    );
    let told: Vec<(&str, ErrorCode, &str)> =
        answers.iter().map(|(user, code, message)| (user.as_str(), *code, message.as_str())).collect();
    let missing = "Attempt to delete a user credential that does not exist";
    let twice = "A user credential cannot be altered twice in the same request";
    assert_eq!(
        told,
        [
            ("gone", ErrorCode::RESOURCE_NOT_FOUND, missing),
            ("bad", ErrorCode::UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism"),
            ("", ErrorCode::UNACCEPTABLE_CREDENTIAL, "Username must not be empty"),
            ("twice", ErrorCode::RESOURCE_NOT_FOUND, missing),
            ("few", ErrorCode::UNACCEPTABLE_CREDENTIAL, "Too few iterations"),
            ("many", ErrorCode::UNACCEPTABLE_CREDENTIAL, "Too many iterations"),
            ("two", ErrorCode::DUPLICATE_RESOURCE, twice),
            ("fine", ErrorCode::NONE, ""),
        ]
    );
    assert_eq!(records, 1);
}

#[test]
fn partitions_are_created_and_deleted_until_the_quota_is_used_up() {
    let mut world = World::new();
    let broker = RegisterBrokerRecord { broker_id: 1, fenced: false, ..RegisterBrokerRecord::default() };
    world.apply(&[VersionedRecord::new(MetadataRecord::RegisterBroker(broker), 30)]);
    let topic = |name: &'static str, num_partitions| CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let topics = vec![topic("a", 3), topic("b", 2), topic("c", 1)];
    let request = CreateTopicsRequest { topics, timeout_ms: 0, validate_only: false };
    let codes_of = |response: CreateTopicsResponse<'_>| {
        response.topics.into_iter().map(|topic| topic.error_code).collect::<Vec<_>>()
    };
    let (codes, _, mutations) = world.ask(&request, Some(4), codes_of);
    let exceeded = ErrorCode::THROTTLING_QUOTA_EXCEEDED;
    assert_eq!((codes, mutations), (vec![ErrorCode::NONE, ErrorCode::NONE, exceeded], 5));
    let named = ["a", "b"].map(|name| protocol::messages::delete_topics_request::DeleteTopicState {
        name: Some(name.into()),
        ..Default::default()
    });
    let request = DeleteTopicsRequest { topics: named.into(), ..DeleteTopicsRequest::default() };
    let codes_of = |response: DeleteTopicsResponse<'_>| {
        response.responses.into_iter().map(|topic| topic.error_code).collect::<Vec<_>>()
    };
    let (codes, _, mutations) = world.ask(&request, Some(0), codes_of);
    assert_eq!((codes, mutations), (vec![ErrorCode::NONE, exceeded], 3));
    assert!(world.image.topics.get("a").is_none() && world.image.topics.get("b").is_some());
}
