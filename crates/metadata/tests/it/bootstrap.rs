//! A fresh cluster begins as one formatted by Apache Kafka 4.3.1.

use metadata::{Replay, bootstrap_records, feature_records};
use protocol::Writer;

/// Values of the first data records of a log Kafka 4.3.1 wrote after `kafka-storage format`.
const KAFKAS: &[&str] = &[
    "01170001001212426f6f747374726170207265636f726473",
    "010c00116d657461646174612e76657273696f6e001e00",
    "010c0021656c696769626c652e6c65616465722e7265706c696361732e76657273696f6e000100",
    "010c000e67726f75702e76657273696f6e000100",
    "010c000e73686172652e76657273696f6e000100",
    "010c001073747265616d732e76657273696f6e000100",
    "010c00147472616e73616374696f6e2e76657273696f6e000200",
    "0104000401146d696e2e696e73796e632e7265706c69636173023100",
    "01180000",
];

#[test]
fn the_first_records_are_kafkas_byte_for_byte() {
    let records = bootstrap_records(1);
    let hex = |record: &metadata::VersionedRecord| {
        let mut writer = Writer::new();
        record.encode_into(&mut writer).unwrap();
        writer.into_vec().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let ours: Vec<String> = records.iter().map(hex).collect();
    assert_eq!(ours, KAFKAS);
    assert_eq!(feature_records(), records[1..7]);
}

#[test]
fn they_count_once_their_transaction_has_ended() {
    let mut replay = Replay::default();
    let records = bootstrap_records(1);
    for (offset, record) in (0..).zip(&records) {
        assert!(replay.image().features.is_empty());
        replay.apply(&record.record, offset).unwrap();
    }
    let image = replay.image();
    assert_eq!(image.metadata_version(), 30);
    assert!(image.keeps_eligible_leader_replicas());
    assert_eq!(image.features.len(), 6);
    assert_eq!(image.applied_offset, 8);
}
