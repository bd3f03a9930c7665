//! Every reason to refuse a produced batch, and what the answer says.

use super::*;
use crate::BatchBuilder;
use crate::batch::at;
use crate::builder::{seal, write_at};

const NOW: TimestampMs = 1_000_000_000;

fn rules() -> ProduceRules<'static> {
    ProduceRules::defaults("orders-0", NOW)
}

fn judge(bytes: &[u8], rules: &ProduceRules<'_>) -> Result<CheckedBatch, ProduceError> {
    validate_produce(bytes, rules, &mut Scratch::new())
}

fn refusal(bytes: &[u8], rules: &ProduceRules<'_>) -> (ErrorCode, String) {
    let error = judge(bytes, rules).unwrap_err();
    (error.code, error.message)
}

fn three(codec: Compression) -> BatchBuilder {
    let builder = BatchBuilder::new().compression(codec).producer(9, 2, 5);
    builder.record(NOW, Some(b"a"), Some(b"1")).record(NOW + 7, None, None).record(NOW - 7, Some(b"c"), None)
}

/// `build` with one header field overwritten and the checksum made right again.
fn with_field<const N: usize>(position: usize, value: [u8; N]) -> Vec<u8> {
    let mut bytes = three(Compression::None).build();
    write_at(&mut bytes, position, value);
    seal(&mut bytes);
    bytes
}

#[test]
fn a_sound_batch_passes_in_every_codec() {
    for codec in Compression::ALL {
        let checked = judge(&three(codec).build(), &rules()).unwrap();
        assert_eq!(checked.compression(), codec);
        assert_eq!((checked.producer_id(), checked.producer_epoch(), checked.base_sequence()), (9, 2, 5));
        assert_eq!((checked.record_count(), checked.last_offset_delta()), (3, 2));
        assert_eq!((checked.max_timestamp(), checked.corrected_max_timestamp()), (NOW + 7, None));
    }
}

#[test]
fn exactly_one_v2_batch_is_wanted() {
    let one = three(Compression::None).build();
    let two = [one.clone(), one.clone()].concat();
    let many = "are only allowed to contain exactly one record batch per partition";
    let none = "must have at least one record batch per partition";
    for (bytes, message) in [(&two[..], many), (&one[..one.len() - 1], none), (&[], none)] {
        let (code, text) = refusal(bytes, &rules());
        assert_eq!(code, ErrorCode::INVALID_RECORD);
        assert!(text.ends_with(message), "{text}");
    }
    let mut old = one;
    old[at::MAGIC] = 1;
    let (code, text) = refusal(&old, &rules());
    assert_eq!(code, ErrorCode::INVALID_RECORD);
    assert!(text.ends_with("only allowed to contain record batches with magic version 2"), "{text}");
}

#[test]
fn header_fields_that_contradict_each_other_are_refused() {
    let cases = [
        (
            with_field(at::RECORD_COUNT, 2i32.to_be_bytes()),
            "Inconsistent batch offset range [0, 2] and count of records 2",
        ),
        (with_field(at::RECORD_COUNT, (-1i32).to_be_bytes()), "Invalid reported count for record batch: -1"),
        (
            with_field(at::LAST_OFFSET_DELTA, (-1i32).to_be_bytes()),
            "Batch has an invalid offset range: [0, -1]",
        ),
        (
            with_field(at::ATTRIBUTES, 0x20i16.to_be_bytes()),
            "Clients are not allowed to write control records",
        ),
        (
            with_field(at::BASE_SEQUENCE, (-1i32).to_be_bytes()),
            "Invalid sequence number -1 in record batch with producerId 9",
        ),
        (three(Compression::None).base_offset(4).build(), "should be 0, but it is 4"),
    ];
    for (bytes, message) in cases {
        let (code, text) = refusal(&bytes, &rules());
        assert_eq!(code, ErrorCode::INVALID_RECORD, "{text}");
        assert!(text.contains(message), "{text}");
    }
}

#[test]
fn a_wrong_checksum_is_a_corrupt_message() {
    let mut bytes = three(Compression::None).build();
    *bytes.last_mut().unwrap() ^= 1;
    let (code, text) = refusal(&bytes, &rules());
    assert_eq!(code, ErrorCode::CORRUPT_MESSAGE);
    assert!(text.starts_with("Record is corrupt (stored crc = "), "{text}");
    assert!(text.ends_with(" in topic partition orders-0."), "{text}");
}

#[test]
fn a_batch_above_the_limit_is_too_large() {
    let bytes = three(Compression::None).build();
    let rules = ProduceRules { batch_size_max: bytes.len() - 1, ..rules() };
    assert_eq!(refusal(&bytes, &rules).0, ErrorCode::MESSAGE_TOO_LARGE);
}

