//! A batch: records of one partition that are written together.

use std::borrow::Cow;
use std::sync::Arc;

use model::Uuid;
use records::BatchBuilder;
use tokio::time::Instant;

use super::super::ProducerRecord;
use super::super::delivery::BatchOutcome;

/// Bytes of a batch before its records.
pub(super) const BATCH_HEAD_BYTES: usize = 61;
/// Most bytes of a record beside its fields.
const RECORD_HEAD_BYTES: usize = 21;

/// Who writes: the server gives it, and remembers by it what was written (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// Records of one partition that are written together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    /// How many batches of its partition were begun before it.
    pub(super) number: u64,
    pub(super) builder: BatchBuilder,
    pub(super) outcome: Arc<BatchOutcome>,
    pub(super) created: Instant,
    /// How often it was sent.
    pub(crate) attempts: u32,
    pub(super) not_before: Option<Instant>,
    /// The identity it was sent with, and the sequence number of its first record.
    pub(crate) sequence: Option<(Identity, i32)>,
    /// Bytes of the buffer that it holds.
    pub(super) reserved: usize,
}

impl Batch {
    /// True where a record of at most so many bytes may join it.
    pub(super) fn takes(&self, bytes: usize, batch_bytes: usize) -> bool {
        self.attempts == 0 && self.builder.plain_size() + bytes <= batch_bytes
    }

    pub(super) fn is_full(&self, batch_bytes: usize) -> bool {
        self.builder.plain_size() >= batch_bytes
    }

    /// Number of its records.
    pub(crate) fn records(&self) -> i32 {
        i32::try_from(self.builder.len()).unwrap_or(i32::MAX)
    }

    /// When it was begun.
    pub(crate) fn created(&self) -> Instant {
        self.created
    }

    /// Its bytes as they are sent.
    pub(crate) fn sealed(&mut self) -> Cow<'_, [u8]> {
        if let Some((Identity { id, epoch }, base)) = self.sequence {
            self.builder.set_producer(id, epoch, base);
        }
        self.builder.sealed()
    }
}

/// The most that a record can have within a batch, in bytes.
pub(super) fn size_max(record: &ProducerRecord<'_>) -> usize {
    let bytes = |length: usize| length_bytes(length) + length;
    let field = |field: Option<&[u8]>| field.map_or(1, |field| bytes(field.len()));
    let headers = record.headers.iter().map(|(key, value)| bytes(key.len()) + field(*value));
    let fields = field(record.key) + field(record.value);
    RECORD_HEAD_BYTES + fields + length_bytes(record.headers.len()) + headers.sum::<usize>()
}

/// Bytes of a length as records have it: seven bits a byte, the lowest of which is the sign.
fn length_bytes(length: usize) -> usize {
    let bits = usize::BITS - length.leading_zeros() + 1;
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_kafkas_producer_refuses_records_by() {
        let record = |value| ProducerRecord { topic: "t", value: Some(value), ..ProducerRecord::default() };
        assert_eq!(BATCH_HEAD_BYTES + size_max(&record(b"0")), 86);
        assert_eq!(size_max(&record(&[0; 64])) - size_max(&record(&[0; 63])), 2, "one more for the length");
        let headers: [(&[u8], Option<&[u8]>); 2] = [(b"ab", Some(b"c")), (b"d", None)];
        let with_headers = ProducerRecord { headers: &headers, ..record(b"0") };
        assert_eq!(size_max(&with_headers) - size_max(&record(b"0")), 8);
    }
}
