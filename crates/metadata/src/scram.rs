//! What a server keeps of a password for SCRAM (RFC 5802): never the password, nor what it could be found from by anyone
//! who has not guessed it.

use hmac::digest::core_api::BlockSizeUser;
use hmac::{Mac, SimpleHmac};
use sha2::digest::InvalidLength;
use sha2::{Digest, Sha256, Sha512};

/// Fewest iterations that a password may be salted with.
pub const ITERATIONS_MIN: i32 = 4096;
/// Most iterations: each login takes the server as many.
pub const ITERATIONS_MAX: i32 = 16_384;

/// The hash that SCRAM is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

/// The two keys by which a server knows who knows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Hash of the client's key.
    pub stored_key: Vec<u8>,
    /// The server's own key.
    pub server_key: Vec<u8>,
}

impl ScramMechanism {
    /// The mechanism of a record's or request's code.
    pub fn from_code(code: i8) -> Option<ScramMechanism> {
        match code {
            1 => Some(Self::Sha256),
            2 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The keys that follow from a salted password.
    pub fn keys(self, salted_password: &[u8]) -> Result<ScramKeys, InvalidLength> {
        match self {
            Self::Sha256 => keys::<Sha256>(salted_password),
            Self::Sha512 => keys::<Sha512>(salted_password),
        }
    }
}

fn keys<D: Digest + BlockSizeUser>(salted_password: &[u8]) -> Result<ScramKeys, InvalidLength> {
    let client_key = mac::<D>(salted_password, b"Client Key")?;
    let server_key = mac::<D>(salted_password, b"Server Key")?;
    Ok(ScramKeys { stored_key: D::digest(client_key).to_vec(), server_key })
}

fn mac<D: Digest + BlockSizeUser>(key: &[u8], text: &[u8]) -> Result<Vec<u8>, InvalidLength> {
    let mut mac = <SimpleHmac<D> as Mac>::new_from_slice(key)?;
    mac.update(text);
    Ok(mac.finalize().into_bytes().to_vec())
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramKeys([hidden])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn keys_are_those_of_another_implementation() {
        let salted: Vec<u8> = (0..64).collect();
        let keys = ScramMechanism::Sha256.keys(&salted[..32]).unwrap();
        assert_eq!(hex(&keys.stored_key), "e9cb7d524d0a37b9f58df5da526819cc1df9c66a3cffee4f4cf2502654f2a6c0");
        assert_eq!(hex(&keys.server_key), "d1905aa193a45c4f683bbbfa07d3bd2dcb180db624f2b2db739df1b3cd72e01a");
        let keys = ScramMechanism::Sha512.keys(&salted).unwrap();
        let stored = "abf12b79129219421947550f0fda721e3e1eabc1ae3f52b16335d9392d7a64bad68a3404e85a7c71eba3fd5aeb4d5df8e627d22619ce2f77765d56078638c3bf";
        let server = "ef30dc248639541d2240dd9d46a855d4067c2848ce96b2f1102e7cbff1c8f016108798744416671f5529170c1c3b9aa79244dee888cc94a8d071564ff15ce344";
        assert_eq!((hex(&keys.stored_key), hex(&keys.server_key)), (stored.to_owned(), server.to_owned()));
    }

    #[test]
    fn keys_are_shown_nowhere() {
        let keys = ScramMechanism::Sha256.keys(b"salted").unwrap();
        assert_eq!(format!("{keys:?}"), "ScramKeys([hidden])");
    }
}
