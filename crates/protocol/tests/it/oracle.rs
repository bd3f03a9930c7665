//! The crate `kafka-protocol`, generated from the schemas of Kafka 4.1 by others, agrees: what one side encodes
//! the other decodes to the same message, for every API and version that both know.

use bytes::Bytes;
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message, VersionRange};
use protocol::{ApiKey, messages as ours};

use crate::random::Random;
use crate::{catalogue, golden};

struct Oracle {
    name: &'static str,
    versions: VersionRange,
    /// Their decoding of our bytes, encoded by them.
    round_trip: fn(&[u8], i16) -> Result<Vec<u8>, String>,
}

fn round_trip<M: Encodable + Decodable>(bytes: &[u8], version: i16) -> Result<Vec<u8>, String> {
    let mut input = Bytes::copy_from_slice(bytes);
    let message = M::decode(&mut input, version).map_err(|error| error.to_string())?;
    if !input.is_empty() {
        return Err(format!("{} bytes left over", input.len()));
    }
    let mut output = Vec::new();
    message.encode(&mut output, version).map_err(|error| error.to_string())?;
    Ok(output)
}

macro_rules! oracles {
    ($($name:ident)+) => {
        #[allow(elided_lifetimes_in_paths, reason = "some of the names have a lifetime, some do not")]
        const ORACLES: &[Oracle] = &[$(Oracle {
            name: ours::$name::NAME,
            versions: <theirs::$name as Message>::VERSIONS,
            round_trip: round_trip::<theirs::$name>,
        },)+];
    };
}

oracles! {
    ProduceRequest ProduceResponse FetchRequest FetchResponse ListOffsetsRequest ListOffsetsResponse
    MetadataRequest MetadataResponse OffsetCommitRequest OffsetCommitResponse OffsetFetchRequest
    OffsetFetchResponse FindCoordinatorRequest FindCoordinatorResponse JoinGroupRequest JoinGroupResponse
    HeartbeatRequest HeartbeatResponse LeaveGroupRequest LeaveGroupResponse SyncGroupRequest
    SyncGroupResponse DescribeGroupsRequest DescribeGroupsResponse ListGroupsRequest ListGroupsResponse
    SaslHandshakeRequest SaslHandshakeResponse ApiVersionsRequest ApiVersionsResponse CreateTopicsRequest
    CreateTopicsResponse DeleteTopicsRequest DeleteTopicsResponse DeleteRecordsRequest DeleteRecordsResponse
    InitProducerIdRequest InitProducerIdResponse OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse
    AddPartitionsToTxnRequest AddPartitionsToTxnResponse AddOffsetsToTxnRequest AddOffsetsToTxnResponse
    EndTxnRequest EndTxnResponse WriteTxnMarkersRequest WriteTxnMarkersResponse TxnOffsetCommitRequest
    TxnOffsetCommitResponse DescribeAclsRequest DescribeAclsResponse CreateAclsRequest CreateAclsResponse
    DeleteAclsRequest DeleteAclsResponse DescribeConfigsRequest DescribeConfigsResponse AlterConfigsRequest
    AlterConfigsResponse AlterReplicaLogDirsRequest AlterReplicaLogDirsResponse DescribeLogDirsRequest
    DescribeLogDirsResponse SaslAuthenticateRequest SaslAuthenticateResponse CreatePartitionsRequest
    CreatePartitionsResponse CreateDelegationTokenRequest CreateDelegationTokenResponse
    RenewDelegationTokenRequest RenewDelegationTokenResponse ExpireDelegationTokenRequest
    ExpireDelegationTokenResponse DescribeDelegationTokenRequest DescribeDelegationTokenResponse
    DeleteGroupsRequest DeleteGroupsResponse ElectLeadersRequest ElectLeadersResponse
    IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse AlterPartitionReassignmentsRequest
    AlterPartitionReassignmentsResponse ListPartitionReassignmentsRequest ListPartitionReassignmentsResponse
    OffsetDeleteRequest OffsetDeleteResponse DescribeClientQuotasRequest DescribeClientQuotasResponse
    AlterClientQuotasRequest AlterClientQuotasResponse DescribeUserScramCredentialsRequest
    DescribeUserScramCredentialsResponse AlterUserScramCredentialsRequest AlterUserScramCredentialsResponse
    VoteRequest VoteResponse BeginQuorumEpochRequest BeginQuorumEpochResponse EndQuorumEpochRequest
    EndQuorumEpochResponse DescribeQuorumRequest DescribeQuorumResponse AlterPartitionRequest
    AlterPartitionResponse UpdateFeaturesRequest UpdateFeaturesResponse EnvelopeRequest EnvelopeResponse
    FetchSnapshotRequest FetchSnapshotResponse DescribeClusterRequest DescribeClusterResponse
    DescribeProducersRequest DescribeProducersResponse BrokerRegistrationRequest BrokerRegistrationResponse
    BrokerHeartbeatRequest BrokerHeartbeatResponse UnregisterBrokerRequest UnregisterBrokerResponse
    DescribeTransactionsRequest DescribeTransactionsResponse ListTransactionsRequest
    ListTransactionsResponse AllocateProducerIdsRequest AllocateProducerIdsResponse
    ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse ConsumerGroupDescribeRequest
    ConsumerGroupDescribeResponse ControllerRegistrationRequest ControllerRegistrationResponse
    GetTelemetrySubscriptionsRequest GetTelemetrySubscriptionsResponse PushTelemetryRequest
    PushTelemetryResponse AssignReplicasToDirsRequest AssignReplicasToDirsResponse
    ListConfigResourcesRequest ListConfigResourcesResponse DescribeTopicPartitionsRequest
    DescribeTopicPartitionsResponse ShareGroupHeartbeatRequest ShareGroupHeartbeatResponse
    ShareGroupDescribeRequest ShareGroupDescribeResponse ShareFetchRequest ShareFetchResponse
    ShareAcknowledgeRequest ShareAcknowledgeResponse AddRaftVoterRequest AddRaftVoterResponse
    RemoveRaftVoterRequest RemoveRaftVoterResponse UpdateRaftVoterRequest UpdateRaftVoterResponse
    InitializeShareGroupStateRequest InitializeShareGroupStateResponse ReadShareGroupStateRequest
    ReadShareGroupStateResponse WriteShareGroupStateRequest WriteShareGroupStateResponse
    DeleteShareGroupStateRequest DeleteShareGroupStateResponse ReadShareGroupStateSummaryRequest
    ReadShareGroupStateSummaryResponse DescribeShareGroupOffsetsRequest DescribeShareGroupOffsetsResponse
    AlterShareGroupOffsetsRequest AlterShareGroupOffsetsResponse DeleteShareGroupOffsetsRequest
    DeleteShareGroupOffsetsResponse ConsumerProtocolAssignment ConsumerProtocolSubscription RequestHeader
    ResponseHeader SnapshotHeaderRecord SnapshotFooterRecord EndTxnMarker
    DefaultPrincipalData
}

