//! The servers of a cluster: who they are, a connection to each that is needed, and requests that are repeated until they
//! are answered or their time is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use config::ClientSettings;
use model::ErrorCode;
use protocol::messages::{MetadataRequest, MetadataResponse};
use protocol::{Message, Request, VersionRange};
use tokio::time::Instant;
use transport::DialOptions;

use crate::address::HostPort;
use crate::backoff::{Backoff, random_fraction};
use crate::brokers::{Brokers, Connections, Node, Use};
use crate::coordinators::CoordinatorKind;
use crate::error::{Error, passes};
use crate::link::Link;
use crate::link::LinkOptions;
use crate::peer::Peer;
use crate::recovery::{Recovery, Silence};
use crate::versions::ServerVersions;

/// Largest answer taken, in bytes: as large as a frame can be, as Kafka's clients take it.
const ANSWER_BYTES_MAX: usize = i32::MAX as usize;
/// Where log lines about connections and topics come from, as Kafka's clients name it.
pub(crate) const LOGGER: &str = "org.apache.kafka.clients.NetworkClient";

/// Every version that both sides have.
pub(crate) const ANY_VERSION: VersionRange = VersionRange::new(0, i16::MAX);

/// Who is to answer a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'k> {
    /// Any server of the cluster.
    Any,
    /// The broker that speaks for the controller.
    Controller,
    /// The broker of that id.
    Node(i32),
    /// The broker that coordinates a group or a transactional id, asked over a connection of its own: a server answers a
    /// connection in order, and a heartbeat must not wait behind a fetch that waits for records.
    Coordinator(CoordinatorKind, &'k str),
}

/// Until when a call may take, and what it is called where that is not enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) call: &'static str,
    pub(crate) at: Instant,
}

/// The cluster as one client sees it. Clones share connections and what is known.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// As log lines name the client: `AdminClient clientId=adminclient-1`.
    name: String,
    link: Arc<LinkOptions>,
    reconnect: Backoff,
    retry: Backoff,
    recovery: Recovery,
    /// The servers of `bootstrap.servers`, with the ids -1, -2 and so on.
    seeds: Vec<Arc<Peer>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    brokers: Arc<Brokers>,
    peers: BTreeMap<i32, Connections>,
    /// The broker that coordinates each group and transactional id, as far as it was asked for.
    coordinators: BTreeMap<(CoordinatorKind, String), i32>,
    silence: Silence,
}

impl Known {
    /// As if nobody had told of any yet.
    fn forget_brokers(&mut self) {
        *self = Known::default();
    }
}

impl Cluster {
    /// A cluster of which only the servers of `bootstrap.servers` are known; nothing is sent yet.
    pub(crate) fn new(settings: &ClientSettings, client_id: &str, name: String) -> Result<Cluster, Error> {
        let servers = HostPort::parse_all(&settings.list("bootstrap.servers"), "bootstrap.servers")?;
        if servers.is_empty() {
            return Err(Error::Invalid("No resolvable bootstrap urls given in bootstrap.servers".to_owned()));
        }
        let protocol = settings.text("security.protocol").unwrap_or_default();
        if !protocol.eq_ignore_ascii_case("PLAINTEXT") {
            return Err(Error::Unsupported(format!(
                "security.protocol={protocol} is not there yet, only PLAINTEXT is"
            )));
        }
        let buffer = |key| u32::try_from(settings.integer(key)).ok();
        let link = LinkOptions {
            dial: DialOptions {
                setup_timeout: settings.millis("socket.connection.setup.timeout.ms"),
                receive_buffer: buffer("receive.buffer.bytes"),
                send_buffer: buffer("send.buffer.bytes"),
                frame_size_max: ANSWER_BYTES_MAX,
            },
            client_id: client_id.into(),
            request_timeout: settings.millis("request.timeout.ms"),
            idle_max: settings.millis("connections.max.idle.ms"),
        };
        let backoff = |first, greatest| Backoff::new(settings.millis(first), settings.millis(greatest));
        let seeds = (1..).zip(servers).map(|(number, address)| Peer::new(-number, address)).collect();
        let shared = Shared {
            name,
            link: Arc::new(link),
            reconnect: backoff("reconnect.backoff.ms", "reconnect.backoff.max.ms"),
            retry: backoff("retry.backoff.ms", "retry.backoff.max.ms"),
            recovery: Recovery::of(settings),
            seeds,
            known: Mutex::default(),
        };
        Ok(Cluster { shared: Arc::new(shared) })
    }

    /// The brokers that the cluster last told of.
    pub(crate) fn brokers(&self) -> Arc<Brokers> {
        Arc::clone(&self.known().brokers)
    }

    /// As log lines name the client.
    pub(crate) fn name(&self) -> &str {
        &self.shared.name
    }

    /// Asks for the brokers anew.
    pub(crate) async fn refresh(&self, deadline: Deadline) -> Result<Arc<Brokers>, Error> {
        let no_topics = MetadataRequest { topics: Some(Vec::new()), ..MetadataRequest::default() };
        self.ask(deadline, Target::Any, &no_topics, |metadata| self.learn(&metadata)).await
    }

