//! The listeners that are open: those of the start, and those that `listeners` adds or takes away later.

use std::io;
use std::sync::Arc;

use config::BrokerConfig;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::{Bound, ListenerInfo, bind};

/// The open listeners, and those the broker started with.
#[derive(Debug)]
pub struct OpenListeners {
    registered: Vec<Arc<ListenerInfo>>,
    open: Mutex<Vec<OpenListener>>,
    opened: mpsc::UnboundedSender<Opened>,
}

#[derive(Debug)]
struct OpenListener {
    info: Arc<ListenerInfo>,
    closing: watch::Sender<bool>,
}

/// A listener whose connections are to be accepted.
#[derive(Debug)]
pub struct Opened {
    bound: Bound,
    /// True once it and its connections are to be closed.
    closing: watch::Receiver<bool>,
}

impl OpenListeners {
    /// The listeners of the start, and where they and later ones come out for whoever accepts.
    pub fn new(bound: Vec<Bound>) -> (OpenListeners, mpsc::UnboundedReceiver<Opened>) {
        let (opened, receiver) = mpsc::unbounded_channel();
        let registered = bound.iter().map(|bound| Arc::clone(&bound.info)).collect();
        let listeners = OpenListeners { registered, open: Mutex::default(), opened };
        bound.into_iter().for_each(|bound| listeners.add(bound));
        (listeners, receiver)
    }

    /// Those the broker registers with. As in Kafka, a listener that is added later is not told to clients.
    pub fn registered(&self) -> &[Arc<ListenerInfo>] {
        &self.registered
    }

    /// Those that are open now, in the order they were opened.
    pub fn open(&self) -> Vec<Arc<ListenerInfo>> {
        self.open.lock().iter().map(|listener| Arc::clone(&listener.info)).collect()
    }

    /// Opens the listeners that `config` names and that are not open, and closes the others. One that is open under
    /// its name keeps its address until the broker starts again, as in Kafka. A name may have two sockets, one for
    /// each version of IP.
    pub fn follow(&self, config: &BrokerConfig) {
        let wanted = &config.listeners.bound;
        let open = self.open();
        self.open.lock().retain(|listener| {
            let name = &listener.info.name;
            let stays = wanted.iter().any(|wanted| wanted.name == *name);
            if !stays {
                tracing::info!(
                    listener = name,
                    "closing a listener with its connections: it left 'listeners'"
                );
                listener.closing.send_replace(true);
            }
            stays
        });
        for listener in wanted.iter().filter(|wanted| open.iter().all(|open| open.name != wanted.name)) {
            match bind(listener, config) {
                Ok(bound) => {
                    let (name, address) = (&listener.name, bound.info.address);
                    tracing::info!(listener = name, %address, "opened a listener: it came to 'listeners'");
                    self.add(bound);
                }
                Err(reason) => tracing::error!(listener = listener.name, reason, "a listener is not open"),
            }
        }
    }

    /// Closes every listener and its connections.
    pub fn close_all(&self) {
        for listener in self.open.lock().drain(..) {
            listener.closing.send_replace(true);
        }
    }

    fn add(&self, bound: Bound) {
        let (closing, when_closing) = watch::channel(false);
        self.open.lock().push(OpenListener { info: Arc::clone(&bound.info), closing });
        // Nobody accepts any more where the broker stops.
        let _ = self.opened.send(Opened { bound, closing: when_closing });
    }
}

impl Opened {
    /// The socket for the runtime that accepts, what clients are told, and when both end.
    pub(super) fn into_parts(
        self,
    ) -> io::Result<(tokio::net::TcpListener, Arc<ListenerInfo>, watch::Receiver<bool>)> {
        let socket = tokio::net::TcpListener::from_std(self.bound.listener.into_socket())?;
        Ok((socket, self.bound.info, self.closing))
    }
}
