//! What is known of each API besides its messages.

use crate::VersionRange;
use crate::messages::api_key::{APIS, ApiKey};

/// One row of the table of APIs.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) name: &'static str,
    pub(crate) versions: VersionRange,
    pub(crate) request_flexible_since: i16,
    pub(crate) response_flexible_since: i16,
    pub(crate) on_broker: bool,
    pub(crate) on_controller: bool,
    pub(crate) cluster_action: bool,
    pub(crate) forwardable: bool,
    pub(crate) latest_unstable: bool,
}

/// The two sides of a cluster that take requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerType {
    /// Clients and other brokers connect here.
    Broker,
    /// Brokers, other controllers and some tools connect here.
    Controller,
}

impl ApiKey {
    /// The API of that key, if Kafka 4.3.1 knows it.
    pub fn from_i16(key: i16) -> Option<ApiKey> {
        usize::try_from(key).ok().and_then(|place| ApiKey::ALL.get(place)).copied()
    }

    /// Key on the wire.
    pub fn key(self) -> i16 {
        self as i16
    }

    fn api(self) -> &'static Api {
        // The table has one row per variant, by key; a test holds it to that.
        &APIS[self as usize]
    }

    /// Kafka's name of the API, without "Request".
    pub fn name(self) -> &'static str {
        self.api().name
    }

    /// Versions that Kafka 4.3.1 accepts; empty for APIs of the past that keep their number.
    pub fn versions(self) -> VersionRange {
        self.api().versions
    }

    /// Versions to offer: without the newest where it is not stable yet.
    pub fn stable_versions(self) -> VersionRange {
        let versions = self.versions();
        VersionRange::new(versions.min, versions.max - i16::from(self.latest_unstable()))
    }

    /// True where requests and responses of that version are flexible.
    pub fn is_flexible(self, version: i16) -> bool {
        version >= self.api().request_flexible_since
    }

    /// Version of the header before a request of that version: 1 or 2.
    pub fn request_header_version(self, version: i16) -> i16 {
        if version >= self.api().request_flexible_since { 2 } else { 1 }
    }

    /// Version of the header before a response of that version: 0 or 1, for ApiVersions always 0, so that a
    /// client can read it before it knows anything of the broker.
    pub fn response_header_version(self, version: i16) -> i16 {
        let flexible = version >= self.api().response_flexible_since;
        i16::from(flexible && self != ApiKey::ApiVersions)
    }

    /// True where the API is served on listeners of that type.
    pub fn served_on(self, listener: ListenerType) -> bool {
        match listener {
            ListenerType::Broker => self.api().on_broker,
            ListenerType::Controller => self.api().on_controller,
        }
    }

    /// True where the caller needs the permission ClusterAction.
    pub fn is_cluster_action(self) -> bool {
        self.api().cluster_action
    }

    /// True where a broker hands the request to the active controller.
    pub fn is_forwardable(self) -> bool {
        self.api().forwardable
    }

    /// True where the newest version is offered only with `unstable.api.versions.enable`.
    pub fn latest_unstable(self) -> bool {
        self.api().latest_unstable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_keys() {
        for (place, api_key) in ApiKey::ALL.into_iter().enumerate() {
            assert_eq!(api_key as usize, place);
            assert_eq!(ApiKey::from_i16(api_key.key()), Some(api_key));
            assert_eq!(api_key.name(), format!("{api_key:?}"));
        }
        assert_eq!(ApiKey::ALL.len(), APIS.len());
        assert_eq!(ApiKey::from_i16(93), None);
        assert_eq!(ApiKey::from_i16(-1), None);
    }

    #[test]
    fn header_versions_follow_the_flexible_versions_except_for_the_answer_to_api_versions() {
        assert_eq!(ApiKey::Produce.request_header_version(8), 1);
        assert_eq!(ApiKey::Produce.request_header_version(9), 2);
        assert_eq!(ApiKey::Produce.response_header_version(9), 1);
        assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
        assert_eq!(ApiKey::ApiVersions.response_header_version(3), 0);
        assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
        assert_eq!(ApiKey::SaslHandshake.response_header_version(1), 0);
    }

    #[test]
    fn the_unstable_newest_version_is_not_offered() {
        assert_eq!(ApiKey::InitProducerId.versions(), VersionRange::new(0, 6));
        assert_eq!(ApiKey::InitProducerId.stable_versions(), VersionRange::new(0, 5));
        assert!(ApiKey::LeaderAndIsr.versions().is_empty());
        assert!(ApiKey::Vote.served_on(ListenerType::Controller));
        assert!(!ApiKey::Vote.served_on(ListenerType::Broker));
    }
}
