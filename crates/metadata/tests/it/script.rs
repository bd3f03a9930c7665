//! Runs `testdata/<name>.txt`: commands, their arguments a line each, `----`, what must come out, a blank line.
//!
//! Requests go through the controller's one entry as encoded bodies.

use config::{Inputs, StaticSettings, load};
use metadata::controller::handle;
use metadata::decide::fencing::{elect_unclean, fence_expired};
use metadata::{
    BrokerSessions, ControllerRequest, DecisionContext, Image, VersionedRecord, bootstrap_records,
};
use model::Uuid;
use protocol::messages::api_key::ApiKey;
use protocol::messages::{
    AllocateProducerIdsRequest, AlterConfigsRequest, AssignReplicasToDirsRequest, BrokerHeartbeatRequest,
    BrokerRegistrationRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    FeatureLevelRecord, IncrementalAlterConfigsRequest, MetadataRecord, UnregisterBrokerRequest,
    UpdateFeaturesRequest, alter_configs_request, assign_replicas_to_dirs_request,
    broker_registration_request, create_partitions_request, create_topics_request, delete_topics_request,
    incremental_alter_configs_request, update_features_request,
};
use protocol::{Message, Reader, Writer};
use scripts::Line;

use crate::shown::Shown;

const CLUSTER: &str = "AAAAAAAAQACAAAAAAAAAAA";

pub fn run(name: &str) {
    let mut world = World::new();
    scripts::run(env!("CARGO_MANIFEST_DIR"), name, |input| world.execute(input));
}

struct World {
    image: Image,
    settings: StaticSettings,
    sessions: BrokerSessions,
    now_ms: i64,
    seed: u64,
    shown: Shown,
}

fn ids(text: &str) -> Vec<i32> {
    text.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().unwrap()).collect()
}

fn directories(text: &str) -> Vec<Uuid> {
    ids(text).iter().map(|number| directory(u8::try_from(*number).unwrap())).collect()
}

fn directory(number: u8) -> Uuid {
    Uuid([number.wrapping_add(100); 16])
}

impl World {
    fn new() -> World {
        let settings = load(&Inputs::default()).unwrap().settings;
        let mut world = World {
            image: Image::new(),
            settings,
            sessions: BrokerSessions::default(),
            now_ms: 0,
            seed: 1,
            shown: Shown::default(),
        };
        world.apply(&bootstrap_records(1));
        world
    }

    fn apply(&mut self, records: &[VersionedRecord]) {
        for record in records {
            let offset = self.image.applied_offset + 1;
            self.image.apply(&record.record, offset).unwrap();
        }
    }

    fn execute(&mut self, input: &str) -> String {
        let mut lines = input.lines().filter(|line| !line.starts_with('#'));
        let head = lines.next().unwrap_or_default();
        let command = Line::new(head);
        let arguments: Vec<Line<'_>> = lines.map(Line::new).collect();
        match command.words.first().copied().unwrap_or_default() {
            "" => String::new(),
            "setting" => {
                let overrides =
                    command.pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
                let inputs = Inputs { overrides: overrides.collect(), ..Inputs::default() };
                self.settings = load(&inputs).unwrap().settings;
                String::new()
            }
            "at" => {
                self.now_ms = command.words[1].parse().unwrap();
                String::new()
            }
            "level" => {
                let feature_level = command.words[1].parse().unwrap();
                let record = FeatureLevelRecord { name: "metadata.version".into(), feature_level };
                self.apply(&[VersionedRecord::new(MetadataRecord::FeatureLevel(record), feature_level)]);
                String::new()
            }
            "brokers" => self.add_brokers(&arguments),
            "expire" => {
                let records = fence_expired(&self.image, &self.context());
                self.finish(String::new(), &records)
            }
            "elect-unclean" => {
                let records = elect_unclean(&self.image, &self.context());
                self.finish(String::new(), &records)
            }
            "show" => self.shown.partitions(&self.image),
            _ => self.request(&command, &arguments),
        }
    }

