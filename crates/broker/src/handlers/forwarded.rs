//! The APIs that only the active controller can answer: they go there as they came.

use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::controller::forward;
use crate::dispatch::Api;
use crate::request::{Request, Served};

/// AlterConfigs 0-2.
pub const ALTER_CONFIGS: Api = api(ApiKey::AlterConfigs, 0, 2);
/// IncrementalAlterConfigs 0-1.
pub const INCREMENTAL_ALTER_CONFIGS: Api = api(ApiKey::IncrementalAlterConfigs, 0, 1);
/// DescribeQuorum 0-2.
pub const DESCRIBE_QUORUM: Api = api(ApiKey::DescribeQuorum, 0, 2);
/// UpdateFeatures 0-2.
pub const UPDATE_FEATURES: Api = api(ApiKey::UpdateFeatures, 0, 2);
/// UnregisterBroker 0.
pub const UNREGISTER_BROKER: Api = api(ApiKey::UnregisterBroker, 0, 0);
/// ElectLeaders 0-2.
pub const ELECT_LEADERS: Api = api(ApiKey::ElectLeaders, 0, 2);
/// AlterPartitionReassignments 0-1.
pub const ALTER_PARTITION_REASSIGNMENTS: Api = api(ApiKey::AlterPartitionReassignments, 0, 1);
/// AlterUserScramCredentials 0.
pub const ALTER_USER_SCRAM_CREDENTIALS: Api = api(ApiKey::AlterUserScramCredentials, 0, 0);
/// ListPartitionReassignments 0.
pub const LIST_PARTITION_REASSIGNMENTS: Api = api(ApiKey::ListPartitionReassignments, 0, 0);

const fn api(key: ApiKey, oldest: i16, newest: i16) -> Api {
    Api { key, versions: VersionRange::new(oldest, newest), serve }
}

fn serve(request: &mut Request<'_>, body: &mut [u8], _out: &mut Outbound) -> Served {
    Ok(forward(request, body))
}
