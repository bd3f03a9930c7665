//! The log directories of a node as they are found: formatted, empty, or not readable; and whether they are
//! this node's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use model::{NodeId, Uuid};

use crate::meta_properties::{MetaProperties, MetaPropertiesError};

/// What was found in every log directory of a node.
#[derive(Debug, Default)]
pub struct LogDirSurvey {
    /// Directories with a `meta.properties`.
    pub formatted: BTreeMap<PathBuf, MetaProperties>,
    /// Directories without, or that do not exist.
    pub empty: BTreeSet<PathBuf>,
    /// Directories that could not be read, and why.
    pub failed: BTreeMap<PathBuf, MetaPropertiesError>,
}

/// A log directory belongs to another node or cluster, or to none of this era.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignLogDir {
    /// It belongs to another cluster.
    Cluster {
        /// The directory.
        log_dir: PathBuf,
        /// Id of this cluster.
        expected: String,
        /// Id in the directory.
        found: String,
    },
    /// It belongs to another node.
    Node {
        /// The directory.
        log_dir: PathBuf,
        /// `node.id` of this node.
        expected: NodeId,
        /// `node.id` in the directory.
        found: NodeId,
    },
    /// It was formatted in the ZooKeeper era.
    Legacy(PathBuf),
    /// Two directories carry the same directory id: one is a copy.
    SameDirectoryId(Uuid, PathBuf, PathBuf),
}

impl LogDirSurvey {
    /// Looks at every directory once; nothing is written.
    pub fn of<'a>(log_dirs: impl IntoIterator<Item = &'a Path>) -> LogDirSurvey {
        let mut survey = LogDirSurvey::default();
        for dir in log_dirs {
            match MetaProperties::read(dir) {
                Ok(Some(properties)) => _ = survey.formatted.insert(dir.to_owned(), properties),
                Ok(None) => _ = survey.empty.insert(dir.to_owned()),
                Err(error) => _ = survey.failed.insert(dir.to_owned(), error),
            }
        }
        survey
    }

    /// The cluster the formatted directories name, if any does.
    pub fn cluster_id(&self) -> Option<&str> {
        self.formatted.values().find_map(|properties| properties.cluster_id.as_deref())
    }

    /// Fails for the first directory that is not this node's; `cluster_id` is `None` where none is expected yet,
    /// then the first directory decides.
    pub fn check(&self, cluster_id: Option<&str>, node_id: NodeId) -> Result<(), ForeignLogDir> {
        let expected = cluster_id.or_else(|| self.cluster_id());
        let mut ids = BTreeMap::new();
        for (log_dir, properties) in &self.formatted {
            let log_dir = log_dir.clone();
            if let (Some(expected), Some(found)) = (expected, properties.cluster_id.as_deref())
                && expected != found
            {
                let (expected, found) = (expected.to_owned(), found.to_owned());
                return Err(ForeignLogDir::Cluster { log_dir, expected, found });
            }
            if let Some(found) = properties.node_id.filter(|found| *found != node_id) {
                return Err(ForeignLogDir::Node { log_dir, expected: node_id, found });
            }
            if properties.version == 0 {
                return Err(ForeignLogDir::Legacy(log_dir));
            }
            let Some(directory_id) = properties.directory_id else { continue };
            if let Some(other) = ids.insert(directory_id, log_dir.clone()) {
                return Err(ForeignLogDir::SameDirectoryId(directory_id, other, log_dir));
            }
        }
        Ok(())
    }
}

impl fmt::Display for ForeignLogDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |log_dir: &Path| log_dir.join("meta.properties").display().to_string();
        match self {
            Self::Cluster { log_dir, expected, found } => {
                write!(f, "Invalid cluster.id in: {}. Expected {expected}, but read {found}", file(log_dir))
            }
            Self::Node { log_dir, expected, found } => {
                write!(
                    f,
                    "Stored node id {found} doesn't match previous node id {expected} in {}. If you moved your data, make sure your configured node id matches. If you intend to create a new node, you should remove all data in your data directories.",
                    file(log_dir)
                )
            }
            Self::Legacy(log_dir) => write!(
                f,
                "{} was formatted in the ZooKeeper era, which cannot be opened; name another folder in log.dirs",
                log_dir.display()
            ),
            Self::SameDirectoryId(id, one, other) => write!(
                f,
                "Duplicate directory ID {id} found. It was the ID of {}, but also of {}",
                one.display(),
                other.display()
            ),
        }
    }
}

impl std::error::Error for ForeignLogDir {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn formatted(dir: &Path, name: &str, properties: &MetaProperties) -> PathBuf {
        let path = dir.join(name);
        fs::create_dir(&path).unwrap();
        properties.write(&path).unwrap();
        path
    }

    fn survey(dirs: &[PathBuf]) -> LogDirSurvey {
        LogDirSurvey::of(dirs.iter().map(PathBuf::as_path))
    }

    #[test]
    fn a_foreign_directory_is_named_with_what_was_expected() {
        let root = tempfile::tempdir().unwrap();
        let own = MetaProperties::new("here", 1, Uuid([1; 16]));
        let elsewhere = MetaProperties::new("there", 1, Uuid([2; 16]));
        let another = MetaProperties::new("here", 2, Uuid([3; 16]));
        let legacy = MetaProperties { version: 0, directory_id: None, ..own.clone() };
        let a = formatted(root.path(), "a", &own);
        let cases = [
            (formatted(root.path(), "b", &elsewhere), "Expected here, but read there"),
            (formatted(root.path(), "c", &another), "Stored node id 2 doesn't match previous node id 1"),
            (formatted(root.path(), "d", &legacy), "ZooKeeper era"),
            (formatted(root.path(), "e", &own), "Duplicate directory ID"),
        ];
        assert_eq!(survey(std::slice::from_ref(&a)).check(Some("here"), 1), Ok(()));
        for (dir, fragment) in cases {
            let message = survey(&[a.clone(), dir]).check(None, 1).unwrap_err().to_string();
            assert!(message.contains(fragment), "{message}");
        }
    }

    #[test]
    fn directories_are_formatted_empty_or_failed() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        let a = formatted(root.path(), "a", &MetaProperties::new("here", 1, Uuid([1; 16])));
        let found = survey(&[a.clone(), root.path().join("missing"), file.clone()]);
        assert_eq!(found.cluster_id(), Some("here"));
        assert!(found.formatted.contains_key(&a));
        assert!(found.empty.contains(&root.path().join("missing")));
        assert!(found.failed.contains_key(&file));
    }
}
