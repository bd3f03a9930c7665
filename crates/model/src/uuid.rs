//! 128-bit identifiers in Kafka's text form: 22 characters of url-safe base64 without padding.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

/// A topic, directory, cluster or incarnation id. All zero means "none".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Uuid(pub [u8; 16]);

/// The text is not 22 characters of url-safe base64 (or 24 with padding).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUuid(pub String);

impl Uuid {
    /// "None": what an absent id looks like on the wire.
    pub const ZERO: Uuid = Uuid([0; 16]);
    /// Reserved for the topic `__cluster_metadata` and for a replica's directory not yet decided.
    pub const ONE: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Turns 16 random bytes into an id of version 4 that Kafka's tools can take as an argument.
    ///
    /// Kafka avoids ids below 100 (reserved) and texts that start with a dash (they would read as an
    /// option); `None` asks the caller to draw again.
    pub fn from_random(mut bytes: [u8; 16]) -> Option<Uuid> {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let uuid = Uuid(bytes);
        (!uuid.is_reserved() && !uuid.to_string().starts_with('-')).then_some(uuid)
    }

    /// True for "none".
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// True for the first 100 ids, which Kafka keeps for itself.
    pub fn is_reserved(self) -> bool {
        u128::from_be_bytes(self.0) < 100
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; 22];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.pad(std::str::from_utf8(&text[..written]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for InvalidUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not an id: expected 22 characters of url-safe base64", self.0)
    }
}

impl std::error::Error for InvalidUuid {}

impl FromStr for Uuid {
    type Err = InvalidUuid;

    fn from_str(text: &str) -> Result<Uuid, InvalidUuid> {
        let decoded = if text.ends_with('=') { URL_SAFE.decode(text) } else { URL_SAFE_NO_PAD.decode(text) };
        let bytes = decoded.map_err(|_| InvalidUuid(text.to_owned()))?;
        let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| InvalidUuid(text.to_owned()))?;
        Ok(Uuid(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_kafkas() {
        let uuid: Uuid = "AAAAAAAAQACAAAAAAAAAAA".parse().unwrap();
        assert_eq!(uuid.0, [0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(uuid.to_string(), "AAAAAAAAQACAAAAAAAAAAA");
        assert_eq!("AAAAAAAAQACAAAAAAAAAAA==".parse(), Ok(uuid));
    }

    #[test]
    fn malformed_text_is_refused_with_the_text_named() {
        for text in ["", "short", "AAAAAAAAQACAAAAAAAAAA/", "AAAAAAAAQACAAAAAAAAAAAAA"] {
            assert_eq!(text.parse::<Uuid>(), Err(InvalidUuid(text.to_owned())));
        }
    }

    #[test]
    fn random_ids_never_start_with_a_dash() {
        assert_eq!(Uuid::from_random([0xf8; 16]), None);
        assert!(Uuid::from_random([0x12; 16]).is_some());
        assert!(Uuid::ONE.is_reserved());
    }
}
