//! What IncrementalAlterConfigs and AlterConfigs share: which resources may be changed, and the records.

use config::alter::{self, Changes, Target};
use config::{Layers, Overrides};
use model::{ErrorCode, NodeId, TopicName};
use protocol::messages::{ClearElrRecord, ConfigRecord, MetadataRecord};

use super::ApiError;
use super::create_topics::{alter_error, invalid_name};
use crate::context::DecisionContext;
use crate::image::{Image, ResourceKind};
use crate::record::VersionedRecord;

const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// A resource whose settings a request wants to change.
pub(super) struct Resource<'a> {
    pub image: &'a Image,
    pub context: &'a DecisionContext<'a>,
    pub kind: ResourceKind,
    pub name: &'a str,
}

impl<'a> Resource<'a> {
    /// Checks that the resource exists and that this broker may change it.
    pub(super) fn find(
        image: &'a Image,
        context: &'a DecisionContext<'a>,
        (code, name): (i8, &'a str),
        broker_id: NodeId,
    ) -> Result<Resource<'a>, ApiError> {
        let refused = |message: String| Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
        let Some(kind) = ResourceKind::from_code(code) else {
            return refused(format!("Unknown resource type {code}"));
        };
        match kind {
            ResourceKind::Topic if name.is_empty() => {
                return refused("Default topic resources are not allowed.".to_owned());
            }
            ResourceKind::Topic => {
                TopicName::new(name).map_err(|error| invalid_name(name, &error))?;
                if image.topics.get(name).is_none() {
                    let message = format!("The topic '{name}' does not exist.");
                    return Err(ApiError::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
                }
            }
            ResourceKind::Broker if name.is_empty() => {}
            ResourceKind::Broker => match name.parse::<NodeId>() {
                Err(_) => return refused(format!("Node id must be an integer, but it is: {name}")),
                Ok(id) if id != broker_id => {
                    return refused(format!(
                        "Unexpected broker id, expected {broker_id}, but received {name}"
                    ));
                }
                Ok(_) => {}
            },
            ResourceKind::Group if name.is_empty() => {
                return refused("Default group resources are not allowed.".to_owned());
            }
            ResourceKind::ClientMetrics if name.is_empty() => {
                return refused("Subscription name can't be empty".to_owned());
            }
            ResourceKind::Group | ResourceKind::ClientMetrics => {}
        }
        Ok(Resource { image, context, kind, name })
    }

    /// The settings the resource has now.
    pub(super) fn current(&self) -> Overrides {
        self.image.config(self.kind, self.name).map(|overrides| (**overrides).clone()).unwrap_or_default()
    }

    /// Which table the resource's settings stand in.
    pub(super) fn target(&self) -> Target {
        match self.kind {
            ResourceKind::Topic => Target::Topic,
            ResourceKind::Broker if self.name.is_empty() => Target::Cluster,
            ResourceKind::Broker => Target::Broker,
            ResourceKind::Group => Target::Group,
            ResourceKind::ClientMetrics => Target::ClientMetrics,
        }
    }

    /// Checks the settings the resource would have after `changes` and turns what differs into records.
    pub(super) fn records(&self, changes: &Changes) -> Result<Vec<VersionedRecord>, ApiError> {
        let before = self.current();
        let mut after = before.clone();
        for (key, value) in changes {
            match value {
                Some(value) => after.insert(key.clone(), value.clone()),
                None => after.remove(key),
            };
        }
        self.check(&after, changes)?;
        self.check_min_insync_replicas(changes)?;
        let differs = |(key, value): &(&String, &Option<String>)| before.get(*key) != value.as_ref();
        let mut records: Vec<VersionedRecord> =
            changes.iter().filter(differs).map(|(key, value)| self.record(key, value.as_deref())).collect();
        let resets_leaders = before.get(MIN_INSYNC_REPLICAS) != after.get(MIN_INSYNC_REPLICAS);
        if resets_leaders && self.image.keeps_eligible_leader_replicas() {
            let topic_name = if self.kind == ResourceKind::Topic { self.name } else { "" };
            let record = ClearElrRecord { topic_name: topic_name.to_owned().into() };
            let record = MetadataRecord::ClearElr(record);
            records.push(VersionedRecord::new(record, self.image.metadata_version()));
        }
        Ok(records)
    }

    fn record(&self, key: &str, value: Option<&str>) -> VersionedRecord {
        let record = ConfigRecord {
            resource_type: self.kind.code(),
            resource_name: self.name.to_owned().into(),
            name: key.to_owned().into(),
            value: value.map(|value| value.to_owned().into()),
        };
        VersionedRecord::new(MetadataRecord::Config(record), self.image.metadata_version())
    }

    fn check(&self, after: &Overrides, changes: &Changes) -> Result<(), ApiError> {
        // What is taken away is never wrong, whatever it was.
        let given: Changes = changes
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let changes = &given;
        let checked = self.context.with_layers(self.image, |layers| match self.target() {
            Target::Topic => alter::check_topic(after, layers),
            Target::Group => alter::check_group(after, layers),
            Target::ClientMetrics => alter::check_client_metrics(after),
            Target::Broker => {
                alter::check_broker(Target::Broker, changes, layers, &Layers { broker: after, ..*layers })
            }
            Target::Cluster => {
                alter::check_broker(Target::Cluster, changes, layers, &Layers { cluster: after, ..*layers })
            }
        });
        checked.map_err(|error| alter_error(&error))
    }

    /// With KIP-966 the minimum must be one for the whole cluster and must not disappear.
    fn check_min_insync_replicas(&self, changes: &Changes) -> Result<(), ApiError> {
        let change = changes.get(MIN_INSYNC_REPLICAS).filter(|_| self.image.keeps_eligible_leader_replicas());
        let message = match (self.target(), change) {
            (Target::Broker, Some(_)) => {
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
            }
            (Target::Cluster, Some(None)) => {
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
            }
            _ => return Ok(()),
        };
        Err(ApiError::new(ErrorCode::INVALID_CONFIG, message))
    }
}

/// Refuses a resource that a request names more than once.
pub(super) fn check_unique(times: usize) -> Result<(), ApiError> {
    if times > 1 {
        return Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once."));
    }
    Ok(())
}

/// Refuses keys that appear twice and values that are missing.
pub(super) fn check_entries<'a>(
    keys: impl Iterator<Item = &'a str> + Clone,
    without_value: impl Iterator<Item = &'a str>,
) -> Result<(), ApiError> {
    let mut sorted: Vec<&str> = keys.collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ApiError::new(ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys"));
    }
    let without: Vec<&str> = without_value.collect();
    if !without.is_empty() {
        let message = format!("Null value not supported for : {}", without.join(", "));
        return Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
    }
    Ok(())
}