/// Versions that both sides know.
fn shared(oracle: &Oracle) -> std::ops::RangeInclusive<i16> {
    let versions = catalogue::find(oracle.name).versions;
    versions.min.max(oracle.versions.min)..=versions.max.min(oracle.versions.max)
}

fn compare(oracle: &Oracle, version: i16, bytes: &[u8]) -> Result<(), String> {
    let answered = (oracle.round_trip)(bytes, version)?;
    if answered != bytes {
        return Err(format!("{bytes:02x?} became {answered:02x?}"));
    }
    // Their bytes are ours, so our decoder reads theirs; say so where it would not.
    (catalogue::find(oracle.name).round_trip)(&answered, version).map(drop)
}

#[test]
fn every_api_that_the_oracle_knows_is_compared() {
    for api_key in ApiKey::ALL.into_iter().filter(|api_key| !api_key.versions().is_empty()) {
        for end in ["Request", "Response"] {
            let name = format!("{}{end}", api_key.name());
            let known = ORACLES.iter().any(|oracle| oracle.name == name && !shared(oracle).is_empty());
            assert_eq!(known, !name.starts_with("StreamsGroup"), "{name}");
        }
    }
}

#[test]
fn both_encode_and_decode_the_same_bytes() {
    let mut failures = Vec::new();
    for golden in golden::all() {
        let Some(oracle) = ORACLES.iter().find(|oracle| oracle.name == golden.message) else { continue };
        if !shared(oracle).contains(&golden.version) {
            continue;
        }
        if let Err(cause) = compare(oracle, golden.version, &golden.bytes) {
            failures.push(format!("{} {} {}: {cause}", golden.message, golden.version, golden.shape));
        }
    }
    assert!(failures.is_empty(), "{} failures: {:#?}", failures.len(), &failures[..failures.len().min(20)]);
}

#[test]
fn both_agree_on_random_messages() {
    let mut failures = Vec::new();
    let mut compared = 0;
    for (seed, golden) in golden::all().enumerate() {
        let Some(oracle) = ORACLES.iter().find(|oracle| oracle.name == golden.message) else { continue };
        if !shared(oracle).contains(&golden.version) {
            continue;
        }
        let mut random = Random::new(seed as u64);
        for _ in 0..60 {
            let mut bytes = golden.bytes.clone();
            random.mutate(&mut bytes);
            // What we decode and encode again is a message in its one form, whatever it was made from.
            let Ok(message) = reencode(golden.message, golden.version, &bytes) else { continue };
            compared += 1;
            if let Err(cause) = compare(oracle, golden.version, &message) {
                failures.push(format!("{} {} seed {seed}: {cause}", golden.message, golden.version));
            }
        }
    }
    assert!(compared > 15_000, "only {compared} mutated messages were still messages");
    assert!(failures.is_empty(), "{} failures: {:#?}", failures.len(), &failures[..failures.len().min(20)]);
}

fn reencode(message: &str, version: i16, bytes: &[u8]) -> Result<Vec<u8>, String> {
    (catalogue::find(message).round_trip)(bytes, version)
}
