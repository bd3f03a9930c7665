//! Registered brokers and controllers.

use model::{NodeId, Uuid};
use protocol::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use protocol::messages::register_controller_record::{ControllerEndpoint, ControllerFeature};
use protocol::messages::{RegisterBrokerRecord, RegisterControllerRecord};

use crate::directory;

/// An address a node can be reached at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Listener name.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Code of the security protocol: 0 plaintext, 1 TLS, 2 SASL, 3 SASL over TLS.
    pub security_protocol: i16,
}

/// Levels of a feature that a node supports, both included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureRange {
    /// Name of the feature.
    pub name: String,
    /// Lowest level.
    pub min: i16,
    /// Highest level.
    pub max: i16,
}

/// A registered broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its `node.id`.
    pub id: NodeId,
    /// Offset at which it was registered; grows with each registration.
    pub epoch: i64,
    /// Id of its process run.
    pub incarnation_id: Uuid,
    /// Where clients and brokers reach it.
    pub endpoints: Vec<Endpoint>,
    /// Features it supports.
    pub features: Vec<FeatureRange>,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// True while it must not lead or count as in sync.
    pub is_fenced: bool,
    /// True while it hands over its partitions before it stops.
    pub is_shutting_down: bool,
    /// Ids of its log directories that are online.
    pub log_dirs: Vec<Uuid>,
    /// Log directories that take no new partitions; `None` until the broker reported them.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

/// A registered controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// Its `node.id`.
    pub id: NodeId,
    /// Id of its process run.
    pub incarnation_id: Uuid,
    /// Where it can be reached.
    pub endpoints: Vec<Endpoint>,
    /// Features it supports.
    pub features: Vec<FeatureRange>,
}

impl Broker {
    /// True where the broker may lead and replicate.
    pub fn is_active(&self) -> bool {
        !self.is_fenced && !self.is_shutting_down
    }

    /// True where a replica in that log directory can be used.
    pub fn has_online_dir(&self, directory: Uuid) -> bool {
        directory::is_online(directory, &self.log_dirs)
    }

    /// The levels of a feature the broker supports; `None` for a feature it does not know.
    pub fn feature(&self, name: &str) -> Option<&FeatureRange> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// True where every log directory is cordoned, so that no partition can be placed.
    pub fn is_cordoned(&self) -> bool {
        let cordoned = self.cordoned_log_dirs.as_deref().unwrap_or_default();
        !self.log_dirs.is_empty() && self.log_dirs.iter().all(|dir| cordoned.contains(dir))
    }

    pub(super) fn from_record(record: &RegisterBrokerRecord<'_>) -> Broker {
        let endpoint = |endpoint: &BrokerEndpoint<'_>| Endpoint {
            name: endpoint.name.to_string(),
            host: endpoint.host.to_string(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        };
        let feature = |feature: &BrokerFeature<'_>| FeatureRange {
            name: feature.name.to_string(),
            min: feature.min_supported_version,
            max: feature.max_supported_version,
        };
        Broker {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            endpoints: record.end_points.iter().map(endpoint).collect(),
            features: record.features.iter().map(feature).collect(),
            rack: record.rack.as_deref().map(str::to_owned),
            is_fenced: record.fenced,
            is_shutting_down: record.in_controlled_shutdown,
            log_dirs: record.log_dirs.clone(),
            cordoned_log_dirs: record.cordoned_log_dirs.clone(),
        }
    }

    pub(super) fn to_record(&self) -> RegisterBrokerRecord<'static> {
        let endpoint = |endpoint: &Endpoint| BrokerEndpoint {
            name: endpoint.name.clone().into(),
            host: endpoint.host.clone().into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        };
        let feature = |feature: &FeatureRange| BrokerFeature {
            name: feature.name.clone().into(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        };
        RegisterBrokerRecord {
            broker_id: self.id,
            is_migrating_zk_broker: false,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.epoch,
            end_points: self.endpoints.iter().map(endpoint).collect(),
            features: self.features.iter().map(feature).collect(),
            rack: self.rack.clone().map(Into::into),
            fenced: self.is_fenced,
            in_controlled_shutdown: self.is_shutting_down,
            log_dirs: self.log_dirs.clone(),
            cordoned_log_dirs: self.cordoned_log_dirs.clone(),
        }
    }
}

impl Controller {
    pub(super) fn from_record(record: &RegisterControllerRecord<'_>) -> Controller {
        let endpoint = |endpoint: &ControllerEndpoint<'_>| Endpoint {
            name: endpoint.name.to_string(),
            host: endpoint.host.to_string(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        };
        let feature = |feature: &ControllerFeature<'_>| FeatureRange {
            name: feature.name.to_string(),
            min: feature.min_supported_version,
            max: feature.max_supported_version,
        };
        Controller {
            id: record.controller_id,
            incarnation_id: record.incarnation_id,
            endpoints: record.end_points.iter().map(endpoint).collect(),
            features: record.features.iter().map(feature).collect(),
        }
    }

    pub(super) fn to_record(&self) -> RegisterControllerRecord<'static> {
        let endpoint = |endpoint: &Endpoint| ControllerEndpoint {
            name: endpoint.name.clone().into(),
            host: endpoint.host.clone().into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        };
        let feature = |feature: &FeatureRange| ControllerFeature {
            name: feature.name.clone().into(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        };
        RegisterControllerRecord {
            controller_id: self.id,
            incarnation_id: self.incarnation_id,
            zk_migration_ready: false,
            end_points: self.endpoints.iter().map(endpoint).collect(),
            features: self.features.iter().map(feature).collect(),
        }
    }
}
