//! What the broker knows of its listeners: their names, where clients are told to connect; and accepting there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use config::SecurityProtocol;
use tokio::net::TcpListener;
use tokio::sync::watch;
use transport::{LimitReached, Listener};

use crate::broker::Broker;
use crate::cores::{Cores, NewConnection};

/// Pause after an accept that failed for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One listener of the broker.
#[derive(Debug, Clone)]
pub struct ListenerInfo {
    /// Its name, by which advertised addresses are found.
    pub name: String,
    /// How its bytes are protected.
    pub security_protocol: SecurityProtocol,
    /// Host that clients of this listener are told to connect to.
    pub advertised_host: String,
    /// Port that clients of this listener are told to connect to.
    pub advertised_port: u16,
}

/// Accepts connections and hands them to the cores until the broker stops.
pub async fn accept(
    listener: Listener,
    info: Arc<ListenerInfo>,
    broker: Arc<Broker>,
    cores: Arc<Cores>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let socket = TcpListener::from_std(listener.into_socket())?;
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
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
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
        };
        match permit {
            Ok(permit) => {
                let stream = stream.into_std()?;
                cores.assign(NewConnection { stream, listener: Arc::clone(&info), permit });
            }
            Err(limit @ (LimitReached::PerAddress | LimitReached::Total)) => {
                tracing::info!(%peer, %limit, "a connection was refused");
            }
        }
    }
}
