//! One node from its settings to its end: directories, quorum, broker, listeners, signals.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::controller::ControllerCall;
use broker::cores::Cores;
use broker::listeners::OpenListeners;
use broker::log_dirs::{self, BrokerLogDir, LogDirs};
use broker::options::BrokerOptions;
use broker::{
    Broker, BrokerParts, directory_assignments, housekeeping, listeners, metadata_view, registration,
};
use config::Loaded;
use partition_log::{Disk, FileHandles, LogHome, RealDisk};
use quorum::{Asker, Quorum, QuorumHandle, QuorumOptions, SnapshotTriggers};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::descriptors::Descriptors;
use crate::home::{self, Home, HomeDir, MetadataDir};
use crate::http;
use crate::metrics::NodeMetrics;
use crate::zookeeper_listener;

/// Requests of this broker to the controller that may wait.
const CONTROLLER_CALLS_MAX: usize = 1024;
/// How often the disk and the quorum are asked whether they have failed.
const FAILURE_CHECK: Duration = Duration::from_millis(500);

/// Runs the node on `cores` cores until SIGINT or SIGTERM; an error is why it could not start or go on.
pub async fn run(loaded: Loaded, cores: usize, descriptors: Descriptors) -> Result<(), String> {
    let started = Instant::now();
    // From the first moment on, so that a stop during the start is a clean one too.
    let mut signals = Signals::new()?;
    let config = &loaded.broker;
    let files = Arc::new(FileHandles::new(descriptors.files_max));
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let mut home = home::open(&loaded, &disk, &files)?;
    let (listeners, opened) = OpenListeners::new(listeners::bind_all(config)?);
    let quorum = start_quorum(&loaded, &home)?;
    let (stop, stopping) = watch::channel(false);
    let (controller, calls) = mpsc::channel(CONTROLLER_CALLS_MAX);
    tokio::spawn(answer_calls(calls, quorum.asker()));
    let options = BrokerOptions::new(
        loaded.settings.clone(),
        loaded.broker.clone(),
        home.cluster_id.clone(),
        quorum::format::random_id().map_err(|error| error.to_string())?,
    );
    let broker = Broker::new(BrokerParts {
        options,
        listeners,
        log_dirs: start_log_dirs(&mut home, &disk, &files)?,
        seed: random_seed()?,
        images: quorum.images(),
        controller,
        cores,
    });
    broker.connection_limits.set_descriptors_max(descriptors.connections_max);
    let metadata_dir = home.metadata_dir;
    let end = end_of_service(Arc::clone(&broker), quorum.failure_watch(), &metadata_dir);
    tokio::pin!(end);
    let joined = tokio::select! {
        joined = join_in_time(&broker, &quorum, &stopping, &mut signals) => joined?,
        reason = &mut end => return Err(reason),
    };
    let Some(heartbeats) = joined else {
        tracing::info!("stopped before the broker was registered");
        let stopped = tokio::task::spawn_blocking(move || quorum.shutdown()).await;
        return stopped.map_err(|error| error.to_string());
    };
    let cores =
        Arc::new(Cores::start(&broker, &stopping).map_err(|error| format!("cannot start a core: {error}"))?);
    serve_metrics(&loaded, &broker, quorum.failure_watch(), &stopping).await?;
    zookeeper_listener::start(&loaded, &home.cluster_id, &quorum, &stopping).await?;
    let ready = ready_line(&loaded, &home.cluster_id, &broker.listeners, started);
    tokio::spawn(listeners::serve(opened, Arc::clone(&broker), Arc::clone(&cores), stopping.clone()));
    let chores = tokio::spawn(housekeeping::run(Arc::clone(&broker), stopping.clone()));
    tracing::info!("{ready}");
    tokio::select! {
        () = signals.wait() => {}
        // The disk cannot be trusted any more: as Kafka, without a clean stop.
        reason = end => return Err(reason),
    }
    tracing::info!("stopping");
    let _ = stop.send(true);
    let _ = heartbeats.await;
    let _ = chores.await;
    let joined = tokio::task::spawn_blocking(move || {
        if let Some(cores) = Arc::into_inner(cores) {
            cores.join();
        }
        housekeeping::close_logs(&broker);
        quorum.shutdown();
    });
    joined.await.map_err(|error| error.to_string())?;
    tracing::info!("stopped");
    Ok(())
}

