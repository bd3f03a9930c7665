//! What the broker knows of its listeners: their names, where clients are told to connect; and accepting there.

mod bind;
mod open;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use config::SecurityProtocol;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use transport::{ConnectionPermit, LimitReached};

use crate::broker::Broker;
use crate::cores::{Cores, NewConnection};

pub use bind::{Bound, bind, bind_all};
pub use open::{OpenListeners, Opened};

/// Pause after an accept that failed for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection waits for its place before that is worth a line.
const WAIT_UNTOLD: Duration = Duration::from_secs(1);
/// Connections of a listener that came too fast and are held until they are closed.
const REFUSED_HELD_MAX: usize = 256;
/// Between two lines that say the same of a listener.
const TOLD_EVERY: Duration = Duration::from_secs(60);

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
    let (mut failures, mut waits) = (Telling::default(), Telling::default());
    let refused = Refused::default();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => return Ok(()),
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if failures.is_due() {
                    tracing::warn!(
                        %error,
                        "a connection could not be accepted; where descriptors ran out, raise the limit (ulimit -n)"
                    );
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let address = peer.ip().to_canonical();
        let throttle_ms = broker.quotas.addresses.throttle_ms(address, broker.clock.steady_ms());
        if throttle_ms > 0 {
            refused.hold(stream, throttle_ms);
            continue;
        }
        let permit = tokio::select! {
            permit = admitted(&broker, &info, address, &mut waits) => permit,
            _ = closing.wait_for(|closing| *closing) => return Ok(()),
        };
        match (permit, stream.into_std()) {
            (Ok(permit), Ok(stream)) => {
                let (listener, closing) = (Arc::clone(&info), closing.clone());
                cores.assign(NewConnection { stream, listener, permit, closing });
            }
            (Err(limit), _) => tracing::info!(%peer, %limit, "a connection was refused"),
            // One connection is lost, and its listener goes on.
            (_, Err(error)) => tracing::warn!(%peer, %error, "a connection could not be taken over"),
        }
    }
}

/// Waits for a place within the limits; a wait that lasts is told now and then.
async fn admitted(
    broker: &Broker,
    info: &ListenerInfo,
    address: IpAddr,
    waits: &mut Telling,
) -> Result<ConnectionPermit, LimitReached> {
    let limits = &broker.connection_limits;
    let mut admitted = pin!(limits.admit_when_free(&info.name, address));
    loop {
        match tokio::time::timeout(WAIT_UNTOLD, admitted.as_mut()).await {
            Ok(outcome) => return outcome,
            Err(_) => {
                if let Some(limit) = limits.reached(&info.name, address).filter(|_| waits.is_due()) {
                    tracing::warn!(listener = info.name, %limit, "new connections wait until others have gone");
                }
            }
        }
    }
}

/// Connections that came too fast. They are closed once their address may come again, so that a client that tries at once
/// is held back, too (KIP-612).
#[derive(Default)]
struct Refused(Arc<AtomicUsize>);

impl Refused {
    fn hold(&self, stream: TcpStream, throttle_ms: i32) {
        // Each takes a descriptor that serves nobody.
        if self.0.load(Ordering::Relaxed) >= REFUSED_HELD_MAX {
            return;
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        let held = Arc::clone(&self.0);
        let wait = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or_default());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            drop(stream);
            held.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// When a line was last written that may come again and again.
#[derive(Default)]
struct Telling(Option<Instant>);

impl Telling {
    fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= TOLD_EVERY);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}
