//! `meta.properties`: which node and cluster a log directory belongs to.

use std::path::Path;

use model::{NodeId, Uuid};

use crate::disk::{Disk, read_whole, replace_file};
use crate::error::LogError;

/// Name of the file in a log directory.
pub(crate) const FILE: &str = "meta.properties";
const SIZE_MAX: usize = 1 << 20;
const REMEDY: &str = "restore it or format the directory";

/// Contents of `meta.properties`, version 1 (0 is read too, which had `broker.id`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetaProperties {
    /// `node.id`.
    pub node_id: Option<NodeId>,
    /// `cluster.id`.
    pub cluster_id: Option<String>,
    /// `directory.id`.
    pub directory_id: Option<Uuid>,
}

impl MetaProperties {
    /// Reads the file in `folder`; `None` where the directory has not been formatted.
    pub fn read(disk: &dyn Disk, folder: &Path) -> Result<Option<MetaProperties>, LogError> {
        let path = folder.join(FILE);
        let Some(bytes) = read_whole(disk, &path, SIZE_MAX).map_err(LogError::io("read", &path))? else {
            return Ok(None);
        };
        MetaProperties::parse(&String::from_utf8_lossy(&bytes))
            .map(Some)
            .map_err(|reason| LogError::Corrupt { path, position: 0, reason, remedy: REMEDY })
    }

    /// Replaces the file in `folder`.
    pub fn write(&self, disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
        let path = folder.join(FILE);
        replace_file(disk, &path, self.to_text().as_bytes()).map_err(LogError::io("write", &path))
    }

    fn parse(text: &str) -> Result<MetaProperties, String> {
        let mut found = MetaProperties::default();
        let mut version = None;
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(format!("malformed line {line:?}"));
            };
            let value = value.trim();
            let bad = |_| format!("malformed value {value:?} of {}", key.trim());
            match key.trim() {
                "version" => version = Some(value.to_owned()),
                "node.id" | "broker.id" => found.node_id = Some(value.parse().map_err(|_| bad(()))?),
                "cluster.id" => found.cluster_id = Some(value.to_owned()),
                "directory.id" => found.directory_id = Some(value.parse().map_err(|_| bad(()))?),
                _ => {}
            }
        }
        match version.as_deref() {
            Some("0" | "1") => Ok(found),
            Some(other) => Err(format!("version {other} is not known")),
            None => Err("it has no version".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::from("#\n");
        if let Some(id) = &self.cluster_id {
            text.push_str(&format!("cluster.id={id}\n"));
        }
        if let Some(id) = self.directory_id {
            text.push_str(&format!("directory.id={id}\n"));
        }
        if let Some(id) = self.node_id {
            text.push_str(&format!("node.id={id}\n"));
        }
        text.push_str("version=1\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_reads_back_and_kafkas_form_is_read() {
        let text = "#\n#Sat Nov 21 04:36:06 UTC 2026\ncluster.id=abc\ndirectory.id=AAAAAAAAQACAAAAAAAAAAA\nnode.id=3\nversion=1\n";
        let read = MetaProperties::parse(text).unwrap();
        assert_eq!((read.node_id, read.cluster_id.as_deref()), (Some(3), Some("abc")));
        assert_eq!(MetaProperties::parse(&read.to_text()).unwrap(), read);
        let old = MetaProperties::parse("version=0\nbroker.id=7\n").unwrap();
        assert_eq!(old.node_id, Some(7));
    }

    #[test]
    fn malformed_files_are_refused() {
        for text in ["", "node.id=1\n", "version=2\n", "version=1\nnode.id=x\n", "version=1\nnonsense\n"] {
            assert!(MetaProperties::parse(text).is_err(), "{text:?}");
        }
    }
}
