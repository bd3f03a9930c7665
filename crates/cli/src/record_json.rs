//! Records as the JSON that Kafka's converters write: fields in the order of the schema, tagged fields only where they hold
//! something else than their default, ids as url-safe base64, bytes as base64.

use std::fmt::Write as _;

use protocol::layout::{Field, Kind, Layout};
use protocol::{DecodeError, Reader};

use crate::java;

/// How values of fields are told, where not as JSON has them.
type Retold<'t> = &'t dyn Fn(&str, &[u8]) -> Option<String>;

/// Reads a record of a layout in a version and gives its JSON. What follows the record is left in the reader.
pub(crate) fn record(reader: &mut Reader<'_>, layout: &Layout, version: i16) -> Result<String, DecodeError> {
    record_with(reader, layout, version, &|_, _| None)
}

/// The same, where the bytes of fields are told as `retold` has them.
pub(crate) fn record_with(
    reader: &mut Reader<'_>,
    layout: &Layout,
    version: i16,
    retold: Retold<'_>,
) -> Result<String, DecodeError> {
    let flexible = layout.flexible.contains(version);
    Ok(object(&fields(reader, layout.fields, (version, flexible), retold)?))
}

/// An object of fields whose values are JSON.
pub(crate) fn object(fields: &[(&'static str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// Text as a JSON string, escaped as Jackson does.
pub(crate) fn text(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{8}' => json.push_str("\\b"),
            '\t' => json.push_str("\\t"),
            '\n' => json.push_str("\\n"),
            '\u{c}' => json.push_str("\\f"),
            '\r' => json.push_str("\\r"),
            // Writing to a string cannot fail.
            control if control < ' ' => drop(write!(json, "\\u{:04X}", u32::from(control))),
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

fn fields(
    reader: &mut Reader<'_>,
    fields: &'static [Field],
    format: (i16, bool),
    retold: Retold<'_>,
) -> Result<Vec<(&'static str, String)>, DecodeError> {
    let (version, flexible) = format;
    let mut values: Vec<Option<String>> = vec![None; fields.len()];
    for (field, value) in fields.iter().zip(&mut values) {
        if field.versions.contains(version) && !is_tagged(field, version) {
            *value = Some(one(reader, field, format, retold)?);
        }
    }
    let tags = if flexible { reader.tag_count()? } else { 0 };
    for _ in 0..tags {
        let (tag, end) = reader.tag()?;
        let of_tag =
            |field: &Field| field.tag.is_some_and(|(number, _)| number == tag) && is_tagged(field, version);
        let known = fields.iter().zip(&mut values).find(|(field, _)| of_tag(field));
        let Some((field, value)) = known else {
            reader.skip_tag(end);
            continue;
        };
        *value = Some(one(reader, field, format, retold)?).filter(|value| value != field.default);
        reader.end_tag(tag, end)?;
    }
    let named = fields.iter().zip(values).filter_map(|(field, value)| Some((field.name, value?)));
    Ok(named.collect())
}

fn one(
    reader: &mut Reader<'_>,
    field: &'static Field,
    format: (i16, bool),
    retold: Retold<'_>,
) -> Result<String, DecodeError> {
    let (version, flexible) = format;
    let nullable = field.nullable.contains(version);
    let shown = match &field.kind {
        Kind::String if nullable => reader.nullable_str(flexible)?.map_or("null".to_owned(), text),
        Kind::Bytes | Kind::Records => {
            let bytes = match reader.nullable_slice(flexible)? {
                None if nullable => return Ok("null".to_owned()),
                bytes => bytes.unwrap_or_default(),
            };
            retold(field.name, bytes).unwrap_or_else(|| format!("\"{}\"", base64(bytes)))
        }
        Kind::Array(element) => {
            let count = if nullable {
                let Some(count) = reader.nullable_count(flexible, 1)? else { return Ok("null".to_owned()) };
                count
            } else {
                reader.count(flexible, 1)?
            };
            array(reader, element, count, format, retold)?
        }
        // Before a struct that may be null stands whether it is.
        Kind::Struct(_) if nullable && !is_present(reader, field, version)? => "null".to_owned(),
        kind => value(reader, kind, format, retold)?,
    };
    Ok(shown)
}

fn is_tagged(field: &Field, version: i16) -> bool {
    field.tag.is_some_and(|(_, versions)| versions.contains(version))
}

fn is_present(reader: &mut Reader<'_>, field: &Field, version: i16) -> Result<bool, DecodeError> {
    if is_tagged(field, version) { Ok(reader.unsigned_varint()? != 0) } else { Ok(reader.i8()? >= 0) }
}

fn array(
    reader: &mut Reader<'_>,
    element: &'static Kind,
    count: usize,
    format: (i16, bool),
    retold: Retold<'_>,
) -> Result<String, DecodeError> {
    let mut json = String::from("[");
    for place in 0..count {
        if place > 0 {
            json.push(',');
        }
        json += &value(reader, element, format, retold)?;
    }
    json.push(']');
    Ok(json)
}

/// A value that is neither null nor an array.
fn value(
    reader: &mut Reader<'_>,
    kind: &'static Kind,
    format: (i16, bool),
    retold: Retold<'_>,
) -> Result<String, DecodeError> {
    let flexible = format.1;
    Ok(match kind {
        Kind::Bool => reader.bool()?.to_string(),
        Kind::Int8 => reader.i8()?.to_string(),
        Kind::Int16 => reader.i16()?.to_string(),
        Kind::Int32 => reader.i32()?.to_string(),
        Kind::Int64 => reader.i64()?.to_string(),
        Kind::Uint16 => reader.u16()?.to_string(),
        Kind::Uint32 => reader.u32()?.to_string(),
        Kind::Float64 => {
            let number = reader.f64()?;
            java::floating(number)
        }
        Kind::Uuid => format!("\"{}\"", reader.uuid()?),
        Kind::String => text(reader.str(flexible)?),
        Kind::Bytes | Kind::Records => format!("\"{}\"", base64(&reader.bytes(flexible)?)),
        Kind::Struct(inner) => object(&fields(reader, inner, format, retold)?),
        Kind::Array(element) => {
            let count = reader.count(flexible, 1)?;
            array(reader, element, count, format, retold)?
        }
    })
}

/// Base64 with padding, in the alphabet of mail.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            let character = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
            text.push(if place > chunk.len() { '=' } else { char::from(character) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::layout::{Topic, named, of_type};

    #[test]
    fn bytes_and_text_are_written_as_jackson_writes_them() {
        for (bytes, expected) in
            [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("\u{3ff}?", "z78/")]
        {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
        assert_eq!(text("a\"\\\n\u{1b}é/"), "\"a\\\"\\\\\\n\\u001Bé/\"");
    }

    #[test]
    fn fields_come_in_the_order_of_the_schema_and_tagged_ones_only_where_they_say_something() {
        let layout = of_type(Topic::TransactionValue, 0).unwrap();
        let mut value = vec![];
        value.extend(7i64.to_be_bytes());
        value.extend([0, 1, 0, 0, 0, 9, 0, 0]);
        value.extend([0; 16]);
        // Tag 0, the previous producer, and tag 1, the next, which is left at its default.
        let plain = [&value[..], &[0]].concat();
        let tagged = [&value[..], &[2, 0, 8], &6i64.to_be_bytes(), &[1, 8], &(-1i64).to_be_bytes()].concat();
        let rest = "\"producerEpoch\":1,\"transactionTimeoutMs\":9,\"transactionStatus\":0,\"transactionPartitions\":null,\
             \"transactionLastUpdateTimestampMs\":0,\"transactionStartTimestampMs\":0}";
        let shown = record(&mut Reader::new(&plain), layout, 1).unwrap();
        assert_eq!(shown, format!("{{\"producerId\":7,{rest}"));
        let shown = record(&mut Reader::new(&tagged), layout, 1).unwrap();
        assert_eq!(shown, format!("{{\"producerId\":7,\"previousProducerId\":6,{rest}"));
        assert!(record(&mut Reader::new(&tagged[..40]), layout, 1).is_err());
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused() {
        let layout = named("ConsumerProtocolAssignment").unwrap();
        assert!(record(&mut Reader::new(&[0x7f, 0xff, 0xff, 0xff, 0, 0]), layout, 0).is_err());
    }
}
