//! Whatever is asked, what is decided can be written and applied: a record that cannot would end the quorum of
//! every node. Requests are drawn at random over few names, so that they repeat and contradict themselves.

use config::{Inputs, StaticSettings, load};
use metadata::controller::handle;
use metadata::{BrokerSessions, ControllerRequest, DecisionContext, Image, Random, bootstrap_records};
use model::Uuid;
use protocol::messages::api_key::ApiKey;
use protocol::messages::{
    AlterConfigsRequest, BrokerHeartbeatRequest, BrokerRegistrationRequest, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteTopicsRequest, IncrementalAlterConfigsRequest, MetadataRecord,
    UnregisterBrokerRequest, UpdateFeaturesRequest, alter_configs_request, broker_registration_request,
    create_partitions_request, create_topics_request, delete_topics_request,
    incremental_alter_configs_request, update_features_request,
};
use protocol::{Message, Writer};

const CLUSTER: &str = "AAAAAAAAQACAAAAAAAAAAA";
const NAMES: [&str; 7] = ["a", "b", "a.b", "a_b", "", "x y", "__cluster_metadata"];
const KEYS: [&str; 6] =
    ["retention.ms", "cleanup.policy", "min.insync.replicas", "log.retention.ms", "nope", "segment.bytes"];
const VALUES: [Option<&str>; 6] = [Some("1"), Some("compact"), Some(""), None, Some("2000000"), Some("x")];
const FEATURES: [&str; 6] = [
    "metadata.version",
    "group.version",
    "eligible.leader.replicas.version",
    "kraft.version",
    "streams.version",
    "no.such",
];

struct World {
    image: Image,
    settings: StaticSettings,
    sessions: BrokerSessions,
    random: Random,
    now_ms: i64,
    /// Topics removed so far.
    removed: usize,
}

#[test]
fn every_decision_can_be_written_and_applied() {
    let mut removed = 0;
    for seed in 0..60 {
        let mut world = World::new(seed);
        world.register(1);
        world.heartbeat(1);
        for _ in 0..120 {
            world.step();
        }
        removed += world.removed;
    }
    // The requests do come to something.
    assert!(removed > 50, "{removed} topics removed");
}

impl World {
    fn new(seed: u64) -> World {
        let settings = load(&Inputs::default()).unwrap().settings;
        let sessions = BrokerSessions::default();
        let mut world = World {
            image: Image::new(),
            settings,
            sessions,
            random: Random::new(seed),
            now_ms: 0,
            removed: 0,
        };
        for record in bootstrap_records(1) {
            let offset = world.image.applied_offset + 1;
            world.image.apply(&record.record, offset).unwrap();
        }
        world
    }

    fn step(&mut self) {
        self.now_ms += 100;
        let broker_id = self.any(&[1, 2, 3]);
        match self.random.below(20) {
            0..6 => self.create_topics(),
            6..9 => self.delete_topics(),
            9..11 => self.create_partitions(),
            11 => self.incremental_alter_configs(),
            12 => self.alter_configs(),
            13 => self.update_features(),
            14 => self.ask(ApiKey::UnregisterBroker, 0, &UnregisterBrokerRequest { broker_id }),
            15 => self.register(broker_id),
            _ => self.heartbeat(broker_id),
        }
    }

    /// Decides, writes, applies; each of them must go well.
    fn ask<'m, M: Message<'m>>(&mut self, api_key: ApiKey, api_version: i16, message: &M) {
        let mut writer = Writer::new();
        message.encode(&mut writer, api_version).unwrap();
        let principal = "User:ANONYMOUS".to_owned();
        let body = writer.into_vec();
        let request =
            ControllerRequest { api_key, api_version, body, principal, broker_id: 1, mutations_left: None };
        let context = DecisionContext {
            now_ms: self.now_ms,
            seed: self.random.draw(),
            next_offset: self.image.applied_offset + 1,
            controller_id: 1,
            cluster_id: CLUSTER,
            settings: &self.settings,
            sessions: &self.sessions,
        };
        let decision = handle(&self.image, &request, &context).unwrap();
        for record in &decision.records {
            self.removed += usize::from(matches!(record.record, MetadataRecord::RemoveTopic(_)));
            record.encode_into(&mut Writer::new()).unwrap();
            let offset = self.image.applied_offset + 1;
            let applied = self.image.apply(&record.record, offset);
            assert!(applied.is_ok(), "{api_key:?}: {applied:?} of {:?}", decision.records);
        }
    }

