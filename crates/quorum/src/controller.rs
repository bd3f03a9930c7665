//! The active controller: one request after another, each decided on everything agreed before it.

use std::time::{Duration, Instant};

use metadata::decide::fencing::{elect_unclean, fence_expired};
use metadata::{
    BrokerSessions, ControllerRequest, ControllerResponse, DecisionContext, VersionedRecord, controller,
};
use model::{ErrorCode, NodeId};
use openraft::ServerState;
use openraft::error::{ClientWriteError, RaftError};
use protocol::Reader;
use protocol::messages::api_key::ApiKey;
use protocol::messages::{BrokerHeartbeatRequest, BrokerRegistrationRequest, BrokerRegistrationResponse};
use tokio::sync::{mpsc, oneshot, watch};

use crate::describe;
use crate::format;
use crate::log_store::LogStore;
use crate::peers::{node_id, raft_id};
use crate::quorum::{self, AskError, QuorumOptions, TICK, now_ms};
use crate::state_machine::StateMachine;
use crate::types::{Proposal, Raft};

/// Least time a decision may wait for a majority; several elections fit into it by default.
const PROPOSAL_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// Log and state of a node.
pub type Store = (LogStore, StateMachine);

/// A request and where its answer goes.
pub struct Call {
    pub request: ControllerRequest,
    pub reply: oneshot::Sender<Result<ControllerResponse, AskError>>,
}

/// Runs on the node's thread; decides while this node leads.
pub struct Controller {
    options: QuorumOptions,
    raft: Raft,
    machine: StateMachine,
    sessions: BrokerSessions,
    log: LogStore,
    stop: watch::Receiver<bool>,
    /// The term in which this node leads and has applied all of earlier terms.
    active_term: Option<u64>,
    last_snapshot: Instant,
    last_election: Instant,
}

impl Controller {
    pub fn new(options: QuorumOptions, raft: Raft, store: Store, stop: watch::Receiver<bool>) -> Controller {
        let (log, machine) = store;
        Controller {
            options,
            raft,
            machine,
            log,
            stop,
            sessions: BrokerSessions::default(),
            active_term: None,
            last_snapshot: Instant::now(),
            last_election: Instant::now(),
        }
    }

