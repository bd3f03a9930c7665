//! The log directories of the node: locked, this node's, and formatted where the node is a fresh one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use config::{BrokerConfig, Loaded};
use model::Uuid;
use partition_log::{Disk, FileHandles, LogDir, LogError, LogHome};
use quorum::format::{self, FormatPlan, InitialVoters};
use quorum::{LogDirSurvey, Voter, VoterEndpoint};

/// Directories that are this node's, and stay locked while it lives.
#[derive(Debug)]
pub struct Home {
    /// The cluster they belong to.
    pub cluster_id: String,
    /// Those of `log.dirs`, in order.
    pub dirs: Vec<HomeDir>,
    /// The one with the metadata log.
    pub metadata_dir: MetadataDir,
    /// Who votes in a fresh quorum.
    pub voters: Vec<Voter>,
}

/// One entry of `log.dirs`.
#[derive(Debug)]
pub struct HomeDir {
    /// Where it is.
    pub path: PathBuf,
    /// The directory and its `directory.id`, or why it cannot be used.
    pub opened: Result<(LogDir, Uuid), String>,
}

/// The directory with the metadata log.
#[derive(Debug)]
pub struct MetadataDir {
    /// Where it is.
    pub path: PathBuf,
    /// Its `directory.id`.
    pub id: Uuid,
    /// What is written there goes through it, and a failure there is known by it.
    pub home: Arc<LogHome>,
    /// Keeps the lock of a directory that is not in `log.dirs`.
    pub _alone: Option<LogDir>,
}

/// Opens the directories that the settings name. The one with the metadata log must be usable; of the others one
/// that is not is left aside until the next start.
pub fn open(loaded: &Loaded, disk: &Arc<dyn Disk>, files: &Arc<FileHandles>) -> Result<Home, String> {
    let config = &loaded.broker;
    let metadata_path = PathBuf::from(&config.metadata_log_dir);
    let mut opened = BTreeMap::new();
    let mut failed = BTreeMap::new();
    for path in config.log_dirs.iter().map(PathBuf::from).chain([metadata_path.clone()]) {
        if opened.contains_key(&path) || failed.contains_key(&path) {
            continue;
        }
        match LogDir::open(&path, Arc::clone(disk), Arc::clone(files)) {
            Ok(dir) => _ = opened.insert(path, dir),
            Err(error @ LogError::Locked(_)) => return Err(error.to_string()),
            Err(error) => _ = failed.insert(path, unusable(&error)),
        }
    }
    let survey = survey(loaded, &mut opened, &mut failed, &metadata_path)?;
    let id_of = |dir: &Path| {
        let id = survey.formatted.get(dir).and_then(|properties| properties.directory_id);
        id.ok_or_else(|| format!("{} has no directory.id in its meta.properties", dir.display()))
    };
    let named = format::initial_voters(&metadata_path).map_err(|error| {
        format!("the first snapshot in {} cannot be read: {error}", metadata_path.display())
    })?;
    let id = id_of(&metadata_path)?;
    let own = || Voter { id: config.node_id, directory_id: id, endpoints: endpoints(config) };
    let home = opened.get(&metadata_path).map(|dir| Arc::clone(dir.home()));
    let home = home.ok_or_else(|| metadata_failed(&metadata_path, "it is not open"))?;
    let mut dirs = Vec::with_capacity(config.log_dirs.len());
    for path in config.log_dirs.iter().map(PathBuf::from) {
        let opened = match opened.remove(&path) {
            Some(dir) => Ok((dir, id_of(&path)?)),
            None => Err(failed.remove(&path).unwrap_or_else(|| "it is named twice in log.dirs".to_owned())),
        };
        dirs.push(HomeDir { path, opened });
    }
    Ok(Home {
        cluster_id: survey.cluster_id().unwrap_or_default().to_owned(),
        dirs,
        voters: named.unwrap_or_else(|| vec![own()]),
        metadata_dir: MetadataDir { _alone: opened.remove(&metadata_path), path: metadata_path, id, home },
    })
}

/// Looks at the directories that could be opened, formats the empty ones, and makes sure that they are this node's.
/// Those that cannot be read move from `opened` to `failed`.
fn survey(
    loaded: &Loaded,
    opened: &mut BTreeMap<PathBuf, LogDir>,
    failed: &mut BTreeMap<PathBuf, String>,
    metadata_path: &Path,
) -> Result<LogDirSurvey, String> {
    let look = |opened: &BTreeMap<PathBuf, LogDir>| LogDirSurvey::of(opened.keys().map(PathBuf::as_path));
    let mut survey = look(opened);
    for (path, error) in &survey.failed {
        opened.remove(path);
        failed.insert(path.clone(), error.to_string());
    }
    if let Some(error) = failed.get(metadata_path) {
        return Err(metadata_failed(metadata_path, error));
    }
    for (path, error) in &*failed {
        tracing::error!("log directory {} cannot be used until the next start: {error}", path.display());
    }
    if !survey.empty.is_empty() {
        format_empty(loaded, &survey, metadata_path)?;
        survey = look(opened);
    }
    survey.check(loaded.cluster_id.as_deref(), loaded.broker.node_id).map_err(|error| error.to_string())?;
    Ok(survey)
}

