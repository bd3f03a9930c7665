//! Indexes of a segment, and whether its log agrees with them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::batch_file::{BatchFile, Head};
use super::findings::Findings;
use super::log::latest_timestamp;
use super::{Halt, IndexWork, offset_of_name};
use crate::failure::Failure;

const OFFSET_ENTRY_SIZE: usize = 8;
const TIME_ENTRY_SIZE: usize = 12;
/// Largest index that is read.
const INDEX_BYTES_MAX: u64 = i32::MAX as u64;
/// Bytes at the end of an index that are searched first.
const WARM_BYTES: usize = 8192;

/// An entry of an offset index.
#[derive(Clone, Copy)]
struct OffsetEntry {
    offset: i64,
    position: i32,
}

/// An entry of a time index.
#[derive(Clone, Copy)]
struct TimeEntry {
    timestamp: i64,
    offset: i64,
}

/// The entries of an index file and how many bytes it has.
struct Index<E> {
    entries: Vec<E>,
    bytes: usize,
}

/// Shows an offset index.
pub(super) fn dump_offsets(
    path: &Path,
    work: IndexWork,
    message_size_max: i32,
    out: &mut dyn Write,
    findings: &mut Findings,
) -> Result<(), Halt> {
    let base = offset_of_name(&name_of(path))?;
    let log = BatchFile::open(&sibling(path, "log"))?;
    let index = read_offsets(path, base)?;
    let shown = path.display();
    if index.entries.is_empty() {
        writeln!(out, "{shown} is empty.")?;
        return Ok(());
    }
    if work == IndexWork::CheckSanity {
        check_offsets(path, &index, base)?;
        writeln!(out, "{shown} passed sanity check.")?;
        return Ok(());
    }
    for (place, entry) in index.entries.iter().enumerate() {
        // After a crash the file may end with zeros.
        if entry.offset == base && place > 0 {
            return Ok(());
        }
        let end = log.end_of_slice(entry.position, message_size_max)?;
        let head = log.head(entry.position as u64, end)?;
        let head = head.ok_or_else(|| Failure::without_message("java.util.NoSuchElementException"))?;
        if head.last_offset != entry.offset {
            findings.index_mismatch(path, entry.offset, head.last_offset);
        }
        if work == IndexWork::Show {
            writeln!(out, "offset: {} position: {}", entry.offset, entry.position)?;
        }
    }
    Ok(())
}

/// Shows a time index.
pub(super) fn dump_times(
    path: &Path,
    work: IndexWork,
    out: &mut dyn Write,
    findings: &mut Findings,
) -> Result<(), Halt> {
    let base = offset_of_name(&name_of(path))?;
    let log = BatchFile::open(&sibling(path, "log"))?;
    let offsets = read_offsets(&sibling(path, "index"), base)?;
    let times = read_times(path, base)?;
    if work == IndexWork::CheckSanity {
        check_times(path, &times, base)?;
        writeln!(out, "{} passed sanity check.", path.display())?;
        return Ok(());
    }
    let mut walked = Vec::new();
    let mut timestamp_before = -1;
    for (place, entry) in times.entries.iter().enumerate() {
        if entry.offset == base && place > 0 {
            return Ok(());
        }
        let position = position_before(&offsets.entries, entry.offset);
        let heads = heads_from(&log, position, &mut walked)?;
        match heads.iter().find(|head| head.last_offset >= entry.offset) {
            None => findings.offset_not_found(path, entry.offset, -1),
            Some(head) if head.last_offset != entry.offset => {
                findings.offset_not_found(path, entry.offset, head.last_offset);
            }
            Some(head) => {
                let latest = latest_timestamp(&mut log.bytes(*head)?, head.magic)?;
                if latest != entry.timestamp {
                    findings.timestamp_mismatch(path, entry.timestamp, latest);
                }
                if timestamp_before >= entry.timestamp {
                    findings.timestamp_out_of_order(path, entry.timestamp, timestamp_before);
                }
            }
        }
        if work == IndexWork::Show {
            writeln!(out, "timestamp: {} offset: {}", entry.timestamp, entry.offset)?;
        }
        timestamp_before = entry.timestamp;
    }
    Ok(())
}

/// All batches from a position on. What has been walked once is not walked again, as most positions lie behind the first.
fn heads_from<'w>(log: &BatchFile, position: i32, walked: &'w mut Vec<Head>) -> Result<&'w [Head], Failure> {
    let end = log.end_of_slice(position, i32::MAX)?;
    let mut position = position as u64;
    let known = walked.binary_search_by_key(&position, |head| head.position);
    if let Ok(place) = known {
        return Ok(walked.get(place..).unwrap_or_default());
    }
    walked.clear();
    while let Some(head) = log.head(position, end)? {
        position += head.size;
        walked.push(head);
    }
    Ok(walked)
}