    /// Sends a request until it is answered, or the time is over. `read` takes what is wanted out of the answer; where its
    /// error only says that somebody else has to be asked, or later, the request is sent again.
    pub(crate) async fn ask<'q, R, T>(
        &self,
        deadline: Deadline,
        target: Target<'_>,
        request: &R,
        read: impl FnMut(R::Response<'_>) -> Result<T, Error>,
    ) -> Result<T, Error>
    where
        R: Request + Message<'q>,
    {
        self.ask_in(ANY_VERSION, deadline, target, request, read).await
    }

    /// The same, in a version within `wanted`.
    pub(crate) async fn ask_in<'q, R, T>(
        &self,
        wanted: VersionRange,
        deadline: Deadline,
        target: Target<'_>,
        request: &R,
        mut read: impl FnMut(R::Response<'_>) -> Result<T, Error>,
    ) -> Result<T, Error>
    where
        R: Request + Message<'q>,
    {
        let mut failures = 0;
        let mut assigned = false;
        loop {
            let attempt = self.try_once(wanted, target, deadline, request, &mut read, &mut assigned);
            let error = match tokio::time::timeout_at(deadline.at, attempt).await {
                Ok(Ok(outcome)) => return Ok(outcome),
                Ok(Err(error)) if passes(&error) => error,
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(deadline.over(assigned, failures)),
            };
            failures += 1;
            tracing::debug!(target: LOGGER, "[{}] {} failed: {error}", self.shared.name, deadline.call);
            if matches!(error.code(), Some(ErrorCode::NOT_CONTROLLER)) {
                self.known().brokers = Arc::default();
            }
            match target {
                Target::Coordinator(kind, key) => self.forget_coordinator(kind, key, &error),
                Target::Any => self.known().silence.goes_on(),
                Target::Node(_) | Target::Controller => {}
            }
            let wait = self.shared.retry.after(failures);
            if tokio::time::timeout_at(deadline.at, tokio::time::sleep(wait)).await.is_err() {
                return Err(deadline.over(assigned, failures));
            }
        }
    }

    /// The same, once: for those that find out elsewhere whom to ask next.
    pub(crate) async fn ask_once<'q, R, T>(
        &self,
        wanted: VersionRange,
        deadline: Deadline,
        target: Target<'_>,
        request: &R,
        read: &mut impl FnMut(R::Response<'_>) -> Result<T, Error>,
    ) -> Result<T, Error>
    where
        R: Request + Message<'q>,
    {
        let mut assigned = false;
        let attempt = self.try_once(wanted, target, deadline, request, read, &mut assigned);
        let outcome = tokio::time::timeout_at(deadline.at, attempt).await;
        outcome.unwrap_or_else(|_| Err(deadline.over(assigned, 1)))
    }

    /// Waits before an attempt after so many in a row that failed.
    pub(crate) async fn back_off(&self, failures: u32, deadline: Deadline) -> Result<(), Error> {
        let wait = self.shared.retry.after(failures);
        let waited = tokio::time::timeout_at(deadline.at, tokio::time::sleep(wait)).await;
        waited.map_err(|_| deadline.over(true, failures))
    }

    async fn try_once<'q, R, T>(
        &self,
        wanted: VersionRange,
        target: Target<'_>,
        deadline: Deadline,
        request: &R,
        read: &mut impl FnMut(R::Response<'_>) -> Result<T, Error>,
        assigned: &mut bool,
    ) -> Result<T, Error>
    where
        R: Request + Message<'q>,
    {
        let link = self.link(target, deadline).await?;
        *assigned = true;
        read(link.call(request, wanted).await?.decode()?)
    }

    /// What the server that answers for a target said of itself.
    pub(crate) async fn versions(
        &self,
        target: Target<'_>,
        deadline: Deadline,
    ) -> Result<Arc<ServerVersions>, Error> {
        let mut failures = 0;
        loop {
            match tokio::time::timeout_at(deadline.at, self.link(target, deadline)).await {
                Ok(Ok(link)) => return Ok(Arc::clone(link.versions())),
                Ok(Err(error)) if error.is_retriable() => failures += 1,
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(deadline.over(false, failures)),
            }
        }
    }

    /// An open connection to who is to answer, for those that send by themselves.
    pub(crate) async fn connection(&self, target: Target<'_>, deadline: Deadline) -> Result<Link, Error> {
        self.link(target, deadline).await
    }