fn metadata_failed(path: &Path, error: &str) -> String {
    format!("Encountered I/O error in metadata log directory {}. Cannot continue: {error}", path.display())
}

fn unusable(error: &LogError) -> String {
    format!("{error}; check the path, its owner and its permissions, or name another in log.dirs")
}

/// A lone node formats itself, and says so.
fn format_empty(loaded: &Loaded, survey: &LogDirSurvey, metadata_dir: &Path) -> Result<(), String> {
    let config = &loaded.broker;
    let is_fresh = survey.formatted.is_empty();
    let cluster_id = match survey.cluster_id().or(loaded.cluster_id.as_deref()) {
        Some(id) => id.to_owned(),
        None => format::random_id().map_err(|error| error.to_string())?.to_string(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let plan = FormatPlan {
        cluster_id: &cluster_id,
        node_id: config.node_id,
        metadata_log_dir: metadata_dir,
        voters: if is_fresh { InitialVoters::Standalone(endpoints(config)) } else { InitialVoters::Unnamed },
        features: &metadata::feature_records(),
        now_ms: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
    };
    for formatted in format::format(survey, &plan).map_err(|error| error.to_string())? {
        tracing::info!(
            "formatted {} for node {} of cluster {cluster_id}, directory {}",
            formatted.log_dir.display(),
            config.node_id,
            formatted.directory_id
        );
    }
    Ok(())
}

fn endpoints(config: &BrokerConfig) -> Vec<VoterEndpoint> {
    let endpoint = |listener: &config::Listener| VoterEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
    };
    config.listeners.controller.iter().map(endpoint).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use config::Inputs;
    use partition_log::RealDisk;
    use quorum::MetaProperties;

    use super::*;

    fn open_with(settings: &[(&str, String)]) -> Result<Home, String> {
        let overrides = settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let overrides = [("node.id".to_owned(), "1".to_owned())].into_iter().chain(overrides).collect();
        let loaded = config::load(&Inputs { overrides, ..Inputs::default() }).unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        open(&loaded, &disk, &Arc::new(FileHandles::new(10)))
    }

    fn open_dirs(dirs: &[&Path]) -> Result<Home, String> {
        let dirs: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
        open_with(&[("log.dirs", dirs.join(","))])
    }

    #[test]
    fn fresh_directories_are_formatted_and_given_to_one_process_only() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        let home = open_dirs(&[&a, &b]).unwrap();
        let ids: Vec<Uuid> = home.dirs.iter().map(|dir| dir.opened.as_ref().unwrap().1).collect();
        assert!(ids[0] != ids[1] && home.metadata_dir.id == ids[0]);
        let message = open_dirs(&[&b]).unwrap_err();
        assert!(message.contains("Failed to acquire lock on file .lock in"), "{message}");
        assert!(message.contains("another process or thread is using this directory; stop it"), "{message}");
        drop(home);
        let again = open_dirs(&[&a, &b]).unwrap();
        let same: Vec<Uuid> = again.dirs.iter().map(|dir| dir.opened.as_ref().unwrap().1).collect();
        assert_eq!(same, ids);
    }

    #[test]
    fn a_directory_that_joins_later_is_formatted_for_the_same_cluster() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        let cluster_id = open_dirs(&[&a]).unwrap().cluster_id;
        let home = open_dirs(&[&a, &b]).unwrap();
        assert_eq!(home.cluster_id, cluster_id);
        assert_eq!(MetaProperties::read(&b).unwrap().unwrap().cluster_id, Some(cluster_id));
    }

    #[test]
    fn a_foreign_directory_is_refused_with_what_was_expected() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        drop((open_dirs(&[&a]).unwrap(), open_dirs(&[&b]).unwrap()));
        let message = open_dirs(&[&a, &b]).unwrap_err();
        assert!(message.contains("Invalid cluster.id in: "), "{message}");
        let dirs = a.display().to_string();
        let message = open_with(&[("log.dirs", dirs), ("node.id", "7".to_owned())]).unwrap_err();
        assert!(message.contains("Stored node id 1 doesn't match previous node id 7"), "{message}");
    }

    #[test]
    fn a_directory_that_cannot_be_made_or_read_is_left_aside_unless_it_holds_the_metadata() {
        let root = tempfile::tempdir().unwrap();
        let (good, file, damaged) =
            (root.path().join("a"), root.path().join("file"), root.path().join("damaged"));
        fs::write(&file, "x").unwrap();
        fs::create_dir(&damaged).unwrap();
        fs::write(damaged.join("meta.properties"), "version=1\n").unwrap();
        let below = file.join("below");
        let home = open_dirs(&[&good, &below, &damaged]).unwrap();
        assert!(home.dirs[0].opened.is_ok());
        let message = home.dirs[1].opened.as_ref().unwrap_err();
        assert!(message.contains("cannot create") && message.contains("log.dirs"), "{message}");
        let message = home.dirs[2].opened.as_ref().unwrap_err();
        assert!(message.contains("Failed to find node.id"), "{message}");
        drop(home);
        for dir in [&below, &damaged] {
            let message = open_dirs(&[dir, &good]).unwrap_err();
            let expected = format!("I/O error in metadata log directory {}", dir.display());
            assert!(message.contains(&expected), "{message}");
        }
    }
}