/// Where to begin to look for an offset: the position of the last entry that is not above it.
fn position_before(entries: &[OffsetEntry], offset: i64) -> i32 {
    let is_above = |place: usize| entries.get(place).is_none_or(|entry| entry.offset > offset);
    let is_below = |place: usize| entries.get(place).is_some_and(|entry| entry.offset < offset);
    if is_above(0) {
        return 0;
    }
    let last = entries.len() - 1;
    let warm = last.saturating_sub(WARM_BYTES / OFFSET_ENTRY_SIZE);
    let (mut low, mut high) = if is_below(warm) { (warm, last) } else { (0, warm) };
    // An index that is not in order has to be searched just as the original does.
    while low < high {
        let middle = (low + high).div_ceil(2);
        if is_above(middle) {
            high = middle - 1;
        } else if is_below(middle) {
            low = middle;
        } else {
            (low, high) = (middle, middle);
        }
    }
    entries.get(low).map_or(0, |entry| entry.position)
}

fn read_offsets(path: &Path, base: i64) -> Result<Index<OffsetEntry>, Failure> {
    let bytes = read(path)?;
    let entries = bytes.as_chunks::<OFFSET_ENTRY_SIZE>().0.iter();
    let entries = entries.map(|&[o0, o1, o2, o3, p0, p1, p2, p3]| OffsetEntry {
        offset: base.wrapping_add(i64::from(i32::from_be_bytes([o0, o1, o2, o3]))),
        position: i32::from_be_bytes([p0, p1, p2, p3]),
    });
    Ok(Index { entries: entries.collect(), bytes: bytes.len() })
}

fn read_times(path: &Path, base: i64) -> Result<Index<TimeEntry>, Failure> {
    let bytes = read(path)?;
    let entries = bytes.as_chunks::<TIME_ENTRY_SIZE>().0.iter();
    let entries = entries.map(|&[t0, t1, t2, t3, t4, t5, t6, t7, o0, o1, o2, o3]| TimeEntry {
        timestamp: i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
        offset: base.wrapping_add(i64::from(i32::from_be_bytes([o0, o1, o2, o3]))),
    });
    Ok(Index { entries: entries.collect(), bytes: bytes.len() })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| match error.kind() {
        // The original makes the file that is not there, and fails to give it a size.
        io::ErrorKind::NotFound => Failure::argument("Invalid max index size: -1"),
        _ => super::unreadable(path, &error),
    };
    if fs::metadata(path).map_err(unreadable)?.len() > INDEX_BYTES_MAX {
        return Err(Failure::argument("Size exceeds Integer.MAX_VALUE"));
    }
    fs::read(path).map_err(unreadable)
}

fn check_offsets(path: &Path, index: &Index<OffsetEntry>, base: i64) -> Result<(), Failure> {
    let last = index.entries.last().map_or(base, |entry| entry.offset);
    let file = super::absolute(path);
    let file = file.display();
    if last < base {
        return Err(corrupt_index(format!(
            "Corrupt index found, index file {file} has non-zero size but the last offset is {last} which is less than the base offset {base}"
        )));
    }
    if !index.bytes.is_multiple_of(OFFSET_ENTRY_SIZE) {
        return Err(corrupt_index(format!(
            "Index file {file} is corrupt, found {} bytes which is neither positive nor a multiple of {OFFSET_ENTRY_SIZE}",
            index.bytes
        )));
    }
    Ok(())
}

fn check_times(path: &Path, index: &Index<TimeEntry>, base: i64) -> Result<(), Failure> {
    let file = super::absolute(path);
    let file = file.display();
    if let (Some(first), Some(last)) = (index.entries.first(), index.entries.last()) {
        let begins =
            format!("Corrupt time index found, time index file ({file}) has non-zero size but the last");
        if last.timestamp < first.timestamp {
            return Err(corrupt_index(format!(
                "{begins} timestamp is {} which is less than the first timestamp {}",
                last.timestamp, first.timestamp
            )));
        }
        if last.offset < base {
            return Err(corrupt_index(format!(
                "{begins} offset is {} which is less than the first offset {base}",
                last.offset
            )));
        }
    }
    if !index.bytes.is_multiple_of(TIME_ENTRY_SIZE) {
        return Err(corrupt_index(format!(
            "Time index file {file} is corrupt, found {} bytes which is neither positive nor a multiple of {TIME_ENTRY_SIZE}",
            index.bytes
        )));
    }
    Ok(())
}

fn corrupt_index(sentence: String) -> Failure {
    Failure::of_class("org.apache.kafka.storage.internals.log.CorruptIndexException", sentence)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The file of the same segment with another ending.
fn sibling(path: &Path, ending: &str) -> PathBuf {
    let name = name_of(path);
    let number = name.split('.').next().unwrap_or_default();
    super::absolute(path).with_file_name(format!("{number}.{ending}"))
}
