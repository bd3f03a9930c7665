//! ApiVersions 0-4: the APIs offered, the features.

use std::collections::BTreeMap;

use protocol::ApiKey;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::Row;
use crate::session::{Session, Side, Stopped, versions};

/// APIs that come with groups, transactions, security and several brokers; whoever adds one strikes it here.
const LATER: &[ApiKey] = &[
    ApiKey::SaslHandshake,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::WriteTxnMarkers,
    ApiKey::TxnOffsetCommit,
    ApiKey::AlterReplicaLogDirs,
    ApiKey::SaslAuthenticate,
    ApiKey::CreateDelegationToken,
    ApiKey::RenewDelegationToken,
    ApiKey::ExpireDelegationToken,
    ApiKey::DescribeDelegationToken,
    ApiKey::DescribeTransactions,
    ApiKey::ShareGroupHeartbeat,
    ApiKey::ShareGroupDescribe,
    ApiKey::ShareFetch,
    ApiKey::ShareAcknowledge,
    ApiKey::AddRaftVoter,
    ApiKey::RemoveRaftVoter,
    ApiKey::InitializeShareGroupState,
    ApiKey::ReadShareGroupState,
    ApiKey::WriteShareGroupState,
    ApiKey::DeleteShareGroupState,
    ApiKey::ReadShareGroupStateSummary,
    ApiKey::StreamsGroupHeartbeat,
    ApiKey::StreamsGroupDescribe,
    ApiKey::DescribeShareGroupOffsets,
    ApiKey::AlterShareGroupOffsets,
    ApiKey::DeleteShareGroupOffsets,
];

/// The cases.
pub const CASES: &[Row] = &[("ApiVersions", all_versions), ("ApiVersions of single APIs", single_apis)];

fn request() -> ApiVersionsRequest<'static> {
    ApiVersionsRequest { client_software_name: "differential".into(), client_software_version: "1.0".into() }
}

/// All but the list of APIs, which is compared API by API in a case of its own.
fn all_versions(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::ApiVersions) {
        session.ask_sorted(version, &request(), |response| {
            response.api_keys.clear();
            response.supported_features.sort_by(|one, other| one.name.cmp(&other.name));
            response.finalized_features.sort_by(|one, other| one.name.cmp(&other.name));
        })?;
    }
    Ok(())
}

fn single_apis(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::ApiVersions) {
        let answer: ApiVersionsResponse<'_> = session.ask_quietly(version, &request())?;
        let offered: BTreeMap<i16, (i16, i16)> =
            answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        session.note(format!("in version {version}"));
        // APIs that Naru does not serve yet are not compared: clients go by what is offered.
        for api in ApiKey::ALL.into_iter().filter(|api| !LATER.contains(api)) {
            session.tell(&format!("{api:?}"), offered.get(&api.key()));
        }
        session.tell(
            "offered later",
            session.side == Side::Kafka || !LATER.iter().any(|api| offered.contains_key(&api.key())),
        );
        let order: Vec<i16> = answer.api_keys.iter().map(|api| api.api_key).collect();
        session.tell("ascending", order.is_sorted());
    }
    Ok(())
}
