//! The broker's settings in the form its parts need them. The only place that reads `config` for the data path.

use std::time::Duration;

use config::{BrokerConfig, StaticSettings};
use model::{NodeId, Uuid};

/// Free buffers that one core keeps at most, in bytes.
const POOLED_BYTES_PER_CORE_MAX: usize = 32 * 1024 * 1024;

/// How the broker runs; fixed at its start.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// `node.id`.
    pub node_id: NodeId,
    /// The cluster's id.
    pub cluster_id: String,
    /// Drawn at each start, so that the controller can tell two lives of a broker apart.
    pub incarnation_id: Uuid,
    /// Static settings, for DescribeConfigs.
    pub settings: StaticSettings,
    /// The same, typed.
    pub config: BrokerConfig,
    /// Free buffers that one core keeps at most, in bytes.
    pub pooled_bytes_per_core_max: usize,
}

impl BrokerOptions {
    /// Options of the node that `config` describes.
    pub fn new(
        settings: StaticSettings,
        config: BrokerConfig,
        cluster_id: String,
        incarnation_id: Uuid,
    ) -> BrokerOptions {
        BrokerOptions {
            node_id: config.node_id,
            cluster_id,
            incarnation_id,
            settings,
            config,
            pooled_bytes_per_core_max: POOLED_BYTES_PER_CORE_MAX,
        }
    }

    /// Largest frame taken, in bytes (`socket.request.max.bytes`).
    pub fn request_bytes_max(&self) -> usize {
        usize::try_from(self.config.network.request_bytes_max).unwrap_or_default()
    }

    /// How long a connection may stay silent (`connections.max.idle.ms`); negative means for ever.
    pub fn connection_idle_max(&self) -> Duration {
        const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);
        u64::try_from(self.config.network.idle_ms_max).map_or(FOR_EVER, Duration::from_millis)
    }

    /// Memory that requests in flight may take together, in bytes.
    pub fn budget_bytes(&self) -> usize {
        let bytes =
            self.config.network.queued_request_bytes_max.unwrap_or(self.config.own.memory_budget_bytes);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}
