//! What the cluster agreed on: brokers, topics, who leads and who keeps up. Names of Kafka's controller and replica
//! manager, and those of kafka_exporter.

use broker::{Broker, PartitionTraffic, TopicTraffic};
use metadata::Image;
use metadata::image::{Partition, Topic};
use model::{NodeId, TopicName};
use telemetry::Exposition;

/// Shows the cluster; `here` are the topics with partitions on this broker.
pub(super) fn expose(broker: &Broker, here: &[TopicTraffic], page: &mut Exposition) {
    let image = broker.metadata.image();
    expose_controller(&image, page);
    expose_replicas(&image, broker.options.node_id, here, page);
    expose_brokers(&image, page);
    expose_topics(&image, here, page);
}

fn expose_controller(image: &Image, page: &mut Exposition) {
    let partitions = || image.topics.iter().flat_map(|topic| topic.partitions.values());
    let offline = partitions().filter(|partition| partition.leader < 0).count();
    let imbalanced = partitions().filter(|partition| !is_led_by_preferred(partition)).count();
    let fenced = image.brokers.values().filter(|broker| broker.is_fenced).count();
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
        page.gauge(&format!("kafka_controller_kafkacontroller_{name}"), &[], value as f64);
    }
}

/// How the replicas in sync compare with those wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Standing {
    under_replicated: bool,
    under_min_isr: bool,
    at_min_isr: bool,
}

fn standing(partition: &Partition, min_isr: i32) -> Standing {
    let in_sync = partition.isr.len();
    let wanted = usize::try_from(min_isr).unwrap_or_default().min(partition.replicas.len());
    Standing {
        under_replicated: in_sync < partition.replicas.len(),
        under_min_isr: in_sync < wanted,
        at_min_isr: in_sync == wanted,
    }
}

/// Partitions with a replica on this broker.
fn expose_replicas(image: &Image, own: NodeId, here: &[TopicTraffic], page: &mut Exposition) {
    let mut placed = Vec::new();
    for traffic in here {
        let Some(topic) = image.topics.get(&traffic.name) else { continue };
        let own = topic.partitions.iter().filter(|(_, partition)| partition.replicas.contains(&own));
        placed.extend(own.map(|(index, one)| {
            (traffic.name.as_str(), index.to_string(), one, standing(one, traffic.min_insync_replicas))
        }));
    }
    let led = placed.iter().filter(|(_, _, partition, _)| partition.leader == own);
    let offline = placed.iter().filter(|(_, _, partition, _)| partition.leader < 0);
    let with = |is: fn(&Standing) -> bool| {
        let led = placed.iter().filter(|(_, _, partition, _)| partition.leader == own);
        led.filter(|(_, _, _, standing)| is(standing)).count()
    };
    let gauges = [
        ("leadercount", led.count()),
        ("partitioncount", placed.len()),
        ("underreplicatedpartitions", with(|standing| standing.under_replicated)),
        ("underminisrpartitioncount", with(|standing| standing.under_min_isr)),
        ("atminisrpartitioncount", with(|standing| standing.at_min_isr)),
        ("offlinereplicacount", offline.count()),
    ];
    for (name, value) in gauges {
        page.gauge(&format!("kafka_server_replicamanager_{name}"), &[], value as f64);
    }
    type Is = fn(&Standing) -> bool;
    let of_partitions: [(&str, Is); 3] = [
        ("underreplicated", |standing| standing.under_replicated),
        ("underminisr", |standing| standing.under_min_isr),
        ("atminisr", |standing| standing.at_min_isr),
    ];
    for (name, is) in of_partitions {
        for (topic, index, _, standing) in &placed {
            let labels = [("topic", *topic), ("partition", index.as_str())];
            page.gauge(
                &format!("kafka_cluster_partition_{name}"),
                &labels,
                f64::from(u8::from(is(standing))),
            );
        }
    }
}

fn expose_brokers(image: &Image, page: &mut Exposition) {
    page.gauge("kafka_brokers", &[], image.brokers.size() as f64);
    for (id, broker) in &image.brokers {
        if let Some(endpoint) = broker.endpoints.first() {
            let (id, address) = (id.to_string(), format!("{}:{}", endpoint.host, endpoint.port));
            page.gauge("kafka_broker_info", &[("id", &id), ("address", &address)], 1.0);
        }
    }
}

fn expose_topics(image: &Image, here: &[TopicTraffic], page: &mut Exposition) {
    let shown = || image.topics.iter().filter(|topic| !TopicName::is_internal(&topic.name));
    for topic in shown() {
        let labels = [("topic", &*topic.name)];
        page.gauge("kafka_topic_partitions", &labels, f64::from(topic.partition_count()));
    }
    type Fact = fn(&Partition) -> i64;
    let facts: [(&str, Fact); 5] = [
        ("leader", |one| i64::from(one.leader)),
        ("leader_is_preferred", |one| i64::from(is_led_by_preferred(one))),
        ("replicas", |one| one.replicas.len() as i64),
        ("in_sync_replica", |one| one.isr.len() as i64),
        ("under_replicated_partition", |one| i64::from(one.isr.len() < one.replicas.len())),
    ];
    for (name, fact) in facts {
        let name = format!("kafka_topic_partition_{name}");
        for topic in shown() {
            expose_fact(&name, topic, fact, page);
        }
    }
    type Offset = fn(&PartitionTraffic) -> i64;
    let offsets: [(&str, Offset); 2] =
        [("current_offset", |one| one.log_end_offset), ("oldest_offset", |one| one.log_start_offset)];
    for (name, offset) in offsets {
        let name = format!("kafka_topic_partition_{name}");
        for topic in here.iter().filter(|topic| !TopicName::is_internal(&topic.name)) {
            for one in &topic.partitions {
                let index = one.index.to_string();
                page.gauge(&name, &[("topic", &topic.name), ("partition", &index)], offset(one) as f64);
            }
        }
    }
}

fn expose_fact(name: &str, topic: &Topic, fact: fn(&Partition) -> i64, page: &mut Exposition) {
    for (index, partition) in &topic.partitions {
        let index = index.to_string();
        page.gauge(name, &[("topic", &topic.name), ("partition", &index)], fact(partition) as f64);
    }
}

fn is_led_by_preferred(partition: &Partition) -> bool {
    partition.replicas.first() == Some(&partition.leader)
}
