//! CreateTopics (19).

use std::collections::BTreeSet;

use config::alter::{AlterError, check_topic};
use config::describe::describe_topic;
use config::{Layers, Overrides};
use model::{ErrorCode, InvalidTopicName, NodeId, TopicName};
use protocol::messages::create_topics_request::CreatableTopic;
use protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use protocol::messages::{
    ClearElrRecord, ConfigRecord, CreateTopicsRequest, CreateTopicsResponse, MetadataRecord, TopicRecord,
};

use super::{ApiError, MutationPermits, PARTITIONS_PER_REQUEST_MAX, assignment};
use crate::context::{Decision, DecisionContext, Random};
use crate::image::{Image, ResourceKind};
use crate::placement::{PlacementError, Placer};
use crate::record::VersionedRecord;

/// Creates each topic that can be created; the others are refused one by one.
pub fn decide(
    image: &Image,
    request: &CreateTopicsRequest<'_>,
    context: &DecisionContext<'_>,
    permits: &mut MutationPermits,
) -> Decision<CreateTopicsResponse<'static>> {
    let mut creation = Creation { image, context, random: context.random(), permits, records: Vec::new() };
    let names: Vec<&str> = request.topics.iter().map(|topic| &*topic.name).collect();
    let duplicates: BTreeSet<&str> = names
        .iter()
        .enumerate()
        .filter(|(index, name)| names[..*index].contains(name))
        .map(|(_, name)| *name)
        .collect();
    let too_many = creation.counts_too_many(request);
    let mut results = Vec::new();
    for topic in request.topics.iter().filter(|topic| !duplicates.contains(&*topic.name)) {
        let outcome = if too_many { Err(excessive()) } else { creation.create(topic) };
        results.push(outcome.unwrap_or_else(|error| refusal(&topic.name, error)));
    }
    for name in duplicates {
        let error = ApiError::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.");
        results.push(refusal(name, error));
    }
    let records = if request.validate_only { Vec::new() } else { creation.records };
    Decision { records, response: CreateTopicsResponse { throttle_time_ms: 0, topics: results } }
}

pub(super) fn excessive() -> ApiError {
    ApiError::new(ErrorCode::POLICY_VIOLATION, "Excessively large number of partitions per request.")
}

fn refusal(name: &str, error: ApiError) -> CreatableTopicResult<'static> {
    CreatableTopicResult {
        name: name.to_owned().into(),
        error_code: error.code,
        error_message: error.into_message(),
        num_partitions: -1,
        replication_factor: -1,
        configs: Some(Vec::new()),
        ..CreatableTopicResult::default()
    }
}

struct Creation<'a> {
    image: &'a Image,
    context: &'a DecisionContext<'a>,
    random: Random,
    permits: &'a mut MutationPermits,
    records: Vec<VersionedRecord>,
}

