//! The server: takes clients in, within bounds, and carries packets between their sockets and conversations.

mod connection;
mod frames;

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::limits::ZOOKEEPER_CONNECTIONS_MAX;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::sessions::{Sessions, TIMEOUT_MS_MAX, TIMEOUT_MS_MIN};
use crate::traffic::Traffic;
use crate::tree::Tree;
use crate::words::{ClientFacts, Facts, Settings};

/// Pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The tree as it is now, and every one after it.
pub type Trees = watch::Receiver<Arc<dyn Tree>>;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The version that the four-letter words name; begins with a release of ZooKeeper, which clients read off it.
    pub version: String,
    /// Its id among the servers of the cluster.
    pub server_id: i32,
    /// What is the same for all servers between which clients may take their sessions, and another for all others.
    pub cluster: String,
}

/// What all connections share.
struct Shared {
    identity: Identity,
    port: u16,
    trees: Trees,
    sessions: Mutex<Sessions>,
    traffic: Arc<Traffic>,
    started: Instant,
    connections_max: usize,
}

/// Serves until `stopping` turns true.
pub async fn serve(listener: TcpListener, trees: Trees, identity: Identity, stopping: watch::Receiver<bool>) {
    serve_up_to(ZOOKEEPER_CONNECTIONS_MAX, listener, trees, identity, stopping).await;
}

/// As [`serve`], with another bound on connections.
pub async fn serve_up_to(
    connections_max: usize,
    listener: TcpListener,
    trees: Trees,
    identity: Identity,
    mut stopping: watch::Receiver<bool>,
) {
    let shared = Arc::new(Shared {
        sessions: Mutex::new(Sessions::new(identity.server_id, &identity.cluster)),
        identity,
        port: listener.local_addr().map_or(0, |address| address.port()),
        trees,
        traffic: Arc::default(),
        started: Instant::now(),
        connections_max,
    });
    let for_clients = stopping.clone();
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    tokio::select! {
        () = stopped => {}
        () = accept(&listener, &shared, &for_clients) => {}
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>, stopping: &watch::Receiver<bool>) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // One too many goes at once, as from ZooKeeper; its client tries another server.
                let Some(place) = shared.traffic.enter(address, shared.connections_max) else {
                    tracing::debug!(%address, "too many connections of ZooKeeper clients");
                    continue;
                };
                let (shared, mut stopping) = (Arc::clone(shared), stopping.clone());
                tokio::spawn(async move {
                    let stopped = async move {
                        let _ = stopping.wait_for(|stopping| *stopping).await;
                    };
                    tokio::select! {
                        () = stopped => {}
                        ended = connection::serve(stream, place, &shared) => if let Err(reason) = ended {
                            tracing::debug!(%address, %reason, "a connection of a ZooKeeper client ended");
                        }
                    }
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a ZooKeeper client could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Shared {
    /// What the four-letter words tell.
    fn facts(&self) -> Facts {
        use std::sync::atomic::Ordering::Relaxed;
        let tree = Arc::clone(&self.trees.borrow());
        let latency = self.traffic.latency();
        let clients = self.traffic.clients();
        let clients = clients.iter().map(|client| ClientFacts {
            address: client.address,
            packets: (client.received.load(Relaxed), client.sent.load(Relaxed)),
            watches: client.watches.load(Relaxed),
        });
        Facts {
            version: self.identity.version.clone(),
            role: tree.role(),
            zxid: tree.zxid(),
            size: tree.size(),
            clients: clients.collect(),
            packets: self.traffic.packets(),
            latency_ms: (latency.min_ms, latency.mean_ms(), latency.max_ms),
            sessions: self.sessions.lock().len(),
            uptime: self.started.elapsed(),
            settings: Settings {
                port: self.port,
                server_id: self.identity.server_id,
                connections_max: self.connections_max,
                session_timeout_ms: (TIMEOUT_MS_MIN, TIMEOUT_MS_MAX),
            },
        }
    }
}
