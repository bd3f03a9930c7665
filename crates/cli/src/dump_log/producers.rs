//! What a partition keeps of its producers (`.snapshot`) and of their aborted transactions (`.txnindex`).

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use protocol::messages::ProducerSnapshot;
use protocol::{DecodeError, DecodeErrorKind, Reader};
use records::crc32c;

use super::batch_file::kafka_exception;
use super::{Halt, decoders};
use crate::failure::Failure;

/// Largest snapshot that is read, about four million producers.
const SNAPSHOT_BYTES_MAX: u64 = 256 << 20;
/// Version and checksum come before what the checksum covers.
const COVERED_FROM: usize = 6;
/// Bytes of an aborted transaction.
const ABORTED_SIZE: usize = 34;
/// The version of aborted transactions.
const ABORTED_VERSION: i16 = 0;

/// Shows the producers of a snapshot; one that is damaged is told on standard error.
pub(super) fn dump_snapshot(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Halt> {
    let unreadable = |error: io::Error| super::unreadable(path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(SNAPSHOT_BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    let snapshot = match read_snapshot(&bytes) {
        Ok(snapshot) => snapshot,
        Err(sentence) => {
            out.flush()?;
            // Where standard error is closed, nothing is left to tell anyone.
            let _ = writeln!(err, "{sentence}");
            return Ok(());
        }
    };
    for entry in &snapshot.producer_entries {
        let transaction = match entry.current_txn_first_offset {
            offset if offset >= 0 => format!("OptionalLong[{offset}]"),
            _ => "OptionalLong.empty".to_owned(),
        };
        write!(
            out,
            "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {transaction} lastTimestamp: {}",
            entry.producer_id, entry.epoch, entry.coordinator_epoch, entry.timestamp
        )?;
        if entry.last_offset >= 0 {
            write!(
                out,
                " firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                first_sequence(entry.last_sequence, entry.offset_delta),
                entry.last_sequence,
                entry.last_offset,
                entry.offset_delta,
                entry.timestamp
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn read_snapshot(bytes: &[u8]) -> Result<ProducerSnapshot, String> {
    let schema = |cause: String| format!("Snapshot failed schema validation: {cause}");
    let mut reader = Reader::new(bytes);
    let version = reader.i16().map_err(|_| schema("null".to_owned()))?;
    if version != 1 {
        return Err(schema(format!("Snapshot contained an unknown file version {version}")));
    }
    let decoded = ProducerSnapshot::decode(&mut reader, version);
    let snapshot = decoded.map_err(|error| schema(cause(&error, bytes.len())))?;
    let computed = crc32c(bytes.get(COVERED_FROM..).unwrap_or_default());
    if snapshot.crc != computed {
        return Err(format!(
            "Snapshot is corrupt (CRC is no longer valid). Stored crc: {}. Computed crc: {computed}",
            snapshot.crc
        ));
    }
    Ok(snapshot)
}

/// The cause as Java has it: a count is refused where it is above the bytes that are left, else entries are read to the end.
fn cause(error: &DecodeError, size: usize) -> String {
    let left = size.saturating_sub(error.position);
    match error.kind {
        DecodeErrorKind::TooManyElements(count) if count > left => {
            format!(
                "Tried to allocate a collection of size {count}, but there are only {left} bytes remaining."
            )
        }
        DecodeErrorKind::TooManyElements(_) => "null".to_owned(),
        DecodeErrorKind::InvalidLength(_) => {
            "non-nullable field producerEntries was serialized as null".to_owned()
        }
        _ => decoders::cause(error),
    }
}

/// Sequence numbers wrap from 2147483647 to 0.
fn first_sequence(last: i32, delta: i32) -> i32 {
    if last < delta {
        i32::MAX.wrapping_sub(delta.wrapping_sub(last)).wrapping_add(1)
    } else {
        last.wrapping_sub(delta)
    }
}

/// Shows the aborted transactions of a segment.
pub(super) fn dump_aborted(path: &Path, file_name: &str, out: &mut dyn Write) -> Result<(), Halt> {
    let number = file_name.split('.').next().unwrap_or_default();
    let _: i64 = number.parse().map_err(|_| Failure::not_a_number(number))?;
    let unreadable = |error: io::Error| super::unreadable(path, &error);
    let mut file = match File::open(path) {
        Ok(file) => io::BufReader::new(file),
        // A segment without aborted transactions has no such file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error).into()),
    };
    let mut lines = Vec::new();
    let mut entry = [0; ABORTED_SIZE];
    loop {
        match file.read_exact(&mut entry) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(unreadable(error).into()),
        }
        let mut fields = Reader::new(&entry);
        let broken = |error: protocol::DecodeError| kafka_exception(error.to_string());
        let version = fields.i16().map_err(broken)?;
        if version > ABORTED_VERSION {
            let full = super::absolute(path);
            return Err(kafka_exception(format!(
                "Unexpected aborted transaction version {version} in transaction index {}, current version is {ABORTED_VERSION}",
                full.display()
            ))
            .into());
        }
        let mut field = || fields.i64().map_err(broken);
        lines.push([i64::from(version), field()?, field()?, field()?, field()?]);
    }
    // All are read before one is shown.
    for [version, producer_id, first, last, last_stable] in lines {
        writeln!(
            out,
            "version: {version} producerId: {producer_id} firstOffset: {first} lastOffset: {last} lastStableOffset: {last_stable}"
        )?;
    }
    Ok(())
}