    /// An open connection to who is to answer.
    async fn link(&self, target: Target<'_>, deadline: Deadline) -> Result<Link, Error> {
        let peer = match target {
            Target::Any => self.any_peer()?,
            Target::Node(id) => self.peer(id, Use::Usual, deadline).await?,
            Target::Controller => {
                let controller = self.known().brokers.controller_id;
                let controller = match controller {
                    Some(id) => Some(id),
                    None => Box::pin(self.refresh(deadline)).await?.controller_id,
                };
                match controller {
                    Some(id) => self.peer(id, Use::Usual, deadline).await?,
                    // A cluster that has no controller at the moment.
                    None => self.any_peer()?,
                }
            }
            Target::Coordinator(kind, key) => {
                let coordinator = self.known_coordinator(key, kind, deadline).await?;
                self.peer(coordinator, Use::Coordination, deadline).await?
            }
        };
        let Shared { link, reconnect, name, .. } = &*self.shared;
        peer.link(link, *reconnect, name).await
    }

    /// The broker that coordinates a key; the cluster is asked where it is not known.
    pub(crate) async fn known_coordinator(
        &self,
        key: &str,
        kind: CoordinatorKind,
        deadline: Deadline,
    ) -> Result<i32, Error> {
        let place = (kind, key.to_owned());
        let known = self.known().coordinators.get(&place).copied();
        if let Some(id) = known {
            return Ok(id);
        }
        let id = Box::pin(self.coordinator(key, kind, deadline)).await?;
        self.known().coordinators.insert(place, id);
        Ok(id)
    }

    /// The broker of an id; the cluster is asked where it is not known.
    async fn peer(&self, id: i32, what: Use, deadline: Deadline) -> Result<Arc<Peer>, Error> {
        let known = || self.known().peers.get(&id).map(|connections| connections.of(what));
        if let Some(peer) = known() {
            return Ok(peer);
        }
        Box::pin(self.refresh(deadline)).await?;
        known().ok_or_else(|| Error::Disconnected(format!("There is no node {id} in the cluster.")))
    }

    /// A server that is connected; else one that may be tried at once, those of `bootstrap.servers` last; else the one
    /// that may be tried next.
    fn any_peer(&self) -> Result<Arc<Peer>, Error> {
        let Shared { recovery, seeds, .. } = &*self.shared;
        let mut known = self.known();
        if recovery.is_due(&known.silence) {
            known.forget_brokers();
        }
        let seeds = if known.peers.is_empty() || recovery.may_rebootstrap() { &seeds[..] } else { &[] };
        let brokers = known.peers.values().map(|connections| &connections.usual);
        let candidates: Vec<&Arc<Peer>> = brokers.chain(seeds).collect();
        let first = (random_fraction() * candidates.len() as f64) as usize;
        let from_first = candidates.iter().cycle().skip(first).take(candidates.len());
        let best = from_first.min_by_key(|peer| peer.rank());
        best.map(|peer| Arc::clone(peer)).ok_or(Error::Closed)
    }

    /// Takes note of the brokers that an answer tells of. A server that asks the client to begin anew has its way
    /// (KIP-1102).
    pub(crate) fn learn(&self, metadata: &MetadataResponse<'_>) -> Result<Arc<Brokers>, Error> {
        if metadata.error_code == ErrorCode::REBOOTSTRAP_REQUIRED && self.shared.recovery.may_rebootstrap() {
            self.known().forget_brokers();
        }
        Error::check(metadata.error_code, None)?;
        let mut nodes: Vec<Node> = metadata.brokers.iter().filter_map(Node::of).collect();
        nodes.sort_by_key(|node| node.id);
        let mut known = self.known();
        known.silence.ends();
        known
            .peers
            .retain(|id, of| nodes.iter().any(|node| node.id == *id && node.address == of.usual.address));
        for node in &nodes {
            known.peers.entry(node.id).or_insert_with(|| Connections::to(node));
        }
        known.brokers = Arc::new(Brokers {
            nodes,
            controller_id: Some(metadata.controller_id).filter(|id| *id >= 0),
            cluster_id: metadata.cluster_id.as_deref().map(str::to_owned),
        });
        Ok(Arc::clone(&known.brokers))
    }

    /// After an error that says that another broker coordinates a key, or that this one is not there.
    pub(crate) fn forget_coordinator(&self, kind: CoordinatorKind, key: &str, error: &Error) {
        let codes = [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_NOT_AVAILABLE];
        let is_moved = error.code().is_some_and(|code| codes.contains(&code));
        if is_moved || matches!(error, Error::Disconnected(_)) {
            self.known().coordinators.remove(&(kind, key.to_owned()));
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // What is known is replaced as a whole: a panic elsewhere leaves it usable.
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deadline {
    /// In that time from now.
    pub(crate) fn after(call: &'static str, time: std::time::Duration) -> Deadline {
        Deadline { call, at: Instant::now() + time }
    }

    /// The error of a call that came to its deadline, before or after a server for it was found.
    fn over(self, assigned: bool, attempts: u32) -> Error {
        let call = self.call;
        Error::Timeout(if assigned {
            format!("Call(callName={call}, tries={attempts}) timed out after {attempts} attempt(s)")
        } else {
            format!("Timed out waiting for a node assignment. Call: {call}")
        })
    }
}

#[cfg(test)]
mod tests;
