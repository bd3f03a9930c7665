//! The process: its connections, descriptors, memory and disk traffic.

use broker::Broker;
use telemetry::Exposition;

/// Shows the process; what `/proc` does not tell on this system is left out.
pub(super) fn expose(broker: &Broker, page: &mut Exposition) {
    let open = broker.connection_limits.open();
    page.gauge("kafka_server_socket_server_metrics_connection_count", &[], open as f64);
    page.gauge("naru_memory_budget_reserved_bytes", &[], broker.budget.reserved_bytes() as f64);
    page.counter("naru_memory_budget_waits_total", &[], broker.budget.waits());
    if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
        page.gauge("process_open_fds", &[], descriptors.count() as f64);
    }
    if let Some(kibibytes) = field("/proc/self/status", "VmRSS:") {
        page.gauge("process_resident_memory_bytes", &[], kibibytes * 1024.0);
    }
    for (name, key) in [("read", "read_bytes:"), ("write", "write_bytes:")] {
        if let Some(bytes) = field("/proc/self/io", key) {
            page.gauge(&format!("kafka_server_kafkaserver_linux_disk_{name}_bytes"), &[], bytes);
        }
    }
}

/// The number behind `key` in a file of lines `key number [unit]`.
fn field(file: &str, key: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.split_whitespace().next()?.parse().ok()
}
