//! What every message can do.

use crate::messages::api_key::ApiKey;
use crate::{DecodeError, EncodeError, Reader, VersionRange, Writer};

/// A message with versions: request, response, header, record or data inside another message.
pub trait Message<'a>: Sized {
    /// The schema's name.
    const NAME: &'static str;
    /// Versions that can be decoded and encoded.
    const VERSIONS: VersionRange;
    /// Versions with compact lengths and tag sections.
    const FLEXIBLE: VersionRange;

    /// Reads one message; bytes after it are left in the reader.
    fn decode(reader: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError>;

    /// Appends the message. On an error the writer may hold a part of it.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>;
}

/// A request, tied to its API key and its response.
pub trait Request {
    /// Key of the API.
    const KEY: ApiKey;
    /// What answers it, in the same version.
    type Response<'r>: Message<'r>;
}
