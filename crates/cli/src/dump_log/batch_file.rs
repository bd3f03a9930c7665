//! A file of batches, walked as the original walks it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Bytes up to the magic and with it.
const HEAD_SIZE: u64 = 17;
/// Bytes of offset and length.
const LOG_OVERHEAD: u64 = 12;
/// Bytes of a message of format v0 without key and value, after offset and length.
const LENGTH_MIN: i32 = 14;
/// Where the distance from the first to the last offset of a v2 batch stands.
const LAST_OFFSET_DELTA_AT: u64 = 23;

/// The file.
#[derive(Debug)]
pub struct BatchFile {
    file: File,
    path: PathBuf,
    /// Bytes, as many as Java's `int` can count.
    pub(super) size: u64,
}

/// Where a batch stands and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Where it begins in the file.
    pub position: u64,
    /// Bytes of the whole batch.
    pub size: u64,
    /// Version of its format.
    pub magic: i8,
    /// Offset of its last record.
    pub last_offset: i64,
}

impl BatchFile {
    /// Opens a file that is not larger than a segment may be.
    pub fn open(path: &Path) -> Result<BatchFile, Failure> {
        let unreadable = |error: io::Error| super::unreadable(path, &error);
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        if size > i32::MAX as u64 {
            let shown = path.display();
            return Err(kafka_exception(format!(
                "The size of segment {shown} ({size}) is larger than the maximum allowed segment size of {}",
                i32::MAX
            )));
        }
        Ok(BatchFile { file, path: path.to_owned(), size })
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The end of a slice of so many bytes.
    pub(super) fn end_of_slice(&self, position: i32, size: i32) -> Result<u64, Failure> {
        let this = || {
            format!(
                "FileRecords(size={}, file={}, start=0, end={})",
                self.size,
                self.path.display(),
                i32::MAX
            )
        };
        let start = u64::try_from(position).map_err(|_| {
            Failure::argument(format!("Invalid position: {position} in read from {}", this()))
        })?;
        if start > self.size {
            let sentence = format!("Slice from position {position} exceeds end position of {}", this());
            return Err(Failure::argument(sentence));
        }
        let size = u64::try_from(size)
            .map_err(|_| Failure::argument(format!("Invalid size: {size} in read from {}", this())))?;
        Ok((start + size).min(self.size))
    }

    /// The batch at a position before `end`; `None` where none is whole.
    pub fn head(&self, position: u64, end: u64) -> Result<Option<Head>, Failure> {
        if position + HEAD_SIZE >= end {
            return Ok(None);
        }
        let mut head = [0; HEAD_SIZE as usize];
        self.read(&mut head, position)?;
        let [o0, o1, o2, o3, o4, o5, o6, o7, l0, l1, l2, l3, _, _, _, _, magic] = head;
        let offset = i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
        let length = i32::from_be_bytes([l0, l1, l2, l3]);
        if length < LENGTH_MIN {
            return Err(corrupt(format!(
                "Found record size {length} smaller than minimum record overhead ({LENGTH_MIN}) in file {}.",
                self.path.display()
            )));
        }
        let size = LOG_OVERHEAD + length as u64;
        if position + size > end {
            return Ok(None);
        }
        let magic = magic as i8;
        let mut last_offset = offset;
        if magic >= 2 {
            let mut delta = [0; 4];
            self.read(&mut delta, position + LAST_OFFSET_DELTA_AT)?;
            last_offset = offset.wrapping_add(i64::from(i32::from_be_bytes(delta)));
        }
        Ok(Some(Head { position, size, magic, last_offset }))
    }

    /// All bytes of a batch, which the file has been seen to hold.
    pub fn bytes(&self, head: Head) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; head.size as usize];
        self.read(&mut bytes, head.position)?;
        Ok(bytes)
    }

    fn read(&self, bytes: &mut [u8], position: u64) -> Result<(), Failure> {
        self.file.read_exact_at(bytes, position).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                corrupt("Unexpected EOF while attempting to read the next batch".to_owned())
            }
            _ => super::unreadable(&self.path, &error),
        })
    }
}

/// Bytes that are no batch.
pub(super) fn corrupt(sentence: String) -> Failure {
    Failure::of_class("org.apache.kafka.common.errors.CorruptRecordException", sentence)
}

/// Any other failure of Kafka's own.
pub(super) fn kafka_exception(sentence: String) -> Failure {
    Failure::of_class("org.apache.kafka.common.KafkaException", sentence)
}