    fn context(&self) -> DecisionContext<'_> {
        DecisionContext {
            now_ms: self.now_ms,
            seed: self.seed,
            next_offset: self.image.applied_offset + 1,
            controller_id: 1,
            cluster_id: CLUSTER,
            settings: &self.settings,
            sessions: &self.sessions,
        }
    }

    /// Registers and unfences brokers, without showing how.
    fn add_brokers(&mut self, arguments: &[Line<'_>]) -> String {
        for line in arguments {
            self.request(&Line::new("register"), std::slice::from_ref(line));
            if !line.has("fenced") {
                self.request(&Line::new("heartbeat"), std::slice::from_ref(&Line::new(line.words[0])));
            }
        }
        String::new()
    }

    fn finish(&mut self, mut output: String, records: &[VersionedRecord]) -> String {
        for record in records {
            self.shown.record(&mut output, &self.image, record);
            let offset = self.image.applied_offset + 1;
            self.image.apply(&record.record, offset).unwrap();
        }
        output
    }

    fn ask<'m, M: Message<'m>>(
        &mut self,
        api_key: ApiKey,
        version: i16,
        message: &M,
    ) -> (Vec<u8>, Vec<VersionedRecord>) {
        let mut writer = Writer::new();
        message.encode(&mut writer, version).unwrap();
        let request = ControllerRequest {
            api_key,
            api_version: version,
            body: writer.into_vec(),
            principal: "User:ANONYMOUS".to_owned(),
            broker_id: 1,
            mutations_left: None,
        };
        self.seed += 1;
        let decision = handle(&self.image, &request, &self.context()).unwrap();
        (decision.response.body, decision.records)
    }

    fn request(&mut self, command: &Line<'_>, arguments: &[Line<'_>]) -> String {
        let validate_only = command.has("validate-only");
        match command.words[0] {
            "create-topics" => {
                let topics = arguments.iter().map(creatable).collect();
                let request = CreateTopicsRequest { topics, timeout_ms: 0, validate_only };
                self.answer(ApiKey::CreateTopics, command.version(7), &request)
            }
            "delete-topics" => self.delete_topics(command, arguments),
            "create-partitions" => {
                let topics = arguments.iter().map(growing).collect();
                let request = CreatePartitionsRequest { topics, timeout_ms: 0, validate_only };
                self.answer(ApiKey::CreatePartitions, command.version(3), &request)
            }
            "alter" => {
                let request = IncrementalAlterConfigsRequest { resources: altered(arguments), validate_only };
                self.answer(ApiKey::IncrementalAlterConfigs, command.version(1), &request)
            }
            "replace" => {
                let request = AlterConfigsRequest { resources: replaced(arguments), validate_only };
                self.answer(ApiKey::AlterConfigs, command.version(2), &request)
            }
            "update-features" => self.update_features(command, arguments),
            "register" => self.register(command, &arguments[0]),
            "heartbeat" => self.heartbeat(command, &arguments[0]),
            "assign-dirs" => self.assign_directories(command, arguments),
            "unregister" => {
                let request = UnregisterBrokerRequest { broker_id: arguments[0].words[0].parse().unwrap() };
                self.answer(ApiKey::UnregisterBroker, 0, &request)
            }
            "allocate-producer-ids" => {
                let broker_id = arguments[0].words[0].parse().unwrap();
                let epoch = self.image.brokers.get(&broker_id).map_or(0, |broker| broker.epoch);
                let request = AllocateProducerIdsRequest {
                    broker_id,
                    broker_epoch: arguments[0].number("epoch", epoch),
                };
                self.answer(ApiKey::AllocateProducerIds, 0, &request)
            }
            other => panic!("unknown command {other}"),
        }
    }

    fn answer<'m, M: Message<'m>>(&mut self, api_key: ApiKey, version: i16, request: &M) -> String {
        let (body, records) = self.ask(api_key, version, request);
        let mut reader = Reader::new(&body);
        let output = self.shown.response(api_key, &mut reader, version);
        self.finish(output, &records)
    }

    fn delete_topics(&mut self, command: &Line<'_>, arguments: &[Line<'_>]) -> String {
        let version = command.version(6);
        let id = |line: &Line<'_>| match line.pairs.get("id") {
            Some(&"unknown") => directory(1),
            Some(name) => self.image.topics.get(name).unwrap().id,
            None => Uuid::ZERO,
        };
        let state = |line: &Line<'_>| delete_topics_request::DeleteTopicState {
            name: line.words.first().map(|name| name.replace('~', " ").into()),
            topic_id: id(line),
        };
        let mut request = DeleteTopicsRequest::default();
        if version >= 6 {
            request.topics = arguments.iter().map(state).collect();
        } else {
            request.topic_names = arguments.iter().map(|line| line.name().into()).collect();
        }
        self.answer(ApiKey::DeleteTopics, version, &request)
    }

    fn update_features(&mut self, command: &Line<'_>, arguments: &[Line<'_>]) -> String {
        let update = |line: &Line<'_>| update_features_request::FeatureUpdateKey {
            feature: line.name().into(),
            max_version_level: line.number("level", 0),
            upgrade_type: line.number("type", 1),
            allow_downgrade: line.has("allow-downgrade"),
        };
        let request = UpdateFeaturesRequest {
            feature_updates: arguments.iter().map(update).collect(),
            validate_only: command.has("validate-only"),
            ..UpdateFeaturesRequest::default()
        };
        self.answer(ApiKey::UpdateFeatures, command.version(2), &request)
    }

    fn register(&mut self, command: &Line<'_>, line: &Line<'_>) -> String {
        let broker_id: i32 = line.words[0].parse().unwrap();
        let number = u8::try_from(broker_id).unwrap();
        let directories: u8 = line.number("dirs", 1);
        let known = self.image.brokers.get(&broker_id).map_or(-1, |broker| broker.epoch);
        let feature = |name: &'static str, min, max| broker_registration_request::Feature {
            name: name.into(),
            min_supported_version: min,
            max_supported_version: max,
        };
        let features = metadata::KNOWN_FEATURES.iter().map(|known| feature(known.name, known.min, known.max));
        let request = BrokerRegistrationRequest {
            broker_id,
            cluster_id: line.pairs.get("cluster").copied().unwrap_or(CLUSTER).into(),
            incarnation_id: directory(line.number("run", 50)),
            listeners: vec![broker_registration_request::Listener {
                name: "PLAINTEXT".into(),
                host: "localhost".into(),
                port: 9092,
                security_protocol: 0,
            }],
            features: features.take(if line.has("old") { 1 } else { usize::MAX }).collect(),
            rack: line.pairs.get("rack").map(|rack| (*rack).into()),
            log_dirs: (0..directories)
                .map(|index| directory(line.number("dir", number) + index * 10))
                .collect(),
            previous_broker_epoch: if line.has("clean") { known } else { -1 },
            ..BrokerRegistrationRequest::default()
        };
        let output = self.answer(ApiKey::BrokerRegistration, command.version(4), &request);
        self.sessions.touch(broker_id, self.now_ms);
        output
    }

    /// One line per replica: `topic index dir=number`.
    fn assign_directories(&mut self, command: &Line<'_>, arguments: &[Line<'_>]) -> String {
        let broker_id = command.number("broker", 1);
        let epoch = self.image.brokers.get(&broker_id).map_or(0, |broker| broker.epoch);
        let assigned = |line: &Line<'_>| assign_replicas_to_dirs_request::DirectoryData {
            id: match line.number("dir", 0) {
                0 => metadata::directory::LOST,
                number => directory(number),
            },
            topics: vec![assign_replicas_to_dirs_request::TopicData {
                topic_id: self.image.topics.get(line.words[0]).map_or(directory(9), |topic| topic.id),
                partitions: vec![assign_replicas_to_dirs_request::PartitionData {
                    partition_index: line.words[1].parse().unwrap(),
                }],
            }],
        };
        let request = AssignReplicasToDirsRequest {
            broker_id,
            broker_epoch: command.number("epoch", epoch),
            directories: arguments.iter().map(assigned).collect(),
        };
        self.answer(ApiKey::AssignReplicasToDirs, 0, &request)
    }

    fn heartbeat(&mut self, command: &Line<'_>, line: &Line<'_>) -> String {
        let broker_id = line.words[0].parse().unwrap();
        let epoch = self.image.brokers.get(&broker_id).map_or(0, |broker| broker.epoch);
        let request = BrokerHeartbeatRequest {
            broker_id,
            broker_epoch: line.number("epoch", epoch),
            current_metadata_offset: line.number("offset", self.image.applied_offset),
            want_fence: line.has("fence"),
            want_shut_down: line.has("shutdown"),
            offline_log_dirs: line.pairs.get("offline").map(|dirs| directories(dirs)).unwrap_or_default(),
            cordoned_log_dirs: line.pairs.get("cordoned").map(|dirs| directories(dirs)),
        };
        self.sessions.touch(broker_id, self.now_ms);
        self.answer(ApiKey::BrokerHeartbeat, command.version(2), &request)
    }
}

