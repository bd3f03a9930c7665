//! What the metrics endpoint shows, gathered from the running parts when somebody asks.

mod cluster;
mod data_path;
mod groups;
mod process;
mod traffic;

use std::sync::Arc;

use broker::Broker;
use telemetry::{Exposition, RequestMetrics};

use crate::http::Observed;

/// The node as the endpoint sees it.
pub struct NodeMetrics {
    /// The broker.
    pub broker: Arc<Broker>,
    /// Whether the quorum works, else why not.
    pub quorum_failure: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

impl Observed for NodeMetrics {
    fn metrics(&self) -> String {
        let mut page = Exposition::default();
        let cores: Vec<&RequestMetrics> =
            self.broker.core_counters.iter().map(|core| &core.requests).collect();
        RequestMetrics::expose(&cores, broker::api_name, &mut page);
        let topics = self.broker.traffic();
        cluster::expose(&self.broker, &topics, &mut page);
        traffic::expose(&self.broker, &topics, &mut page);
        groups::expose(&self.broker, &mut page);
        data_path::expose(&self.broker, &mut page);
        process::expose(&self.broker, &mut page);
        page.finish()
    }

    fn health(&self) -> Result<(), String> {
        (self.quorum_failure)().map_or(Ok(()), Err)
    }
}
