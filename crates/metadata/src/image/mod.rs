//! The cluster as agreed: what all metadata records up to an offset amount to.
//!
//! Every map shares its structure with the image it was made from, so that a new image after one record costs
//! the path to what changed, however many topics there are.

mod apply;
mod broker;
mod snapshot;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{Layers, Overrides, StaticSettings};
use model::{NodeId, Offset, Uuid};
use protocol::messages::{AccessControlEntryRecord, DelegationTokenRecord, UserScramCredentialRecord};
use rpds::RedBlackTreeMapSync;

pub use apply::{ApplyError, Replay};
pub use broker::{Broker, Controller, Endpoint, FeatureRange};
pub use snapshot::to_records;
pub use topics::{NO_LEADER, Partition, Topic, Topics};

/// A map whose clones share what they have in common; iteration is in key order.
pub type SharedMap<K, V> = RedBlackTreeMapSync<K, V>;

/// Level of the metadata format (feature `metadata.version`).
pub const METADATA_VERSION: &str = "metadata.version";
/// Feature that keeps replicas eligible for leadership after they left a too small ISR (KIP-966).
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// Kinds of resources that have settings; the values are those of ConfigRecord.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the protocol's own")]
pub enum ResourceKind {
    Topic,
    Broker,
    ClientMetrics,
    Group,
}

/// A resource that has settings of its own; a broker without a name stands for all brokers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigResource {
    /// What it is.
    pub kind: ResourceKind,
    /// Topic name, broker id or group id.
    pub name: String,
}

/// Whom a client quota holds for: entity type and name, `None` for the default of the type; ascending by type.
pub type QuotaEntity = Vec<(String, Option<String>)>;

/// The agreed state of the cluster.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Image {
    /// Offset of the last record applied, -1 before the first.
    pub applied_offset: Offset,
    /// Finalized feature levels; a feature at level 0 is absent.
    pub features: BTreeMap<String, i16>,
    /// Registered brokers.
    pub brokers: SharedMap<NodeId, Arc<Broker>>,
    /// Registered controllers.
    pub controllers: SharedMap<NodeId, Arc<Controller>>,
    /// Topics by id and by name.
    pub topics: Topics,
    /// Settings of topics, brokers, groups.
    pub configs: SharedMap<ConfigResource, Arc<Overrides>>,
    /// The last block of producer ids handed out, if any.
    pub producer_ids: Option<ProducerIds>,
    /// Client quotas: limit by quota name.
    pub quotas: SharedMap<QuotaEntity, Arc<BTreeMap<String, f64>>>,
    /// SCRAM credentials by user and mechanism code.
    pub scram: SharedMap<(String, i8), Arc<UserScramCredentialRecord<'static>>>,
    /// ACL entries by id.
    pub acls: SharedMap<Uuid, Arc<AccessControlEntryRecord<'static>>>,
    /// Delegation tokens by token id.
    pub tokens: SharedMap<String, Arc<DelegationTokenRecord<'static>>>,
}

/// The last block of producer ids handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIds {
    /// Broker that got the block.
    pub broker_id: NodeId,
    /// Its epoch at that time.
    pub broker_epoch: i64,
    /// First id of the next block.
    pub next_id: i64,
}

impl Image {
    /// The image before the first record.
    pub fn new() -> Image {
        Image { applied_offset: -1, ..Image::default() }
    }

    /// Level of a feature, 0 where it is not finalized.
    pub fn feature_level(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The level of `metadata.version`.
    pub fn metadata_version(&self) -> i16 {
        self.feature_level(METADATA_VERSION)
    }

    /// True where replicas that leave a too small ISR stay eligible for leadership.
    pub fn keeps_eligible_leader_replicas(&self) -> bool {
        self.feature_level(ELIGIBLE_LEADER_REPLICAS_VERSION) > 0
    }

    /// Settings of a resource; `None` where it has none.
    pub fn config(&self, kind: ResourceKind, name: &str) -> Option<&Arc<Overrides>> {
        self.configs.get(&ConfigResource { kind, name: name.to_owned() })
    }

    /// Settings of a resource, none where it has none.
    pub fn overrides(&self, kind: ResourceKind, name: &str) -> &Overrides {
        const NONE: &Overrides = &Overrides::new();
        self.config(kind, name).map_or(NONE, |overrides| overrides.as_ref())
    }

    /// Settings of a node: dynamic ones of its own and of all brokers, then those it was started with.
    pub fn layers<'a>(&'a self, node: NodeId, fixed: &'a StaticSettings) -> Layers<'a> {
        Layers {
            broker: self.overrides(ResourceKind::Broker, &node.to_string()),
            cluster: self.overrides(ResourceKind::Broker, ""),
            fixed,
        }
    }

    /// A broker that is registered and may lead and replicate: neither fenced nor shutting down.
    pub fn is_active_broker(&self, id: NodeId) -> bool {
        self.brokers.get(&id).is_some_and(|broker| broker.is_active())
    }
}

impl ResourceKind {
    /// The kind of a ConfigRecord's or request's resource type.
    pub fn from_code(code: i8) -> Option<ResourceKind> {
        match code {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            16 => Some(Self::ClientMetrics),
            32 => Some(Self::Group),
            _ => None,
        }
    }

    /// The resource type in records and requests.
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::ClientMetrics => 16,
            Self::Group => 32,
        }
    }
}
