//! Bytes made by Kafka 4.3.1's own classes (`golden/Golden.java`) decode and encode to the same bytes.

use std::collections::BTreeMap;

use model::{ErrorCode, Uuid};
use protocol::messages::{
    ConsumerGroupMemberMetadataValue, FetchResponse, MetadataResponse, PartitionChangeRecord, ProduceRequest,
};
use protocol::{ApiKey, Reader};

use crate::catalogue;

const FILES: [&str; 7] = [
    include_str!("../../golden/group-records.txt"),
    include_str!("../../golden/headers-and-data.txt"),
    include_str!("../../golden/metadata-records.txt"),
    include_str!("../../golden/requests.txt"),
    include_str!("../../golden/share-records.txt"),
    include_str!("../../golden/storage-records.txt"),
    include_str!("../../golden/transaction-records.txt"),
];

/// One line of a golden file.
pub struct Golden {
    pub message: &'static str,
    pub version: i16,
    pub shape: &'static str,
    pub bytes: Vec<u8>,
}

/// Every golden message.
pub fn all() -> impl Iterator<Item = Golden> {
    FILES.iter().flat_map(|file| file.lines()).map(|line| {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap();
        let (message, version, shape, digits) = (next(), next().parse().unwrap(), next(), next());
        Golden { message, version, shape, bytes: from_hex(digits) }
    })
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn one(message: &str, version: i16, shape: &str) -> Vec<u8> {
    let found =
        all().find(|golden| golden.message == message && golden.version == version && golden.shape == shape);
    found.unwrap_or_else(|| panic!("no golden {message} {version} {shape}")).bytes
}

#[test]
fn every_message_at_every_version_encodes_to_kafkas_bytes() {
    let mut failures = Vec::new();
    for golden in all() {
        let outcome = (catalogue::find(golden.message).round_trip)(&golden.bytes, golden.version);
        if outcome.as_ref() != Ok(&golden.bytes) {
            let Golden { message, version, shape, .. } = golden;
            failures.push(format!("{message} {version} {shape}: {:?}", outcome.err()));
        }
    }
    assert!(failures.is_empty(), "{} failures: {:#?}", failures.len(), &failures[..failures.len().min(20)]);
}

#[test]
fn golden_bytes_cover_every_message_every_version_and_three_shapes() {
    let mut seen: BTreeMap<(&str, i16), Vec<&str>> = BTreeMap::new();
    for golden in all() {
        seen.entry((golden.message, golden.version)).or_default().push(golden.shape);
    }
    for entry in catalogue::MESSAGES {
        for version in entry.versions.min..=entry.versions.max {
            let shapes = seen.remove(&(entry.name, version)).unwrap_or_default();
            assert!(
                shapes.starts_with(&["empty", "filled", "nulls"]),
                "{} {version}: {shapes:?}",
                entry.name
            );
        }
    }
    assert!(seen.is_empty(), "golden bytes of unknown messages: {:?}", seen.keys());
}

#[test]
fn defaults_are_kafkas() {
    let mut failures = Vec::new();
    for golden in all().filter(|golden| golden.shape == "empty") {
        let encoded = (catalogue::find(golden.message).encode_default)(golden.version);
        if encoded.as_ref() != Ok(&golden.bytes) {
            failures.push(format!("{} {}: {encoded:?}", golden.message, golden.version));
        }
    }
    assert!(failures.is_empty(), "{} failures: {:#?}", failures.len(), &failures[..failures.len().min(20)]);
}

#[test]
fn header_versions_are_kafkas() {
    let lines = include_str!("../../golden/header-versions.txt").lines();
    let mut versions = 0;
    for line in lines {
        let numbers: Vec<i16> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let [key, version, request, response] = numbers[..] else { panic!("{line}") };
        let api_key = ApiKey::from_i16(key).unwrap();
        assert!(api_key.versions().contains(version), "{api_key:?} {version}");
        assert_eq!(api_key.request_header_version(version), request, "{api_key:?} {version}");
        assert_eq!(api_key.response_header_version(version), response, "{api_key:?} {version}");
        versions += 1;
    }
    let ours = ApiKey::ALL.iter().map(|api_key| api_key.versions());
    assert_eq!(versions, ours.map(|range| i32::from(range.max - range.min + 1)).sum::<i32>());
}

/// What `Golden.java` puts at a path: FNV-1a over it.
fn at(path: &str) -> u64 {
    path.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn text_at(path: &str) -> String {
    format!("{:06x}é", at(path) & 0xff_ffff)
}

fn bytes_at(path: &str) -> Vec<u8> {
    format!("{:06x}", at(path) & 0xff_ffff).into_bytes()
}

fn uuid_at(path: &str) -> Uuid {
    let hash = at(path);
    Uuid((u128::from(hash) << 64 | u128::from(!hash)).to_be_bytes())
}

#[test]
fn a_produce_request_holds_what_kafka_wrote() {
    for version in [3, 9, 13] {
        let bytes = one("ProduceRequest", version, "filled");
        let request = ProduceRequest::decode(&mut Reader::new(&bytes), version).unwrap();
        assert_eq!(request.transactional_id.as_deref(), Some(text_at("TransactionalId").as_str()));
        assert_eq!(request.acks, at("Acks") as i16);
        assert_eq!(request.timeout_ms, at("TimeoutMs") as i32);
        assert_eq!(request.topic_data.len(), 2);
        let topic = &request.topic_data[1];
        if version >= 13 {
            assert_eq!(topic.topic_id, uuid_at("TopicData[1].TopicId"));
            assert_eq!(topic.name, "");
        } else {
            assert_eq!(topic.name, text_at("TopicData[1].Name"));
        }
        let partition = &topic.partition_data[0];
        assert_eq!(partition.index, at("TopicData[1].PartitionData[0].Index") as i32);
        let records = bytes_at("TopicData[1].PartitionData[0].Records");
        assert_eq!(partition.records.as_deref(), Some(records.as_slice()));
        let bytes = one("ProduceRequest", version, "nulls");
        let request = ProduceRequest::decode(&mut Reader::new(&bytes), version).unwrap();
        assert_eq!(request.transactional_id, None);
        assert_eq!(request.topic_data[0].partition_data[0].records, None);
    }
}

#[test]
fn a_fetch_response_holds_its_tagged_fields() {
    let bytes = one("FetchResponse", 18, "filled");
    let response = FetchResponse::decode(&mut Reader::new(&bytes), 18).unwrap();
    assert_eq!(response.error_code, ErrorCode(at("ErrorCode") as i16));
    let partition = &response.responses[0].partitions[1];
    let path = "Responses[0].Partitions[1]";
    assert_eq!(partition.diverging_epoch.end_offset, at(&format!("{path}.DivergingEpoch.EndOffset")) as i64);
    assert_eq!(partition.current_leader.leader_id, at(&format!("{path}.CurrentLeader.LeaderId")) as i32);
    assert_eq!(partition.snapshot_id.epoch, at(&format!("{path}.SnapshotId.Epoch")) as i32);
    let aborted = partition.aborted_transactions.as_ref().unwrap();
    assert_eq!(aborted[1].first_offset, at(&format!("{path}.AbortedTransactions[1].FirstOffset")) as i64);
    assert_eq!(response.node_endpoints[1].host, text_at("NodeEndpoints[1].Host"));
}

#[test]
fn a_metadata_response_holds_what_kafka_wrote() {
    let bytes = one("MetadataResponse", 13, "filled");
    let response = MetadataResponse::decode(&mut Reader::new(&bytes), 13).unwrap();
    assert_eq!(response.brokers[0].rack.as_deref(), Some(text_at("Brokers[0].Rack").as_str()));
    assert_eq!(response.topics[1].topic_id, uuid_at("Topics[1].TopicId"));
    let partition = &response.topics[1].partitions[0];
    assert_eq!(partition.isr_nodes[1], at("Topics[1].Partitions[0].IsrNodes[1]") as i32);
    assert!(response.topics[0].is_internal);
}

#[test]
fn null_in_a_tagged_field_is_told_from_its_default() {
    let bytes = one("PartitionChangeRecord", 2, "nulls");
    let record = PartitionChangeRecord::decode(&mut Reader::new(&bytes), 2).unwrap();
    assert_eq!((record.isr, record.last_known_elr), (None, None));
    let bytes = one("ConsumerGroupMemberMetadataValue", 0, "nulls");
    let value = ConsumerGroupMemberMetadataValue::decode(&mut Reader::new(&bytes), 0).unwrap();
    assert_eq!(value.classic_member_metadata, None);
    let bytes = one("ConsumerGroupMemberMetadataValue", 0, "empty");
    let value = ConsumerGroupMemberMetadataValue::decode(&mut Reader::new(&bytes), 0).unwrap();
    assert_eq!(value.classic_member_metadata, Some(Default::default()));
}
