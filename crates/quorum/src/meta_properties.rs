//! The file `meta.properties`: which node and which cluster a log directory belongs to.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use model::{NodeId, Uuid};
use partition_log::{RealDisk, replace_file};

/// Name of the file.
pub const META_PROPERTIES: &str = "meta.properties";

/// Largest file read, in bytes; Kafka's has about 120.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What a formatted log directory says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    /// 1, or 0 for a directory of the ZooKeeper era.
    pub version: i32,
    /// Cluster it belongs to; version 0 may lack it.
    pub cluster_id: Option<String>,
    /// Node it belongs to; version 0 may lack it.
    pub node_id: Option<NodeId>,
    /// Its own id; releases before 3.7 lack it.
    pub directory_id: Option<Uuid>,
}

/// Why a log directory's `meta.properties` says nothing.
#[derive(Debug)]
pub enum MetaPropertiesError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The file is there and is no `meta.properties`; the sentence is Kafka's.
    Malformed(PathBuf, String),
}

impl MetaProperties {
    /// Those of a directory formatted now.
    pub fn new(cluster_id: &str, node_id: NodeId, directory_id: Uuid) -> MetaProperties {
        MetaProperties {
            version: 1,
            cluster_id: Some(cluster_id.to_owned()),
            node_id: Some(node_id),
            directory_id: Some(directory_id),
        }
    }

    /// Reads the file of a log directory; `None` if there is none, as in a directory not formatted yet.
    pub fn read(log_dir: &Path) -> Result<Option<MetaProperties>, MetaPropertiesError> {
        let path = log_dir.join(META_PROPERTIES);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(MetaPropertiesError::Unreadable(path, error)),
            Ok(_) if bytes.len() as u64 > FILE_BYTES_MAX => {
                let reason = format!("more than {FILE_BYTES_MAX} bytes are not a meta.properties");
                Err(MetaPropertiesError::Malformed(path, reason))
            }
            Ok(_) => {
                let parsed = parse(&String::from_utf8_lossy(&bytes));
                parsed.map(Some).map_err(|reason| MetaPropertiesError::Malformed(path, reason))
            }
        }
    }

    /// Replaces the file of a log directory as a whole.
    pub fn write(&self, log_dir: &Path) -> io::Result<()> {
        let mut text = String::from("#\n");
        for (key, value) in self.pairs() {
            text.push_str(&format!("{key}={}\n", escaped(&value)));
        }
        replace_file(&RealDisk, &log_dir.join(META_PROPERTIES), text.as_bytes())
    }

    /// Keys and values, ascending by key.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let node_id_key = if self.version == 0 { "broker.id" } else { "node.id" };
        let node_id = self.node_id.map(|id| (node_id_key, id.to_string()));
        let mut pairs: Vec<_> = self.cluster_id.clone().map(|id| ("cluster.id", id)).into_iter().collect();
        pairs.extend(self.directory_id.map(|id| ("directory.id", id.to_string())));
        pairs.extend(node_id);
        pairs.push(("version", self.version.to_string()));
        pairs.sort();
        pairs
    }
}

fn parse(text: &str) -> Result<MetaProperties, String> {
    let pairs = pairs_of(text);
    let find = |key: &str| {
        let found = pairs.iter().rev().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    };
    let number = |key: &str, value: &str| {
        value.parse::<i32>().map_err(|_| format!("Unable to read {key} as a base-10 number."))
    };
    let version = match find("version") {
        None => 0,
        Some(text) => text.parse().map_err(|_| format!("Invalid meta.properties version string '{text}'"))?,
    };
    let node_id_key = match version {
        0 => "broker.id",
        1 => "node.id",
        other => return Err(format!("Unknown meta.properties version number {other}")),
    };
    let cluster_id = find("cluster.id").map(str::to_owned);
    let node_id = find(node_id_key).map(|value| number(node_id_key, value)).transpose()?;
    if version > 0 && node_id.is_none() {
        return Err("Failed to find node.id".to_owned());
    }
    if version > 0 && cluster_id.is_none() {
        return Err("Failed to find cluster.id".to_owned());
    }
    let directory_id = find("directory.id").map(str::parse).transpose();
    let directory_id = directory_id
        .map_err(|error: model::InvalidUuid| format!("Unable to read directory.id as a Uuid: {error}"))?;
    Ok(MetaProperties { version, cluster_id, node_id, directory_id })
}

