//! Formats log directories as `kafka-storage format` of Kafka 4.3.1 leaves them.
//!
//! Every directory gets `bootstrap.checkpoint` and, last, `meta.properties`: one that was interrupted counts as
//! not formatted. The metadata directory of a node whose voters are known also gets the first snapshot of
//! `__cluster_metadata-0`, which names them.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use metadata::VersionedRecord;
use metadata::image::ELIGIBLE_LEADER_REPLICAS_VERSION;
use model::{NodeId, TimestampMs, TopicName, Uuid};
use partition_log::{RealDisk, replace_file};
use protocol::Writer;
use protocol::messages::{KRaftVersionRecord, MetadataRecord, SnapshotFooterRecord, SnapshotHeaderRecord};
use records::{BatchBuilder, ControlType};

use crate::log_dirs::{ForeignLogDir, LogDirSurvey};
use crate::membership::{self, invalid};
use crate::meta_properties::MetaProperties;
use crate::peers::{self, Voter, VoterEndpoint, raft_id};
use crate::snapshot;

/// Name of the file with the records a fresh cluster begins with.
pub const BOOTSTRAP_CHECKPOINT: &str = "bootstrap.checkpoint";

/// Level of `metadata.version` from which the log knows transactions (3.6-IV1).
const TRANSACTIONS_LEVEL: i16 = 13;

/// Control records of a format are written in this version.
const CONTROL_VERSION: i16 = 0;

/// What to write into the directories that are not formatted yet.
#[derive(Debug)]
pub struct FormatPlan<'a> {
    /// Id of the cluster; Kafka takes any text.
    pub cluster_id: &'a str,
    /// `node.id`.
    pub node_id: NodeId,
    /// The directory of the metadata log; one of those surveyed.
    pub metadata_log_dir: &'a Path,
    /// Who votes at first.
    pub voters: InitialVoters,
    /// Feature levels of a fresh cluster: `metadata::feature_records()`.
    pub features: &'a [VersionedRecord],
    /// Time for the records' timestamps.
    pub now_ms: TimestampMs,
}

/// Who votes in a fresh quorum, as far as the format says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitialVoters {
    /// The format does not say: `controller.quorum.voters` does, or the node joins later.
    Unnamed,
    /// This node alone, reachable here.
    Standalone(Vec<VoterEndpoint>),
    /// Exactly these.
    Named(Vec<Voter>),
}

/// A directory that was formatted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormattedDir {
    /// The directory.
    pub log_dir: PathBuf,
    /// The id it got.
    pub directory_id: Uuid,
    /// What it is for.
    pub role: DirRole,
}

/// What a formatted directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirRole {
    /// Partitions only.
    Data,
    /// The metadata log, whose voters are named elsewhere.
    Metadata,
    /// The metadata log of a node that is none of the voters its first snapshot names.
    MetadataObserver,
    /// The metadata log of one of the voters its first snapshot names.
    MetadataVoter,
}

/// Why directories were not formatted.
#[derive(Debug)]
pub enum FormatError {
    /// A directory belongs to somebody else; nothing was written.
    Foreign(ForeignLogDir),
    /// A directory cannot be written; those before it are formatted.
    Unwritable(PathBuf, io::Error),
    /// The system gives no random bytes for an id.
    NoRandomness,
}

/// Formats every empty directory of the survey, after a check that the others are this node's. Directories are
/// created where missing; the result is ascending by path.
pub fn format(survey: &LogDirSurvey, plan: &FormatPlan<'_>) -> Result<Vec<FormattedDir>, FormatError> {
    survey.check(Some(plan.cluster_id), plan.node_id).map_err(FormatError::Foreign)?;
    let mut done = Vec::new();
    for log_dir in &survey.empty {
        done.push(format_one(log_dir, plan)?);
    }
    Ok(done)
}

