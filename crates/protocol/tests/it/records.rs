//! Records of internal topics in the frames of their topics.

use std::collections::BTreeSet;

use model::Uuid;
use protocol::messages::{
    GroupKey, GroupValue, MetadataRecord, OffsetCommitKey, OffsetCommitValue, ShareKey, ShareSnapshotKey,
    ShareSnapshotValue, ShareValue, TopicRecord, TransactionKey, TransactionLogKey, TransactionLogValue,
    TransactionValue,
};
use protocol::{DecodeErrorKind, VersionRange, Writer};

use crate::golden;

#[test]
fn a_metadata_record_is_framed_by_frame_version_type_and_version() {
    let record = MetadataRecord::Topic(TopicRecord { name: "foo".into(), topic_id: Uuid([7; 16]) });
    let value = record.encode(0).unwrap();
    let mut expected = vec![1, 2, 0, 4, b'f', b'o', b'o'];
    expected.extend([7; 16]);
    expected.push(0);
    assert_eq!(value, expected);
    assert_eq!(MetadataRecord::decode(&value), Ok((record.into_owned(), 0)));
}

#[test]
fn every_metadata_record_of_kafka_survives_its_frame() {
    let mut types = BTreeSet::new();
    for golden in golden::all() {
        let Some(record_type) = type_of_metadata_record(golden.message) else { continue };
        let mut value = Writer::new();
        value.unsigned_varint(1);
        value.unsigned_varint(record_type.cast_unsigned().into());
        value.unsigned_varint(golden.version.cast_unsigned().into());
        value.raw(&golden.bytes);
        let (record, version) = MetadataRecord::decode(value.as_slice()).unwrap();
        assert_eq!(
            (record.name(), record.record_type(), version),
            (golden.message, record_type, golden.version)
        );
        assert_eq!(record.encode(version).unwrap(), value.as_slice());
        assert_eq!(record.clone().into_owned(), record);
        types.insert(record_type);
    }
    let known: BTreeSet<i16> = (0..100).filter(|kind| MetadataRecord::versions_of(*kind).is_some()).collect();
    assert_eq!(types, known);
}

/// The record type that the schema gives the message, if it is a metadata record.
fn type_of_metadata_record(name: &str) -> Option<i16> {
    let begin = format!("metadata {name} key=");
    let rest = include_str!("../../schema/metadata-records.txt")
        .lines()
        .find_map(|line| line.strip_prefix(&begin))?;
    rest.split(' ').next().and_then(|key| key.parse().ok())
}

#[test]
fn malformed_metadata_records_are_refused_with_the_cause() {
    let kind = |value: &[u8]| MetadataRecord::decode(value).unwrap_err().kind;
    assert_eq!(kind(&[0, 2, 0]), DecodeErrorKind::UnknownFrameVersion(0));
    assert_eq!(kind(&[1, 6, 0]), DecodeErrorKind::UnknownRecordType(6));
    assert_eq!(kind(&[1, 0xff, 0xff, 0x03, 0]), DecodeErrorKind::UnknownRecordType(0xffff));
    assert_eq!(kind(&[1, 2, 9]), DecodeErrorKind::UnsupportedVersion);
    assert_eq!(kind(&[1, 20, 0, 0, 0]), DecodeErrorKind::TrailingBytes(1));
    assert_eq!(kind(&[1]), DecodeErrorKind::UnexpectedEnd { needed: 1, remaining: 0 });
}

#[test]
fn versions_are_known_by_record_type() {
    assert_eq!(MetadataRecord::versions_of(5), Some(VersionRange::new(0, 2)));
    assert_eq!(MetadataRecord::versions_of(6), None);
    assert_eq!(GroupValue::versions_of(1), Some(VersionRange::new(0, 4)));
}

#[test]
fn a_committed_offset_is_a_key_by_type_and_a_value_by_version() {
    let key = GroupKey::OffsetCommit(OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 5 });
    let bytes = key.encode().unwrap();
    assert_eq!(bytes, [0, 1, 0, 1, b'g', 0, 1, b't', 0, 0, 0, 5]);
    assert_eq!(GroupKey::decode(&bytes), Ok(key.clone()));
    let value =
        OffsetCommitValue { offset: 9, metadata: "m".into(), commit_timestamp: 1, ..Default::default() };
    let value = GroupValue::OffsetCommit(value);
    let bytes = value.encode(3).unwrap();
    assert_eq!(bytes[..10], [0, 3, 0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(GroupValue::decode(&bytes, key.record_type()), Ok((value, 3)));
}

#[test]
fn transactions_and_share_groups_have_keys_and_values_of_their_own() {
    let key = TransactionKey::TransactionLog(TransactionLogKey { transactional_id: "tx".into() });
    assert_eq!(TransactionKey::decode(&key.encode().unwrap()), Ok(key.clone()));
    let value =
        TransactionValue::TransactionLog(TransactionLogValue { producer_id: 4, ..Default::default() });
    let bytes = value.encode(1).unwrap();
    assert_eq!(TransactionValue::decode(&bytes, key.record_type()), Ok((value, 1)));
    let key =
        ShareKey::ShareSnapshot(ShareSnapshotKey { group_id: "g".into(), topic_id: Uuid::ONE, partition: 2 });
    assert_eq!(ShareKey::decode(&key.encode().unwrap()), Ok(key.clone()));
    let value = ShareValue::ShareSnapshot(ShareSnapshotValue { snapshot_epoch: 3, ..Default::default() });
    assert_eq!(ShareValue::decode(&value.encode(0).unwrap(), key.record_type()), Ok((value, 0)));
}
