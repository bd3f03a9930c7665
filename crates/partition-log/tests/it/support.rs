//! Short ways to open, fill and read a log.

use std::path::Path;
use std::sync::Arc;

use model::Offset;
use partition_log::{
    AppendError, Appended, FileHandles, LogHome, LogOptions, PartitionLog, RealDisk, RecoveryStart,
};
use records::{BatchBuilder, CheckedBatch, Scratch, next_batch};

pub const CLEAN: RecoveryStart =
    RecoveryStart { clean_shutdown: true, recovery_point: 0, log_start_offset: 0 };
pub const CRASHED: RecoveryStart =
    RecoveryStart { clean_shutdown: false, recovery_point: 0, log_start_offset: 0 };

pub fn home() -> Arc<LogHome> {
    LogHome::new(Arc::new(RealDisk), Arc::new(FileHandles::new(100)))
}

/// Small segments and dense indexes, so that little data has much structure.
pub fn small() -> LogOptions {
    LogOptions { segment_bytes: 2000, index_interval_bytes: 200, ..LogOptions::default() }
}

pub fn open(folder: &Path, options: &LogOptions, recovery: RecoveryStart) -> PartitionLog {
    PartitionLog::open(&home(), &folder.join("t-0"), Arc::new(options.clone()), recovery, 1_000_000).unwrap()
}

pub fn append(log: &PartitionLog, builder: &BatchBuilder) -> Result<Appended, AppendError> {
    append_at(log, builder, 0, 1_000_000)
}

pub fn append_at(
    log: &PartitionLog,
    builder: &BatchBuilder,
    epoch: i32,
    now_ms: i64,
) -> Result<Appended, AppendError> {
    let mut bytes = builder.build();
    let checked = CheckedBatch::own(&next_batch(&bytes).unwrap().unwrap());
    log.append_as_leader(&mut bytes, &checked, epoch, now_ms)
}

/// A batch of `count` records of about 50 bytes whose values say their number.
pub fn batch(first: i64, count: i64) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for n in first..first + count {
        let value = format!("value {n:040}");
        builder.push(1_000_000 + n, Some(b"key"), Some(value.as_bytes()), &[]);
    }
    builder
}

/// Appends batches of one to three records until the log ends at or past `end`.
pub fn fill(log: &PartitionLog, end: Offset) {
    while log.log_end_offset() < end {
        let next = log.log_end_offset();
        append(log, &batch(next, 1 + next % 3)).unwrap();
    }
}

/// Offsets and values of all records from `start` on, read batch by batch.
pub fn read_all(log: &PartitionLog, start: Offset) -> Vec<(Offset, Vec<u8>)> {
    read_by(log, start, 1)
}

/// As `read_all`, with at most `bytes_max` bytes a read.
pub fn read_by(log: &PartitionLog, start: Offset, bytes_max: usize) -> Vec<(Offset, Vec<u8>)> {
    let mut found = Vec::new();
    let mut next = start;
    let mut scratch = Scratch::new();
    loop {
        let slice = log.read(next, bytes_max, Offset::MAX, true).unwrap();
        if slice.is_empty() {
            return found;
        }
        let bytes = slice.to_vec().unwrap();
        let mut rest = &bytes[..];
        while let Ok(Some(batch)) = next_batch(rest) {
            batch.verify_checksum().unwrap();
            for record in scratch.records(&batch, 1 << 26).unwrap() {
                let record = record.unwrap();
                if record.offset >= start {
                    found.push((record.offset, record.value.unwrap_or_default().to_vec()));
                }
            }
            next = batch.next_offset();
            rest = &rest[batch.size()..];
        }
    }
}

/// What `fill` has written at the offsets of `range`.
pub fn expected(range: std::ops::Range<Offset>) -> Vec<(Offset, Vec<u8>)> {
    range.map(|n| (n, format!("value {n:040}").into_bytes())).collect()
}
