//! Records of the coordinators' topics as JSON, one kind of them each.

use client::ConsumerRecord;
use protocol::layout::{self, Layout, Topic};
use protocol::{DecodeError, Reader};

use crate::failure::Failure;
use crate::record_json;

/// Which records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Committed offsets.
    Offsets,
    /// Classic groups.
    Groups,
    /// Share groups.
    ShareGroups,
    Transactions,
}

impl Kind {
    /// The one of a formatter's class without its package.
    pub(super) fn named(class: &str) -> Option<Kind> {
        match class {
            "OffsetsMessageFormatter" => Some(Kind::Offsets),
            "GroupMetadataMessageFormatter" => Some(Kind::Groups),
            "ShareGroupMessageFormatter" => Some(Kind::ShareGroups),
            "TransactionLogMessageFormatter" => Some(Kind::Transactions),
            _ => None,
        }
    }

    fn prints(self, layout: &Layout) -> bool {
        match self {
            Kind::Offsets => matches!(layout.name, "LegacyOffsetCommitKey" | "OffsetCommitKey"),
            Kind::Groups => layout.name == "GroupMetadataKey",
            Kind::ShareGroups => layout.name.starts_with("ShareGroup"),
            Kind::Transactions => true,
        }
    }

    fn topics(self) -> (Topic, Topic) {
        match self {
            Kind::Transactions => (Topic::TransactionKey, Topic::TransactionValue),
            _ => (Topic::GroupKey, Topic::GroupValue),
        }
    }

    /// Appends the record where it is of this kind; nothing stands between two of them, as in the original.
    pub(super) fn write(self, record: &ConsumerRecord<'_>, text: &mut Vec<u8>) -> Result<(), Failure> {
        let (keys, values) = self.topics();
        let Some((number, mut key)) = record.key.and_then(versioned) else { return Ok(()) };
        let Some(layout) = layout::of_type(keys, number).filter(|layout| self.prints(layout)) else {
            return Ok(());
        };
        let unread = |error: DecodeError| {
            let sentence =
                format!("Could not read record with version {number} from the record's buffer: {error}");
            Failure::of_class("java.lang.RuntimeException", sentence)
        };
        let key = record_json::record(&mut key, layout, 0).map_err(unread)?;
        let value = match record.value.and_then(versioned) {
            None => "null".to_owned(),
            Some((version, mut value)) => {
                let layout =
                    layout::of_type(values, number).filter(|layout| layout.versions.contains(version));
                let Some(layout) = layout else { return Ok(()) };
                let data = record_json::record(&mut value, layout, version).map_err(unread)?;
                format!("{{\"version\":{version},\"data\":{data}}}")
            }
        };
        let json = format!("{{\"key\":{{\"type\":{number},\"data\":{key}}},\"value\":{value}}}");
        text.extend_from_slice(json.as_bytes());
        Ok(())
    }
}

/// The number that bytes begin with, and what follows it.
fn versioned(bytes: &[u8]) -> Option<(i16, Reader<'_>)> {
    let mut reader = Reader::new(bytes);
    Some((reader.i16().ok()?, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(kind: Kind, key: &[u8], value: Option<&[u8]>) -> String {
        let record = ConsumerRecord {
            topic: "__consumer_offsets",
            partition: 0,
            offset: 0,
            timestamp: 0,
            timestamp_type: None,
            leader_epoch: 0,
            key: Some(key),
            value,
            headers: records::Headers::default(),
        };
        let mut text = Vec::new();
        kind.write(&record, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn each_kind_prints_its_own_records_only() {
        let key = b"\0\x01\0\x01g\0\x01t\0\0\0\x02";
        let expected = r#"{"key":{"type":1,"data":{"group":"g","topic":"t","partition":2}},"value":null}"#;
        assert_eq!(printed(Kind::Offsets, key, None), expected);
        assert_eq!(printed(Kind::Groups, key, None), "");
        assert_eq!(printed(Kind::Offsets, b"\x7f\x01", None), "");
        let value = b"\0\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x09";
        assert!(
            printed(Kind::Offsets, key, Some(value)).contains(r#""value":{"version":1,"data":{"offset":5,"#)
        );
    }
}
