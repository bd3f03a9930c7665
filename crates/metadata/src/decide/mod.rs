//! One decider per request: reads the image, returns records and an answer, changes nothing.

pub mod allocate_producer_ids;
pub mod alter_client_quotas;
pub mod alter_configs;
pub mod alter_user_scram_credentials;
pub mod assign_replicas_to_dirs;
pub mod broker_heartbeat;
pub mod broker_registration;
pub mod controller_registration;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod elect_leaders;
pub mod fencing;
pub mod incremental_alter_configs;
pub mod reassignments;
pub mod unregister_broker;
pub mod update_features;

mod assignment;
mod permits;
mod resources;

use std::borrow::Cow;

use model::ErrorCode;

pub use permits::MutationPermits;

/// Most partitions one request may create, as Kafka has it.
pub const PARTITIONS_PER_REQUEST_MAX: i64 = 10_000;

/// An error code and Kafka's sentence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The code.
    pub code: ErrorCode,
    /// The sentence; `None` where Kafka sends none.
    pub message: Option<String>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> ApiError {
        ApiError { code, message: Some(message.into()) }
    }

    pub(crate) fn into_message(self) -> Option<Cow<'static, str>> {
        self.message.map(Cow::Owned)
    }
}