/// Keys and values of a properties text. Escapes of one character are undone; continuation lines and `\u`
/// never occur in this file.
fn pairs_of(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut sides = [String::new(), String::new()];
        let mut side = 0;
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => sides[side].extend(characters.next()),
                '=' | ':' if side == 0 => side = 1,
                ' ' | '\t' if side == 1 && sides[1].is_empty() => {}
                other => sides[side].push(other),
            }
        }
        let [key, value] = sides;
        pairs.push((key.trim_end().to_owned(), value));
    }
    pairs
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '\\' | '=' | ':' | '#' | '!') || (character == ' ' && text.is_empty()) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// As Kafka's tools print it: `{cluster.id=.., directory.id=.., node.id=.., version=1}`.
impl fmt::Display for MetaProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> =
            self.pairs().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        write!(f, "{{{}}}", pairs.join(", "))
    }
}

impl fmt::Display for MetaPropertiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(
                f,
                "{} cannot be read: {error}; check the path, its owner and the disk",
                path.display()
            ),
            Self::Malformed(path, reason) => write!(
                f,
                "Error loading {}: {reason}; restore the file from a copy, or from another log directory of this node with this one's directory.id",
                path.display()
            ),
        }
    }
}

impl std::error::Error for MetaPropertiesError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read_text(text: &str) -> Result<Option<MetaProperties>, MetaPropertiesError> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(META_PROPERTIES), text).unwrap();
        MetaProperties::read(dir.path())
    }

    #[test]
    fn what_is_written_reads_back_whatever_the_cluster_id_is() {
        let dir = tempfile::tempdir().unwrap();
        for cluster_id in ["MkU3OEVBNTcwNTJENDM2Qg", "a=b:c\\d", " #!", ""] {
            let written = MetaProperties::new(cluster_id, 3, Uuid([9; 16]));
            written.write(dir.path()).unwrap();
            assert_eq!(MetaProperties::read(dir.path()).unwrap(), Some(written));
        }
        assert_eq!(MetaProperties::read(&dir.path().join("missing")).unwrap(), None);
    }

    #[test]
    fn the_file_of_kafka_is_understood() {
        let text = "#\n#Sat Nov 21 06:27:51 UTC 2026\nnode.id=1\ndirectory.id=2ns-LCPJQYCU6RzKteYqYw\nversion=1\ncluster.id=x\n";
        let read = read_text(text).unwrap().unwrap();
        assert_eq!(
            read.to_string(),
            "{cluster.id=x, directory.id=2ns-LCPJQYCU6RzKteYqYw, node.id=1, version=1}"
        );
        let old = read_text("version=0\nbroker.id=4\ncluster.id=x\n").unwrap().unwrap();
        assert_eq!((old.version, old.node_id), (0, Some(4)));
    }

    #[test]
    fn a_damaged_file_is_named_with_kafkas_sentence() {
        let cases = [
            ("version=1\n", "Failed to find node.id"),
            ("version=1\nnode.id=1\n", "Failed to find cluster.id"),
            ("version=9\n", "Unknown meta.properties version number 9"),
            ("version=1\ncluster.id=x\nnode.id=y\n", "Unable to read node.id as a base-10 number."),
            ("version=1\ncluster.id=x\nnode.id=1\ndirectory.id=z\n", "Unable to read directory.id"),
        ];
        for (text, reason) in cases {
            let message = read_text(text).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
            assert!(message.contains("/meta.properties: "), "{message}");
        }
        let endless = "#".repeat(70_000);
        assert!(read_text(&endless).unwrap_err().to_string().contains("more than 65536 bytes"));
    }
}
