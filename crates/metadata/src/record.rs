//! Metadata records with the version they are written in.

use protocol::messages::{BrokerRegistrationChangeRecord, MetadataRecord};
use protocol::{EncodeError, Writer};

/// Level of `metadata.version` from which partitions name their log directories (3.7-IV2).
const DIRECTORIES_LEVEL: i16 = 17;
/// Level from which partitions carry eligible leader replicas (4.0-IV1).
const ELIGIBLE_LEADERS_LEVEL: i16 = 23;
/// Level from which brokers report cordoned log directories (4.3-IV0).
const CORDONED_LEVEL: i16 = 30;

/// A record and the version it is written in.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionedRecord {
    /// The record.
    pub record: MetadataRecord<'static>,
    /// Its version.
    pub version: i16,
}

impl VersionedRecord {
    /// Chooses the version that a cluster at this level of `metadata.version` writes.
    pub fn new(record: MetadataRecord<'static>, metadata_version: i16) -> VersionedRecord {
        let version = match &record {
            MetadataRecord::RegisterBroker(_) => match metadata_version {
                CORDONED_LEVEL.. => 4,
                DIRECTORIES_LEVEL.. => 3,
                _ => 1,
            },
            MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => match metadata_version {
                ELIGIBLE_LEADERS_LEVEL.. => 2,
                DIRECTORIES_LEVEL.. => 1,
                _ => 0,
            },
            MetadataRecord::BrokerRegistrationChange(change) => change_version(change),
            _ => 0,
        };
        VersionedRecord { record, version }
    }

    /// Appends the record as the value of a record of `__cluster_metadata`.
    pub fn encode_into(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        self.record.encode_into(writer, self.version)
    }
}

/// The lowest version that carries what changes, as Kafka writes it.
fn change_version(change: &BrokerRegistrationChangeRecord) -> i16 {
    if change.cordoned_log_dirs.is_some() {
        3
    } else if !change.log_dirs.is_empty() {
        2
    } else if change.in_controlled_shutdown != 0 {
        1
    } else {
        0
    }
}