fn format_one(log_dir: &Path, plan: &FormatPlan<'_>) -> Result<FormattedDir, FormatError> {
    let is_metadata = log_dir == plan.metadata_log_dir;
    let own_id = match &plan.voters {
        InitialVoters::Named(voters) if is_metadata => {
            voters.iter().find(|voter| voter.id == plan.node_id).map(|voter| voter.directory_id)
        }
        _ => None,
    };
    let directory_id = own_id.map_or_else(random_id, Ok)?;
    let voters = match &plan.voters {
        InitialVoters::Standalone(endpoints) => {
            vec![Voter { id: plan.node_id, directory_id, endpoints: endpoints.clone() }]
        }
        InitialVoters::Named(voters) => voters.clone(),
        InitialVoters::Unnamed => Vec::new(),
    };
    let role = match is_metadata {
        false => DirRole::Data,
        true if voters.is_empty() => DirRole::Metadata,
        true if voters.iter().any(|voter| voter.id == plan.node_id) => DirRole::MetadataVoter,
        true => DirRole::MetadataObserver,
    };
    let written = || -> io::Result<()> {
        fs::create_dir_all(log_dir)?;
        replace_file(&RealDisk, &log_dir.join(BOOTSTRAP_CHECKPOINT), &bootstrap_checkpoint(plan)?)?;
        if is_metadata && !voters.is_empty() {
            let dir = log_dir.join(format!("{}-0", TopicName::CLUSTER_METADATA));
            fs::create_dir_all(&dir)?;
            let path = dir.join(snapshot::file_name(0, 0));
            replace_file(&RealDisk, &path, &voters_checkpoint(&voters, plan.now_ms)?)?;
            // Snapshots never change; Kafka takes the right to write from them.
            fs::set_permissions(&path, Permissions::from_mode(0o400))?;
        }
        MetaProperties::new(plan.cluster_id, plan.node_id, directory_id).write(log_dir)
    };
    written().map_err(|error| FormatError::Unwritable(log_dir.to_owned(), error))?;
    Ok(FormattedDir { log_dir: log_dir.to_owned(), directory_id, role })
}

/// A fresh random id, for a directory or a cluster.
pub fn random_id() -> Result<Uuid, FormatError> {
    loop {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| FormatError::NoRandomness)?;
        if let Some(id) = Uuid::from_random(bytes) {
            return Ok(id);
        }
    }
}

/// Batches of a snapshot file, one after the other.
#[derive(Default)]
struct Checkpoint {
    bytes: Vec<u8>,
    next_offset: i64,
}

impl Checkpoint {
    fn push(&mut self, batch: BatchBuilder, count: usize) {
        batch.base_offset(self.next_offset).leader_epoch(0).build_into(&mut self.bytes);
        self.next_offset += i64::try_from(count).unwrap_or(0);
    }

    fn finish(mut self, now_ms: TimestampMs) -> io::Result<Vec<u8>> {
        let mut footer = BatchBuilder::new().control();
        let record = SnapshotFooterRecord { version: CONTROL_VERSION };
        push_control(&mut footer, now_ms, ControlType::SnapshotFooter, |writer| {
            record.encode(writer, CONTROL_VERSION)
        })?;
        self.push(footer, 1);
        Ok(self.bytes)
    }
}

fn push_control(
    batch: &mut BatchBuilder,
    now_ms: TimestampMs,
    kind: ControlType,
    encode: impl FnOnce(&mut Writer) -> Result<(), protocol::EncodeError>,
) -> io::Result<()> {
    let mut writer = Writer::new();
    encode(&mut writer).map_err(|error| invalid(error.to_string()))?;
    batch.push(now_ms, Some(&kind.key()), Some(writer.as_slice()), &[]);
    Ok(())
}

fn header(now_ms: TimestampMs, last_contained_log_timestamp: TimestampMs) -> io::Result<BatchBuilder> {
    let mut batch = BatchBuilder::new().control();
    let record = SnapshotHeaderRecord { version: CONTROL_VERSION, last_contained_log_timestamp };
    push_control(&mut batch, now_ms, ControlType::SnapshotHeader, |writer| {
        record.encode(writer, CONTROL_VERSION)
    })?;
    Ok(batch)
}

