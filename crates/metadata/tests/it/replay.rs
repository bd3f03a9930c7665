//! What an image amounts to survives the way through its snapshot, whatever records made it.

use metadata::{Image, Replay, bootstrap_records, to_records};
use model::Uuid;
use proptest::prelude::*;
use protocol::messages::client_quota_record::EntityData;
use protocol::messages::{
    AccessControlEntryRecord, ClientQuotaRecord, ConfigRecord, DelegationTokenRecord, FeatureLevelRecord,
    MetadataRecord, PartitionChangeRecord, PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord,
    RegisterControllerRecord, RemoveTopicRecord, TopicRecord, UnregisterBrokerRecord,
    UserScramCredentialRecord,
};

fn topic_id(number: u8) -> Uuid {
    Uuid([number + 1; 16])
}

fn broker_ids() -> impl Strategy<Value = Vec<i32>> {
    prop::collection::vec(0..5i32, 0..4)
}

fn topic_record() -> impl Strategy<Value = MetadataRecord<'static>> {
    let change =
        (0..4u8, 0..3i32, prop::option::of(broker_ids()), -2..3i32, -1..2i8, prop::option::of(broker_ids()));
    prop_oneof![
        (0..4u8).prop_map(|n| MetadataRecord::Topic(TopicRecord {
            name: format!("t{n}").into(),
            topic_id: topic_id(n)
        })),
        (0..4u8).prop_map(|n| MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: topic_id(n) })),
        (0..4u8, 0..3i32, broker_ids()).prop_map(|(n, index, replicas)| MetadataRecord::Partition(
            PartitionRecord {
                partition_id: index,
                topic_id: topic_id(n),
                isr: replicas.clone(),
                directories: vec![Uuid::ONE; replicas.len()],
                replicas,
                leader: -1,
                leader_epoch: 0,
                partition_epoch: 0,
                ..PartitionRecord::default()
            }
        )),
        change.prop_map(|(n, index, isr, leader, recovery, elr)| MetadataRecord::PartitionChange(
            PartitionChangeRecord {
                partition_id: index,
                topic_id: topic_id(n),
                isr,
                leader,
                leader_recovery_state: recovery,
                eligible_leader_replicas: elr,
                ..PartitionChangeRecord::default()
            }
        )),
    ]
}

fn other_record() -> impl Strategy<Value = MetadataRecord<'static>> {
    let config = (prop::sample::select(vec![2i8, 4, 16, 32]), "[a-c]?", "[x-z]", prop::option::of("[0-9]"));
    prop_oneof![
        config.prop_map(|(kind, name, key, value)| MetadataRecord::Config(ConfigRecord {
            resource_type: kind,
            resource_name: name.into(),
            name: key.into(),
            value: value.map(Into::into),
        })),
        ("[a-c]", 0..3i16).prop_map(|(name, feature_level)| MetadataRecord::FeatureLevel(
            FeatureLevelRecord { name: name.into(), feature_level }
        )),
        (0..3i32, 0..3i64).prop_map(|(broker_id, broker_epoch)| MetadataRecord::RegisterBroker(
            RegisterBrokerRecord { broker_id, broker_epoch, ..RegisterBrokerRecord::default() }
        )),
        (0..3i32, 0..3i64).prop_map(|(broker_id, broker_epoch)| MetadataRecord::UnregisterBroker(
            UnregisterBrokerRecord { broker_id, broker_epoch }
        )),
        (0..3i32).prop_map(|controller_id| MetadataRecord::RegisterController(RegisterControllerRecord {
            controller_id,
            ..RegisterControllerRecord::default()
        })),
        (0..9i64).prop_map(|next| MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker_id: 1,
            broker_epoch: 2,
            next_producer_id: next
        })),
        (prop::option::of("[a-b]"), "[x-z]", 0..9i32, any::<bool>()).prop_map(
            |(name, key, value, remove)| {
                let entity =
                    vec![EntityData { entity_type: "user".into(), entity_name: name.map(Into::into) }];
                MetadataRecord::ClientQuota(ClientQuotaRecord {
                    entity,
                    key: key.into(),
                    value: f64::from(value),
                    remove,
                })
            }
        ),
        ("[a-b]", 1..3i8).prop_map(|(name, mechanism)| MetadataRecord::UserScramCredential(
            UserScramCredentialRecord {
                name: name.into(),
                mechanism,
                salt: vec![1, 2].into(),
                iterations: 4096,
                ..UserScramCredentialRecord::default()
            }
        )),
        (0..3u8, "[a-b]").prop_map(|(n, principal)| MetadataRecord::AccessControlEntry(
            AccessControlEntryRecord {
                id: topic_id(n),
                principal: principal.into(),
                ..AccessControlEntryRecord::default()
            }
        )),
        "[a-b]".prop_map(|token_id| MetadataRecord::DelegationToken(DelegationTokenRecord {
            token_id: token_id.into(),
            renewers: vec!["User:a".into()],
            ..DelegationTokenRecord::default()
        })),
    ]
}

