//! Request and response headers: which version a frame's header has, and its fields.

use crate::messages::api_key::ApiKey;
use crate::messages::{RequestHeader, ResponseHeader};
use crate::{DecodeError, DecodeErrorKind, EncodeError, Reader, Writer};

/// Reads the header at the beginning of a frame (without its size prefix); the body follows in `reader`.
///
/// The header's version follows from API key and version; a version that the API does not have is no error
/// here, because ApiVersions must be answered at any version.
pub fn decode_request_header<'a>(
    reader: &mut Reader<'a>,
) -> Result<(ApiKey, RequestHeader<'a>), DecodeError> {
    let mut peek = reader.clone();
    let key = peek.i16()?;
    let version = peek.i16()?;
    let Some(api_key) = ApiKey::from_i16(key) else {
        return Err(reader.error(DecodeErrorKind::UnknownApiKey(key)));
    };
    let header = RequestHeader::decode(reader, api_key.request_header_version(version))?;
    Ok((api_key, header))
}

/// Appends the header of a request.
pub fn encode_request_header(
    writer: &mut Writer,
    api_key: ApiKey,
    api_version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<(), EncodeError> {
    let header = RequestHeader {
        request_api_key: api_key as i16,
        request_api_version: api_version,
        correlation_id,
        client_id: client_id.map(Into::into),
    };
    header.encode(writer, api_key.request_header_version(api_version))
}

/// Appends the header of the response to a request of this key and version.
pub fn encode_response_header(
    writer: &mut Writer,
    api_key: ApiKey,
    api_version: i16,
    correlation_id: i32,
) -> Result<(), EncodeError> {
    ResponseHeader { correlation_id }.encode(writer, api_key.response_header_version(api_version))
}
