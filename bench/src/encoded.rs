//! Requests encoded once and sent as they are, and answers judged without decoding where they look as expected.

pub mod admin;
pub mod fetch;
pub mod groups;
pub mod produce;

use protocol::{ApiKey, Message, Reader, Writer, encode_request_header, encode_response_header};

pub use produce::{Produce, batch};

/// Correlation id of every request: a connection's answers come in the order of its requests.
const CORRELATION_ID: i32 = 1;

/// A frame with size prefix and header.
fn framed<'m, M: Message<'m>>(api_key: ApiKey, version: i16, message: &M) -> Vec<u8> {
    let mut writer = Writer::new();
    let place = writer.begin_frame();
    let header = encode_request_header(&mut writer, api_key, version, CORRELATION_ID, Some("bench"));
    header.expect("a header encodes");
    message.encode(&mut writer, version).expect("a request of ours encodes");
    writer.end_frame(place, 0).expect("a frame below 2 GiB");
    writer.into_vec()
}

/// An answer with size prefix and header.
fn framed_answer<'m, M: Message<'m>>(api_key: ApiKey, version: i16, message: &M) -> Vec<u8> {
    let mut writer = Writer::new();
    let place = writer.begin_frame();
    encode_response_header(&mut writer, api_key, version, CORRELATION_ID).expect("a header encodes");
    message.encode(&mut writer, version).expect("an answer of ours encodes");
    writer.end_frame(place, 0).expect("a frame below 2 GiB");
    writer.into_vec()
}

/// The body behind a flexible response header.
fn body(answer: &[u8]) -> Result<Reader<'_>, String> {
    let mut reader = Reader::new(answer);
    reader.i32().map_err(|error| error.to_string())?;
    reader.skip_tags().map_err(|error| error.to_string())?;
    Ok(reader)
}
