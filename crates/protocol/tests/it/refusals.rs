//! What a version cannot carry is refused or, where the schema says so, dropped; and secrets stay hidden.

use protocol::messages::{
    JoinGroupRequest, MetadataRequest, MetadataResponse, OffsetCommitRequest, SaslAuthenticateRequest,
    UserScramCredentialRecord,
};
use protocol::{DecodeErrorKind, EncodeError, Reader, Writer};

#[test]
fn a_value_that_the_version_cannot_carry_is_refused() {
    let request = MetadataRequest { allow_auto_topic_creation: false, ..Default::default() };
    let refused = request.encode(&mut Writer::new(), 3);
    let field = "MetadataRequest.AllowAutoTopicCreation";
    assert_eq!(refused, Err(EncodeError::UnsupportedField { field, version: 3 }));
    assert_eq!(request.encode(&mut Writer::new(), 4), Ok(()));
}

#[test]
fn an_ignorable_value_is_dropped() {
    let response = MetadataResponse { throttle_time_ms: 9, controller_id: 1, ..Default::default() };
    let mut writer = Writer::new();
    response.encode(&mut writer, 0).unwrap();
    let decoded = MetadataResponse::decode(&mut Reader::new(writer.as_slice()), 0).unwrap();
    assert_eq!(decoded, MetadataResponse::default());
    let request = OffsetCommitRequest { retention_time_ms: 5, ..Default::default() };
    assert_eq!(request.encode(&mut Writer::new(), 8), Ok(()));
}

#[test]
fn null_is_refused_where_the_version_does_not_know_it() {
    let request = MetadataRequest { topics: None, ..Default::default() };
    let field = "MetadataRequest.Topics";
    assert_eq!(request.encode(&mut Writer::new(), 0), Err(EncodeError::NullNotAllowed { field, version: 0 }));
    assert_eq!(request.encode(&mut Writer::new(), 1), Ok(()));
    let null_topics = [0xff; 4];
    let error = MetadataRequest::decode(&mut Reader::new(&null_topics), 0).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::InvalidLength(-1));
    assert_eq!(error.to_string(), "MetadataRequest version 0: length -1 is not allowed at byte 4");
}

#[test]
fn unknown_versions_are_refused_both_ways() {
    let message = "MetadataRequest";
    for version in [-1, 14] {
        let refused = MetadataRequest::default().encode(&mut Writer::new(), version);
        assert_eq!(refused, Err(EncodeError::UnsupportedVersion { message, version }));
        let error = MetadataRequest::decode(&mut Reader::new(&[0; 9]), version).unwrap_err();
        assert_eq!((error.kind, error.version), (DecodeErrorKind::UnsupportedVersion, version));
    }
}

#[test]
fn unknown_tags_are_skipped_and_known_ones_must_fill_their_size() {
    // A Metadata request of version 9 without topics, then two unknown tagged fields.
    let body = [1, 1, 0, 0, 2, 0x50, 2, 9, 9, 0x51, 0];
    let mut reader = Reader::new(&body);
    MetadataRequest::decode(&mut reader, 9).unwrap();
    assert_eq!(reader.expect_end(), Ok(()));
    let beyond = [1, 1, 0, 0, 1, 0x50, 200];
    assert!(MetadataRequest::decode(&mut Reader::new(&beyond), 9).is_err());
    // PartitionChangeRecord's tag 1 is an int32; here it claims five bytes.
    let mut record = vec![0; 20];
    record.extend([1, 1, 5, 0, 0, 0, 1, 0]);
    let error = protocol::messages::PartitionChangeRecord::decode(&mut Reader::new(&record), 0).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::TagSizeMismatch(1));
    // Tag 8 came with version 1.
    let mut record = vec![0; 20];
    record.extend([1, 8, 1, 0]);
    let error = protocol::messages::PartitionChangeRecord::decode(&mut Reader::new(&record), 0).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnexpectedTag(8));
}

#[test]
fn text_must_be_utf8_and_fit_its_length() {
    let not_utf8 = [0, 0, 0, 1, 0, 2, 0xc3, 0x28];
    let error = MetadataRequest::decode(&mut Reader::new(&not_utf8), 1).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::InvalidUtf8);
    let long = "x".repeat(32_768);
    let request = JoinGroupRequest { group_id: long.as_str().into(), ..Default::default() };
    for version in [0, 9] {
        assert_eq!(request.encode(&mut Writer::new(), version), Err(EncodeError::TooLong { length: 32_768 }));
    }
    let mut flexible = Writer::new();
    flexible.unsigned_varint(32_769);
    flexible.raw(long.as_bytes());
    let error = JoinGroupRequest::decode(&mut Reader::new(flexible.as_slice()), 9).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::InvalidLength(32_768));
}

#[test]
fn debug_leaves_secrets_out() {
    let request = SaslAuthenticateRequest { auth_bytes: b"hunter2".as_slice().into() };
    assert_eq!(format!("{request:?}"), "SaslAuthenticateRequest { .. }");
    let record = UserScramCredentialRecord {
        name: "u".into(),
        salt: vec![1].into(),
        iterations: 4096,
        ..Default::default()
    };
    assert_eq!(
        format!("{record:?}"),
        "UserScramCredentialRecord { name: \"u\", mechanism: 0, iterations: 4096, .. }"
    );
}
