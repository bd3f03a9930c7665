//! What the metrics endpoint shows, gathered from the running parts when somebody asks.

use std::sync::Arc;

use broker::{Broker, PartitionTraffic, TopicTraffic};
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
        let cores: Vec<&RequestMetrics> =
            self.broker.core_counters.iter().map(|core| &core.requests).collect();
        RequestMetrics::expose(&cores, broker::api_name, &mut page);
        self.expose_controller(&mut page);
        self.expose_traffic(&mut page);
        self.expose_sockets(&mut page);
        self.expose_data_path(&mut page);
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

    fn expose_traffic(&self, page: &mut Exposition) {
        let topics = self.broker.traffic();
        let prefix = "kafka_server_brokertopicmetrics";
        type Count = fn(&TopicTraffic) -> u64;
        let counts: [(&str, Count); 3] = [
            ("messagesin", |topic| topic.messages_in),
            ("bytesin", |topic| topic.bytes_in),
            ("bytesout", |topic| topic.bytes_out),
        ];
        for (name, count) in counts {
            let name = format!("{prefix}_{name}_total");
            page.counter(&name, &[], topics.iter().map(count).sum());
            for topic in &topics {
                page.counter(&name, &[("topic", &topic.name)], count(topic));
            }
        }
        let partitions =
            || topics.iter().flat_map(|topic| topic.partitions.iter().map(move |one| (topic, one)));
        for name in ["leadercount", "partitioncount"] {
            page.gauge(&format!("kafka_server_replicamanager_{name}"), &[], partitions().count() as f64);
        }
        type Place = fn(&PartitionTraffic) -> i64;
        let gauges: [(&str, Place); 4] = [
            ("kafka_log_log_size", |one| one.size_bytes),
            ("kafka_log_log_logstartoffset", |one| one.log_start_offset),
            ("kafka_log_log_logendoffset", |one| one.log_end_offset),
            ("kafka_log_log_numlogsegments", |one| one.segments),
        ];
        for (name, place) in gauges {
            for (topic, one) in partitions() {
                let index = one.index.to_string();
                page.gauge(name, &[("topic", &topic.name), ("partition", &index)], place(one) as f64);
            }
        }
        let (sessions, held, evictions) = self.broker.fetch_session_counts();
        page.gauge("kafka_server_fetchsessioncache_numincrementalfetchsessions", &[], sessions as f64);
        page.gauge("kafka_server_fetchsessioncache_numincrementalfetchpartitionscached", &[], held as f64);
        page.counter("kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total", &[], evictions);
    }

    fn expose_sockets(&self, page: &mut Exposition) {
        let open = self.broker.connection_limits.open();
        page.gauge("kafka_server_socket_server_metrics_connection_count", &[], open as f64);
        let budget = &self.broker.budget;
        let setting = [("setting", budget.setting())];
        page.gauge("naru_memory_budget_bytes", &setting, budget.bytes_max() as f64);
        page.gauge("naru_memory_budget_reserved_bytes", &setting, budget.reserved_bytes() as f64);
        page.counter("naru_memory_budget_waits_total", &setting, budget.waits());
    }

    fn expose_data_path(&self, page: &mut Exposition) {
        let counts = self.broker.data_path_counts();
        let sockets = counts.sockets;
        let counters = [
            ("naru_socket_reads_total", sockets.reads),
            ("naru_socket_received_bytes_total", sockets.received_bytes),
            ("naru_socket_sends_total", sockets.sends),
            ("naru_socket_sent_bytes_total", sockets.sent_bytes),
            ("naru_sendfile_calls_total", sockets.file_sends),
            ("naru_sendfile_bytes_total", sockets.file_bytes),
            ("naru_tail_cache_hits_total", counts.tail_cache_hits),
            ("naru_cold_reads_total", counts.cold_reads),
            ("naru_parked_fetches_total", counts.parked_fetches),
            ("naru_fetch_wakes_total", counts.fetch_wakes),
            ("naru_queued_appends_total", counts.queued_appends),
            ("naru_slow_appends_total", counts.slow_appends),
            ("naru_flushes_total", counts.flushes),
        ];
        for (name, count) in counters {
            page.counter(name, &[], count);
        }
        page.gauge("naru_waiting_fetches", &[], counts.waiting_fetches as f64);
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
