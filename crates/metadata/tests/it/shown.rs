//! Records and responses as lines a person can read; ids are numbered in the order they appear.

use std::fmt::Write;

use metadata::{Image, VersionedRecord};
use model::{ErrorCode, Uuid};
use protocol::Reader;
use protocol::messages::api_key::ApiKey;
use protocol::messages::{
    AllocateProducerIdsResponse, AlterConfigsResponse, AssignReplicasToDirsResponse, BrokerHeartbeatResponse,
    BrokerRegistrationResponse, CreatePartitionsResponse, CreateTopicsResponse, DeleteTopicsResponse,
    IncrementalAlterConfigsResponse, MetadataRecord, UnregisterBrokerResponse, UpdateFeaturesResponse,
};

/// Numbers as the scripts name directories; 0 stands for one that is not chosen yet.
fn shown_directories(directories: &[Uuid]) -> String {
    let numbers: Vec<String> =
        directories.iter().map(|dir| dir.0[0].saturating_sub(100).to_string()).collect();
    numbers.join(",")
}

#[derive(Default)]
pub struct Shown {
    ids: Vec<Uuid>,
}

impl Shown {
    fn id(&mut self, id: Uuid) -> String {
        if id.is_zero() {
            return "-".to_owned();
        }
        let position = self.ids.iter().position(|known| *known == id).unwrap_or_else(|| {
            self.ids.push(id);
            self.ids.len() - 1
        });
        format!("#{}", position + 1)
    }

    fn topic(&mut self, image: &Image, id: Uuid) -> String {
        image.topics.get_by_id(id).map_or_else(|| self.id(id), |topic| topic.name.to_string())
    }

    pub fn partitions(&mut self, image: &Image) -> String {
        let mut output = String::new();
        for topic in image.topics.iter() {
            for (index, partition) in &topic.partitions {
                let _ = writeln!(
                    output,
                    "{}-{index} replicas={:?} isr={:?} leader={} epochs={}/{} elr={:?} last={:?}{}",
                    topic.name,
                    partition.replicas,
                    partition.isr,
                    partition.leader,
                    partition.leader_epoch,
                    partition.partition_epoch,
                    partition.eligible_leaders,
                    partition.last_known_leaders,
                    if partition.is_recovering { " recovering" } else { "" },
                );
            }
        }
        output
    }

    pub fn record(&mut self, output: &mut String, image: &Image, record: &VersionedRecord) {
        let version = record.version;
        let line = match &record.record {
            MetadataRecord::Topic(topic) => format!("topic {} {}", topic.name, self.id(topic.topic_id)),
            MetadataRecord::RemoveTopic(removed) => {
                format!("remove-topic {}", self.topic(image, removed.topic_id))
            }
            MetadataRecord::Partition(one) => format!(
                "partition {}-{} v{version} replicas={:?} isr={:?} leader={} epochs={}/{} dirs={}",
                self.topic(image, one.topic_id),
                one.partition_id,
                one.replicas,
                one.isr,
                one.leader,
                one.leader_epoch,
                one.partition_epoch,
                shown_directories(&one.directories),
            ),
            MetadataRecord::PartitionChange(change) => {
                let mut line = format!(
                    "change {}-{} v{version}",
                    self.topic(image, change.topic_id),
                    change.partition_id
                );
                let mut ids = |name: &str, ids: &Option<Vec<i32>>| {
                    if let Some(ids) = ids {
                        let _ = write!(line, " {name}={ids:?}");
                    }
                };
                ids("isr", &change.isr);
                ids("elr", &change.eligible_leader_replicas);
                ids("last", &change.last_known_elr);
                if change.leader != -2 {
                    let _ = write!(line, " leader={}", change.leader);
                }
                if let Some(dirs) = &change.directories {
                    let _ = write!(line, " dirs={}", shown_directories(dirs));
                }
                if change.leader_recovery_state >= 0 {
                    let _ = write!(line, " recovery={}", change.leader_recovery_state);
                }
                line
            }
            MetadataRecord::Config(config) => format!(
                "config {}:{} {}={}",
                config.resource_type,
                config.resource_name,
                config.name,
                config.value.as_deref().unwrap_or("null")
            ),
            MetadataRecord::ClearElr(clear) => format!("clear-elr '{}'", clear.topic_name),
            MetadataRecord::FeatureLevel(feature) => {
                format!("feature {} {}", feature.name, feature.feature_level)
            }
            MetadataRecord::RegisterBroker(broker) => format!(
                "register-broker {} v{version} epoch={} fenced={}",
                broker.broker_id, broker.broker_epoch, broker.fenced
            ),
            MetadataRecord::BrokerRegistrationChange(change) => format!(
                "change-broker {} v{version} epoch={} fenced={} shutdown={} cordoned={}{}{}",
                change.broker_id,
                change.broker_epoch,
                change.fenced,
                change.in_controlled_shutdown,
                change.cordoned_log_dirs.as_ref().map_or("-".to_owned(), |dirs| dirs.len().to_string()),
                if change.log_dirs.is_empty() { "" } else { " dirs=" },
                shown_directories(&change.log_dirs),
            ),
            other => format!("{other:?}"),
        };
        let _ = writeln!(output, "+ {line}");
    }

