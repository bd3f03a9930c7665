//! The snapshot file of the producer state (`.snapshot`, version 1).

use std::fmt;

use model::Offset;
use records::crc32c;

use super::{BatchMeta, Producer, Producers};

/// Largest snapshot that is read, about four million producers.
pub(crate) const SNAPSHOT_SIZE_MAX: usize = 256 << 20;
const VERSION: i16 = 1;
/// Version and checksum come before what the checksum covers.
const COVERED_FROM: usize = 6;
/// Bytes of one entry.
const ENTRY_SIZE: usize = 46;

/// Why a snapshot was not taken over; the state is then rebuilt from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotError(&'static str);

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Producers {
    /// The snapshot file's contents.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(10 + self.by_id.len() * ENTRY_SIZE);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(self.by_id.len() as i32).to_be_bytes());
        let mut ids: Vec<i64> = self.by_id.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(producer) = self.by_id.get(&id) else { continue };
            let none = BatchMeta { last_sequence: -1, last_offset: -1, offset_delta: 0, timestamp: -1 };
            let last = producer.last().copied().unwrap_or(none);
            out.extend_from_slice(&id.to_be_bytes());
            out.extend_from_slice(&producer.epoch.to_be_bytes());
            out.extend_from_slice(&last.last_sequence.to_be_bytes());
            out.extend_from_slice(&last.last_offset.to_be_bytes());
            out.extend_from_slice(&last.offset_delta.to_be_bytes());
            out.extend_from_slice(&producer.last_timestamp.to_be_bytes());
            out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            out.extend_from_slice(&producer.transaction_start.unwrap_or(-1).to_be_bytes());
        }
        let checksum = crc32c(out.get(COVERED_FROM..).unwrap_or_default());
        if let Some(field) = out.get_mut(2..COVERED_FROM) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
        out
    }

    /// Reads a snapshot that holds up to `end_offset`.
    pub(crate) fn decode(bytes: &[u8], end_offset: Offset) -> Result<Producers, SnapshotError> {
        let (version, rest) = bytes.split_first_chunk::<2>().ok_or(SnapshotError("it is cut short"))?;
        if i16::from_be_bytes(*version) != VERSION {
            return Err(SnapshotError("its version is not 1"));
        }
        let (checksum, covered) = rest.split_first_chunk::<4>().ok_or(SnapshotError("it is cut short"))?;
        if u32::from_be_bytes(*checksum) != crc32c(covered) {
            return Err(SnapshotError("its checksum is wrong"));
        }
        let (count, entries) = covered.split_first_chunk::<4>().ok_or(SnapshotError("it is cut short"))?;
        let (entries, rest) = entries.as_chunks::<ENTRY_SIZE>();
        if !rest.is_empty() || i64::from(i32::from_be_bytes(*count)) != entries.len() as i64 {
            return Err(SnapshotError("its count is not that of its entries"));
        }
        let mut producers = Producers { end_offset, ..Producers::default() };
        for entry in entries {
            let (id, producer) = decode_entry(entry).ok_or(SnapshotError("it is cut short"))?;
            if let Some(start) = producer.transaction_start {
                producers.open.insert(start, id);
            }
            producers.by_id.insert(id, producer);
        }
        Ok(producers)
    }
}

fn decode_entry(entry: &[u8; ENTRY_SIZE]) -> Option<(i64, Producer)> {
    let (id, rest) = entry.split_first_chunk::<8>()?;
    let (epoch, rest) = rest.split_first_chunk::<2>()?;
    let (last_sequence, rest) = rest.split_first_chunk::<4>()?;
    let (last_offset, rest) = rest.split_first_chunk::<8>()?;
    let (offset_delta, rest) = rest.split_first_chunk::<4>()?;
    let (timestamp, rest) = rest.split_first_chunk::<8>()?;
    let (coordinator_epoch, rest) = rest.split_first_chunk::<4>()?;
    let (transaction_start, _) = rest.split_first_chunk::<8>()?;
    let mut producer = Producer::new(i16::from_be_bytes(*epoch));
    producer.last_timestamp = i64::from_be_bytes(*timestamp);
    producer.coordinator_epoch = i32::from_be_bytes(*coordinator_epoch);
    producer.transaction_start = Some(i64::from_be_bytes(*transaction_start)).filter(|start| *start >= 0);
    let last = BatchMeta {
        last_sequence: i32::from_be_bytes(*last_sequence),
        last_offset: i64::from_be_bytes(*last_offset),
        offset_delta: i32::from_be_bytes(*offset_delta),
        timestamp: producer.last_timestamp,
    };
    if last.last_offset >= 0 {
        producer.push(last);
    }
    Some((i64::from_be_bytes(*id), producer))
}