fn creatable(line: &Line<'_>) -> create_topics_request::CreatableTopic<'static> {
    let mut topic = create_topics_request::CreatableTopic { name: line.name().into(), ..Default::default() };
    let is_manual = line.pairs.contains_key("assign");
    let default = if is_manual { -1 } else { 1 };
    topic.num_partitions = line.number("partitions", default);
    topic.replication_factor = line.number("factor", i16::try_from(default).unwrap());
    for (key, value) in &line.pairs {
        match *key {
            "partitions" | "factor" => {}
            "assign" => topic.assignments = value.split('/').map(assigned).collect(),
            key => topic.configs.push(create_topics_request::CreatableTopicConfig {
                name: key.to_owned().into(),
                value: (*value != "null").then(|| (*value).to_owned().into()),
            }),
        }
    }
    topic
}

fn assigned(text: &str) -> create_topics_request::CreatableReplicaAssignment {
    let (index, replicas) = text.split_once(':').unwrap();
    create_topics_request::CreatableReplicaAssignment {
        partition_index: index.parse().unwrap(),
        broker_ids: ids(replicas),
    }
}

fn growing(line: &Line<'_>) -> create_partitions_request::CreatePartitionsTopic<'static> {
    let assignment =
        |text: &str| create_partitions_request::CreatePartitionsAssignment { broker_ids: ids(text) };
    let assignments = line.pairs.get("assign").map(|text| match *text {
        "none" => Vec::new(),
        text => text.split('/').map(assignment).collect(),
    });
    create_partitions_request::CreatePartitionsTopic {
        name: line.name().into(),
        count: line.number("count", 0),
        assignments,
    }
}

/// `topic:a`, `broker:1`, `broker:` for all brokers, `group:g`, or a number for an unknown kind.
fn resource(line: &Line<'_>) -> (i8, String) {
    let (kind, name) = line.words[0].split_once(':').unwrap();
    let code = match kind {
        "topic" => 2,
        "broker" => 4,
        "metrics" => 16,
        "group" => 32,
        other => other.parse().unwrap(),
    };
    (code, name.replace('~', " "))
}

fn altered(arguments: &[Line<'_>]) -> Vec<incremental_alter_configs_request::AlterConfigsResource<'static>> {
    let resource = |line: &Line<'_>| {
        let (resource_type, name) = resource(line);
        let change =
            |key: &str, operation, value: Option<&str>| incremental_alter_configs_request::AlterableConfig {
                name: key.to_owned().into(),
                config_operation: operation,
                value: value.map(|value| value.to_owned().into()),
            };
        let mut configs: Vec<_> = line.words[1..].iter().map(|key| change(key, 1, None)).collect();
        for (key, value) in &line.pairs {
            let value = (*value != "null").then_some(*value);
            configs.push(match key.strip_suffix(['+', '-', '?']) {
                Some(base) if key.ends_with('+') => change(base, 2, value),
                Some(base) if key.ends_with('-') => change(base, 3, value),
                Some(base) => change(base, 9, value),
                None => change(key, 0, value),
            });
        }
        incremental_alter_configs_request::AlterConfigsResource {
            resource_type,
            resource_name: name.into(),
            configs,
        }
    };
    arguments.iter().map(resource).collect()
}

fn replaced(arguments: &[Line<'_>]) -> Vec<alter_configs_request::AlterConfigsResource<'static>> {
    let resource = |line: &Line<'_>| {
        let (resource_type, name) = resource(line);
        let config = |(key, value): (&&str, &&str)| alter_configs_request::AlterableConfig {
            name: (*key).to_owned().into(),
            value: (*value != "null").then(|| (*value).to_owned().into()),
        };
        let configs = line.pairs.iter().map(config).collect();
        alter_configs_request::AlterConfigsResource { resource_type, resource_name: name.into(), configs }
    };
    arguments.iter().map(resource).collect()
}
