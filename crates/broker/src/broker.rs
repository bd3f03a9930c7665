//! What all cores share, and what each core has for itself.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use ::metadata::Image;
use model::Uuid;
use telemetry::RequestMetrics;
use tokio::sync::{mpsc, watch};
use transport::{ConnectionLimits, MemoryBudget};

use crate::controller::{Controller, ControllerCall};
use crate::listeners::ListenerInfo;
use crate::metadata_view::MetadataView;
use crate::options::BrokerOptions;
use crate::producer_ids::ProducerIds;

/// The broker: everything that requests are answered from.
#[derive(Debug)]
pub struct Broker {
    /// Its settings as they were at the start.
    pub options: BrokerOptions,
    /// Where clients connect.
    pub listeners: Vec<Arc<ListenerInfo>>,
    /// The cluster as last agreed.
    pub metadata: MetadataView,
    /// The way to the active controller.
    pub controller: Controller,
    /// Ids for idempotent producers.
    pub(crate) producer_ids: ProducerIds,
    /// Memory that requests in flight may take.
    pub budget: Arc<MemoryBudget>,
    /// How many connections there may be.
    pub connection_limits: Arc<ConnectionLimits>,
    /// Counters of each core.
    pub core_metrics: Vec<Arc<RequestMetrics>>,
    log_dir_ids: Vec<Uuid>,
}

/// What a broker is made from.
#[derive(Debug)]
pub struct BrokerParts {
    /// Its settings.
    pub options: BrokerOptions,
    /// Its listeners, with the ports that were bound.
    pub listeners: Vec<Arc<ListenerInfo>>,
    /// Ids of its log directories (`directory.id`).
    pub log_dir_ids: Vec<Uuid>,
    /// Images as they are agreed.
    pub images: watch::Receiver<Arc<Image>>,
    /// Takes requests for the controller.
    pub controller: mpsc::Sender<ControllerCall>,
    /// Cores that serve connections.
    pub cores: usize,
}

/// One core: the broker, and what needs no lock because nobody else has it.
#[derive(Debug)]
pub struct Core {
    /// The broker.
    pub broker: Arc<Broker>,
    index: usize,
}

impl Broker {
    /// Puts a broker together; nothing runs yet.
    pub fn new(parts: BrokerParts) -> Arc<Broker> {
        let network = &parts.options.config.network;
        let count = |value: i32| usize::try_from(value).unwrap_or_default();
        let connection_limits = ConnectionLimits::new(
            count(network.connections_max),
            count(network.connections_per_ip_max),
            addresses(&network.connections_per_ip_overrides),
        );
        Arc::new(Broker {
            metadata: MetadataView::new(parts.images),
            controller: Controller::new(parts.options.node_id, parts.controller),
            producer_ids: ProducerIds::default(),
            budget: MemoryBudget::new(parts.options.budget_bytes()),
            connection_limits,
            core_metrics: (0..parts.cores.max(1)).map(|_| Arc::default()).collect(),
            log_dir_ids: parts.log_dir_ids,
            listeners: parts.listeners,
            options: parts.options,
        })
    }

    /// Ids of the log directories, in the order of `log.dirs`.
    pub fn log_dir_ids(&self) -> Vec<Uuid> {
        self.log_dir_ids.clone()
    }
}

impl Core {
    /// The core of that number.
    pub fn new(broker: Arc<Broker>, index: usize) -> Core {
        Core { broker, index }
    }

    /// The core's counters.
    pub fn metrics(&self) -> &RequestMetrics {
        &self.broker.core_metrics[self.index]
    }
}

/// Limits by address; a host name stands for every address it resolves to now.
fn addresses(overrides: &[(String, i32)]) -> HashMap<IpAddr, usize> {
    let mut limits = HashMap::new();
    for (host, limit) in overrides {
        match (host.as_str(), 0).to_socket_addrs() {
            Ok(found) => {
                limits
                    .extend(found.map(|address| (address.ip(), usize::try_from(*limit).unwrap_or_default())));
            }
            Err(error) => {
                tracing::warn!(host, %error, "max.connections.per.ip.overrides names a host that cannot be resolved");
            }
        }
    }
    limits
}
