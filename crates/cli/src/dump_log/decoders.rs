//! How keys and values of records are shown.

use protocol::layout::{self, Layout, Topic};
use protocol::{DecodeError, DecodeErrorKind, Reader};
use records::Record;

use super::remote_log;
use crate::admin_tool::refused;
use crate::failure::Failure;
use crate::options::Given;
use crate::record_json;

/// What shows a record.
pub(super) enum Decoder {
    /// Keys and values each by a decoder of plain bytes.
    Plain(Plain, Plain),
    /// Records of a coordinator's topic.
    Coordinator(Topic, Topic),
    Metadata,
    RemoteLog,
}

/// Kafka's own decoders of plain bytes.
#[derive(Clone, Copy)]
pub(super) enum Plain {
    Text,
    Integer,
    Long,
    Bytes,
}

/// A key and a value as text, where there are any.
type Shown = (Option<String>, Option<String>);

/// Why a record of a coordinator cannot be shown.
enum Unreadable {
    UnknownType(i16),
    Because(String),
}

const KEY_CLASS: &str = "key-decoder-class";
const VALUE_CLASS: &str = "value-decoder-class";

impl Decoder {
    /// The decoder that a line asks for, the first that it names in the order of the original.
    pub(super) fn of(given: &Given) -> Result<Decoder, Failure> {
        Ok(if given.has("offsets-decoder") {
            Decoder::Coordinator(Topic::GroupKey, Topic::GroupValue)
        } else if given.has("transaction-log-decoder") {
            Decoder::Coordinator(Topic::TransactionKey, Topic::TransactionValue)
        } else if given.has("cluster-metadata-decoder") {
            Decoder::Metadata
        } else if given.has("remote-log-metadata-decoder") {
            Decoder::RemoteLog
        } else if given.has("share-group-state-decoder") {
            Decoder::Coordinator(Topic::ShareKey, Topic::ShareValue)
        } else {
            let value = Plain::of(given.value(VALUE_CLASS).map_err(refused)?)?;
            Decoder::Plain(Plain::of(given.value(KEY_CLASS).map_err(refused)?)?, value)
        })
    }

    /// True where a line asks for contents, by name or by a decoder.
    pub(super) fn is_asked_for(&self, given: &Given) -> bool {
        let is_plain = matches!(self, Decoder::Plain(..));
        !is_plain || ["print-data-log", KEY_CLASS, VALUE_CLASS].iter().any(|option| given.has(option))
    }

    pub(super) fn decode(&self, record: &Record<'_>) -> Result<Shown, Failure> {
        Ok(match self {
            Decoder::Plain(keys, values) => {
                let key = record.key.map(|key| keys.decode(key)).transpose()?;
                (key, record.value.map(|value| values.decode(value)).transpose()?)
            }
            Decoder::Coordinator(keys, values) => coordinator(record, *keys, *values)?,
            Decoder::Metadata => {
                let shown = metadata(record.value.unwrap_or_default());
                let offset = record.offset;
                (None, Some(shown.unwrap_or_else(|cause| format!("Error at {offset}, skipping. {cause}"))))
            }
            Decoder::RemoteLog => {
                let shown = remote_log::shown(record.value.unwrap_or_default());
                let offset = record.offset;
                (
                    None,
                    Some(
                        shown.unwrap_or_else(|cause| format!("Error at offset {offset}, skipping. {cause}")),
                    ),
                )
            }
        })
    }
}

impl Plain {
    fn of(class: Option<&str>) -> Result<Plain, Failure> {
        let Some(class) = class else { return Ok(Plain::Text) };
        match class.strip_prefix("org.apache.kafka.tools.api.") {
            Some("StringDecoder") => Ok(Plain::Text),
            Some("IntegerDecoder") => Ok(Plain::Integer),
            Some("LongDecoder") => Ok(Plain::Long),
            Some("DefaultDecoder") => Ok(Plain::Bytes),
            // Classes of one's own need the original.
            _ => Err(Failure::of_class("java.lang.ClassNotFoundException", class)),
        }
    }

    fn decode(self, bytes: &[u8]) -> Result<String, Failure> {
        let short = || Failure::without_message("java.nio.BufferUnderflowException");
        Ok(match self {
            Plain::Text => String::from_utf8_lossy(bytes).into_owned(),
            Plain::Integer => i32::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?).to_string(),
            Plain::Long => i64::from_be_bytes(*bytes.first_chunk().ok_or_else(short)?).to_string(),
            // Java shows where an array lies in memory; the bytes themselves say more.
            Plain::Bytes => format!("{bytes:02x?}"),
        })
    }
}

fn coordinator(record: &Record<'_>, keys: Topic, values: Topic) -> Result<Shown, Failure> {
    let offset = record.offset;
    let Some(key) = record.key else {
        let sentence = format!(
            "Failed to decode message at offset {offset} using the specified decoder (message had a missing key)"
        );
        return Err(Failure::of_class("java.lang.RuntimeException", sentence));
    };
    Ok(match coordinator_record(key, record.value, keys, values) {
        Ok((key, value)) => (Some(key), Some(value)),
        Err(Unreadable::UnknownType(number)) => {
            (Some(format!("Unknown record type {number} at offset {offset}, skipping.")), None)
        }
        Err(Unreadable::Because(cause)) => {
            (Some(format!("Error at offset {offset}, skipping. {cause}")), None)
        }
    })
}

