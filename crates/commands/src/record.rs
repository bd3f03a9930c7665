//! Records as documents: what `consume -o json` writes and `produce --input json` reads.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::ConsumerRecord;
use records::TimestampType;
use serde_json::Value;

use crate::document::{Doc, map};

/// Headers: key, and value where there is one.
pub(crate) type OwnedHeaders = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A record that was read from a document.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnedRecord {
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: OwnedHeaders,
}

/// A record as a document. Bytes that are no UTF-8 are `{"base64": "..."}`.
pub(crate) fn doc(record: &ConsumerRecord<'_>) -> Doc {
    let headers = record.headers.map(|(key, value)| {
        map([("key", String::from_utf8_lossy(key).into_owned().into()), ("value", bytes_doc(value))])
    });
    let timestamp_type = record.timestamp_type.map(|kind| match kind {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    });
    map([
        ("topic", record.topic.into()),
        ("partition", record.partition.into()),
        ("offset", record.offset.into()),
        ("timestamp", record.timestamp.into()),
        ("timestampType", timestamp_type.into()),
        ("key", bytes_doc(record.key)),
        ("value", bytes_doc(record.value)),
        ("headers", Doc::List(headers.collect())),
    ])
}

/// Bytes as text where they are text.
pub(crate) fn bytes_doc(bytes: Option<&[u8]>) -> Doc {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Doc::Null,
        Some((_, Ok(text))) => text.into(),
        Some((bytes, Err(_))) => map([("base64", STANDARD.encode(bytes).into())]),
    }
}

/// Reads a record from one line of JSON; fields that only a broker gives are passed over.
pub(crate) fn parse(line: &[u8]) -> Result<OwnedRecord, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("this is no JSON: {error}"))?;
    let Value::Object(fields) = value else { return Err("a record is an object in JSON".to_owned()) };
    let mut record = OwnedRecord::default();
    for (name, value) in fields {
        match name.as_str() {
            "key" => record.key = bytes_of(value).map_err(|why| format!("key: {why}"))?,
            "value" => record.value = bytes_of(value).map_err(|why| format!("value: {why}"))?,
            "partition" => {
                let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
                record.partition = Some(number.ok_or("partition: this is no number of a partition")?);
            }
            "timestamp" => {
                record.timestamp =
                    Some(value.as_i64().ok_or("timestamp: this is no number of milliseconds")?);
            }
            "headers" => record.headers = headers_of(value)?,
            "topic" | "offset" | "timestampType" => {}
            _ => return Err(format!("a record has no field '{name}'")),
        }
    }
    Ok(record)
}

fn headers_of(value: Value) -> Result<OwnedHeaders, String> {
    let Value::Array(headers) = value else { return Err("headers: this is no list".to_owned()) };
    let header = |header: Value| {
        let Value::Object(mut header) = header else {
            return Err("headers: each is an object with key and value".to_owned());
        };
        let Some(Value::String(key)) = header.remove("key") else {
            return Err("headers: one has no key".to_owned());
        };
        let value = bytes_of(header.remove("value").unwrap_or(Value::Null));
        Ok((key.into_bytes(), value.map_err(|why| format!("headers: {why}"))?))
    };
    headers.into_iter().map(header).collect()
}

fn bytes_of(value: Value) -> Result<Option<Vec<u8>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.into_bytes())),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("base64") => {
            let text = fields.get("base64").and_then(Value::as_str).unwrap_or_default();
            STANDARD.decode(text).map(Some).map_err(|error| format!("this is no base64: {error}"))
        }
        // What is JSON itself goes as it is.
        other => Ok(Some(other.to_string().into_bytes())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use records::Headers;

    use super::*;

    /// Hands a record with the headers `a=1` and `b` without a value to a test.
    pub(crate) fn with_record(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        test: impl FnOnce(ConsumerRecord<'_>),
    ) {
        // Lengths in headers are zigzag varints, so that 2 is one byte and 1 is none at all.
        let headers = [2, b'a', 2, b'1', 2, b'b', 1];
        test(ConsumerRecord {
            topic: "topic",
            partition: 3,
            offset: 42,
            timestamp: 1000,
            timestamp_type: Some(TimestampType::CreateTime),
            leader_epoch: 0,
            key,
            value,
            headers: Headers::checked(&headers, 2),
        });
    }

    #[test]
    fn a_record_survives_its_way_through_json() {
        with_record(Some(b"\xff\x00"), Some("größe\n".as_bytes()), |record| {
            let mut line = Vec::new();
            doc(&record).write_json_line(&mut line).unwrap();
            let expected = "{\"topic\":\"topic\",\"partition\":3,\"offset\":42,\"timestamp\":1000,\"timestampType\":\"CreateTime\",\"key\":{\"base64\":\"/wA=\"},\"value\":\"größe\\n\",\"headers\":[{\"key\":\"a\",\"value\":\"1\"},{\"key\":\"b\",\"value\":null}]}\n";
            assert_eq!(String::from_utf8(line.clone()).unwrap(), expected);
            let back = parse(&line).unwrap();
            assert_eq!((back.key.as_deref(), back.value.as_deref()), (record.key, record.value));
            assert_eq!((back.partition, back.timestamp), (Some(3), Some(1000)));
            assert_eq!(back.headers, [(b"a".to_vec(), Some(b"1".to_vec())), (b"b".to_vec(), None)]);
        });
    }

    #[test]
    fn what_is_no_record_says_why() {
        for (line, fragment) in [
            ("x", "no JSON"),
            ("[]", "an object"),
            ("{\"valeu\":1}", "no field 'valeu'"),
            ("{\"partition\":\"a\"}", "partition"),
            ("{\"key\":{\"base64\":\"*\"}}", "no base64"),
            ("{\"headers\":[{}]}", "no key"),
        ] {
            let why = parse(line.as_bytes()).unwrap_err();
            assert!(why.contains(fragment), "{line}: {why}");
        }
        assert_eq!(parse(b"{\"value\":{\"a\":1}}").unwrap().value.unwrap(), b"{\"a\":1}");
    }
}
