//! Images as records make them, and the nodes of each.

use metadata::Replay;
use model::Uuid;
use protocol::messages::client_quota_record::EntityData;
use protocol::messages::register_broker_record::BrokerEndpoint;
use protocol::messages::{
    ClientQuotaRecord, ConfigRecord, MetadataRecord, PartitionRecord, ProducerIdsRecord,
    RegisterBrokerRecord, TopicRecord,
};
use zookeeper::tree::{child_path, descendants};

use super::*;

const TOPIC_ID: Uuid = Uuid([7; 16]);

fn broker(id: NodeId, fenced: bool) -> MetadataRecord<'static> {
    let endpoint = |name: &'static str, port, security_protocol| BrokerEndpoint {
        name: name.into(),
        host: "localhost".into(),
        port,
        security_protocol,
    };
    MetadataRecord::RegisterBroker(RegisterBrokerRecord {
        broker_id: id,
        broker_epoch: 40 + i64::from(id),
        end_points: vec![endpoint("SASL", 9093, 3), endpoint("PLAINTEXT", 9092, 0)],
        rack: (id == 1).then(|| "r\"1".into()),
        fenced,
        ..RegisterBrokerRecord::default()
    })
}

fn quota(
    entity: &[(&'static str, Option<&'static str>)],
    key: &'static str,
    value: f64,
) -> MetadataRecord<'static> {
    let entity = entity
        .iter()
        .map(|(kind, name)| EntityData { entity_type: (*kind).into(), entity_name: name.map(Into::into) });
    MetadataRecord::ClientQuota(ClientQuotaRecord {
        entity: entity.collect(),
        key: key.into(),
        value,
        remove: false,
    })
}

fn setting(kind: i8, name: &'static str, key: &'static str, value: &'static str) -> MetadataRecord<'static> {
    MetadataRecord::Config(ConfigRecord {
        resource_type: kind,
        resource_name: name.into(),
        name: key.into(),
        value: Some(value.into()),
    })
}

fn tree() -> ImageTree {
    let partition = |partition_id: i32| {
        MetadataRecord::Partition(PartitionRecord {
            partition_id,
            topic_id: TOPIC_ID,
            replicas: vec![1, 0],
            isr: vec![1],
            adding_replicas: if partition_id == 1 { vec![0] } else { Vec::new() },
            leader: 1,
            leader_epoch: 3,
            partition_epoch: 5,
            ..PartitionRecord::default()
        })
    };
    let records = [
        broker(1, false),
        broker(0, false),
        broker(2, true),
        MetadataRecord::Topic(TopicRecord { name: "orders".into(), topic_id: TOPIC_ID }),
        partition(0),
        partition(1),
        partition(10),
        setting(2, "orders", "retention.ms", "1000"),
        setting(4, "", "log.cleaner.threads", "2"),
        setting(4, "1", "ssl.key.password", "secret"),
        quota(&[("user", Some("al ice"))], "producer_byte_rate", 1024.0),
        quota(&[("user", Some("bob")), ("client-id", None)], "consumer_byte_rate", 99.0),
        quota(&[("client-id", Some("c*1"))], "request_percentage", 12.5),
        quota(&[("ip", Some("10.0.0.1"))], "connection_creation_rate", 7.0),
        MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker_id: 1,
            broker_epoch: 41,
            next_producer_id: 2000,
        }),
    ];
    let mut replay = Replay::default();
    for (offset, record) in (50..).zip(&records) {
        replay.apply(record, offset).unwrap();
    }
    ImageTree {
        image: Arc::new(replay.image().clone()),
        leadership: Leadership { leader_id: Some(1), leader_epoch: 4, voters: 1 },
        facts: Arc::new(Facts {
            cluster_id: "cluster".to_owned(),
            node_id: 1,
            started_ms: 1_700_000_000_000,
        }),
    }
}

fn children(path: &str) -> Vec<String> {
    tree().node(path).unwrap_or_else(|| panic!("no {path}")).children
}

fn data(path: &str) -> Option<String> {
    let node = tree().node(path).unwrap_or_else(|| panic!("no {path}"));
    node.data.map(|data| String::from_utf8(data).unwrap())
}

