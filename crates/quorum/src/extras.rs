//! What Kafka's control records have no field for, as tagged fields of our own: Kafka's readers keep or skip
//! tags they do not know, whereas they refuse record headers in this log.

use std::io;

use protocol::{Reader, Writer};

use crate::membership::invalid;

/// Tag of KRaftVoters: ids of each voter set, `1,2,3` and, while one set replaces another, `1,2;2,3`.
pub const CONFIGS: u32 = 1000;
/// Tag of KRaftVoters: every node, learners included, in the form of the record itself.
pub const NODES: u32 = 1001;
/// Tag of KRaftVoters in a snapshot: `term index` of the membership's own entry.
pub const MEMBERSHIP_AT: u32 = 1002;
/// Tag of SnapshotHeader: `term index` of the last entry contained.
pub const LAST: u32 = 1000;

/// Puts tagged fields, ascending by tag, in the place of the empty tag section at the end of a message.
pub fn add(message: &mut Vec<u8>, tags: &[(u32, &[u8])]) {
    message.pop();
    let mut writer = Writer::new();
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    writer.unsigned_varint(count(tags.len()));
    for (tag, value) in tags {
        writer.unsigned_varint(*tag);
        writer.unsigned_varint(count(value.len()));
        writer.raw(value);
    }
    message.extend_from_slice(writer.as_slice());
}

/// The value of a tagged field. `plain` is the same message without tagged fields, which tells where the tag
/// section begins.
pub fn find<'a>(message: &'a [u8], plain: &[u8], wanted: u32) -> io::Result<Option<&'a [u8]>> {
    let Some((_, fields)) = plain.split_last() else { return Ok(None) };
    let Some(section) = message.strip_prefix(fields) else { return Ok(None) };
    let mut reader = Reader::new(section);
    for _ in 0..reader.unsigned_varint().map_err(invalid)? {
        let tag = reader.unsigned_varint().map_err(invalid)?;
        let length = reader.unsigned_varint().map_err(invalid)?;
        let value = reader.take(usize::try_from(length).unwrap_or(usize::MAX)).map_err(invalid)?;
        if tag == wanted {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_found_and_nothing_else() {
        let plain = vec![7, 8, 0];
        let mut message = plain.clone();
        add(&mut message, &[(1000, b"one"), (1002, b"")]);
        assert_eq!(find(&message, &plain, 1000).unwrap(), Some(&b"one"[..]));
        assert_eq!(find(&message, &plain, 1002).unwrap(), Some(&b""[..]));
        assert_eq!(find(&message, &plain, 1001).unwrap(), None);
        assert_eq!(find(&plain, &plain, 1000).unwrap(), None);
        message.truncate(message.len() - 4);
        assert!(find(&message, &plain, 1002).is_err());
    }
}
