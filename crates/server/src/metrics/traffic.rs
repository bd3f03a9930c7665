//! What passed through the topics of this broker, and how their logs stand.

use broker::{Broker, PartitionTraffic, TopicTraffic};
use telemetry::Exposition;

/// Shows traffic and logs of `topics`.
pub(super) fn expose(broker: &Broker, topics: &[TopicTraffic], page: &mut Exposition) {
    type Count = fn(&TopicTraffic) -> u64;
    let counts: [(&str, Count); 8] = [
        ("messagesin", |topic| topic.messages_in),
        ("bytesin", |topic| topic.bytes_in),
        ("bytesout", |topic| topic.bytes_out),
        ("bytesrejected", |topic| topic.bytes_rejected),
        ("totalproducerequests", |topic| topic.produce_requests),
        ("failedproducerequests", |topic| topic.failed_produce_requests),
        ("totalfetchrequests", |topic| topic.fetch_requests),
        ("failedfetchrequests", |topic| topic.failed_fetch_requests),
    ];
    for (name, count) in counts {
        let name = format!("kafka_server_brokertopicmetrics_{name}_total");
        page.counter(&name, &[], topics.iter().map(count).sum());
        for topic in topics {
            page.counter(&name, &[("topic", &topic.name)], count(topic));
        }
    }
    type Place = fn(&PartitionTraffic) -> i64;
    let gauges: [(&str, Place); 4] = [
        ("size", |one| one.size_bytes),
        ("logstartoffset", |one| one.log_start_offset),
        ("logendoffset", |one| one.log_end_offset),
        ("numlogsegments", |one| one.segments),
    ];
    for (name, place) in gauges {
        let name = format!("kafka_log_log_{name}");
        for topic in topics {
            for one in &topic.partitions {
                let index = one.index.to_string();
                page.gauge(&name, &[("topic", &topic.name), ("partition", &index)], place(one) as f64);
            }
        }
    }
    let (sessions, held, evictions) = broker.fetch_session_counts();
    let prefix = "kafka_server_fetchsessioncache";
    page.gauge(&format!("{prefix}_numincrementalfetchsessions"), &[], sessions as f64);
    page.gauge(&format!("{prefix}_numincrementalfetchpartitionscached"), &[], held as f64);
    page.counter(&format!("{prefix}_incrementalfetchsessionevictions_total"), &[], evictions);
}