/// The texts are those of a Kafka 3.9 with ZooKeeper, but for names and numbers.
#[test]
fn nodes_hold_what_kafka_kept_in_them() {
    let expected = [
        (
            "/brokers/ids/0",
            r#"{"features":{},"listener_security_protocol_map":{"SASL":"SASL_SSL","PLAINTEXT":"PLAINTEXT"},"endpoints":["SASL://localhost:9093","PLAINTEXT://localhost:9092"],"jmx_port":-1,"port":9092,"host":"localhost","version":5,"timestamp":"1700000000000"}"#,
        ),
        (
            "/brokers/topics/orders",
            r#"{"partitions":{"0":[1,0],"1":[1,0],"10":[1,0]},"topic_id":"BwcHBwcHBwcHBwcHBwcHBw","adding_replicas":{"1":[0]},"removing_replicas":{},"version":3}"#,
        ),
        (
            "/brokers/topics/orders/partitions/10/state",
            r#"{"controller_epoch":4,"leader":1,"version":1,"leader_epoch":3,"isr":[1]}"#,
        ),
        (
            "/controller",
            r#"{"version":2,"brokerid":1,"timestamp":"1700000000000","kraftControllerEpoch":-1}"#,
        ),
        ("/controller_epoch", "4"),
        ("/cluster/id", r#"{"version":"1","id":"cluster"}"#),
        ("/config/topics/orders", r#"{"version":1,"config":{"retention.ms":"1000"}}"#),
        ("/config/brokers/<default>", r#"{"version":1,"config":{"log.cleaner.threads":"2"}}"#),
        ("/config/brokers/1", r#"{"version":1,"config":{"ssl.key.password":"[hidden]"}}"#),
        ("/config/users/al%20ice", r#"{"version":1,"config":{"producer_byte_rate":"1024"}}"#),
        ("/config/users/bob/clients/<default>", r#"{"version":1,"config":{"consumer_byte_rate":"99"}}"#),
        ("/config/clients/c%2A1", r#"{"version":1,"config":{"request_percentage":"12.5"}}"#),
        ("/config/ips/10.0.0.1", r#"{"version":1,"config":{"connection_creation_rate":"7"}}"#),
        ("/latest_producer_id_block", r#"{"version":1,"broker":1,"block_start":"1000","block_end":"1999"}"#),
        ("/feature", r#"{"features":{},"version":2,"status":1}"#),
        ("/zookeeper/config", ""),
    ];
    for (path, text) in expected {
        assert_eq!(data(path).as_deref(), Some(text), "{path}");
    }
    assert!(data("/brokers/ids/1").unwrap().ends_with(r#","rack":"r\"1"}"#));
    for path in [
        "/brokers",
        "/brokers/ids",
        "/brokers/seqid",
        "/consumers",
        "/admin/delete_topics",
        "/config/users/bob",
    ] {
        assert_eq!(data(path), None, "{path}");
    }
}

#[test]
fn folders_list_who_lives_and_what_there_is() {
    assert_eq!(children("/"), ROOT);
    assert_eq!(children("/brokers/ids"), ["0", "1"]);
    assert_eq!(children("/brokers/topics"), ["orders"]);
    assert_eq!(children("/brokers/topics/orders/partitions"), ["0", "1", "10"]);
    assert_eq!(children("/config"), ["brokers", "changes", "clients", "ips", "topics", "users"]);
    assert_eq!(children("/config/users"), ["al%20ice", "bob"]);
    assert_eq!(children("/config/users/bob"), ["clients"]);
    assert_eq!(children("/config/brokers"), ["<default>", "1"]);
    assert_eq!(children("/admin/delete_topics"), [] as [&str; 0]);
    let mut leaderless = tree();
    leaderless.leadership.leader_id = None;
    assert!(leaderless.node("/controller").is_none());
    assert!(!leaderless.node("/").unwrap().children.contains(&CONTROLLER.to_owned()));
}

#[test]
fn other_paths_lead_nowhere() {
    for path in [
        "/brokers/ids/2",
        "/brokers/ids/00",
        "/brokers/ids/x",
        "/brokers/ids/-1",
        "/brokers/topics/nothing",
        "/brokers/topics/orders/partitions/+1",
        "/brokers/topics/orders/partitions/2/state",
        "/brokers/topics/orders/state",
        "/config/brokers/7",
        "/config/brokers/",
        "/config/users/al ice",
        "/config/users/al%20ic%65",
        "/config/users/al%2",
        "/config/users/%ff",
        "/config/users/al%20ice/clients",
        "/config/topics/nothing",
        "/brokers/",
        "//",
        "brokers",
        "/kafka-acl",
    ] {
        assert_eq!(tree().node(path), None, "{path}");
    }
}

#[test]
fn marks_tell_what_is_known_of_a_node() {
    let tree = tree();
    assert_eq!((tree.zxid(), tree.role()), (64, Role::Standalone));
    let broker = tree.node("/brokers/ids/1").unwrap().stat();
    assert_eq!((broker.czxid, broker.mzxid, broker.version), (41, 41, 1));
    assert!(broker.ephemeral_owner != 0 && broker.data_length > 100);
    let state = tree.node("/brokers/topics/orders/partitions/0/state").unwrap().stat();
    assert_eq!((state.version, state.mzxid, state.ephemeral_owner), (5, 64, 0));
    let ids = tree.node("/brokers/ids").unwrap().stat();
    assert_eq!((ids.children, ids.mzxid, ids.pzxid), (2, 0, 64));
    let of_three = |leader_id| {
        let leadership = Leadership { leader_id, leader_epoch: 4, voters: 3 };
        ImageTree { leadership, ..tree.clone() }.role()
    };
    assert_eq!(
        (of_three(Some(1)), of_three(Some(2)), of_three(None)),
        (Role::Leader, Role::Follower, Role::Follower)
    );
}

/// Every child that is listed is there, and they are as many as are told.
#[test]
fn the_tree_is_whole() {
    let tree = tree();
    let mut waiting = vec!["/".to_owned()];
    while let Some(path) = waiting.pop() {
        let node = tree.node(&path).unwrap_or_else(|| panic!("no {path}"));
        waiting.extend(node.children.iter().map(|name| child_path(&path, name)));
    }
    assert_eq!(Some(tree.size().nodes), descendants(&tree, "/").map(|below| below + 1));
    assert_eq!(tree.size().ephemerals, 3);
}
