//! The listener of ZooKeeper clients, on a thread of its own: whatever they ask, the node's other work goes on.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use config::Loaded;
use metadata::Image;
use quorum::{Leadership, QuorumHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use zookeeper::Tree;
use zookeeper::server::Identity;

use crate::znodes::{Facts, ImageTree};

/// Least time between two trees, so that clients with many watches are not looked after at every record.
const TREE_INTERVAL: Duration = Duration::from_millis(20);
/// How often the leader is looked for, which may change without a record.
const LEADER_INTERVAL: Duration = Duration::from_millis(500);

/// Binds `zookeeper.shim.listener` where it is set and serves it until `stopping` turns true. A busy port is a warning
/// where the address follows from `compat.profile`, and an error where it was chosen.
pub async fn start(
    loaded: &Loaded,
    cluster_id: &str,
    quorum: &QuorumHandle,
    stopping: &watch::Receiver<bool>,
) -> Result<(), String> {
    let own = &loaded.broker.own;
    let Some(address) = &own.zookeeper_listener else { return Ok(()) };
    let listener = match TcpListener::bind(address.as_str()).await {
        Ok(listener) => listener,
        Err(error) if !own.zookeeper_listener_is_explicit => {
            tracing::warn!(
                %address, %error,
                "ZooKeeper clients are not served: the default address is taken; choose another with zookeeper.shim.listener"
            );
            return Ok(());
        }
        Err(error) => {
            return Err(format!(
                "cannot serve ZooKeeper clients on {address}: {error}; change zookeeper.shim.listener or free the port"
            ));
        }
    };
    let failed = |error: std::io::Error| format!("cannot serve ZooKeeper clients on {address}: {error}");
    let address = listener.local_addr().map_err(failed)?;
    let listener = listener.into_std().map_err(failed)?;
    let source = Source {
        images: quorum.images(),
        leadership: Box::new(quorum.leadership_watch()),
        facts: Arc::new(Facts {
            cluster_id: cluster_id.to_owned(),
            node_id: loaded.broker.node_id,
            started_ms: now_ms(),
        }),
    };
    let identity = Identity {
        version: format!("{}-naru-{}", zookeeper::ZOOKEEPER_VERSION, env!("CARGO_PKG_VERSION")),
        server_id: loaded.broker.node_id,
        cluster: cluster_id.to_owned(),
    };
    let stopping = stopping.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let serve = move || {
        runtime.block_on(async move {
            match TcpListener::from_std(listener) {
                Ok(listener) => serve(listener, source, identity, stopping).await,
                Err(error) => tracing::error!(%error, "ZooKeeper clients cannot be served"),
            }
        });
    };
    std::thread::Builder::new().name("zookeeper".to_owned()).spawn(serve).map_err(failed)?;
    tracing::info!("ZooKeeper clients may read at {address}");
    Ok(())
}

/// What trees are made of.
struct Source {
    images: watch::Receiver<Arc<Image>>,
    leadership: Box<dyn Fn() -> Leadership + Send>,
    facts: Arc<Facts>,
}

async fn serve(
    listener: TcpListener,
    mut source: Source,
    identity: Identity,
    stopping: watch::Receiver<bool>,
) {
    let (trees, watched) = watch::channel(source.tree());
    tokio::select! {
        () = zookeeper::server::serve(listener, watched, identity, stopping) => {}
        () = source.follow(&trees) => {}
    }
}

impl Source {
    fn tree(&mut self) -> Arc<dyn Tree> {
        Arc::new(ImageTree {
            image: Arc::clone(&self.images.borrow_and_update()),
            leadership: (self.leadership)(),
            facts: Arc::clone(&self.facts),
        })
    }

    /// Hands on every change until the quorum ends.
    async fn follow(mut self, trees: &watch::Sender<Arc<dyn Tree>>) {
        let mut led = (self.leadership)();
        loop {
            tokio::select! {
                changed = self.images.changed() => if changed.is_err() {
                    return;
                },
                () = tokio::time::sleep(LEADER_INTERVAL) => if (self.leadership)() == led {
                    continue;
                },
            }
            led = (self.leadership)();
            trees.send_replace(self.tree());
            tokio::time::sleep(TREE_INTERVAL).await;
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
