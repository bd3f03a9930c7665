//! A node's part in the quorum: its options, its start, and the handle others hold.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use metadata::{ControllerError, ControllerRequest, ControllerResponse, Image, StaticSettings};
use model::{NodeId, TopicName, Uuid};
use openraft::{Config, SnapshotPolicy};
use partition_log::LogHome;
use tokio::sync::{mpsc, oneshot, watch};

use crate::controller::{Call, Controller};
use crate::log_store::{LogOptions, LogStore};
use crate::network::InProcessNetwork;
use crate::peers::{Voter, node_id, raft_id};
use crate::snapshot;
use crate::state_machine::StateMachine;
use crate::types::Raft;

/// Requests that may wait for the controller; more wait in their senders.
const REQUESTS_MAX: usize = 1024;

/// What a node needs to take part.
#[derive(Clone)]
pub struct QuorumOptions {
    /// Its `node.id`.
    pub node_id: NodeId,
    /// Id of the directory that holds the metadata log.
    pub directory_id: Uuid,
    /// Id of the cluster, which registrations must name.
    pub cluster_id: String,
    /// The log directory; the log goes to `__cluster_metadata-0` in it.
    pub log_dir: PathBuf,
    /// What the logs in that directory share.
    pub home: Arc<LogHome>,
    /// Every voter, this node included; only a fresh quorum reads it.
    pub voters: Vec<Voter>,
    /// Static settings that decisions read.
    pub settings: StaticSettings,
    /// When snapshots are taken.
    pub snapshots: SnapshotTriggers,
    /// `controller.quorum.election.timeout.ms`; a lone voter never waits for it.
    pub election_timeout_ms: u64,
    /// `unclean.leader.election.interval.ms`.
    pub unclean_election_interval_ms: u64,
    /// `metadata.log.segment.bytes`.
    pub segment_bytes: u64,
    /// `metadata.log.segment.ms`.
    pub segment_ms: i64,
    /// Cluster-wide `min.insync.replicas` that a fresh cluster begins with.
    pub min_insync_replicas: i32,
    /// The way to the other voters.
    pub network: InProcessNetwork,
}

/// When a snapshot is taken; whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotTriggers {
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub after_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 for never.
    pub after_ms: u64,
}

/// A running node of the quorum. Dropping the handle stops it.
pub struct Quorum;

/// What others see of a running node.
pub struct QuorumHandle {
    id: NodeId,
    requests: mpsc::Sender<Call>,
    raft: Raft,
    log: LogStore,
    machine: StateMachine,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Why a node cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The metadata log or a snapshot cannot be read or written.
    Storage(PathBuf, io::Error),
    /// The Raft library or its thread could not start.
    Engine(String),
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// Another node decides; its id, where known.
    NotController(Option<NodeId>),
    /// The request itself cannot be answered.
    Refused(ControllerError),
    /// No majority agreed in time; what was asked may still happen.
    Undecided,
    /// The node has stopped, or its log cannot be written any more.
    Stopped,
}

/// The state of the quorum as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumStatus {
    /// The leader; `None` during an election.
    pub leader_id: Option<NodeId>,
    /// Its epoch.
    pub leader_epoch: i32,
    /// Offset up to which everything is agreed.
    pub high_watermark: i64,
    /// Voters; log end offsets of others are known to the leader only (else -1).
    pub voters: Vec<ReplicaStatus>,
    /// Nodes that follow without voting.
    pub observers: Vec<ReplicaStatus>,
}

/// Who leads the quorum, as this node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// The leader; `None` during an election.
    pub leader_id: Option<NodeId>,
    /// Its epoch.
    pub leader_epoch: i32,
    /// How many vote.
    pub voters: usize,
}

/// One replica of the metadata log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Who and where.
    pub voter: Voter,
    /// Offset after its last record, -1 where unknown.
    pub log_end_offset: i64,
}