#[test]
fn zstd_needs_produce_version_7() {
    let bytes = three(Compression::Zstd).build();
    let old = ProduceRules { produce_version: 6, ..rules() };
    assert_eq!(refusal(&bytes, &old).0, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    judge(&bytes, &ProduceRules { produce_version: 7, ..rules() }).unwrap();
}

#[test]
fn records_that_do_not_fit_their_batch_are_refused() {
    for codec in Compression::ALL {
        let mut gaps = BatchBuilder::new().compression(codec);
        gaps.push_at(0, NOW, None, None, &[]);
        gaps.push_at(2, NOW, None, None, &[]);
        let mut bytes = gaps.build();
        write_at(&mut bytes, at::RECORD_COUNT, 3i32.to_be_bytes());
        seal(&mut bytes);
        assert_eq!(refusal(&bytes, &rules()).0, ErrorCode::INVALID_RECORD, "{codec}");
    }
    let mut trailing = three(Compression::None).build();
    trailing.push(0);
    seal(&mut trailing);
    let (code, text) = refusal(&trailing, &rules());
    assert_eq!(code, ErrorCode::INVALID_RECORD);
    assert!(text.contains("records still remaining"), "{text}");
}

#[test]
fn a_keyless_record_on_a_compacted_topic_is_named() {
    for codec in Compression::ALL {
        let rules = ProduceRules { compacted: true, ..rules() };
        let error = judge(&three(codec).build(), &rules).unwrap_err();
        let message = "Compacted topic cannot accept message without key in topic partition orders-0";
        assert_eq!(error.code, ErrorCode::INVALID_RECORD);
        assert_eq!(error.record_errors, [RecordError { batch_index: 1, message: message.to_owned() }]);
        assert_eq!(
            error.message,
            format!(
                "One or more records have been rejected due to 1 record errors in total, and only showing the first three errors at most: [RecordError(batchIndex=1, message='{message}')]"
            )
        );
    }
}

#[test]
fn timestamps_out_of_range_are_named() {
    let strict = ProduceRules { timestamp_before_max_ms: 6, timestamp_after_max_ms: 6, ..rules() };
    let error = judge(&three(Compression::Gzip).build(), &strict).unwrap_err();
    assert_eq!(error.code, ErrorCode::INVALID_TIMESTAMP);
    let indexes: Vec<i32> = error.record_errors.iter().map(|record| record.batch_index).collect();
    assert_eq!(indexes, [1, 2]);
    let exact = ProduceRules { timestamp_before_max_ms: 7, timestamp_after_max_ms: 7, ..rules() };
    judge(&three(Compression::Gzip).build(), &exact).unwrap();
    let append_time = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..strict };
    judge(&three(Compression::Gzip).build(), &append_time).unwrap();
}

#[test]
fn a_producers_claim_of_log_append_time_is_taken_back_or_refused() {
    let mut bytes = three(Compression::None).log_append_time(NOW).build();
    let checked = judge(&bytes, &rules()).unwrap();
    let max_timestamp = checked.corrected_max_timestamp();
    assert_eq!(max_timestamp, Some(NOW));
    crate::stamp(
        &mut bytes,
        crate::BatchStamp { base_offset: 0, leader_epoch: 0, log_append_time_ms: None, max_timestamp },
    );
    let batch = next_batch(&bytes).unwrap().unwrap();
    assert_eq!((batch.timestamp_type(), batch.max_timestamp()), (TimestampType::CreateTime, NOW));
    batch.verify_checksum().unwrap();
    let append_time = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..rules() };
    let error = judge(&three(Compression::None).log_append_time(NOW).build(), &append_time).unwrap_err();
    assert_eq!((error.code, error.record_errors.len()), (ErrorCode::INVALID_TIMESTAMP, 3));
}

#[test]
fn a_wrong_max_timestamp_is_corrected() {
    let bytes = with_field(at::MAX_TIMESTAMP, (NOW + 99).to_be_bytes());
    assert_eq!(judge(&bytes, &rules()).unwrap().corrected_max_timestamp(), Some(NOW + 7));
}

#[test]
fn a_batch_that_unpacks_beyond_the_bound_is_too_large() {
    let value = vec![0; 100_000];
    let rules = ProduceRules { decompressed_size_max: 50_000, ..rules() };
    for codec in &Compression::ALL[1..] {
        let bytes = BatchBuilder::new().compression(*codec).record(NOW, None, Some(&value)).build();
        assert_eq!(refusal(&bytes, &rules).0, ErrorCode::MESSAGE_TOO_LARGE, "{codec}");
    }
}

#[test]
fn header_depth_leaves_records_alone() {
    let mut bytes = three(Compression::None).build();
    bytes[61] = 0x7f;
    seal(&mut bytes);
    judge(&bytes, &ProduceRules { depth: Depth::Header, ..rules() }).unwrap();
    assert_eq!(refusal(&bytes, &rules()).0, ErrorCode::INVALID_RECORD);
}
