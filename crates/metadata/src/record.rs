//! Metadata records with the version they are written in.

use protocol::messages::{BrokerRegistrationChangeRecord, MetadataRecord};
use protocol::{EncodeError, Writer};

/// Level of `metadata.version` from which partitions name their log directories (3.7-IV2).
const DIRECTORIES_LEVEL: i16 = 17;
/// Level from which partitions carry eligible leader replicas (4.0-IV1).
const ELIGIBLE_LEADERS_LEVEL: i16 = 23;
/// Level from which brokers report cordoned log directories (4.3-IV0).
pub(crate) const CORDONED_LEVEL: i16 = 30;

/// A record and the version it is written in.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionedRecord {
    /// The record.
    pub record: MetadataRecord<'static>,
    /// Its version.
    pub version: i16,
}

impl VersionedRecord {
    /// Chooses the version that a cluster at this level of `metadata.version` writes; what it cannot carry is left
    /// out, as Kafka does.
    pub fn new(mut record: MetadataRecord<'static>, metadata_version: i16) -> VersionedRecord {
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
        leave_out(&mut record, version);
        VersionedRecord { record, version }
    }

    /// Appends the record as the value of a record of `__cluster_metadata`.
    pub fn encode_into(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        self.record.encode_into(writer, self.version)
    }
}

/// Takes out what came to a record after `version`: log directories (KIP-858) and the cordoned among them.
fn leave_out(record: &mut MetadataRecord<'static>, version: i16) {
    match record {
        MetadataRecord::RegisterBroker(broker) => {
            if version < 3 {
                broker.log_dirs.clear();
            }
            if version < 4 {
                broker.cordoned_log_dirs = None;
            }
        }
        MetadataRecord::Partition(partition) if version < 1 => partition.directories.clear(),
        MetadataRecord::PartitionChange(change) if version < 1 => change.directories = None,
        _ => {}
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

#[cfg(test)]
mod tests {
    use model::Uuid;
    use protocol::messages::{PartitionChangeRecord, PartitionRecord, RegisterBrokerRecord};

    use super::*;

    #[test]
    fn older_levels_leave_log_directories_out() {
        let broker = RegisterBrokerRecord {
            log_dirs: vec![Uuid::ONE],
            cordoned_log_dirs: Some(vec![Uuid::ONE]),
            ..RegisterBrokerRecord::default()
        };
        let partition = PartitionRecord { directories: vec![Uuid::ONE], ..PartitionRecord::default() };
        let change =
            PartitionChangeRecord { directories: Some(vec![Uuid::ONE]), ..PartitionChangeRecord::default() };
        for level in [7, DIRECTORIES_LEVEL - 1, DIRECTORIES_LEVEL, ELIGIBLE_LEADERS_LEVEL, CORDONED_LEVEL] {
            let has_directories = level >= DIRECTORIES_LEVEL;
            let written = |record: MetadataRecord<'static>| {
                let versioned = VersionedRecord::new(record, level);
                versioned.encode_into(&mut Writer::new()).unwrap();
                versioned.record
            };
            let MetadataRecord::RegisterBroker(broker) =
                written(MetadataRecord::RegisterBroker(broker.clone()))
            else {
                panic!("another record")
            };
            assert_eq!(broker.log_dirs.is_empty(), !has_directories, "level {level}");
            assert_eq!(broker.cordoned_log_dirs.is_some(), level >= CORDONED_LEVEL, "level {level}");
            let kept = MetadataRecord::Partition(partition.clone());
            assert_eq!(written(kept.clone()) == kept, has_directories, "level {level}");
            let kept = MetadataRecord::PartitionChange(change.clone());
            assert_eq!(written(kept.clone()) == kept, has_directories, "level {level}");
        }
    }
}
