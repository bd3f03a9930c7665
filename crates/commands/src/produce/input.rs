//! Records of standard input or a file, read beside what else is to be done.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc;

use crate::failure::Failure;

/// Bytes of one record at most: far beyond what a broker takes.
const RECORD_BYTES_MAX: usize = 256 << 20;
/// Bytes read at a time.
const BUFFER: usize = 256 << 10;
/// Chunks that may wait.
const AHEAD: usize = 4;

/// Where records come from.
pub(super) enum Source {
    Stdin,
    /// A file and its size.
    File(File, Option<u64>),
    Values(Vec<Vec<u8>>),
}

impl Source {
    /// A file by its path.
    pub(super) fn file(path: &str) -> Result<Source, Failure> {
        let unreadable = |error: io::Error| Failure::new(format!("{path} cannot be read: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Failure::new(format!("{path} is a folder")));
        }
        Ok(Source::File(file, Some(metadata.len()).filter(|_| metadata.is_file())))
    }

    /// How many bytes there are, where that is known.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Source::File(_, size) => *size,
            _ => None,
        }
    }
}

/// Records that were read together, and how many bytes they took.
pub(super) struct Chunk {
    pub(super) records: Vec<Vec<u8>>,
    pub(super) bytes: u64,
}

/// Records as they come.
pub(super) struct Input {
    chunks: mpsc::Receiver<Result<Chunk, Failure>>,
}

impl Input {
    /// Reads on a thread of its own, which the end of the process ends.
    pub(super) fn open(source: Source, delimiter: Vec<u8>) -> Input {
        let (sender, chunks) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            let read = match source {
                Source::Stdin => {
                    read_all(BufReader::with_capacity(BUFFER, io::stdin().lock()), &delimiter, &sender)
                }
                Source::File(file, _) => {
                    read_all(BufReader::with_capacity(BUFFER, file), &delimiter, &sender)
                }
                Source::Values(records) => {
                    let _ = sender.blocking_send(Ok(Chunk { records, bytes: 0 }));
                    Ok(())
                }
            };
            if let Err(error) = read {
                // Who no longer waits need not know.
                let _ = sender.blocking_send(Err(Failure::new(format!("the input cannot be read: {error}"))));
            }
        });
        Input { chunks }
    }

    /// The next records, `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Chunk, Failure>> {
        self.chunks.recv().await
    }
}

fn read_all<R: Read>(
    mut reader: BufReader<R>,
    delimiter: &[u8],
    sender: &mpsc::Sender<Result<Chunk, Failure>>,
) -> io::Result<()> {
    let mut chunk = Chunk { records: Vec::new(), bytes: 0 };
    loop {
        let record = next_record(&mut reader, delimiter)?;
        let is_end = record.is_none();
        if let Some((record, size)) = record {
            chunk.records.push(record);
            chunk.bytes += size;
        }
        // What was typed goes at once; what is there already goes together.
        let is_due = is_end || reader.buffer().is_empty() || chunk.bytes >= BUFFER as u64;
        if is_due && !chunk.records.is_empty() {
            let full = std::mem::replace(&mut chunk, Chunk { records: Vec::new(), bytes: 0 });
            if sender.blocking_send(Ok(full)).is_err() {
                return Ok(());
            }
        }
        if is_end {
            return Ok(());
        }
    }
}

/// The next record without what ends it, and the bytes that it took; `None` at the end.
fn next_record(reader: &mut impl BufRead, delimiter: &[u8]) -> io::Result<Option<(Vec<u8>, u64)>> {
    let Some(last) = delimiter.last() else { return Ok(None) };
    let mut record = Vec::new();
    loop {
        let room = (RECORD_BYTES_MAX + delimiter.len()).saturating_sub(record.len());
        let read = reader.by_ref().take(room as u64).read_until(*last, &mut record)?;
        let size = record.len() as u64;
        if record.ends_with(delimiter) {
            record.truncate(record.len() - delimiter.len());
            return Ok(Some((record, size)));
        }
        if read == 0 && room == 0 {
            let sentence = format!(
                "a record has more than {RECORD_BYTES_MAX} bytes; -D says what stands between records"
            );
            return Err(io::Error::other(sentence));
        }
        if read == 0 {
            return Ok(Some((record, size)).filter(|(record, _)| !record.is_empty()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8], delimiter: &[u8]) -> Vec<String> {
        let mut reader = BufReader::with_capacity(3, text);
        let mut records = Vec::new();
        while let Some((record, _)) = next_record(&mut reader, delimiter).unwrap() {
            records.push(String::from_utf8(record).unwrap());
        }
        records
    }

    #[test]
    fn records_end_with_the_delimiter_or_at_the_end() {
        assert_eq!(records(b"a\n\nbc\nd", b"\n"), ["a", "", "bc", "d"]);
        assert_eq!(records(b"a\n", b"\n"), ["a"]);
        assert_eq!(records(b"a|b||c|||d", b"||"), ["a|b", "c", "|d"]);
        assert!(records(b"", b"\n").is_empty());
    }
}
