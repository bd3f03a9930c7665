//! Batches and records of a log segment or a snapshot of the cluster's metadata.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use model::limits::DECOMPRESSED_BATCH_SIZE_MAX;
use records::{
    Attributes, BatchError, BatchView, Entry, LegacyView, Record, Scratch, TimestampType, crc32, next_entry,
};

use super::batch_file::{BatchFile, Head, corrupt, kafka_exception};
use super::decoders::Decoder;
use super::findings::Findings;
use super::{Halt, control, offset_of_name};
use crate::failure::Failure;

/// What is to be shown.
pub(super) struct Asked {
    pub(super) with_records: bool,
    pub(super) with_contents: bool,
    pub(super) with_metadata: bool,
    pub(super) bytes_max: i32,
    pub(super) decoder: Decoder,
}

/// Where the magic of a batch stands.
const MAGIC_AT: usize = 16;
/// Where fields of a message of formats v0 and v1 stand.
const LEGACY_CRC_AT: usize = 12;
const LEGACY_ATTRIBUTES_AT: usize = 17;
const LEGACY_TIMESTAMP_AT: usize = 18;

/// Shows a file of batches.
pub(super) fn dump(
    path: &Path,
    file_name: &str,
    asked: &Asked,
    out: &mut dyn Write,
    findings: &mut Findings,
) -> Result<(), Halt> {
    title(file_name, out)?;
    let file = BatchFile::open(path)?;
    let end = file.end_of_slice(0, asked.bytes_max)?;
    let mut walk = Walk { asked, path, out, findings, offset_before: -1, scratch: Scratch::new() };
    let mut position = 0;
    while let Some(head) = file.head(position, end)? {
        walk.batch(head, &mut file.bytes(head)?)?;
        position += head.size;
    }
    if position < end && asked.bytes_max == i32::MAX {
        writeln!(walk.out, "Found {} invalid bytes at the end of {file_name}", end - position)?;
    }
    Ok(())
}

fn title(file_name: &str, out: &mut dyn Write) -> Result<(), Halt> {
    if file_name.ends_with(".log") {
        writeln!(out, "Log starting offset: {}", offset_of_name(file_name)?)?;
    } else if file_name == "bootstrap.checkpoint" {
        writeln!(out, "KRaft bootstrap snapshot")?;
    } else {
        let nothing = || Failure::of_class("java.util.NoSuchElementException", "No value present");
        let (offset, epoch) = id_of_snapshot(file_name).ok_or_else(nothing)?;
        writeln!(out, "Snapshot end offset: {offset}, epoch: {epoch}")?;
    }
    Ok(())
}

/// End offset and epoch in the name of a snapshot: twenty digits, a dash and ten digits.
fn id_of_snapshot(file_name: &str) -> Option<(i64, i32)> {
    let (offset, epoch) = file_name.strip_suffix(".checkpoint")?.split_once('-')?;
    let is_number =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(offset, 20) || !is_number(epoch, 10) {
        return None;
    }
    Some((offset.parse().ok()?, epoch.parse().ok()?))
}

/// What is carried from batch to batch.
struct Walk<'w> {
    asked: &'w Asked,
    path: &'w Path,
    out: &'w mut dyn Write,
    findings: &'w mut Findings,
    offset_before: i64,
    scratch: Scratch,
}