fn start_quorum(loaded: &Loaded, home: &Home) -> Result<QuorumHandle, String> {
    let config = &loaded.broker;
    let positive = |value: i64| u64::try_from(value).unwrap_or_default();
    let options = QuorumOptions {
        node_id: config.node_id,
        directory_id: home.metadata_dir.id,
        cluster_id: home.cluster_id.clone(),
        log_dir: home.metadata_dir.path.clone(),
        home: Arc::clone(&home.metadata_dir.home),
        voters: home.voters.clone(),
        settings: loaded.settings.clone(),
        snapshots: SnapshotTriggers {
            after_bytes: positive(config.controller.snapshot_after_bytes),
            after_ms: positive(config.controller.snapshot_after_ms),
        },
        election_timeout_ms: positive(i64::from(config.controller.election_timeout_ms)),
        unclean_election_interval_ms: positive(config.controller.unclean_election_interval_ms),
        segment_bytes: positive(config.controller.log_segment_bytes),
        segment_ms: config.controller.log_segment_ms,
        min_insync_replicas: config.topics.defaults.min_insync_replicas,
        network: quorum::InProcessNetwork::default(),
    };
    Quorum::start(options).map_err(|error| error.to_string())
}

/// Hands the directories to the broker, those that cannot be used as offline ones.
fn start_log_dirs(
    home: &mut Home,
    disk: &Arc<dyn Disk>,
    files: &Arc<FileHandles>,
) -> Result<LogDirs, String> {
    let start = |dir: HomeDir| match dir.opened {
        Ok((opened, id)) => BrokerLogDir::start(opened, id),
        Err(reason) => {
            let failed = LogHome::new(Arc::clone(disk), Arc::clone(files));
            failed.take_offline(&reason);
            BrokerLogDir::offline(&dir.path, failed)
        }
    };
    Ok(LogDirs::new(home.dirs.drain(..).map(start).collect::<Result<_, String>>()?))
}

/// Returns once the node cannot go on, and why.
async fn end_of_service(
    broker: Arc<Broker>,
    quorum_failure: impl Fn() -> Option<String>,
    metadata_dir: &MetadataDir,
) -> String {
    let metadata_fails = async {
        loop {
            if let Some(reason) = metadata_dir.home.offline_reason() {
                let path = metadata_dir.path.display();
                return format!(
                    "Shutdown broker because the metadata log dir {path} has failed: {reason}; repair the disk and start again"
                );
            }
            if let Some(reason) = quorum_failure() {
                return format!("the metadata quorum has failed: {reason}");
            }
            tokio::time::sleep(FAILURE_CHECK).await;
        }
    };
    tokio::select! {
        reason = metadata_fails => reason,
        reason = broker.log_dirs.ended() => reason,
    }
}

/// [`join_cluster`] within `server.max.startup.time.ms`.
async fn join_in_time(
    broker: &Arc<Broker>,
    quorum: &QuorumHandle,
    stopping: &watch::Receiver<bool>,
    signals: &mut Signals,
) -> Result<Option<tokio::task::JoinHandle<()>>, String> {
    let allowed_ms = broker.options.config.controller.membership.startup_time_ms_max;
    let joined =
        tokio::time::timeout(milliseconds(allowed_ms), join_cluster(broker, quorum, stopping, signals));
    joined.await.unwrap_or_else(|_| {
        let fallback = || format!("not started within server.max.startup.time.ms ({allowed_ms} ms)");
        Err(quorum.failure().unwrap_or_else(fallback))
    })
}

