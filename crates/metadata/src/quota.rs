//! What client quotas bound, and for whom.

use std::fmt;

/// Entity type of users in quotas.
pub const USER: &str = "user";
/// Entity type of client ids in quotas.
pub const CLIENT_ID: &str = "client-id";
/// Entity type of client addresses in quotas.
pub const IP: &str = "ip";

/// What a quota bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QuotaKey {
    /// Bytes that a client may produce, per second.
    ProducerByteRate,
    /// Bytes that a client may fetch, per second.
    ConsumerByteRate,
    /// Share of a thread's time that a client's requests may take, in percent.
    RequestPercentage,
    /// Partitions that a client may create and delete, per second (KIP-599).
    ControllerMutationRate,
    /// Connections that may come from an address, per second (KIP-612).
    ConnectionCreationRate,
}

/// Which numbers a quota takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotaNumber {
    /// Any above zero.
    Double,
    /// Whole ones up to 2^63.
    Long,
    /// Whole ones up to 2^31 - 1.
    Int,
}

impl QuotaKey {
    /// Those of users and client ids.
    pub const OF_CLIENTS: [QuotaKey; 4] = [
        QuotaKey::ProducerByteRate,
        QuotaKey::ConsumerByteRate,
        QuotaKey::RequestPercentage,
        QuotaKey::ControllerMutationRate,
    ];
    /// Those of addresses.
    pub const OF_ADDRESSES: [QuotaKey; 1] = [QuotaKey::ConnectionCreationRate];

    /// Its name in requests, records and tools.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProducerByteRate => "producer_byte_rate",
            Self::ConsumerByteRate => "consumer_byte_rate",
            Self::RequestPercentage => "request_percentage",
            Self::ControllerMutationRate => "controller_mutation_rate",
            Self::ConnectionCreationRate => "connection_creation_rate",
        }
    }

    pub(crate) fn number(self) -> QuotaNumber {
        match self {
            Self::ProducerByteRate | Self::ConsumerByteRate => QuotaNumber::Long,
            Self::RequestPercentage | Self::ControllerMutationRate => QuotaNumber::Double,
            Self::ConnectionCreationRate => QuotaNumber::Int,
        }
    }
}

impl fmt::Display for QuotaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
