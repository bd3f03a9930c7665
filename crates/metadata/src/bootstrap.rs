//! The records a fresh cluster begins with: what `kafka-storage format` of Kafka 4.3.1 finalizes.

use protocol::messages::{
    BeginTransactionRecord, ConfigRecord, EndTransactionRecord, FeatureLevelRecord, MetadataRecord,
};

use crate::image::{ELIGIBLE_LEADER_REPLICAS_VERSION, METADATA_VERSION, ResourceKind};
use crate::record::VersionedRecord;

/// A feature this version knows: its levels and the one a fresh cluster finalizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFeature {
    /// Name of the feature.
    pub name: &'static str,
    /// Lowest level supported.
    pub min: i16,
    /// Highest level supported.
    pub max: i16,
    /// Level of a fresh cluster; 0 leaves it out.
    pub fresh: i16,
}

const fn feature(name: &'static str, min: i16, max: i16, fresh: i16) -> KnownFeature {
    KnownFeature { name, min, max, fresh }
}

/// Every feature of Kafka 4.3.1, in the order a fresh cluster finalizes them.
pub const KNOWN_FEATURES: &[KnownFeature] = &[
    feature(METADATA_VERSION, 7, 30, 30),
    feature(ELIGIBLE_LEADER_REPLICAS_VERSION, 0, 1, 1),
    feature("group.version", 0, 1, 1),
    feature("share.version", 0, 1, 1),
    feature("streams.version", 0, 1, 1),
    feature("transaction.version", 0, 2, 2),
    // Written as a control record of the quorum's log, not as a feature level record.
    feature("kraft.version", 0, 1, 0),
];

/// The level of the quorum's own log format: no record of the image says it, and it stands at its highest from the
/// first format on (KIP-853).
pub const QUORUM_FEATURE: (&str, i16) = ("kraft.version", 1);

/// The records of `bootstrap.checkpoint`: one feature level per feature.
pub fn feature_records() -> Vec<VersionedRecord> {
    let fresh = KNOWN_FEATURES.iter().filter(|feature| feature.fresh > 0);
    let record = |feature: &KnownFeature| FeatureLevelRecord {
        name: feature.name.into(),
        feature_level: feature.fresh,
    };
    fresh.map(|feature| versioned(MetadataRecord::FeatureLevel(record(feature)))).collect()
}

/// The first records of a fresh cluster's log: the features and, since leadership by eligible replicas needs
/// it, the cluster-wide `min.insync.replicas`, in one transaction.
pub fn bootstrap_records(min_insync_replicas: i32) -> Vec<VersionedRecord> {
    let begin = BeginTransactionRecord { name: Some("Bootstrap records".into()) };
    let config = ConfigRecord {
        resource_type: ResourceKind::Broker.code(),
        resource_name: "".into(),
        name: "min.insync.replicas".into(),
        value: Some(min_insync_replicas.to_string().into()),
    };
    let mut records = vec![versioned(MetadataRecord::BeginTransaction(begin))];
    records.extend(feature_records());
    records.push(versioned(MetadataRecord::Config(config)));
    records.push(versioned(MetadataRecord::EndTransaction(EndTransactionRecord {})));
    records
}

fn versioned(record: MetadataRecord<'static>) -> VersionedRecord {
    VersionedRecord::new(record, 30)
}
