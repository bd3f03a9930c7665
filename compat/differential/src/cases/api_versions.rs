//! ApiVersions 0-4: the APIs offered, the features.

use std::collections::BTreeMap;

use protocol::ApiKey;
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::Row;
use crate::session::{Session, Stopped, versions};

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
        for api in ApiKey::ALL {
            session.tell(&format!("{api:?}"), offered.get(&api.key()));
        }
        let order: Vec<i16> = answer.api_keys.iter().map(|api| api.api_key).collect();
        session.tell("ascending", order.is_sorted());
    }
    Ok(())
}