fn coordinator_record(
    key: &[u8],
    value: Option<&[u8]>,
    keys: Topic,
    values: Topic,
) -> Result<(String, String), Unreadable> {
    let (record_type, mut reader) = versioned(key, "key")?;
    let layout = layout::of_type(keys, record_type).ok_or(Unreadable::UnknownType(record_type))?;
    let key =
        record_json::record(&mut reader, layout, 0).map_err(|error| unread(&error, record_type, "key"))?;
    let key = format!("{{\"type\":\"{record_type}\",\"data\":{key}}}");
    let Some(value) = value else { return Ok((key, "<DELETE>".to_owned())) };
    let (version, mut reader) = versioned(value, "value")?;
    let layout = layout::of_type(values, record_type).ok_or(Unreadable::UnknownType(record_type))?;
    if !layout.versions.contains(version) {
        let name = layout.name;
        return Err(Unreadable::Because(format!("Can't write version {version} of {name}")));
    }
    let is_group = layout.name == "GroupMetadataValue" && is_of_consumers(&reader, layout, version);
    let retold = |name: &str, bytes: &[u8]| if is_group { consumer_protocol(name, bytes) } else { None };
    let value = record_json::record_with(&mut reader, layout, version, &retold);
    let value = value.map_err(|error| unread(&error, version, "value"))?;
    Ok((key, format!("{{\"version\":\"{version}\",\"data\":{value}}}")))
}

/// The version that bytes begin with, and what follows it.
fn versioned<'b>(bytes: &'b [u8], what: &str) -> Result<(i16, Reader<'b>), Unreadable> {
    let mut reader = Reader::new(bytes);
    match reader.i16() {
        Ok(version) => Ok((version, reader)),
        Err(_) => Err(Unreadable::Because(format!("Could not read version from {what}'s buffer."))),
    }
}

fn unread(error: &DecodeError, version: i16, what: &str) -> Unreadable {
    Unreadable::Because(format!(
        "Could not read record with version {version} from {what}'s buffer due to: {}.",
        cause(error)
    ))
}

/// The cause as Java has it, whose end of a buffer says nothing.
pub(super) fn cause(error: &DecodeError) -> String {
    match error.kind {
        DecodeErrorKind::UnexpectedEnd { .. } => "null".to_owned(),
        _ => error.to_string(),
    }
}

/// True for the value of a group whose members speak the protocol of consumers, which is its first field.
fn is_of_consumers(reader: &Reader<'_>, layout: &Layout, version: i16) -> bool {
    let mut reader = reader.clone();
    reader.str(layout.flexible.contains(version)).is_ok_and(|protocol| protocol == "consumer")
}

/// What members of a group of consumers say to each other; `None` leaves the bytes as they are.
fn consumer_protocol(field: &str, bytes: &[u8]) -> Option<String> {
    let layout = match field {
        "subscription" => layout::named("ConsumerProtocolSubscription")?,
        "assignment" => layout::named("ConsumerProtocolAssignment")?,
        _ => return None,
    };
    let mut reader = Reader::new(bytes);
    let version = reader.i16().ok()?;
    if !layout.versions.contains(version) {
        return None;
    }
    record_json::record(&mut reader, layout, version).ok()
}

/// A record of the cluster's metadata, or why it cannot be read.
fn metadata(value: &[u8]) -> Result<String, String> {
    let mut reader = Reader::new(value);
    let (number, version) = frame(&mut reader)?;
    let layout = layout::of_type(Topic::Metadata, number).ok_or_else(|| unknown_type(number))?;
    let failed = format!("Failed to deserialize record with type {number}");
    if !layout.versions.contains(version) {
        return Err(failed);
    }
    let data = record_json::record(&mut reader, layout, version).map_err(|_| failed)?;
    match reader.remaining() {
        0 => Ok(format!(
            "{{\"type\":\"{}\",\"version\":{version},\"data\":{data}}}",
            constant_name(layout.name)
        )),
        left => Err(format!("Found {left} byte(s) of garbage after {number}")),
    }
}

/// A type of records that nobody knows, as the original tells it of every topic.
pub(super) fn unknown_type(number: i16) -> String {
    format!("org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id {number}")
}

/// Type and version of a record out of the frame before it.
pub(super) fn frame(reader: &mut Reader<'_>) -> Result<(i16, i16), String> {
    let mut number = |what: &str| {
        let number = reader.unsigned_varint().map_err(|_| format!("Error while reading {what}"))?;
        i16::try_from(number).map_err(|_| format!("Value for {what} was too large."))
    };
    match number("frame version")? {
        1 => Ok((number("type")?, number("version")?)),
        0 => Err("Could not deserialize metadata record with frame version 0. Note that upgrades from the preview release of KRaft in 2.8 to newer versions are not supported.".to_owned()),
        other => Err(format!("Could not deserialize metadata record due to unknown frame version {other}(only frame version 1 is supported)")),
    }
}

/// `TopicRecord` as `TOPIC_RECORD`.
fn constant_name(name: &str) -> String {
    let mut constant = String::with_capacity(name.len() + 4);
    for (place, character) in name.char_indices() {
        if place > 0 && character.is_ascii_uppercase() {
            constant.push('_');
        }
        constant.push(character.to_ascii_uppercase());
    }
    constant
}
