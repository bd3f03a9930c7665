//! Which error codes the cases have drawn from each API, and which they have to.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ApiKey;

use crate::masks::last_name;
use crate::session::Exchange;

/// Error codes that the cases must have drawn from Kafka, by API; a case that stops drawing one is noticed.
///
/// Others need what a single broker without security does not have: a failing disk (KAFKA_STORAGE_ERROR), other
/// brokers (NOT_ENOUGH_REPLICAS, LEADER_NOT_AVAILABLE, NOT_CONTROLLER), an authorizer (the authorization codes),
/// transactions (INVALID_TXN_STATE and its kin), or a lost answer (REQUEST_TIMED_OUT). That of quotas
/// (THROTTLING_QUOTA_EXCEEDED) comes with times of the clock, and is compared without the answer it came in.
const REQUIRED: &[(ApiKey, &[&str])] = &[
    (
        ApiKey::Produce,
        &[
            "CORRUPT_MESSAGE",
            "INVALID_PRODUCER_EPOCH",
            "INVALID_RECORD",
            "INVALID_REQUIRED_ACKS",
            "INVALID_TIMESTAMP",
            "INVALID_TOPIC_EXCEPTION",
            "MESSAGE_TOO_LARGE",
            "NONE",
            "OUT_OF_ORDER_SEQUENCE_NUMBER",
            "RECORD_LIST_TOO_LARGE",
            "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
            "UNKNOWN_SERVER_ERROR",
            "UNKNOWN_TOPIC_ID",
            "UNKNOWN_TOPIC_OR_PARTITION",
            "UNSUPPORTED_COMPRESSION_TYPE",
        ],
    ),
    (
        ApiKey::Fetch,
        &[
            "FENCED_LEADER_EPOCH",
            "FETCH_SESSION_ID_NOT_FOUND",
            "FETCH_SESSION_TOPIC_ID_ERROR",
            "INCONSISTENT_TOPIC_ID",
            "INVALID_FETCH_SESSION_EPOCH",
            "NONE",
            "NOT_LEADER_OR_FOLLOWER",
            "OFFSET_OUT_OF_RANGE",
            "UNKNOWN_LEADER_EPOCH",
            "UNKNOWN_SERVER_ERROR",
            "UNKNOWN_TOPIC_ID",
            "UNKNOWN_TOPIC_OR_PARTITION",
        ],
    ),
    (
        ApiKey::ListOffsets,
        &[
            "FENCED_LEADER_EPOCH",
            "INVALID_REQUEST",
            "NONE",
            "UNKNOWN_LEADER_EPOCH",
            "UNKNOWN_SERVER_ERROR",
            "UNKNOWN_TOPIC_OR_PARTITION",
            "UNSUPPORTED_VERSION",
        ],
    ),
    (
        ApiKey::Metadata,
        &[
            "INVALID_REQUEST",
            "INVALID_TOPIC_EXCEPTION",
            "NONE",
            "UNKNOWN_SERVER_ERROR",
            "UNKNOWN_TOPIC_ID",
            "UNKNOWN_TOPIC_OR_PARTITION",
        ],
    ),
    (ApiKey::ApiVersions, &["INVALID_REQUEST", "NONE"]),
    (
        ApiKey::CreateTopics,
        &[
            "INVALID_CONFIG",
            "INVALID_PARTITIONS",
            "INVALID_REPLICATION_FACTOR",
            "INVALID_REPLICA_ASSIGNMENT",
            "INVALID_REQUEST",
            "INVALID_TOPIC_EXCEPTION",
            "NONE",
            "POLICY_VIOLATION",
            "TOPIC_ALREADY_EXISTS",
        ],
    ),
    (
        ApiKey::DeleteTopics,
        &[
            "INVALID_REQUEST",
            "NONE",
            "TOPIC_DELETION_DISABLED",
            "UNKNOWN_TOPIC_ID",
            "UNKNOWN_TOPIC_OR_PARTITION",
        ],
    ),
    (
        ApiKey::DeleteRecords,
        &[
            "INVALID_TOPIC_EXCEPTION",
            "NONE",
            "OFFSET_OUT_OF_RANGE",
            "POLICY_VIOLATION",
            "UNKNOWN_TOPIC_OR_PARTITION",
        ],
    ),
    (ApiKey::InitProducerId, &["INVALID_REQUEST", "NONE"]),
    (
        ApiKey::OffsetForLeaderEpoch,
        &["FENCED_LEADER_EPOCH", "NONE", "UNKNOWN_LEADER_EPOCH", "UNKNOWN_TOPIC_OR_PARTITION"],
    ),
    (
        ApiKey::DescribeConfigs,
        &["INVALID_REQUEST", "INVALID_TOPIC_EXCEPTION", "NONE", "UNKNOWN_TOPIC_OR_PARTITION"],
    ),
    (ApiKey::AlterConfigs, &["INVALID_CONFIG", "INVALID_REQUEST", "NONE", "UNKNOWN_TOPIC_OR_PARTITION"]),
    (ApiKey::DescribeLogDirs, &["NONE"]),
    (
        ApiKey::CreatePartitions,
        &[
            "INVALID_PARTITIONS",
            "INVALID_REPLICA_ASSIGNMENT",
            "INVALID_REQUEST",
            "NONE",
            "UNKNOWN_TOPIC_OR_PARTITION",
        ],
    ),
    (
        ApiKey::IncrementalAlterConfigs,
        &[
            "INVALID_CONFIG",
            "INVALID_REQUEST",
            "INVALID_TOPIC_EXCEPTION",
            "NONE",
            "UNKNOWN_SERVER_ERROR",
            "UNKNOWN_TOPIC_OR_PARTITION",
        ],
    ),
    (ApiKey::DescribeClientQuotas, &["INVALID_REQUEST", "NONE", "UNSUPPORTED_VERSION"]),
    (ApiKey::AlterClientQuotas, &["INVALID_REQUEST", "NONE"]),
    (ApiKey::DescribeUserScramCredentials, &["DUPLICATE_RESOURCE", "NONE", "RESOURCE_NOT_FOUND"]),
    (
        ApiKey::AlterUserScramCredentials,
        &[
            "DUPLICATE_RESOURCE",
            "NONE",
            "RESOURCE_NOT_FOUND",
            "UNACCEPTABLE_CREDENTIAL",
            "UNSUPPORTED_SASL_MECHANISM",
        ],
    ),
    (ApiKey::DescribeQuorum, &["NONE", "UNKNOWN_TOPIC_OR_PARTITION"]),
    (ApiKey::UpdateFeatures, &["INVALID_UPDATE_VERSION", "NONE"]),
    (ApiKey::DescribeCluster, &["MISMATCHED_ENDPOINT_TYPE", "NONE", "UNSUPPORTED_ENDPOINT_TYPE"]),
    (ApiKey::DescribeProducers, &["INVALID_TOPIC_EXCEPTION", "NONE", "UNKNOWN_TOPIC_OR_PARTITION"]),
    (ApiKey::UnregisterBroker, &["BROKER_ID_NOT_REGISTERED"]),
    (ApiKey::ListConfigResources, &["NONE", "UNSUPPORTED_VERSION"]),
    (
        ApiKey::DescribeTopicPartitions,
        &[
            "INVALID_REQUEST",
            "INVALID_TOPIC_EXCEPTION",
            "NONE",
            "UNKNOWN_SERVER_ERROR",
            "UNKNOWN_TOPIC_OR_PARTITION",
        ],
    ),
];

/// The codes seen.
#[derive(Debug, Default)]
pub struct Codes {
    seen: BTreeMap<ApiKey, BTreeSet<String>>,
}

impl Codes {
    /// Takes note of the codes in some answers.
    pub fn add(&mut self, exchanges: &[Exchange]) {
        for exchange in exchanges {
            let Some(api) = exchange.api else { continue };
            let codes = exchange.fields.iter().filter(|field| last_name(&field.path) == "error_code");
            self.seen.entry(api).or_default().extend(codes.map(|field| field.value.clone()));
        }
    }

    /// Prints a line per API.
    pub fn print(&self) {
        for (api, codes) in &self.seen {
            let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
            println!("{:26} {}", api.name(), codes.join(" "));
        }
    }

    /// Names the required codes that were not seen and returns how many.
    pub fn missing(&self) -> usize {
        let mut count = 0;
        for (api, codes) in REQUIRED {
            let seen = self.seen.get(api);
            for code in codes.iter().filter(|code| seen.is_none_or(|seen| !seen.contains(**code))) {
                println!("NOT SEEN {} {code}", api.name());
                count += 1;
            }
        }
        count
    }
}