impl Creation<'_> {
    fn counts_too_many(&self, request: &CreateTopicsRequest<'_>) -> bool {
        let default = self.context.with_layers(self.image, |layers| layers.integer("num.partitions"));
        let count = |topic: &CreatableTopic<'_>| match topic.num_partitions {
            _ if !topic.assignments.is_empty() => i64::try_from(topic.assignments.len()).unwrap_or(i64::MAX),
            -1 => default,
            count => i64::from(count.max(0)),
        };
        request.topics.iter().map(count).fold(0, i64::saturating_add) > PARTITIONS_PER_REQUEST_MAX
    }

    fn create(&mut self, topic: &CreatableTopic<'_>) -> Result<CreatableTopicResult<'static>, ApiError> {
        let name = self.check_name(&topic.name)?;
        let overrides = self.check_configs(topic)?;
        let replicas = self.replicas(topic)?;
        self.permits.take(replicas.len())?;
        let id = self.random.uuid();
        let factor = replicas.first().map_or(0, Vec::len);
        let partitions = replicas.len();
        let mut records = vec![self.versioned(MetadataRecord::Topic(TopicRecord {
            name: name.as_str().to_owned().into(),
            topic_id: id,
        }))];
        records.extend(self.config_records(&name, &overrides));
        for (index, replicas) in (0..).zip(replicas) {
            records.push(assignment::new_partition(self.image, id, index, replicas)?);
        }
        self.records.extend(records);
        Ok(CreatableTopicResult {
            name: name.as_str().to_owned().into(),
            topic_id: id,
            error_message: None,
            num_partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(factor).unwrap_or(i16::MAX),
            configs: Some(self.context.with_layers(self.image, |layers| described(&overrides, layers))),
            ..CreatableTopicResult::default()
        })
    }

    fn check_name(&self, name: &str) -> Result<TopicName, ApiError> {
        if name == TopicName::CLUSTER_METADATA {
            let message = format!("Creation of internal topic {name} is prohibited.");
            return Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
        }
        let checked = TopicName::new(name).map_err(|error| invalid_name(name, &error))?;
        if self.image.topics.get(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err(ApiError::new(ErrorCode::TOPIC_ALREADY_EXISTS, message));
        }
        if TopicName::has_collision_characters(name) {
            let existing = self.image.topics.iter().find(|topic| TopicName::collide(&topic.name, name));
            if let Some(existing) = existing {
                let message = format!("Topic '{name}' collides with existing topic: {}", existing.name);
                return Err(ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message));
            }
        }
        Ok(checked)
    }

    fn check_configs(&self, topic: &CreatableTopic<'_>) -> Result<Overrides, ApiError> {
        let without: Vec<&str> = topic
            .configs
            .iter()
            .filter(|config| config.value.is_none())
            .map(|config| &*config.name)
            .collect();
        if !without.is_empty() {
            let message = format!("Null value not supported for topic configs: {}", without.join(","));
            return Err(ApiError::new(ErrorCode::INVALID_CONFIG, message));
        }
        let mut overrides = Overrides::new();
        for config in &topic.configs {
            let value = config.value.as_deref().unwrap_or_default();
            overrides.insert(config.name.to_string(), value.to_owned());
        }
        let checked = self.context.with_layers(self.image, |layers| check_topic(&overrides, layers));
        checked.map_err(|error| alter_error(&error))?;
        Ok(overrides)
    }

    /// Replicas of each partition, given or placed.
    fn replicas(&mut self, topic: &CreatableTopic<'_>) -> Result<Vec<Vec<NodeId>>, ApiError> {
        if !topic.assignments.is_empty() {
            return self.manual_replicas(topic);
        }
        if topic.replication_factor < -1 || topic.replication_factor == 0 {
            return Err(ApiError::new(
                ErrorCode::INVALID_REPLICATION_FACTOR,
                "Replication factor must be larger than 0, or -1 to use the default value.",
            ));
        }
        if topic.num_partitions < -1 || topic.num_partitions == 0 {
            return Err(ApiError::new(
                ErrorCode::INVALID_PARTITIONS,
                "Number of partitions was set to an invalid non-positive value.",
            ));
        }
        let default = |key: &str| self.context.with_layers(self.image, |layers| layers.integer(key));
        let partitions = match topic.num_partitions {
            -1 => i32::try_from(default("num.partitions")).unwrap_or(i32::MAX),
            count => count,
        };
        let factor = match topic.replication_factor {
            -1 => i16::try_from(default("default.replication.factor")).unwrap_or(i16::MAX),
            factor => factor,
        };
        place(self.image, &mut self.random, partitions, factor).map_err(|error| {
            let message = format!("Unable to replicate the partition {factor} time(s): {error}");
            ApiError::new(ErrorCode::INVALID_REPLICATION_FACTOR, message)
        })
    }

    fn manual_replicas(&self, topic: &CreatableTopic<'_>) -> Result<Vec<Vec<NodeId>>, ApiError> {
        let refused = |message: &str| Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
        if topic.replication_factor != -1 {
            return refused(
                "A manual partition assignment was specified, but replication factor was not set to -1.",
            );
        }
        if topic.num_partitions != -1 {
            return refused(
                "A manual partition assignment was specified, but numPartitions was not set to -1.",
            );
        }
        let mut assigned: Vec<(i32, Vec<NodeId>)> = Vec::new();
        let mut factor = None;
        for one in &topic.assignments {
            let index = one.partition_index;
            if assigned.iter().any(|(known, _)| *known == index) {
                let message = format!("Found multiple manual partition assignments for partition {index}");
                return Err(ApiError::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
            }
            assignment::check_manual(self.image, &one.broker_ids, factor)?;
            factor = Some(one.broker_ids.len());
            assigned.push((index, one.broker_ids.clone()));
        }
        assigned.sort_by_key(|(index, _)| *index);
        if !assigned.iter().map(|(index, _)| *index).eq((0..).take(assigned.len())) {
            return Err(ApiError::new(
                ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                "partitions should be a consecutive 0-based integer sequence",
            ));
        }
        Ok(assigned.into_iter().map(|(_, replicas)| replicas).collect())
    }

    fn config_records(&self, name: &TopicName, overrides: &Overrides) -> Vec<VersionedRecord> {
        let record = |(key, value): (&String, &String)| {
            self.versioned(MetadataRecord::Config(ConfigRecord {
                resource_type: ResourceKind::Topic.code(),
                resource_name: name.as_str().to_owned().into(),
                name: key.clone().into(),
                value: Some(value.clone().into()),
            }))
        };
        let mut records: Vec<VersionedRecord> = overrides.iter().map(record).collect();
        if overrides.contains_key("min.insync.replicas") && self.image.keeps_eligible_leader_replicas() {
            let topic_name = name.as_str().to_owned().into();
            records.push(self.versioned(MetadataRecord::ClearElr(ClearElrRecord { topic_name })));
        }
        records
    }

    fn versioned(&self, record: MetadataRecord<'static>) -> VersionedRecord {
        VersionedRecord::new(record, self.image.metadata_version())
    }
}

/// Places new partitions over the brokers.
pub(super) fn place(
    image: &Image,
    random: &mut Random,
    partitions: i32,
    factor: i16,
) -> Result<Vec<Vec<NodeId>>, PlacementError> {
    Placer::new(image, random).place(partitions, factor)
}

pub(super) fn alter_error(error: &AlterError) -> ApiError {
    match error {
        AlterError::InvalidConfig(message) => ApiError::new(ErrorCode::INVALID_CONFIG, message.clone()),
        AlterError::InvalidRequest(message) => ApiError::new(ErrorCode::INVALID_REQUEST, message.clone()),
    }
}

pub(super) fn invalid_name(name: &str, error: &InvalidTopicName) -> ApiError {
    ApiError::new(ErrorCode::INVALID_TOPIC_EXCEPTION, invalid_topic_message(name, error))
}

/// Kafka's sentence for a name no topic can have.
pub fn invalid_topic_message(name: &str, error: &InvalidTopicName) -> String {
    match error {
        InvalidTopicName::Dots => format!("Topic name is invalid: '{name}' is not allowed"),
        other => other.to_string(),
    }
}

fn described(overrides: &Overrides, layers: &Layers<'_>) -> Vec<CreatableTopicConfigs<'static>> {
    let entry = |entry: config::describe::DescribedConfig| CreatableTopicConfigs {
        name: entry.name.into(),
        value: entry.value.map(Into::into),
        read_only: entry.read_only,
        config_source: entry.source.code(),
        is_sensitive: entry.is_sensitive,
    };
    describe_topic(overrides, layers).into_iter().map(entry).collect()
}
