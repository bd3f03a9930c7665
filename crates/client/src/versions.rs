//! Which versions of each request both sides have.

use protocol::messages::ApiVersionsResponse;
use protocol::{ApiKey, VersionRange};

use crate::error::Error;

/// What a server said of itself in its first answer.
#[derive(Debug, Clone, Default)]
pub struct ServerVersions {
    answer: ApiVersionsResponse<'static>,
}

impl ServerVersions {
    pub(crate) fn new(answer: ApiVersionsResponse<'static>) -> ServerVersions {
        ServerVersions { answer }
    }

    /// The whole answer: keys with their versions, features and what of them is in use.
    pub fn answer(&self) -> &ApiVersionsResponse<'static> {
        &self.answer
    }

    /// The server's versions of a request, `None` where it does not have it at all.
    pub fn of(&self, key: ApiKey) -> Option<VersionRange> {
        let found = self.answer.api_keys.iter().find(|api| api.api_key == key.key())?;
        Some(VersionRange::new(found.min_version, found.max_version))
    }

    /// The newest version within `wanted` that both sides have.
    pub fn choose(&self, key: ApiKey, wanted: VersionRange) -> Result<i16, Error> {
        let name = key.name();
        let Some(theirs) = self.of(key) else {
            return Err(Error::Unsupported(format!("The node does not support {name}")));
        };
        let ours = key.stable_versions();
        let newest = theirs.max.min(ours.max).min(wanted.max);
        let oldest = theirs.min.max(ours.min).max(wanted.min);
        if newest < oldest {
            return Err(Error::Unsupported(format!(
                "The node does not support {name} with version in range [{},{}]. The supported range is [{},{}].",
                ours.min.max(wanted.min),
                ours.max.min(wanted.max),
                theirs.min,
                theirs.max
            )));
        }
        Ok(newest)
    }
}

#[cfg(test)]
mod tests {
    use protocol::messages::api_versions_response::ApiVersion;

    use super::*;

    #[test]
    fn the_newest_version_of_both_is_taken() {
        let api = |key: ApiKey, min_version, max_version| ApiVersion {
            api_key: key.key(),
            min_version,
            max_version,
        };
        let answer = ApiVersionsResponse {
            api_keys: vec![api(ApiKey::Metadata, 0, 9), api(ApiKey::Fetch, 90, 99)],
            ..Default::default()
        };
        let versions = ServerVersions::new(answer);
        let all = VersionRange::new(0, i16::MAX);
        assert_eq!(versions.choose(ApiKey::Metadata, all), Ok(9));
        assert_eq!(versions.choose(ApiKey::Metadata, VersionRange::new(0, 5)), Ok(5));
        assert!(versions.choose(ApiKey::Metadata, VersionRange::new(10, 13)).is_err());
        assert!(versions.choose(ApiKey::Fetch, all).is_err());
        let missing = versions.choose(ApiKey::Produce, all).unwrap_err();
        assert_eq!(missing.to_string(), "The node does not support Produce");
    }
}
