//! Every message with functions that forget its type.

use protocol::{DecodeError, EncodeError, Message, Reader, VersionRange, Writer, messages};

/// One message.
pub struct Entry {
    pub name: &'static str,
    pub versions: VersionRange,
    /// Decodes, demands that nothing is left, encodes again in the same version.
    pub round_trip: fn(&[u8], i16) -> Result<Vec<u8>, String>,
    /// Decodes only, and drops what was decoded.
    pub decode: fn(&[u8], i16) -> Result<(), DecodeError>,
    /// Encodes the default value.
    pub encode_default: fn(i16) -> Result<Vec<u8>, EncodeError>,
}

fn round_trip<'a, M: Message<'a> + Clone + PartialEq>(
    bytes: &'a [u8],
    version: i16,
) -> Result<Vec<u8>, String> {
    let mut reader = Reader::new(bytes);
    let message = M::decode(&mut reader, version).map_err(|error| error.to_string())?;
    reader.expect_end().map_err(|error| error.to_string())?;
    let mut writer = Writer::new();
    message.encode(&mut writer, version).map_err(|error| error.to_string())?;
    Ok(writer.into_vec())
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<(), DecodeError> {
    M::decode(&mut Reader::new(bytes), version).map(drop)
}

fn encode_default<'a, M: Message<'a> + Default>(version: i16) -> Result<Vec<u8>, EncodeError> {
    let mut writer = Writer::new();
    M::default().encode(&mut writer, version)?;
    Ok(writer.into_vec())
}

macro_rules! entries {
    ($($name:ident,)+) => {
        #[allow(elided_lifetimes_in_paths, reason = "some of the names have a lifetime, some do not")]
        pub const MESSAGES: &[Entry] = &[$(Entry {
            name: messages::$name::NAME,
            versions: messages::$name::VERSIONS,
            round_trip: |bytes, version| round_trip::<messages::$name>(bytes, version),
            decode: |bytes, version| decode::<messages::$name>(bytes, version),
            encode_default: |version| encode_default::<messages::$name>(version),
        },)+];
    };
}

protocol::for_each_message!(entries);

/// The message of that name.
pub fn find(name: &str) -> &'static Entry {
    MESSAGES.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("no message {name}"))
}