fn bootstrap_checkpoint(plan: &FormatPlan<'_>) -> io::Result<Vec<u8>> {
    let mut checkpoint = Checkpoint::default();
    checkpoint.push(header(plan.now_ms, 0)?, 1);
    let mut batch = BatchBuilder::new();
    let mut writer = Writer::new();
    for record in plan.features {
        writer.truncate(0);
        record.encode_into(&mut writer).map_err(|error| invalid(error.to_string()))?;
        batch.push(plan.now_ms, None, Some(writer.as_slice()), &[]);
    }
    if !plan.features.is_empty() {
        checkpoint.push(batch, plan.features.len());
    }
    checkpoint.finish(plan.now_ms)
}

fn voters_checkpoint(voters: &[Voter], now_ms: TimestampMs) -> io::Result<Vec<u8>> {
    let mut batch = header(now_ms, now_ms)?;
    let version = KRaftVersionRecord { version: CONTROL_VERSION, kraft_version: membership::KRAFT_VERSION };
    push_control(&mut batch, now_ms, ControlType::KraftVersion, |writer| {
        version.encode(writer, CONTROL_VERSION)
    })?;
    let nodes: Vec<_> = voters.iter().map(|voter| (raft_id(voter.id), voter.node())).collect();
    let record = peers::to_record(nodes.iter().map(|(id, node)| (*id, node)));
    push_control(&mut batch, now_ms, ControlType::KraftVoters, |writer| {
        record.encode(writer, CONTROL_VERSION)
    })?;
    let mut checkpoint = Checkpoint::default();
    checkpoint.push(batch, 3);
    checkpoint.finish(now_ms)
}

/// The first records of the cluster's log: those of `bootstrap.checkpoint`, in one transaction where the release
/// knows transactions, or what a fresh cluster of this version begins with where there is no such file.
pub(crate) fn first_records(
    metadata_log_dir: &Path,
    min_insync_replicas: i32,
) -> io::Result<Vec<VersionedRecord>> {
    let bytes = match fs::read(metadata_log_dir.join(BOOTSTRAP_CHECKPOINT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(metadata::bootstrap_records(min_insync_replicas));
        }
        read => read?,
    };
    let formatted = snapshot::decode(&bytes, 0, 0)?.image;
    let version = formatted.metadata_version();
    if version == 0 {
        return Err(invalid(format!("{BOOTSTRAP_CHECKPOINT} names no metadata.version")));
    }
    let mut records = metadata::to_records(&formatted);
    // Beside the features, what this version adds: the transaction around them and, where leadership by eligible
    // replicas is on, the cluster's `min.insync.replicas`.
    let elects_eligible =
        formatted.features.get(ELIGIBLE_LEADER_REPLICAS_VERSION).is_some_and(|level| *level > 0);
    let mut own = metadata::bootstrap_records(min_insync_replicas);
    own.retain(|record| match record.record {
        MetadataRecord::Config(_) => elects_eligible,
        MetadataRecord::BeginTransaction(_) | MetadataRecord::EndTransaction(_) => {
            version >= TRANSACTIONS_LEVEL
        }
        _ => false,
    });
    let begins = own.first().is_some_and(|first| matches!(first.record, MetadataRecord::BeginTransaction(_)));
    let at = usize::from(begins);
    own.splice(at..at, records.drain(..));
    Ok(own)
}

/// The voters that the format of this metadata directory named; `None` where it named none.
pub fn initial_voters(metadata_log_dir: &Path) -> io::Result<Option<Vec<Voter>>> {
    let dir = metadata_log_dir.join(format!("{}-0", TopicName::CLUSTER_METADATA));
    let bytes = match fs::read(dir.join(snapshot::file_name(0, 0))) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let content = snapshot::decode(&bytes, 0, 0)?;
    let nodes = content.membership.nodes();
    let voters: Vec<Voter> = nodes.map(|(id, node)| Voter::from_node(*id, node)).collect();
    Ok(Some(voters).filter(|voters| !voters.is_empty()))
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(foreign) => write!(f, "{foreign}"),
            Self::Unwritable(dir, error) => write!(
                f,
                "Error while writing meta.properties file {}: {error}; check that the folder may be written and that the disk has space",
                dir.display()
            ),
            Self::NoRandomness => f.write_str("the system gives no random bytes, which a fresh id needs"),
        }
    }
}

impl std::error::Error for FormatError {}