    pub fn response(&mut self, api_key: ApiKey, reader: &mut Reader<'_>, version: i16) -> String {
        let mut output = String::new();
        let mut line = |name: &str, code: ErrorCode, message: Option<&str>| {
            let message = message.map_or(String::new(), |message| format!(": {message}"));
            let _ = writeln!(output, "{name} {code}{message}");
        };
        match api_key {
            ApiKey::CreateTopics => {
                for one in CreateTopicsResponse::decode(reader, version).unwrap().topics {
                    let name = match one.error_code {
                        ErrorCode::NONE if version >= 7 => format!(
                            "{} {} partitions={} factor={} configs={}",
                            one.name,
                            self.id(one.topic_id),
                            one.num_partitions,
                            one.replication_factor,
                            one.configs.as_ref().map_or(0, Vec::len)
                        ),
                        _ => one.name.to_string(),
                    };
                    line(&name, one.error_code, one.error_message.as_deref());
                }
            }
            ApiKey::DeleteTopics => {
                for one in DeleteTopicsResponse::decode(reader, version).unwrap().responses {
                    let name = format!("{} {}", one.name.as_deref().unwrap_or("null"), self.id(one.topic_id));
                    line(&name, one.error_code, one.error_message.as_deref());
                }
            }
            ApiKey::CreatePartitions => {
                for one in CreatePartitionsResponse::decode(reader, version).unwrap().results {
                    line(&one.name, one.error_code, one.error_message.as_deref());
                }
            }
            ApiKey::IncrementalAlterConfigs => {
                for one in IncrementalAlterConfigsResponse::decode(reader, version).unwrap().responses {
                    let name = format!("{}:{}", one.resource_type, one.resource_name);
                    line(&name, one.error_code, one.error_message.as_deref());
                }
            }
            ApiKey::AlterConfigs => {
                for one in AlterConfigsResponse::decode(reader, version).unwrap().responses {
                    let name = format!("{}:{}", one.resource_type, one.resource_name);
                    line(&name, one.error_code, one.error_message.as_deref());
                }
            }
            ApiKey::UpdateFeatures => {
                let answer = UpdateFeaturesResponse::decode(reader, version).unwrap();
                line("all", answer.error_code, answer.error_message.as_deref());
                for one in answer.results {
                    line(&one.feature, one.error_code, one.error_message.as_deref());
                }
            }
            _ => return node_response(api_key, reader, version),
        }
        output
    }
}

fn node_response(api_key: ApiKey, reader: &mut Reader<'_>, version: i16) -> String {
    match api_key {
        ApiKey::BrokerRegistration => {
            let answer = BrokerRegistrationResponse::decode(reader, version).unwrap();
            format!("{} epoch={}\n", answer.error_code, answer.broker_epoch)
        }
        ApiKey::BrokerHeartbeat => {
            let answer = BrokerHeartbeatResponse::decode(reader, version).unwrap();
            format!(
                "{} caught-up={} fenced={} shut-down={}\n",
                answer.error_code, answer.is_caught_up, answer.is_fenced, answer.should_shut_down
            )
        }
        ApiKey::AssignReplicasToDirs => {
            let answer = AssignReplicasToDirsResponse::decode(reader, version).unwrap();
            let partitions = answer.directories.iter().flat_map(|dir| &dir.topics);
            let codes = partitions.flat_map(|topic| &topic.partitions).map(|one| one.error_code.to_string());
            format!("{} {}\n", answer.error_code, codes.collect::<Vec<_>>().join(" "))
        }
        ApiKey::UnregisterBroker => {
            let answer = UnregisterBrokerResponse::decode(reader, version).unwrap();
            format!("{} {}\n", answer.error_code, answer.error_message.as_deref().unwrap_or("-"))
        }
        ApiKey::AllocateProducerIds => {
            let answer = AllocateProducerIdsResponse::decode(reader, version).unwrap();
            format!(
                "{} start={} length={}\n",
                answer.error_code, answer.producer_id_start, answer.producer_id_len
            )
        }
        other => panic!("{other:?} is not shown"),
    }
}
