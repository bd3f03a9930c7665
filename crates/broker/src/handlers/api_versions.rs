//! ApiVersions 0-4: which APIs and versions work here, and the cluster's features.

use model::ErrorCode;
use protocol::messages::api_versions_request::ApiVersionsRequest;
use protocol::messages::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::{self, Api};
use crate::request::{Outcome, Request, ResponseHead, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::ApiVersions, versions: VersionRange::new(0, 4), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: ApiVersionsRequest<'_> = request.decode(body)?;
    if request.version() >= 3 {
        let (name, version) = (&asked.client_software_name, &asked.client_software_version);
        if !is_legal_software_field(name) || !is_legal_software_field(version) {
            let error_code = ErrorCode::INVALID_REQUEST;
            return request.answer(out, &ApiVersionsResponse { error_code, ..Default::default() });
        }
        request.facts.client_software = Some((name.to_string(), version.to_string()));
    }
    let image = request.broker().metadata.image();
    let mut response = ApiVersionsResponse { api_keys: served_apis(), ..Default::default() };
    // Clients below version 4 take a feature that begins at 0 for an error (KAFKA-17011): they are not told of it.
    let is_told = |feature: &&metadata::KnownFeature| request.version() >= 4 || feature.min > 0;
    for feature in metadata::KNOWN_FEATURES.iter().filter(is_told) {
        let (name, min_version, max_version) = (feature.name.into(), feature.min, feature.max);
        response.supported_features.push(SupportedFeatureKey { name, min_version, max_version });
    }
    response.finalized_features_epoch = image.applied_offset;
    let levels = image.features.iter().map(|(name, level)| (name.as_str(), *level));
    for (name, level) in levels.chain([metadata::QUORUM_FEATURE]) {
        let (name, max_version_level, min_version_level) = (name.into(), level, level);
        response.finalized_features.push(FinalizedFeatureKey { name, max_version_level, min_version_level });
    }
    request.answer(out, &response)
}

/// A client that speaks a newer version is told the versions known here, in version 0 of the answer.
pub fn serve_unsupported_version(request: &mut Request<'_>, out: &mut Outbound) -> Served {
    let own = ApiVersion { api_key: API.key as i16, min_version: 0, max_version: API.versions.max };
    let error_code = ErrorCode::UNSUPPORTED_VERSION;
    let response = ApiVersionsResponse { error_code, api_keys: vec![own], ..Default::default() };
    let head = ResponseHead { version: 0, ..request.head };
    head.answer(out, &response).map(|()| Outcome::Answered)
}

fn served_apis() -> Vec<ApiVersion> {
    let row = |api: &Api| {
        // As Kafka: old librdkafka refuses brokers that do not offer Produce from 0; 0-2 are closed all the same.
        let min_version = if api.key == ApiKey::Produce { 0 } else { api.versions.min };
        ApiVersion { api_key: api.key as i16, min_version, max_version: api.versions.max }
    };
    dispatch::apis().map(row).collect()
}

/// KIP-511: letters, digits, dots and hyphens, beginning and ending with a letter or digit.
fn is_legal_software_field(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric();
    bytes.first().is_some_and(is_plain)
        && bytes.last().is_some_and(is_plain)
        && bytes.iter().all(|byte| is_plain(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names_follow_kip_511() {
        for legal in ["apache-kafka-java", "4.3.1", "a", "librdkafka"] {
            assert!(is_legal_software_field(legal), "{legal}");
        }
        for illegal in ["", "-a", "a.", "a b", "a/b", "나루"] {
            assert!(!is_legal_software_field(illegal), "{illegal}");
        }
    }
}
