//! Prints batches in the form of `RecordsOracle.list`, so that texts can be compared.

use std::fmt::Write;
use std::ops::ControlFlow;

use records::{BatchView, Entry, LegacyView, Record, Scratch, TimestampType, crc32c, next_entry};

const BOUND: usize = 16 << 20;

/// The batches and records of `bytes`, one a line.
pub fn list(mut bytes: &[u8]) -> String {
    let mut out = String::new();
    while let Some(entry) = next_entry(bytes).unwrap() {
        entry.verify_checksum().unwrap();
        match entry {
            Entry::Batch(batch) => list_batch(&batch, &mut out),
            Entry::Legacy(message) => list_legacy(&message, &mut out),
        }
        bytes = &bytes[entry.size()..];
    }
    out
}

fn list_batch(batch: &BatchView<'_>, out: &mut String) {
    let time = match batch.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    writeln!(
        out,
        "batch last={} size={} magic=2 codec={} max={} base={} epoch={} time={time} producer={}/{} sequence={}-{} txn={} control={} count={}",
        batch.last_offset(),
        batch.size(),
        batch.compression().unwrap(),
        batch.max_timestamp(),
        batch.base_offset(),
        batch.leader_epoch(),
        batch.producer_id(),
        batch.producer_epoch(),
        batch.base_sequence(),
        batch.last_sequence(),
        batch.is_transactional(),
        batch.is_control(),
        batch.record_count(),
    )
    .unwrap();
    for record in Scratch::new().records(batch, BOUND).unwrap() {
        list_record(&record.unwrap(), out);
    }
}

fn list_legacy(message: &LegacyView<'_>, out: &mut String) {
    writeln!(
        out,
        "batch last={} size={} magic={} codec={} max={}",
        message.offset(),
        message.size(),
        message.magic(),
        message.attributes().compression().unwrap(),
        message.timestamp(),
    )
    .unwrap();
    let mut visit = |record: Record<'_>| {
        list_record(&record, out);
        ControlFlow::Continue(())
    };
    message.for_each(BOUND, &mut visit).unwrap();
}

fn list_record(record: &Record<'_>, out: &mut String) {
    write!(out, "record {} {} {} {}", record.offset, record.timestamp, hex(record.key), hex(record.value))
        .unwrap();
    for (key, value) in record.headers {
        write!(out, " {}={}", hex(Some(key)), hex(value)).unwrap();
    }
    out.push('\n');
}

fn hex(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".to_owned(),
        Some(bytes) if bytes.len() > 64 => format!("{}:{}", bytes.len(), crc32c(bytes)),
        Some(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("'{digits}'")
        }
    }
}