fn image_of(records: &[MetadataRecord<'static>]) -> Image {
    let mut image = Image::new();
    for record in bootstrap_records(1) {
        image.apply(&record.record, 0).unwrap();
    }
    for (offset, record) in (9..).zip(records) {
        let before = image.clone();
        if image.apply(record, offset).is_err() {
            assert_eq!(image, before, "a refused record changes nothing");
        }
    }
    image
}

proptest! {
    #[test]
    fn a_snapshot_rebuilds_its_image(
        records in prop::collection::vec(prop_oneof![topic_record(), other_record()], 0..60)
    ) {
        let image = image_of(&records);
        let mut rebuilt = Image::new();
        for record in to_records(&image) {
            let bytes = record.record.encode(record.version).unwrap();
            let (decoded, version) = MetadataRecord::decode(&bytes).unwrap();
            prop_assert_eq!(version, record.version);
            rebuilt.apply(&decoded, image.applied_offset).unwrap();
        }
        rebuilt.applied_offset = image.applied_offset;
        prop_assert_eq!(rebuilt, image);
    }
}

#[test]
fn an_aborted_transaction_leaves_nothing_behind() {
    let mut replay = Replay::default();
    let topic = MetadataRecord::Topic(TopicRecord { name: "a".into(), topic_id: topic_id(1) });
    let aborted = [
        MetadataRecord::BeginTransaction(Default::default()),
        topic.clone(),
        MetadataRecord::AbortTransaction(Default::default()),
    ];
    for (offset, record) in (0..).zip(&aborted) {
        replay.apply(record, offset).unwrap();
    }
    assert!(replay.image().topics.is_empty());
    replay.apply(&topic, 3).unwrap();
    assert_eq!(replay.image().topics.len(), 1);
}

/// The cost of one topic more must not grow with the topics there are: the map of a big image and the one made
/// from it are the same but for a path.
#[test]
fn a_new_image_shares_its_topics_with_the_old_one() {
    let mut image = Image::new();
    for number in 0..10_000u32 {
        let mut id = [7; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let topic = TopicRecord { name: format!("topic-{number}").into(), topic_id: Uuid(id) };
        image.apply(&MetadataRecord::Topic(topic), number.into()).unwrap();
    }
    let old = image.clone();
    let topic = TopicRecord { name: "one-more".into(), topic_id: Uuid::ONE };
    image.apply(&MetadataRecord::Topic(topic), 10_000).unwrap();
    assert_eq!((old.topics.len(), image.topics.len()), (10_000, 10_001));
    let shared = old.topics.iter().filter(|topic| {
        image.topics.get(&topic.name).is_some_and(|other| std::sync::Arc::ptr_eq(topic, other))
    });
    assert_eq!(shared.count(), 10_000);
}
