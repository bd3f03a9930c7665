//! Text checkpoints: a version line, a count line, then one line per entry.

use std::path::Path;

use model::Offset;

use crate::disk::{Disk, read_whole, replace_file};
use crate::error::LogError;

/// Largest checkpoint that is read: 1,000,000 lines of the longest topic names.
const SIZE_MAX: usize = 300_000_000;
const REMEDY: &str = "remove the file to have it rebuilt, at the cost of a full recovery";

/// Offsets per partition, as `recovery-point-offset-checkpoint` and its kin hold them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetCheckpoint {
    /// Topic, partition, offset.
    pub entries: Vec<(String, i32, Offset)>,
}

impl OffsetCheckpoint {
    /// Reads the file; empty where there is none.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<OffsetCheckpoint, LogError> {
        let mut entries = Vec::new();
        for (number, line) in read_lines(disk, path)?.unwrap_or_default().iter().enumerate() {
            entries.push(parse_offset(line).ok_or_else(|| malformed(path, number + 2, line))?);
        }
        Ok(OffsetCheckpoint { entries })
    }

    /// Replaces the file.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
        let lines =
            self.entries.iter().map(|(topic, partition, offset)| format!("{topic} {partition} {offset}"));
        let text = to_text(self.entries.len(), lines);
        replace_file(disk, path, text.as_bytes()).map_err(LogError::io("write", path))
    }

    /// The offset of a partition.
    pub fn offset(&self, topic: &str, partition: i32) -> Option<Offset> {
        let entry = self.entries.iter().find(|(name, index, _)| name == topic && *index == partition);
        entry.map(|(_, _, offset)| *offset)
    }
}

fn parse_offset(line: &str) -> Option<(String, i32, Offset)> {
    let mut words = line.split_ascii_whitespace();
    let entry = (words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(entry)
}

/// The entry lines of a checkpoint of version 0; `None` where there is no file.
pub(crate) fn read_lines(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<String>>, LogError> {
    let Some(text) = read_text(disk, path)? else { return Ok(None) };
    if text.is_empty() {
        // Kafka makes the cleaner's checkpoint so, long before its first entry.
        return Ok(Some(Vec::new()));
    }
    parse_lines(path, &text).map(Some)
}

/// The text of a checkpoint; `None` where there is no file.
pub(crate) fn read_text(disk: &dyn Disk, path: &Path) -> Result<Option<String>, LogError> {
    let bytes = read_whole(disk, path, SIZE_MAX).map_err(LogError::io("read", path))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The entry lines in the text of a checkpoint of version 0.
pub(crate) fn parse_lines(path: &Path, text: &str) -> Result<Vec<String>, LogError> {
    let mut lines = text.lines();
    let version = lines.next().unwrap_or_default();
    if version.trim() != "0" {
        return Err(malformed(path, 0, version));
    }
    let count_line = lines.next().unwrap_or_default();
    let count: usize = count_line.trim().parse().map_err(|_| malformed(path, 1, count_line))?;
    let entries: Vec<String> = lines.map(str::to_owned).collect();
    if entries.len() != count {
        return Err(malformed(path, 1, &format!("{count} entries announced, {} there", entries.len())));
    }
    Ok(entries)
}

pub(crate) fn to_text(count: usize, lines: impl Iterator<Item = String>) -> String {
    let mut text = format!("0\n{count}\n");
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// An error about line `line` (from 0) of a checkpoint.
pub(crate) fn malformed(path: &Path, line: usize, found: &str) -> LogError {
    LogError::Corrupt {
        path: path.to_owned(),
        position: 0,
        reason: format!("malformed line {} in checkpoint: {found:?}", line + 1),
        remedy: REMEDY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn offsets_read_back_in_kafkas_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recovery-point-offset-checkpoint");
        assert_eq!(OffsetCheckpoint::read(&RealDisk, &path).unwrap().entries, []);
        std::fs::write(&path, "").unwrap();
        assert_eq!(OffsetCheckpoint::read(&RealDisk, &path).unwrap().entries, []);
        let checkpoint = OffsetCheckpoint { entries: vec![("a.b".into(), 3, 42), ("c".into(), 0, 0)] };
        checkpoint.write(&RealDisk, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n2\na.b 3 42\nc 0 0\n");
        assert_eq!(OffsetCheckpoint::read(&RealDisk, &path).unwrap(), checkpoint);
        assert_eq!(checkpoint.offset("a.b", 3), Some(42));
    }

    #[test]
    fn malformed_checkpoints_are_refused_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        for text in ["\n", "1\n0\n", "0\nx\n", "0\n2\na 1 2\n", "0\n1\na 1\n", "0\n1\na 1 2 3\n"] {
            std::fs::write(&path, text).unwrap();
            let message = OffsetCheckpoint::read(&RealDisk, &path).unwrap_err().to_string();
            assert!(
                message.contains("checkpoint") && message.contains("malformed line"),
                "{text:?}: {message}"
            );
        }
    }
}
