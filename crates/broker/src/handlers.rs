//! The APIs, one file each. A handler's row in [`ALL`] is what makes its API work and be advertised.

use crate::dispatch::Api;

pub mod api_versions;
mod describe_cluster;
mod describe_configs;
mod describe_topic_partitions;
mod forwarded;
mod init_producer_id;
mod list_config_resources;
mod metadata;

/// Every handler's row.
pub const ALL: &[&Api] = &[
    &metadata::API,
    &api_versions::API,
    &forwarded::CREATE_TOPICS,
    &forwarded::DELETE_TOPICS,
    &init_producer_id::API,
    &describe_configs::API,
    &forwarded::ALTER_CONFIGS,
    &forwarded::CREATE_PARTITIONS,
    &forwarded::INCREMENTAL_ALTER_CONFIGS,
    &forwarded::DESCRIBE_QUORUM,
    &forwarded::UPDATE_FEATURES,
    &describe_cluster::API,
    &forwarded::UNREGISTER_BROKER,
    &list_config_resources::API,
    &describe_topic_partitions::API,
];
