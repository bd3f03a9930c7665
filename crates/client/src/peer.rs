//! A server, and the connection to it where there is one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::address::HostPort;
use crate::backoff::Backoff;
use crate::cluster::LOGGER;
use crate::error::Error;
use crate::link::{Link, LinkOptions};

/// A server by name; what opens a connection keeps it for all that come later.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The broker's id; -1, -2 and so on for servers of `bootstrap.servers`.
    pub(crate) id: i32,
    pub(crate) address: HostPort,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    link: Option<Link>,
    /// Attempts in a row that failed.
    failures: u32,
    /// When the next attempt may be made.
    not_before: Option<Instant>,
}

/// How good a server is as one of several that would do: the least is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Connected,
    /// A broker that nothing is known against.
    Broker,
    /// The same of a server of `bootstrap.servers`.
    Seed,
    /// Not to be tried before that time is over.
    Waiting(Duration),
}

impl Peer {
    pub(crate) fn new(id: i32, address: HostPort) -> Arc<Peer> {
        Arc::new(Peer { id, address, state: Mutex::default() })
    }

    pub(crate) fn rank(&self) -> Rank {
        let untried = if self.id < 0 { Rank::Seed } else { Rank::Broker };
        // Locked is one that is being connected to.
        let Ok(state) = self.state.try_lock() else { return untried };
        match (&state.link, state.not_before) {
            (Some(link), _) if !link.is_closed() => Rank::Connected,
            (_, Some(time)) if time > Instant::now() => Rank::Waiting(time - Instant::now()),
            _ => untried,
        }
    }

    /// The open connection, or a new one, not before it may be tried again.
    pub(crate) async fn link(
        &self,
        options: &Arc<LinkOptions>,
        backoff: Backoff,
        client: &str,
    ) -> Result<Link, Error> {
        let mut state = self.state.lock().await;
        if let Some(link) = state.link.as_ref().filter(|link| !link.is_closed()) {
            return Ok(link.clone());
        }
        state.link = None;
        if let Some(time) = state.not_before {
            tokio::time::sleep_until(time).await;
        }
        let opened = self.open(options, client).await;
        match &opened {
            Ok(link) => *state = State { link: Some(link.clone()), ..State::default() },
            Err(_) => {
                state.failures = state.failures.saturating_add(1);
                state.not_before = Some(Instant::now() + backoff.after(state.failures));
            }
        }
        opened
    }

    /// Tries all addresses of the name, one after the other.
    async fn open(&self, options: &Arc<LinkOptions>, client: &str) -> Result<Link, Error> {
        let Peer { id, address, .. } = self;
        let resolved = address.resolve().await.map_err(|error| {
            tracing::warn!(target: LOGGER, "[{client}] Error connecting to node {address} (id: {id} rack: null): {error}");
            Error::Disconnected(format!("{address} cannot be resolved: {error}"))
        })?;
        let mut last = Error::Disconnected(format!("{address} has no address."));
        for found in resolved {
            match Link::open(found, options).await {
                Ok(link) => return Ok(link),
                Err(error) => {
                    let shown = address.shown(found);
                    tracing::warn!(target: LOGGER, "[{client}] Connection to node {id} ({shown}) could not be established. Node may not be available.");
                    last = error;
                }
            }
        }
        Err(last)
    }
}