impl Walk<'_> {
    fn batch(&mut self, head: Head, bytes: &mut [u8]) -> Result<(), Halt> {
        if head.magic < 2 {
            self.write_legacy_head(head, bytes)?;
        } else if let Some(magic) = bytes.get_mut(MAGIC_AT) {
            // The original reads whatever claims to be newer as it reads v2.
            *magic = 2;
        }
        match next_entry(bytes) {
            Ok(Some(Entry::Batch(batch))) => {
                self.write_head(head, &batch)?;
                if self.asked.with_records { self.records(head, &batch) } else { Ok(()) }
            }
            Ok(Some(Entry::Legacy(message))) if self.asked.with_records => self.legacy_records(&message),
            Err(error) if head.magic >= 2 || self.asked.with_records => {
                Err(corrupt(error.to_string()).into())
            }
            _ => Ok(()),
        }
    }

    fn write_head(&mut self, head: Head, batch: &BatchView<'_>) -> Result<(), Halt> {
        let attributes = batch.attributes();
        let horizon = if attributes.has_delete_horizon() {
            format!("OptionalLong[{}]", batch.base_timestamp())
        } else {
            "OptionalLong.empty".to_owned()
        };
        write!(
            self.out,
            "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} \
             producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {horizon}",
            batch.base_offset(),
            head.last_offset,
            batch.record_count(),
            batch.base_sequence(),
            last_sequence(batch),
            batch.producer_id(),
            batch.producer_epoch(),
            batch.leader_epoch(),
            batch.is_transactional(),
            batch.is_control(),
        )?;
        let codec = codec_name(attributes)?;
        writeln!(
            self.out,
            " position: {} {}: {} size: {} magic: {} compresscodec: {codec} crc: {} isvalid: {}",
            head.position,
            timestamp_type(batch.timestamp_type()),
            batch.max_timestamp(),
            head.size,
            head.magic,
            batch.stored_checksum(),
            batch.verify_checksum().is_ok(),
        )?;
        Ok(())
    }

    /// Looks at no more than fixed places, so that a message with broken fields is shown too.
    fn write_legacy_head(&mut self, head: Head, bytes: &[u8]) -> Result<(), Halt> {
        write!(self.out, "offset: {}", head.last_offset)?;
        let attributes = Attributes(bytes.get(LEGACY_ATTRIBUTES_AT).map_or(0, |byte| i16::from(*byte)));
        let timestamp = bytes.get(LEGACY_TIMESTAMP_AT..).and_then(<[u8]>::first_chunk);
        let timestamp = timestamp.filter(|_| head.magic != 0).map_or(-1, |bytes| i64::from_be_bytes(*bytes));
        let stored = bytes.get(LEGACY_CRC_AT..).and_then(<[u8]>::first_chunk);
        let stored = stored.map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let is_valid = stored == crc32(bytes.get(MAGIC_AT..).unwrap_or_default());
        let codec = codec_name(attributes)?;
        writeln!(
            self.out,
            " position: {} {}: {timestamp} size: {} magic: {} compresscodec: {codec} crc: {stored} isvalid: {is_valid}",
            head.position,
            legacy_timestamp_type(head.magic, attributes),
            head.size,
            head.magic,
        )?;
        Ok(())
    }

    fn records(&mut self, head: Head, batch: &BatchView<'_>) -> Result<(), Halt> {
        if batch.record_count() < 0 {
            let count = batch.record_count();
            return Err(invalid(format!(
                "Found invalid record count {count} in magic v{} batch",
                head.magic
            ))
            .into());
        }
        if batch.record_count() == 0 {
            return Ok(());
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let shown = self.records_of(batch, &mut scratch);
        self.scratch = scratch;
        shown
    }

    fn records_of(&mut self, batch: &BatchView<'_>, scratch: &mut Scratch) -> Result<(), Halt> {
        let decompressed = scratch.records(batch, DECOMPRESSED_BATCH_SIZE_MAX);
        let mut records = decompressed.map_err(|error| kafka_exception(error.to_string()))?.peekable();
        let mut left = batch.record_count();
        while let Some(record) = records.next() {
            let record = record.map_err(|error| invalid_record(&error))?;
            left -= 1;
            // The original looks behind the last record before it hands that one out.
            if left == 0 && matches!(records.peek(), Some(Err(_))) {
                let sentence = "Incorrect declared batch size, records still remaining in file";
                return Err(invalid(sentence.to_owned()).into());
            }
            self.note_offset(record.offset);
            if self.asked.with_metadata {
                self.write_record(timestamp_type(batch.timestamp_type()), &record)?;
                let sequence = match batch.base_sequence() {
                    sequence if sequence < 0 => -1,
                    sequence => records::add_sequence(
                        sequence,
                        record.offset.wrapping_sub(batch.base_offset()) as i32,
                    ),
                };
                let keys: Vec<_> = record.headers.map(|(key, _)| String::from_utf8_lossy(key)).collect();
                write!(self.out, " sequence: {sequence} headerKeys: [{}]", keys.join(","))?;
                if batch.is_control() {
                    write!(self.out, "{}", control::shown(&record)?)?;
                }
            }
            self.write_contents(&record, batch.is_control())?;
        }
        Ok(())
    }

    fn legacy_records(&mut self, message: &LegacyView<'_>) -> Result<(), Halt> {
        let kind = legacy_timestamp_type(message.magic(), message.attributes());
        let mut outcome = Ok(());
        let walked = message.for_each_message(DECOMPRESSED_BATCH_SIZE_MAX, &mut |record, inner| {
            outcome = self.legacy_record(kind, &record, inner);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome?;
        walked.map_err(|error| invalid_record(&error).into())
    }

    fn legacy_record(
        &mut self,
        kind: &str,
        record: &Record<'_>,
        message: &LegacyView<'_>,
    ) -> Result<(), Halt> {
        self.note_offset(record.offset);
        if self.asked.with_metadata {
            self.write_record(kind, record)?;
            let is_valid = message.verify_checksum().is_ok();
            write!(self.out, " isValid: {is_valid} crc: {}", message.stored_checksum())?;
        }
        self.write_contents(record, false)
    }

    fn note_offset(&mut self, offset: i64) {
        if offset != self.offset_before.wrapping_add(1) {
            self.findings.gap(self.path, self.offset_before, offset);
        }
        self.offset_before = offset;
    }

    fn write_record(&mut self, kind: &str, record: &Record<'_>) -> Result<(), Halt> {
        let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
        write!(
            self.out,
            "| offset: {} {kind}: {} keySize: {} valueSize: {}",
            record.offset,
            record.timestamp,
            size(record.key),
            size(record.value),
        )?;
        Ok(())
    }

    /// Ends the line of a record with its key and its value.
    fn write_contents(&mut self, record: &Record<'_>, is_control: bool) -> Result<(), Halt> {
        if self.asked.with_contents && !is_control {
            let (key, value) = self.asked.decoder.decode(record)?;
            let mut prefix = if self.asked.with_metadata { " " } else { "| " };
            if let Some(key) = key {
                write!(self.out, "{prefix}key: {key}")?;
                prefix = " ";
            }
            if let Some(value) = value {
                write!(self.out, "{prefix}payload: {value}")?;
            }
        }
        writeln!(self.out)?;
        Ok(())
    }
}

/// The latest timestamp of the records of a batch.
pub(super) fn latest_timestamp(bytes: &mut [u8], magic: i8) -> Result<i64, Failure> {
    if let (2.., Some(byte)) = (magic, bytes.get_mut(MAGIC_AT)) {
        *byte = 2;
    }
    let mut latest = -1;
    match next_entry(bytes).map_err(|error| corrupt(error.to_string()))? {
        Some(Entry::Batch(batch)) => {
            let mut scratch = Scratch::new();
            let records = scratch.records(&batch, DECOMPRESSED_BATCH_SIZE_MAX);
            for record in records.map_err(|error| kafka_exception(error.to_string()))? {
                latest = latest.max(record.map_err(|error| invalid_record(&error))?.timestamp);
            }
        }
        Some(Entry::Legacy(message)) => {
            let walked = message.for_each(DECOMPRESSED_BATCH_SIZE_MAX, &mut |record| {
                latest = latest.max(record.timestamp);
                ControlFlow::Continue(())
            });
            walked.map_err(|error| invalid_record(&error))?;
        }
        None => {}
    }
    Ok(latest)
}

/// Sequence number of the last record; only -1 is none, so that damage shows.
fn last_sequence(batch: &BatchView<'_>) -> i32 {
    match batch.base_sequence() {
        -1 => -1,
        base => sequence_after(base, batch.last_offset_delta()),
    }
}

/// Sequence numbers wrap from 2147483647 to 0, and those that make no sense are told as the original tells them.
fn sequence_after(sequence: i32, increment: i32) -> i32 {
    if sequence > i32::MAX.wrapping_sub(increment) {
        increment.wrapping_sub(i32::MAX.wrapping_sub(sequence)).wrapping_sub(1)
    } else {
        sequence.wrapping_add(increment)
    }
}

fn codec_name(attributes: Attributes) -> Result<&'static str, Failure> {
    let unknown = || Failure::argument(format!("Unknown compression type id: {}", attributes.0 & 7));
    attributes.compression().map(records::Compression::name).ok_or_else(unknown)
}

fn timestamp_type(kind: TimestampType) -> &'static str {
    match kind {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

fn legacy_timestamp_type(magic: i8, attributes: Attributes) -> &'static str {
    if magic == 0 { "NoTimestampType" } else { timestamp_type(attributes.timestamp_type()) }
}

fn invalid_record(error: &BatchError) -> Failure {
    match error {
        BatchError::Malformed("record is cut short" | "record is longer than its fields") => {
            invalid("Found invalid record structure".to_owned())
        }
        error => invalid(error.to_string()),
    }
}

fn invalid(sentence: String) -> Failure {
    Failure::of_class("org.apache.kafka.common.InvalidRecordException", sentence)
}