    fn any<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.random.below(values.len())]
    }

    fn several<T>(&mut self, mut one: impl FnMut(&mut World) -> T) -> Vec<T> {
        (0..1 + self.random.below(3)).map(|_| one(self)).collect()
    }

    fn brokers(&mut self) -> Vec<i32> {
        self.several(|world| world.any(&[1, 2, 3, 9]))
    }

    fn create_topics(&mut self) {
        let topics = self.several(|world| {
            let manual = world.any(&[false, false, true]);
            let assigned = |world: &mut World| create_topics_request::CreatableReplicaAssignment {
                partition_index: world.any(&[0, 1, 2]),
                broker_ids: world.brokers(),
            };
            let config = |world: &mut World| create_topics_request::CreatableTopicConfig {
                name: world.any(&KEYS).into(),
                value: world.any(&VALUES).map(Into::into),
            };
            create_topics_request::CreatableTopic {
                name: world.any(&NAMES).into(),
                num_partitions: if manual { -1 } else { world.any(&[-1, 0, 1, 3]) },
                replication_factor: if manual { -1 } else { world.any(&[-1, 0, 1, 2]) },
                assignments: if manual { world.several(assigned) } else { Vec::new() },
                configs: if world.random.below(4) == 0 { world.several(config) } else { Vec::new() },
            }
        });
        let validate_only = self.any(&[false, false, false, true]);
        let request = CreateTopicsRequest { topics, timeout_ms: 0, validate_only };
        self.ask(ApiKey::CreateTopics, 7, &request);
    }

    fn delete_topics(&mut self) {
        let topics = self.several(|world| {
            let name = world.any(&NAMES);
            let known = world.image.topics.get(name).map_or(Uuid([4; 16]), |topic| topic.id);
            delete_topics_request::DeleteTopicState {
                name: world.any(&[true, false]).then_some(name.into()),
                topic_id: world.any(&[known, Uuid::ZERO]),
            }
        });
        let request = DeleteTopicsRequest { topics, timeout_ms: 0, ..DeleteTopicsRequest::default() };
        self.ask(ApiKey::DeleteTopics, 6, &request);
    }

    fn create_partitions(&mut self) {
        let topics = self.several(|world| {
            let assigned = |world: &mut World| create_partitions_request::CreatePartitionsAssignment {
                broker_ids: world.brokers(),
            };
            create_partitions_request::CreatePartitionsTopic {
                name: world.any(&NAMES).into(),
                count: world.any(&[-1, 0, 1, 2, 4, 6]),
                assignments: world.any(&[true, false, false]).then(|| world.several(assigned)),
            }
        });
        let request = CreatePartitionsRequest { topics, timeout_ms: 0, validate_only: false };
        self.ask(ApiKey::CreatePartitions, 3, &request);
    }

    fn resource(&mut self) -> (i8, &'static str) {
        let name = self.any(&NAMES);
        self.any(&[(2, name), (4, ""), (4, "1"), (8, "1"), (16, name), (32, name), (99, "")])
    }

    fn incremental_alter_configs(&mut self) {
        let resources = self.several(|world| {
            let (resource_type, name) = world.resource();
            let config = |world: &mut World| incremental_alter_configs_request::AlterableConfig {
                name: world.any(&KEYS).into(),
                config_operation: world.any(&[0, 0, 1, 2, 3, 9]),
                value: world.any(&VALUES).map(Into::into),
            };
            let configs = world.several(config);
            incremental_alter_configs_request::AlterConfigsResource {
                resource_type,
                resource_name: name.into(),
                configs,
            }
        });
        let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
        self.ask(ApiKey::IncrementalAlterConfigs, 1, &request);
    }

    fn alter_configs(&mut self) {
        let resources = self.several(|world| {
            let (resource_type, name) = world.resource();
            let config = |world: &mut World| alter_configs_request::AlterableConfig {
                name: world.any(&KEYS).into(),
                value: world.any(&VALUES).map(Into::into),
            };
            let configs = world.several(config);
            alter_configs_request::AlterConfigsResource { resource_type, resource_name: name.into(), configs }
        });
        let request = AlterConfigsRequest { resources, validate_only: false };
        self.ask(ApiKey::AlterConfigs, 2, &request);
    }

    fn update_features(&mut self) {
        let feature_updates = self.several(|world| update_features_request::FeatureUpdateKey {
            feature: world.any(&FEATURES).into(),
            max_version_level: world.any(&[-1, 0, 1, 2, 29, 30]),
            upgrade_type: world.any(&[0, 1, 2, 3]),
            ..update_features_request::FeatureUpdateKey::default()
        });
        let request = UpdateFeaturesRequest { timeout_ms: 0, feature_updates, validate_only: false };
        self.ask(ApiKey::UpdateFeatures, 1, &request);
    }

    fn register(&mut self, broker_id: i32) {
        let number = u8::try_from(broker_id).unwrap();
        let feature = |known: &metadata::KnownFeature| broker_registration_request::Feature {
            name: known.name.into(),
            min_supported_version: known.min,
            max_supported_version: known.max,
        };
        let listener = broker_registration_request::Listener {
            name: "PLAINTEXT".into(),
            host: "localhost".into(),
            port: 9092,
            security_protocol: 0,
        };
        let known = self.image.brokers.get(&broker_id).map_or(-1, |broker| broker.epoch);
        let request = BrokerRegistrationRequest {
            broker_id,
            cluster_id: CLUSTER.into(),
            incarnation_id: Uuid([self.any(&[50, 51]); 16]),
            listeners: vec![listener],
            features: metadata::KNOWN_FEATURES.iter().map(feature).collect(),
            log_dirs: vec![Uuid([number + 100; 16]), Uuid([number + 110; 16])],
            previous_broker_epoch: self.any(&[-1, known]),
            ..BrokerRegistrationRequest::default()
        };
        self.ask(ApiKey::BrokerRegistration, 4, &request);
    }

    fn heartbeat(&mut self, broker_id: i32) {
        let number = u8::try_from(broker_id).unwrap();
        let epoch = self.image.brokers.get(&broker_id).map_or(0, |broker| broker.epoch);
        let offline = Uuid([number + self.any(&[100, 110, 120]); 16]);
        let request = BrokerHeartbeatRequest {
            broker_id,
            broker_epoch: epoch,
            current_metadata_offset: self.image.applied_offset,
            want_fence: self.random.below(10) == 0,
            want_shut_down: self.random.below(10) == 0,
            offline_log_dirs: if self.random.below(10) == 0 { vec![offline] } else { Vec::new() },
            cordoned_log_dirs: (self.random.below(10) == 0).then(|| vec![offline]),
        };
        self.sessions.touch(broker_id, self.now_ms);
        self.ask(ApiKey::BrokerHeartbeat, 2, &request);
    }
}
