//! What the broker knows of its listeners: their names, where clients are told to connect; and accepting there.

mod bind;
mod open;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use config::SecurityProtocol;
use tokio::sync::{mpsc, watch};
use transport::LimitReached;

use crate::broker::Broker;
use crate::cores::{Cores, NewConnection};

pub use bind::{Bound, bind, bind_all};
pub use open::{OpenListeners, Opened};

/// Pause after an accept that failed for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One listener of the broker.
#[derive(Debug, Clone)]
pub struct ListenerInfo {
    /// Its name, by which advertised addresses are found.
    pub name: String,
    /// The address bound.
    pub address: SocketAddr,
    /// How its bytes are protected.
    pub security_protocol: SecurityProtocol,
    /// Host that clients of this listener are told to connect to.
    pub advertised_host: String,
    /// Port that clients of this listener are told to connect to.
    pub advertised_port: u16,
}

/// Accepts on the listeners that come out of `opened`, each until it is closed, all until the broker stops.
pub async fn serve(
    mut opened: mpsc::UnboundedReceiver<Opened>,
    broker: Arc<Broker>,
    cores: Arc<Cores>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut accepting = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            listener = opened.recv() => {
                let Some(listener) = listener else { break };
                accepting.spawn(accept(listener, Arc::clone(&broker), Arc::clone(&cores)));
            }
            Some(ended) = accepting.join_next() => {
                if let Ok(Err(error)) = ended {
                    tracing::error!(%error, "a listener ended");
                }
            }
            _ = stopping.wait_for(|stopping| *stopping) => break,
        }
    }
    broker.listeners.close_all();
    while accepting.join_next().await.is_some() {}
}

/// Accepts connections and hands them to the cores until the listener is closed.
async fn accept(opened: Opened, broker: Arc<Broker>, cores: Arc<Cores>) -> io::Result<()> {
    let (socket, info, mut closing) = opened.into_parts()?;
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => return Ok(()),
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(
                    %error,
                    "a connection could not be accepted; where descriptors ran out, raise the limit (ulimit -n)"
                );
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let permit = tokio::select! {
            permit = broker.connection_limits.admit_when_free(&info.name, peer.ip().to_canonical()) => permit,
            _ = closing.wait_for(|closing| *closing) => return Ok(()),
        };
        match permit {
            Ok(permit) => cores.assign(NewConnection {
                stream: stream.into_std()?,
                listener: Arc::clone(&info),
                permit,
                closing: closing.clone(),
            }),
            Err(limit @ (LimitReached::PerAddress | LimitReached::Total)) => {
                tracing::info!(%peer, %limit, "a connection was refused");
            }
        }
    }
}
