//! One thread and one single-threaded runtime per core; a connection lives on one of them for its life.

use std::future::Future;
use std::net::TcpStream as StdTcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, watch};
use transport::{BufferPool, BulkRounds, Connection, ConnectionOptions, ConnectionPermit};

use crate::broker::{Broker, Core};
use crate::connection_loop;
use crate::coordinators;
use crate::listeners::ListenerInfo;

/// How often free buffers that nobody needed are given back to the system.
const TRIM_INTERVAL: Duration = Duration::from_secs(3);
/// How long a client may hold memory and stand still while others wait for it.
const STALL_MAX: Duration = Duration::from_secs(5);
/// Threads of a core that wait for the disk, so that the core does not: cold reads.
const SIDE_THREADS_MAX: usize = 4;
/// How long connections may take to send what is under way once the broker stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// A connection on its way to a core.
pub struct NewConnection {
    /// The accepted socket, non-blocking.
    pub stream: StdTcpStream,
    /// Where it was accepted.
    pub listener: Arc<ListenerInfo>,
    /// Its place within the connection limits.
    pub permit: ConnectionPermit,
    /// True once its listener and its connections are to be closed.
    pub closing: watch::Receiver<bool>,
}

/// The threads of the data path.
pub struct Cores {
    cores: Vec<CoreHandle>,
}

struct CoreHandle {
    sender: mpsc::UnboundedSender<NewConnection>,
    connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Cores {
    /// Starts one thread per counter set of the broker. They end after `stopping` turns true.
    pub fn start(broker: &Arc<Broker>, stopping: &watch::Receiver<bool>) -> std::io::Result<Cores> {
        Cores::start_around(broker, stopping, |run| run())
    }

    /// As [`Cores::start`] with all that a core's thread does inside of `around`, for whoever measures it.
    pub fn start_around(
        broker: &Arc<Broker>,
        stopping: &watch::Receiver<bool>,
        around: impl Fn(&mut dyn FnMut()) + Clone + Send + 'static,
    ) -> std::io::Result<Cores> {
        let count = broker.core_counters.len();
        let mut cores = Vec::with_capacity(count);
        for index in 0..count {
            let (sender, receiver) = mpsc::unbounded_channel();
            let connections = Arc::new(AtomicUsize::new(0));
            let parts = CoreParts {
                broker: Arc::clone(broker),
                index,
                receiver,
                connections: Arc::clone(&connections),
                stopping: stopping.clone(),
            };
            let around = around.clone();
            // The runtime stays on the thread that made it.
            let (built, is_built) = std::sync::mpsc::sync_channel(1);
            let run = move || {
                let runtime = match build_runtime() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(built.send(Err(error))),
                };
                drop(built.send(Ok(())));
                let mut parts = Some(parts);
                around(&mut || {
                    if let Some(parts) = parts.take() {
                        runtime.block_on(run_core(parts));
                    }
                });
            };
            let thread = std::thread::Builder::new().name(format!("core-{index}")).spawn(run)?;
            // Without a word the thread has panicked, which joining it tells.
            is_built.recv().unwrap_or(Ok(()))?;
            cores.push(CoreHandle { sender, connections, thread: Some(thread) });
        }
        Ok(Cores { cores })
    }

    /// Hands a connection to the core with the fewest.
    pub fn assign(&self, connection: NewConnection) {
        let least = self.cores.iter().min_by_key(|core| core.connections.load(Ordering::Relaxed));
        if let Some(core) = least {
            core.connections.fetch_add(1, Ordering::Relaxed);
            if core.sender.send(connection).is_err() {
                core.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits for the threads to end.
    pub fn join(mut self) {
        for core in &mut self.cores {
            if let Some(thread) = core.thread.take()
                && thread.join().is_err()
            {
                tracing::error!("a core's thread ended by a panic; its connections are lost");
            }
        }
    }
}

/// A runtime whose tasks are woken by its own sockets without a system call; a `LocalSet` is woken through the
/// runtime's event descriptor, which costs a write and one more wait for each sleep.
fn build_runtime() -> std::io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(SIDE_THREADS_MAX)
        .thread_name("cold-reads")
        .build_local(LocalOptions::default())
}

struct CoreParts {
    broker: Arc<Broker>,
    index: usize,
    receiver: mpsc::UnboundedReceiver<NewConnection>,
    connections: Arc<AtomicUsize>,
    stopping: watch::Receiver<bool>,
}

async fn run_core(mut parts: CoreParts) {
    let pool = Rc::new(BufferPool::new(parts.broker.options.pooled_bytes_per_core_max));
    let bulk = Rc::new(BulkRounds::default());
    let core = Rc::new(Core::new(Arc::clone(&parts.broker), parts.index));
    tokio::task::spawn_local(Arc::clone(&core.wakeups).deliver());
    tokio::task::spawn_local(coordinators::run(Arc::clone(&parts.broker), parts.index));
    let mut trim = tokio::time::interval(TRIM_INTERVAL);
    let mut stopping = parts.stopping.clone();
    loop {
        tokio::select! {
            accepted = parts.receiver.recv() => {
                let Some(accepted) = accepted else { break };
                let serve = serve(accepted, Rc::clone(&pool), Rc::clone(&bulk), Rc::clone(&core));
                tokio::task::spawn_local(counted(serve, Arc::clone(&parts.connections)));
            }
            _ = trim.tick() => pool.trim(),
            _ = stopping.wait_for(|stopping| *stopping) => break,
        }
    }
    let drained = async {
        while parts.connections.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let _ = tokio::time::timeout(DRAIN_MAX, drained).await;
}

async fn counted(serve: impl Future<Output = ()>, connections: Arc<AtomicUsize>) {
    /// Counts down also when the task is dropped.
    struct Place(Arc<AtomicUsize>);
    impl Drop for Place {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let _place = Place(connections);
    serve.await;
}

async fn serve(accepted: NewConnection, pool: Rc<BufferPool>, bulk: Rc<BulkRounds>, core: Rc<Core>) {
    let NewConnection { stream, listener, permit, closing } = accepted;
    let options = ConnectionOptions {
        frame_size_max: core.broker.options.request_bytes_max(),
        budget: Arc::clone(&core.broker.budget),
        stall_max: STALL_MAX,
        counters: Arc::clone(&core.counters().sockets),
    };
    let opened = tokio::net::TcpStream::from_std(stream)
        .and_then(|stream| Connection::new(stream, pool, bulk, options, permit));
    match opened {
        Ok(connection) => connection_loop::serve(connection, listener, core, closing).await,
        // The client has gone between accept and here.
        Err(error) => tracing::debug!(%error, "a connection could not be taken over"),
    }
}