impl Quorum {
    /// Opens the log and starts the node on a thread of its own; returns once it takes part. A node of a fresh
    /// quorum of one is its controller a few disk writes later.
    pub fn start(options: QuorumOptions) -> Result<QuorumHandle, StartError> {
        let dir = options.log_dir.join(format!("{}-0", TopicName::CLUSTER_METADATA));
        let (log, machine) = open(&options, &dir).map_err(|error| StartError::Storage(dir, error))?;
        let (requests, received) = mpsc::channel(REQUESTS_MAX);
        let (stop, stopped) = watch::channel(false);
        let (started, has_started) = std::sync::mpsc::channel();
        let parts = (log.clone(), machine.clone());
        let id = options.node_id;
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = started.send(Err(error.to_string()));
                    return;
                }
            };
            runtime.block_on(async move {
                let (log, machine) = parts;
                match start_raft(&options, log.clone(), machine.clone()).await {
                    Ok(raft) => {
                        let _ = started.send(Ok(raft.clone()));
                        Controller::new(options, raft, (log, machine), stopped).run(received).await;
                    }
                    Err(error) => _ = started.send(Err(error)),
                }
            });
        };
        let thread = std::thread::Builder::new().name("quorum".to_owned()).spawn(run);
        let thread = thread.map_err(|error| StartError::Engine(error.to_string()))?;
        let raft = match has_started.recv() {
            Ok(Ok(raft)) => raft,
            Ok(Err(error)) => return Err(StartError::Engine(error)),
            Err(_) => return Err(StartError::Engine("the quorum's thread ended".to_owned())),
        };
        Ok(QuorumHandle { id, requests, raft, log, machine, stop, thread: Some(thread) })
    }
}

fn open(options: &QuorumOptions, dir: &std::path::Path) -> io::Result<(LogStore, StateMachine)> {
    std::fs::create_dir_all(dir)?;
    let partition_metadata = dir.join("partition.metadata");
    if !partition_metadata.exists() {
        std::fs::write(partition_metadata, format!("version: 0\ntopic_id: {}", Uuid::ONE))?;
    }
    let mut newest = snapshot::newest(dir)?;
    let begin = newest.as_ref().map(|(content, _)| (content.last, content.end_offset));
    let voters = match &newest {
        Some((content, _)) => content.membership.voter_ids().map(node_id).collect(),
        None => Vec::new(),
    };
    let log_options = LogOptions {
        node_id: raft_id(options.node_id),
        directory_id: options.directory_id,
        segment_bytes: options.segment_bytes,
        segment_ms: options.segment_ms,
        clock: now_ms,
        allows_gaps: false,
    };
    let log = LogStore::open(&options.home, dir, log_options, begin, voters)?;
    if let Some((content, _)) = newest.as_mut().filter(|(content, _)| content.is_foreign) {
        content.last = log.entry_ending_at(content.end_offset).unwrap_or(content.last);
    }
    let machine = StateMachine::open(dir, newest, log.clone(), now_ms);
    Ok((log, machine))
}

async fn start_raft(options: &QuorumOptions, log: LogStore, machine: StateMachine) -> Result<Raft, String> {
    let election = options.election_timeout_ms.max(50);
    let config = Config {
        cluster_name: options.cluster_id.clone(),
        heartbeat_interval: (election / 10).max(10),
        election_timeout_min: election,
        election_timeout_max: election * 2,
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        ..Config::default()
    };
    let config = Arc::new(config.validate().map_err(|error| error.to_string())?);
    let id = raft_id(options.node_id);
    let network = options.network.clone();
    let raft =
        Raft::new(id, config, network.clone(), log, machine).await.map_err(|error| error.to_string())?;
    network.join(id, raft.clone());
    if !raft.is_initialized().await.map_err(|error| error.to_string())? {
        let members: std::collections::BTreeMap<_, _> =
            options.voters.iter().map(|voter| (raft_id(voter.id), voter.node())).collect();
        // Every voter of a fresh quorum begins with the same members, so it does not matter who is first.
        if let Err(error) = raft.initialize(members).await {
            tracing::debug!(%error, "another voter has begun the quorum");
        }
    }
    Ok(raft)
}

pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl QuorumHandle {
    /// Asks the controller; answered once what it decided is agreed and applied here.
    pub async fn ask(&self, request: ControllerRequest) -> Result<ControllerResponse, AskError> {
        self.asker().ask(request).await
    }

    /// A cheap handle that can only ask.
    pub fn asker(&self) -> Asker {
        Asker { requests: self.requests.clone() }
    }

    /// Every agreed image; the current one at once.
    pub fn images(&self) -> watch::Receiver<Arc<Image>> {
        self.machine.images()
    }

    /// The quorum as this node sees it.
    pub fn status(&self) -> QuorumStatus {
        status(self.id, &self.raft, &self.log, &self.machine)
    }

    /// Why the node can no longer take part, for example a log that cannot be written; `None` while it can.
    pub fn failure(&self) -> Option<String> {
        self.failure_watch()()
    }

    /// Tells [`QuorumHandle::failure`] afresh at each call, for whoever reports health and does not hold the node.
    pub fn failure_watch(&self) -> impl Fn() -> Option<String> + Send + Sync + 'static {
        let (metrics, requests) = (self.raft.metrics(), self.requests.clone());
        move || {
            let failure = metrics.borrow().running_state.as_ref().err().map(ToString::to_string);
            failure.or_else(|| requests.is_closed().then(|| "the quorum's thread has ended".to_owned()))
        }
    }

    /// Tells who leads afresh at each call, for whoever shows that and does not hold the node.
    pub fn leadership_watch(&self) -> impl Fn() -> Leadership + Send + Sync + 'static {
        let metrics = self.raft.metrics();
        move || {
            let metrics = metrics.borrow();
            Leadership {
                leader_id: metrics.current_leader.map(node_id),
                leader_epoch: crate::types::epoch_of(metrics.current_term),
                voters: metrics.membership_config.membership().voter_ids().count(),
            }
        }
    }

    /// Stops the node; everything agreed is on disk already.
    pub fn shutdown(mut self) {
        self.stop_and_join();
    }

    fn stop_and_join(&mut self) {
        self.stop.send_replace(true);
        self.log.room().end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
            if let Err(error) = self.log.close() {
                tracing::warn!(%error, "the metadata log was not closed; the next start checks its last segment");
            }
        }
    }
}

impl Drop for QuorumHandle {
    fn drop(&mut self) {
        self.stop_and_join();
    }
}

/// Asks the controller; clones are cheap.
#[derive(Clone)]
pub struct Asker {
    requests: mpsc::Sender<Call>,
}

impl Asker {
    /// Asks the controller; answered once what it decided is agreed and applied here.
    pub async fn ask(&self, request: ControllerRequest) -> Result<ControllerResponse, AskError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Call { request, reply }).await.map_err(|_| AskError::Stopped)?;
        answer.await.unwrap_or(Err(AskError::Stopped))
    }
}

pub(crate) fn status(id: NodeId, raft: &Raft, log: &LogStore, machine: &StateMachine) -> QuorumStatus {
    let metrics = raft.metrics().borrow().clone();
    let (_, high_watermark, _) = machine.current();
    let membership = metrics.membership_config.membership();
    let replica = |(raft_id, node): (&u64, &crate::peers::VoterNode)| {
        let voter = Voter::from_node(*raft_id, node);
        let matched =
            metrics.replication.as_ref().and_then(|replication| replication.get(raft_id)).copied().flatten();
        let log_end_offset = match matched {
            _ if voter.id == id => log.end_offset(),
            Some(matched) => log.position_of(matched.index).map_or(-1, |position| position.next_offset),
            None => -1,
        };
        ReplicaStatus { voter, log_end_offset }
    };
    let is_voter: std::collections::BTreeSet<u64> = membership.voter_ids().collect();
    let (voters, observers): (Vec<_>, Vec<_>) = membership.nodes().partition(|(id, _)| is_voter.contains(id));
    QuorumStatus {
        leader_id: metrics.current_leader.map(node_id),
        leader_epoch: crate::types::epoch_of(metrics.current_term),
        high_watermark,
        voters: voters.into_iter().map(replica).collect(),
        observers: observers.into_iter().map(replica).collect(),
    }
}

/// Time between looks at sessions and snapshots.
pub(crate) const TICK: Duration = Duration::from_millis(500);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(dir, error) => write!(
                f,
                "the metadata log in {} cannot be opened: {error}; check the disk, or restore the folder from another voter",
                dir.display()
            ),
            Self::Engine(error) => write!(f, "the metadata quorum cannot start: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotController(Some(leader)) => write!(f, "node {leader} is the controller"),
            Self::NotController(None) => f.write_str("there is no controller now"),
            Self::Refused(error) => write!(f, "{error}"),
            Self::Undecided => {
                f.write_str("no majority of voters agreed in time; what was asked may still happen")
            }
            Self::Stopped => f.write_str("the metadata quorum has stopped on this node"),
        }
    }
}

impl std::error::Error for AskError {}
