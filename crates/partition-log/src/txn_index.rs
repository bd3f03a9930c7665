//! Aborted transactions of a segment (`.txnindex`), which read_committed consumers skip.

use model::Offset;

/// Bytes of an entry: version and four int64.
pub(crate) const ENTRY_SIZE: usize = 34;
const VERSION: i16 = 0;

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: Offset,
    /// Offset of its marker.
    pub last_offset: Offset,
    /// Last stable offset of the partition once it had ended.
    pub last_stable_offset: Offset,
}

impl AbortedTransaction {
    pub(crate) fn encode(&self) -> [u8; ENTRY_SIZE] {
        let mut bytes = [0; ENTRY_SIZE];
        let (version, fields) = bytes.split_at_mut(2);
        version.copy_from_slice(&VERSION.to_be_bytes());
        let values = [self.producer_id, self.first_offset, self.last_offset, self.last_stable_offset];
        for (field, value) in fields.chunks_exact_mut(8).zip(values) {
            field.copy_from_slice(&value.to_be_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8; ENTRY_SIZE]) -> Option<AbortedTransaction> {
        let (version, fields) = bytes.split_first_chunk::<2>()?;
        if i16::from_be_bytes(*version) != VERSION {
            return None;
        }
        let mut values = fields.as_chunks::<8>().0.iter().map(|field| i64::from_be_bytes(*field));
        Some(AbortedTransaction {
            producer_id: values.next()?,
            first_offset: values.next()?,
            last_offset: values.next()?,
            last_stable_offset: values.next()?,
        })
    }

    /// True where a read of the offsets from `from` until `until` must know of it.
    pub(crate) fn concerns(&self, from: Offset, until: Offset) -> bool {
        self.last_offset >= from && self.first_offset < until
    }
}

/// The entries of a file; `None` where it is no such file.
pub(crate) fn parse(bytes: &[u8], base_offset: Offset) -> Option<Vec<AbortedTransaction>> {
    let entries = sound_prefix(bytes, base_offset);
    (entries.len() * ENTRY_SIZE == bytes.len()).then_some(entries)
}

/// The entries of a file up to the first that cannot be one.
pub(crate) fn sound_prefix(bytes: &[u8], base_offset: Offset) -> Vec<AbortedTransaction> {
    let mut entries: Vec<AbortedTransaction> = Vec::new();
    for bytes in bytes.as_chunks::<ENTRY_SIZE>().0 {
        let Some(entry) = AbortedTransaction::decode(bytes) else { break };
        let follows = entries.last().is_none_or(|last| entry.last_offset > last.last_offset);
        // A marker stands behind at least one record; bytes that never reached the disk read as zeros.
        let is_range = (0..entry.last_offset).contains(&entry.first_offset);
        if !follows || !is_range || entry.last_offset < base_offset {
            break;
        }
        entries.push(entry);
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_read_back() {
        let one =
            AbortedTransaction { producer_id: 1, first_offset: 2, last_offset: 30, last_stable_offset: 31 };
        let two = AbortedTransaction { last_offset: 40, ..one };
        let bytes = [one.encode(), two.encode()].concat();
        assert_eq!(parse(&bytes, 0), Some(vec![one, two]));
        assert_eq!(parse(&bytes, 35), None);
        assert_eq!(parse(&bytes[..40], 0), None);
        assert_eq!(sound_prefix(&bytes[..40], 0), [one]);
        assert_eq!(parse(&[0; ENTRY_SIZE], 0), None);
        assert!(one.concerns(30, 31) && !one.concerns(31, 50) && !one.concerns(0, 2));
    }
}
