//! How the data path goes: sockets, memory against files, waits. Names of our own, but for the purgatory's.

use broker::Broker;
use telemetry::Exposition;

/// Shows the counters of the data path.
pub(super) fn expose(broker: &Broker, page: &mut Exposition) {
    let counts = broker.data_path_counts();
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
    page.gauge("naru_index_bytes", &[], counts.index_bytes as f64);
    page.gauge("naru_tail_cache_bytes", &[], counts.tail_cache_bytes as f64);
    page.gauge("naru_waiting_fetches", &[], counts.waiting_fetches as f64);
    let purgatory = "kafka_server_delayedoperationpurgatory_purgatorysize";
    page.gauge(purgatory, &[("delayedoperation", "Fetch")], counts.waiting_fetches as f64);
}
