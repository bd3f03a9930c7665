//! An answer as a flat list of `path = value`, read from the pretty `Debug` form of its type.

use std::fmt::Debug;

use records::{BatchView, Scratch, batches};

/// A decompressed batch is never larger than this here.
const PLAIN_MAX: usize = 1 << 24;

/// One value of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Where it stands, for example `topics[0].partitions[1].error_code`.
    pub path: String,
    /// As `Debug` shows it; text keeps its quotes.
    pub value: String,
}

/// An open struct, list or `Some(` of the text.
struct Open {
    path: String,
    /// Elements so far, for a list.
    elements: Option<usize>,
}

/// The values of `message` in the order of its fields; record bytes are shown as the batches they hold.
pub fn of(message: &impl Debug) -> Vec<Field> {
    let text = format!("{message:#?}");
    let mut fields = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut bytes: Option<(String, Vec<u8>)> = None;
    for line in text.lines() {
        let line = line.trim_start();
        let line = line.strip_suffix(',').unwrap_or(line);
        if matches!(line, "}" | "]" | ")") {
            open.pop();
            continue;
        }
        let (name, value) = split_name(line);
        let path = path_of(name, open.last_mut());
        let is_text = value.starts_with('"');
        if !is_text && value.ends_with(['{', '[', '(']) {
            let elements = value.ends_with('[').then_some(0);
            open.push(Open { path, elements });
        } else if let Some(parent) = records_of(&path)
            && let Ok(byte) = value.parse()
        {
            match &mut bytes {
                Some((known, bytes)) if known == parent => bytes.push(byte),
                other => {
                    flush(other.take(), &mut fields);
                    *other = Some((parent.to_owned(), vec![byte]));
                }
            }
        } else {
            flush(bytes.take(), &mut fields);
            fields.push(Field { path, value: value.to_owned() });
        }
    }
    flush(bytes, &mut fields);
    fields
}

/// `name: value` of a struct's field; list elements have no name.
fn split_name(line: &str) -> (Option<&str>, &str) {
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match line.split_once(": ") {
        Some((name, value)) if is_name(name) => (Some(name), value),
        _ => (None, line),
    }
}

fn path_of(name: Option<&str>, parent: Option<&mut Open>) -> String {
    let Some(parent) = parent else { return String::new() };
    match (name, &mut parent.elements) {
        (Some(name), _) if parent.path.is_empty() => name.to_owned(),
        (Some(name), _) => format!("{}.{name}", parent.path),
        (None, Some(count)) => {
            *count += 1;
            format!("{}[{}]", parent.path, *count - 1)
        }
        // Inside `Some(`.
        (None, None) => parent.path.clone(),
    }
}

/// The path of the record bytes that an element belongs to.
fn records_of(path: &str) -> Option<&str> {
    let (parent, _) = path.rsplit_once('[')?;
    parent.ends_with("records").then_some(parent)
}

fn flush(bytes: Option<(String, Vec<u8>)>, fields: &mut Vec<Field>) {
    let Some((path, bytes)) = bytes else { return };
    fields.push(Field { path: format!("{path}.bytes"), value: bytes.len().to_string() });
    for (place, batch) in batches(&bytes).enumerate() {
        match batch {
            Ok(batch) => show_batch(&format!("{path}[{place}]"), &batch, fields),
            Err(error) => {
                // The last batch may be cut off at the size limit of the request.
                fields
                    .push(Field { path: format!("{path}[{place}]"), value: format!("unreadable: {error}") });
                break;
            }
        }
    }
}

fn show_batch(path: &str, batch: &BatchView<'_>, fields: &mut Vec<Field>) {
    let mut put = |name: &str, value: String| fields.push(Field { path: format!("{path}.{name}"), value });
    put("base_offset", batch.base_offset().to_string());
    put("last_offset", batch.last_offset().to_string());
    put("leader_epoch", batch.leader_epoch().to_string());
    put("attributes", format!("{:#x}", batch.attributes().0));
    put("base_timestamp", batch.base_timestamp().to_string());
    put("max_timestamp", batch.max_timestamp().to_string());
    put("producer_id", batch.producer_id().to_string());
    put("producer_epoch", batch.producer_epoch().to_string());
    put("base_sequence", batch.base_sequence().to_string());
    let mut scratch = Scratch::default();
    match scratch.records(batch, PLAIN_MAX) {
        Ok(records) => {
            for (place, record) in records.enumerate() {
                put(&format!("records[{place}]"), format!("{record:?}"));
            }
        }
        Err(error) => put("records", format!("unreadable: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use model::ErrorCode;
    use protocol::messages::metadata_response::{MetadataResponse, MetadataResponseTopic};
    use records::BatchBuilder;

    use super::*;

    fn lines(message: &impl Debug) -> Vec<String> {
        of(message).into_iter().map(|field| format!("{} = {}", field.path, field.value)).collect()
    }

    #[test]
    fn nested_fields_have_paths_with_places() {
        let topic = |name: &'static str, error_code| MetadataResponseTopic {
            name: Some(name.into()),
            error_code,
            ..MetadataResponseTopic::default()
        };
        let topics = vec![topic("a: {", ErrorCode::NONE), topic("b", ErrorCode::UNKNOWN_TOPIC_ID)];
        let response = MetadataResponse { topics, ..MetadataResponse::default() };
        let lines = lines(&response);
        assert!(lines.contains(&"throttle_time_ms = 0".to_owned()), "{lines:?}");
        assert!(lines.contains(&"topics[0].name = \"a: {\"".to_owned()), "{lines:?}");
        assert!(lines.contains(&"topics[1].error_code = UNKNOWN_TOPIC_ID".to_owned()), "{lines:?}");
        assert!(lines.contains(&"topics[1].partitions = []".to_owned()), "{lines:?}");
    }

    #[test]
    fn record_bytes_are_shown_as_batches() {
        #[derive(Debug)]
        #[allow(dead_code, reason = "read through Debug")]
        struct Holder {
            records: Option<Vec<u8>>,
            after: i32,
        }
        let records = BatchBuilder::new().base_offset(7).record(1, None, Some(b"x")).build();
        let lines = lines(&Holder { records: Some(records), after: 3 });
        assert!(lines.contains(&"records[0].base_offset = 7".to_owned()), "{lines:?}");
        assert_eq!(lines.last().map(String::as_str), Some("after = 3"));
    }
}