    /// Serves until it is told to stop or its log fails.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Call>) {
        let mut stop = self.stop.clone();
        let mut metrics = self.raft.server_metrics();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                changed = metrics.changed() => match changed {
                    Ok(()) => self.follow_leadership().await,
                    Err(_) => break,
                },
                call = requests.recv() => match call {
                    Some(call) => self.answer(call).await,
                    None => break,
                },
                _ = ticks.tick() => self.tick().await,
            }
        }
        self.options.network.leave(raft_id(self.options.node_id));
        if let Err(error) = self.raft.shutdown().await {
            tracing::error!(%error, "the metadata quorum did not stop in order");
        }
    }

    /// Becomes active once everything of earlier terms has been applied; begins a fresh cluster.
    async fn follow_leadership(&mut self) {
        let metrics = self.raft.metrics().borrow().clone();
        if metrics.state != ServerState::Leader {
            self.active_term = None;
            return;
        }
        if self.active_term == Some(metrics.current_term) {
            return;
        }
        let Some(last) = metrics.last_log_index else { return };
        // Without a majority this would wait for ever; the next tick tries again.
        let wait = self.raft.wait(Some(TICK));
        if wait.applied_index_at_least(Some(last), "the log of earlier terms").await.is_err() {
            return;
        }
        self.active_term = Some(metrics.current_term);
        let (image, _, _) = self.machine.current();
        self.sessions.restart(&image, now_ms());
        tracing::info!(epoch = metrics.current_term, "this node is the active controller");
        if image.metadata_version() > 0 {
            return;
        }
        let log_dir = &self.options.log_dir;
        match format::first_records(log_dir, self.options.min_insync_replicas) {
            Ok(records) => {
                if let Err(error) = self.propose(records).await {
                    tracing::error!(%error, "the first metadata records could not be written");
                }
            }
            Err(error) => {
                let dir = log_dir.display();
                tracing::error!(%error, "{dir}/bootstrap.checkpoint cannot be read; format the folder again");
            }
        }
    }

    async fn answer(&mut self, call: Call) {
        let Call { request, reply } = call;
        if self.active_term.is_none() {
            // Leadership may have come with the last entry applied, before its own event.
            self.follow_leadership().await;
        }
        let answer = match self.active_term {
            Some(_) if request.api_key == ApiKey::DescribeQuorum => self.describe(&request),
            Some(_) => self.decide(&request).await,
            None => Err(AskError::NotController(self.leader())),
        };
        // Whoever asked may have gone.
        let _ = reply.send(answer);
    }

    fn describe(&self, request: &ControllerRequest) -> Result<ControllerResponse, AskError> {
        let status = quorum::status(self.options.node_id, &self.raft, &self.log, &self.machine);
        let body = describe::answer(&request.body, request.api_version, &status, now_ms());
        Ok(ControllerResponse { body: body.map_err(AskError::Refused)?, ..ControllerResponse::default() })
    }

    fn leader(&self) -> Option<NodeId> {
        let leader = self.raft.metrics().borrow().current_leader;
        leader.map(node_id).filter(|leader| *leader != self.options.node_id)
    }

    async fn decide(&mut self, request: &ControllerRequest) -> Result<ControllerResponse, AskError> {
        let decided = self.with_context(|image, context| controller::handle(image, request, context));
        let decision = decided.map_err(AskError::Refused)?;
        if !decision.records.is_empty() {
            self.propose(decision.records).await?;
        }
        self.note_session(request, &decision.response);
        Ok(decision.response)
    }

    fn with_context<T>(&self, work: impl FnOnce(&metadata::Image, &DecisionContext<'_>) -> T) -> T {
        let (image, next_offset, _) = self.machine.current();
        let mut seed = [0; 8];
        // Without randomness ids would repeat: then the time has to do.
        let seed = match getrandom::fill(&mut seed) {
            Ok(()) => u64::from_le_bytes(seed),
            Err(_) => now_ms().unsigned_abs(),
        };
        let context = DecisionContext {
            now_ms: now_ms(),
            seed,
            next_offset,
            controller_id: self.options.node_id,
            cluster_id: &self.options.cluster_id,
            settings: &self.options.settings,
            sessions: &self.sessions,
        };
        work(&image, &context)
    }

    async fn propose(&mut self, records: Vec<VersionedRecord>) -> Result<(), AskError> {
        let elections = Duration::from_millis(self.options.election_timeout_ms.saturating_mul(4));
        let timeout = elections.max(PROPOSAL_TIMEOUT_MIN);
        let mut stop = self.stop.clone();
        let written = tokio::select! {
            written = self.raft.client_write(Proposal { records }) => written,
            _ = stop.wait_for(|stop| *stop) => return Err(AskError::Stopped),
            () = tokio::time::sleep(timeout) => {
                // It may still be agreed: decide nothing more until it is known.
                self.active_term = None;
                return Err(AskError::Undecided);
            }
        };
        match written {
            Ok(_) => {
                self.snapshot_if_due().await;
                Ok(())
            }
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                self.active_term = None;
                Err(AskError::NotController(forward.leader_id.map(node_id)))
            }
            Err(error) => {
                tracing::error!(%error, "the metadata log cannot be written");
                Err(AskError::Stopped)
            }
        }
    }

    /// A broker that registered or sent a heartbeat has been heard of.
    fn note_session(&mut self, request: &ControllerRequest, response: &ControllerResponse) {
        let mut body = Reader::new(&request.body);
        match request.api_key {
            ApiKey::BrokerRegistration => {
                let asked = BrokerRegistrationRequest::decode(&mut body, request.api_version);
                let answer =
                    BrokerRegistrationResponse::decode(&mut Reader::new(&response.body), request.api_version);
                let was_registered = answer.is_ok_and(|answer| answer.error_code == ErrorCode::NONE);
                if let Some(asked) = asked.ok().filter(|_| was_registered) {
                    self.sessions.touch(asked.broker_id, now_ms());
                }
            }
            ApiKey::BrokerHeartbeat => {
                if let Ok(asked) = BrokerHeartbeatRequest::decode(&mut body, request.api_version) {
                    let (image, _, _) = self.machine.current();
                    let known = image.brokers.get(&asked.broker_id);
                    if known.is_some_and(|broker| broker.epoch == asked.broker_epoch) {
                        self.sessions.touch(asked.broker_id, now_ms());
                    }
                }
            }
            _ => {}
        }
    }

    async fn tick(&mut self) {
        self.follow_leadership().await;
        if self.active_term.is_some() {
            loop {
                let records = self.with_context(fence_expired);
                if records.is_empty() || self.propose(records).await.is_err() {
                    break;
                }
            }
        }
        self.elect_if_due().await;
        self.snapshot_if_due().await;
    }

    /// Looks for leaders where `unclean.leader.election.enable` has made one possible since.
    async fn elect_if_due(&mut self) {
        let interval = Duration::from_millis(self.options.unclean_election_interval_ms);
        if self.active_term.is_none() || self.last_election.elapsed() < interval {
            return;
        }
        self.last_election = Instant::now();
        let records = self.with_context(elect_unclean);
        if !records.is_empty()
            && let Err(error) = self.propose(records).await
        {
            tracing::warn!(%error, "leaders that were found are not agreed");
        }
    }

    async fn snapshot_if_due(&mut self) {
        let triggers = self.options.snapshots;
        let bytes = self.machine.bytes_since_snapshot();
        let waited_ms = u64::try_from(self.last_snapshot.elapsed().as_millis()).unwrap_or(u64::MAX);
        let is_late = triggers.after_ms > 0 && waited_ms >= triggers.after_ms && bytes > 0;
        if bytes >= triggers.after_bytes || is_late {
            self.last_snapshot = Instant::now();
            if let Err(error) = self.raft.trigger().snapshot().await {
                tracing::error!(%error, "no snapshot of the metadata could be taken");
            }
        }
    }
}
