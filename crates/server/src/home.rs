//! The log directories of the node: locked, this node's, and formatted where the node is a fresh one.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use config::{BrokerConfig, Loaded};
use model::Uuid;
use quorum::format::{self, FormatPlan, InitialVoters};
use quorum::{LogDirSurvey, Voter, VoterEndpoint};

/// Name of the file that one process at a time may lock.
const LOCK_FILE: &str = ".lock";

/// Directories that are this node's, and stay locked while it lives.
pub struct Home {
    /// The cluster they belong to.
    pub cluster_id: String,
    /// `directory.id` of each, in the order of `log.dirs`.
    pub directory_ids: Vec<Uuid>,
    /// `directory.id` of the one with the metadata log.
    pub metadata_directory_id: Uuid,
    /// Who votes in a fresh quorum.
    pub voters: Vec<Voter>,
    _locks: Vec<File>,
}

/// Opens the directories that the settings name.
pub fn open(loaded: &Loaded) -> Result<Home, String> {
    let config = &loaded.broker;
    let mut dirs: Vec<PathBuf> = config.log_dirs.iter().map(PathBuf::from).collect();
    let metadata_dir = PathBuf::from(&config.metadata_log_dir);
    if !dirs.contains(&metadata_dir) {
        dirs.push(metadata_dir.clone());
    }
    let locks = dirs.iter().map(|dir| lock(dir)).collect::<Result<_, _>>()?;
    let mut survey = LogDirSurvey::of(dirs.iter().map(PathBuf::as_path));
    if let Some((dir, error)) = survey.failed.first_key_value() {
        return Err(format!("log directory {} cannot be used: {error}", dir.display()));
    }
    if !survey.empty.is_empty() {
        format_empty(loaded, &survey, &metadata_dir)?;
        survey = LogDirSurvey::of(dirs.iter().map(PathBuf::as_path));
    }
    survey.check(loaded.cluster_id.as_deref(), config.node_id).map_err(|error| error.to_string())?;
    let id_of = |dir: &Path| {
        let id = survey.formatted.get(dir).and_then(|properties| properties.directory_id);
        id.ok_or_else(|| format!("{} has no directory.id in its meta.properties", dir.display()))
    };
    let metadata_directory_id = id_of(&metadata_dir)?;
    let named = format::initial_voters(&metadata_dir).map_err(|error| {
        format!("the first snapshot in {} cannot be read: {error}", metadata_dir.display())
    })?;
    let own =
        || Voter { id: config.node_id, directory_id: metadata_directory_id, endpoints: endpoints(config) };
    Ok(Home {
        cluster_id: survey.cluster_id().unwrap_or_default().to_owned(),
        directory_ids: config.log_dirs.iter().map(|dir| id_of(Path::new(dir))).collect::<Result<_, _>>()?,
        metadata_directory_id,
        voters: named.unwrap_or_else(|| vec![own()]),
        _locks: locks,
    })
}

/// One process at a time may use a directory.
fn lock(dir: &Path) -> Result<File, String> {
    let shown = dir.display();
    fs::create_dir_all(dir).map_err(|error| {
        format!(
            "log directory {shown} cannot be created: {error}; check the path in log.dirs and its permissions"
        )
    })?;
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE)).map_err(|error| {
        format!("log directory {shown} cannot be written: {error}; check its owner and permissions, or name another in log.dirs")
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(format!(
            "Failed to acquire lock on file {LOCK_FILE} in {shown}. A Kafka instance in another process or thread is using this directory; stop it or name another in log.dirs"
        )),
        Err(TryLockError::Error(error)) => Err(format!("log directory {shown} cannot be locked: {error}")),
    }
}

/// A lone node formats itself, and says so; where others vote, an operator has to decide.
fn format_empty(loaded: &Loaded, survey: &LogDirSurvey, metadata_dir: &Path) -> Result<(), String> {
    let config = &loaded.broker;
    let others = config.controller.voters.iter().any(|(id, _)| *id != config.node_id);
    let is_fresh = survey.formatted.is_empty();
    let cluster_id = match survey.cluster_id().or(loaded.cluster_id.as_deref()) {
        Some(id) => id.to_owned(),
        None if others => {
            return Err("no log directory is formatted, and the other voters must have the same cluster id: run 'kafka-storage format --cluster-id ID --config FILE' on every node".to_owned());
        }
        None => format::random_id().map_err(|error| error.to_string())?.to_string(),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let plan = FormatPlan {
        cluster_id: &cluster_id,
        node_id: config.node_id,
        metadata_log_dir: metadata_dir,
        voters: if is_fresh && !others {
            InitialVoters::Standalone(endpoints(config))
        } else {
            InitialVoters::Unnamed
        },
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
    use super::*;

    #[test]
    fn a_directory_is_given_to_one_process_only() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        let message = lock(dir.path()).unwrap_err();
        assert!(message.contains("another process or thread is using this directory"), "{message}");
        drop(held);
        lock(dir.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = lock(&file.path().join("below")).unwrap_err();
        assert!(message.contains("cannot be created") && message.contains("log.dirs"), "{message}");
    }
}