/// Registers the broker and waits until the cluster counts it in; `None` where a signal comes before there is
/// anything to close.
async fn join_cluster(
    broker: &Arc<Broker>,
    quorum: &QuorumHandle,
    stopping: &watch::Receiver<bool>,
    signals: &mut Signals,
) -> Result<Option<tokio::task::JoinHandle<()>>, String> {
    let own = broker.options.node_id;
    let mut images = quorum.images();
    let allowed_ms = i64::from(broker.options.config.controller.membership.initial_registration_timeout_ms);
    let registered = tokio::select! {
        registered = tokio::time::timeout(milliseconds(allowed_ms), register(broker, quorum, stopping)) => registered,
        () = signals.wait() => return Ok(None),
    };
    let epoch = registered.unwrap_or_else(|_| {
        let refusal = "unable to register with the controller quorum within";
        let fallback = || format!("{refusal} initial.broker.registration.timeout.ms ({allowed_ms} ms)");
        Err(quorum.failure().unwrap_or_else(fallback))
    })?;
    // The image with the registration holds all that was agreed before: only now it is known what belongs here.
    let registered =
        images.wait_for(|image| image.brokers.get(&own).is_some_and(|broker| broker.epoch >= epoch));
    if registered.await.is_err() {
        return Err("the metadata quorum has ended".to_owned());
    }
    tokio::spawn(metadata_view::follow(Arc::clone(broker)));
    tokio::spawn(directory_assignments::report(Arc::clone(broker), stopping.clone()));
    broker.metadata.caught_up().await;
    let heartbeats = tokio::spawn(registration::keep_alive(Arc::clone(broker), stopping.clone()));
    tokio::select! {
        counted_in = images.wait_for(|image| image.is_active_broker(own)) => {
            counted_in.map_err(|_| "the metadata quorum has ended")?;
        }
        // The stop goes its ordinary way, by the same signal.
        () = signals.wait() => {}
    }
    broker.metadata.caught_up().await;
    Ok(Some(heartbeats))
}

/// Registers the broker once the quorum has an image; returns its epoch.
async fn register(
    broker: &Arc<Broker>,
    quorum: &QuorumHandle,
    stopping: &watch::Receiver<bool>,
) -> Result<i64, String> {
    let mut images = quorum.images();
    if images.wait_for(|image| image.metadata_version() > 0).await.is_err() {
        return Err(quorum.failure().unwrap_or_else(|| "the metadata quorum did not come up".to_owned()));
    }
    tokio::spawn(log_dirs::watch_over(Arc::clone(broker), stopping.clone()));
    let epoch = registration::register(broker, stopping).await;
    epoch.ok_or_else(|| "stopped before the broker was registered".to_owned())
}

fn milliseconds(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or_default())
}

/// Carries the broker's requests to the controller, each at its own pace.
async fn answer_calls(mut calls: mpsc::Receiver<ControllerCall>, asker: Asker) {
    while let Some((request, reply)) = calls.recv().await {
        let asker = asker.clone();
        tokio::spawn(async move {
            let answered = asker.ask(request).await.map_err(|error| error.to_string());
            // Nobody waits where the client has gone.
            let _ = reply.send(answered);
        });
    }
}

async fn serve_metrics(
    loaded: &Loaded,
    broker: &Arc<Broker>,
    quorum_failure: impl Fn() -> Option<String> + Send + Sync + 'static,
    stopping: &watch::Receiver<bool>,
) -> Result<(), String> {
    let own = &loaded.broker.own;
    let Some(address) = &own.metrics_listener else { return Ok(()) };
    let parsed = address.parse().map_err(|error| format!("metrics.listener '{address}': {error}"))?;
    if let Some(listener) = http::bind(parsed, !own.metrics_listener_is_explicit).await? {
        let observed = NodeMetrics { broker: Arc::clone(broker), quorum_failure: Box::new(quorum_failure) };
        tokio::spawn(http::serve(listener, Arc::new(observed), stopping.clone()));
    }
    Ok(())
}

fn ready_line(loaded: &Loaded, cluster_id: &str, listeners: &OpenListeners, started: Instant) -> String {
    let open = listeners.open();
    let shown = open.iter().map(|listener| format!("{}://{}", listener.name, listener.address));
    format!(
        "naru {} is ready: node {}, cluster {cluster_id}, listeners {}, log dirs {}, ready in {} ms",
        env!("CARGO_PKG_VERSION"),
        loaded.broker.node_id,
        shown.collect::<Vec<_>>().join(","),
        loaded.broker.log_dirs.join(","),
        started.elapsed().as_millis()
    )
}

/// The signals that end a node.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    has_come: bool,
}

impl Signals {
    fn new() -> Result<Signals, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be waited for: {error}"));
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            has_come: false,
        })
    }

    /// Returns once a signal has come, however often it is asked.
    async fn wait(&mut self) {
        if self.has_come {
            return;
        }
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        self.has_come = true;
    }
}

fn random_seed() -> Result<u64, String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
    Ok(u64::from_le_bytes(bytes))
}
