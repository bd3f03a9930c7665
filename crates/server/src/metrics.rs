//! What the metrics endpoint shows, gathered from the running parts when somebody asks.

use std::sync::Arc;

use broker::Broker;
use model::TopicName;
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
        let cores: Vec<&RequestMetrics> = self.broker.core_metrics.iter().map(Arc::as_ref).collect();
        RequestMetrics::expose(&cores, broker::api_name, &mut page);
        self.expose_controller(&mut page);
        self.expose_sockets(&mut page);
        expose_process(&mut page);
        page.finish()
    }

    fn health(&self) -> Result<(), String> {
        (self.quorum_failure)().map_or(Ok(()), Err)
    }
}

impl NodeMetrics {
    fn expose_controller(&self, page: &mut Exposition) {
        let image = self.broker.metadata.image();
        let partitions = || image.topics.iter().flat_map(|topic| topic.partitions.values());
        let offline = partitions().filter(|partition| partition.leader < 0).count();
        let imbalanced =
            partitions().filter(|partition| partition.replicas.first() != Some(&partition.leader)).count();
        let fenced = image.brokers.values().filter(|broker| broker.is_fenced).count();
        let prefix = "kafka_controller_kafkacontroller";
        let gauges = [
            ("activecontrollercount", 1),
            ("offlinepartitionscount", offline),
            ("globaltopiccount", image.topics.len()),
            ("globalpartitioncount", partitions().count()),
            ("activebrokercount", image.brokers.size() - fenced),
            ("fencedbrokercount", fenced),
            ("preferredreplicaimbalancecount", imbalanced),
        ];
        for (name, value) in gauges {
            page.gauge(&format!("{prefix}_{name}"), &[], value as f64);
        }
        page.gauge("kafka_brokers", &[], image.brokers.size() as f64);
        for topic in image.topics.iter().filter(|topic| !TopicName::is_internal(&topic.name)) {
            page.gauge(
                "kafka_topic_partitions",
                &[("topic", &topic.name)],
                f64::from(topic.partition_count()),
            );
        }
    }

    fn expose_sockets(&self, page: &mut Exposition) {
        let open = self.broker.connection_limits.open();
        page.gauge("kafka_server_socket_server_metrics_connection_count", &[], open as f64);
        page.gauge("naru_memory_budget_reserved_bytes", &[], self.broker.budget.reserved_bytes() as f64);
        page.counter("naru_memory_budget_waits_total", &[], self.broker.budget.waits());
    }
}

fn expose_process(page: &mut Exposition) {
    if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", &[], descriptors.count() as f64);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok());
    if let Some(kibibytes) = kibibytes {
        page.gauge("process_resident_memory_bytes", &[], kibibytes * 1024.0);
    }
}
