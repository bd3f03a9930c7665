//! The file that says which topic a folder belongs to (`partition.metadata`).

use std::path::Path;

use model::Uuid;

use crate::disk::{Disk, read_whole, replace_file, replace_file_unsynced};
use crate::error::LogError;
use crate::log::PartitionLog;
use crate::names;

const SIZE_MAX: usize = 4096;

impl PartitionLog {
    /// The topic id in the folder; `None` where there is none yet.
    pub fn topic_id(&self) -> Result<Option<Uuid>, LogError> {
        read(self.disk(), &self.folder())
    }

    /// Writes the topic id into the folder.
    pub fn set_topic_id(&self, id: Uuid) -> Result<(), LogError> {
        let path = self.folder().join(names::PARTITION_METADATA);
        replace_file(self.disk(), &path, to_text(id).as_bytes())
            .map_err(|source| self.home().failed("write", &path, source))
    }
}

/// Writes the topic id; the caller puts it on stable storage with the first records.
pub(crate) fn write_unsynced(disk: &dyn Disk, path: &Path, id: Uuid) -> std::io::Result<()> {
    replace_file_unsynced(disk, path, to_text(id).as_bytes())
}

fn to_text(id: Uuid) -> String {
    format!("version: 0\ntopic_id: {id}")
}

/// The topic id in a partition's folder; `None` where there is none yet.
pub(crate) fn read(disk: &dyn Disk, folder: &Path) -> Result<Option<Uuid>, LogError> {
    let path = folder.join(names::PARTITION_METADATA);
    let Some(bytes) = read_whole(disk, &path, SIZE_MAX).map_err(LogError::io("read", &path))? else {
        return Ok(None);
    };
    let damaged = |reason: &str| LogError::Corrupt {
        path: path.clone(),
        position: 0,
        reason: reason.to_owned(),
        remedy: "remove the file; it is written again with the id of the topic",
    };
    let id = parse(&String::from_utf8_lossy(&bytes)).map_err(damaged)?;
    Ok(Some(id))
}

fn parse(text: &str) -> Result<Uuid, &'static str> {
    let mut lines = text.lines();
    if lines.next().and_then(|line| line.strip_prefix("version:")).map(str::trim) != Some("0") {
        return Err("its version is not 0");
    }
    let id = lines.next().and_then(|line| line.strip_prefix("topic_id:")).ok_or("it holds no topic id")?;
    let id: Uuid = id.trim().parse().map_err(|_| "its topic id is malformed")?;
    if id.is_zero() { Err("its topic id is zero") } else { Ok(id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_id_are_read() {
        let id: Uuid = "AAAAAAAAQACAAAAAAAAAAA".parse().unwrap();
        assert_eq!(parse("version: 0\ntopic_id: AAAAAAAAQACAAAAAAAAAAA"), Ok(id));
        assert_eq!(parse("version: 0\ntopic_id: AAAAAAAAQACAAAAAAAAAAA==\n"), Ok(id));
        for text in
            ["", "version: 1\ntopic_id: AAAAAAAAQACAAAAAAAAAAA", "version: 0\n", "version: 0\ntopic_id: x"]
        {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
