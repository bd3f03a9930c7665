//! The APIs, one file each. A handler's row in [`ALL`] is what makes its API work and be advertised.

use crate::dispatch::Api;

mod acls;
pub mod api_versions;
mod client_quotas;
mod delete_records;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
pub mod fetch;
mod forwarded;
mod groups;
mod init_producer_id;
mod list_config_resources;
mod list_offsets;
mod list_transactions;
mod metadata;
mod mutations;
mod offset_for_leader_epoch;
pub mod produce;

/// Every handler's row.
pub const ALL: &[&Api] = &[
    &produce::API,
    &fetch::API,
    &list_offsets::API,
    &metadata::API,
    &groups::offset_commit::API,
    &groups::offset_fetch::API,
    &groups::find_coordinator::API,
    &groups::join_group::API,
    &groups::heartbeat::API,
    &groups::leave_group::API,
    &groups::sync_group::API,
    &groups::describe_groups::API,
    &groups::list_groups::API,
    &api_versions::API,
    &mutations::CREATE_TOPICS,
    &mutations::DELETE_TOPICS,
    &delete_records::API,
    &init_producer_id::API,
    &offset_for_leader_epoch::API,
    &acls::DESCRIBE,
    &acls::CREATE,
    &acls::DELETE,
    &describe_configs::API,
    &forwarded::ALTER_CONFIGS,
    &describe_log_dirs::API,
    &mutations::CREATE_PARTITIONS,
    &groups::delete_groups::API,
    &forwarded::ELECT_LEADERS,
    &forwarded::INCREMENTAL_ALTER_CONFIGS,
    &forwarded::ALTER_PARTITION_REASSIGNMENTS,
    &forwarded::LIST_PARTITION_REASSIGNMENTS,
    &groups::offset_delete::API,
    &client_quotas::DESCRIBE,
    &client_quotas::ALTER,
    &describe_user_scram_credentials::API,
    &forwarded::ALTER_USER_SCRAM_CREDENTIALS,
    &forwarded::DESCRIBE_QUORUM,
    &forwarded::UPDATE_FEATURES,
    &describe_cluster::API,
    &describe_producers::API,
    &forwarded::UNREGISTER_BROKER,
    &list_transactions::API,
    &list_config_resources::API,
    &describe_topic_partitions::API,
    &groups::consumer_group_heartbeat::API,
    &groups::consumer_group_describe::API,
];
