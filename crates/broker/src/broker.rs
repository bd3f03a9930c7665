//! What all cores share, and what each core has for itself.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use ::metadata::Image;
use parking_lot::Mutex;
use partition_log::DeletedLog;
use records::Scratch;
use tokio::sync::{mpsc, watch};
use transport::{ConnectionLimits, FilePins, MemoryBudget};

use crate::clock::Clock;
use crate::controller::{Controller, ControllerCall};
use crate::coordinators::{GroupCoordinators, Rebalance};
use crate::dynamic_settings;
use crate::fetch_sessions::{FetchSessions, FetchTarget};
use crate::handlers::fetch::Attempt;
use crate::handlers::produce::Batches;
use crate::listeners::OpenListeners;
use crate::log_dirs::LogDirs;
use crate::metadata_view::MetadataView;
use crate::options::BrokerOptions;
use crate::partitions::Registry;
use crate::producer_ids::ProducerIds;
use crate::quotas::ClientQuotas;
use crate::traffic::CoreCounters;
use crate::wakeups::Wakeups;

/// How long a fetch session is safe from giving way to another (`min.incremental.fetch.session.eviction.ms` in Kafka).
const SESSION_EVICTION_MS: i64 = 120_000;
/// What fetch sessions remember may take a part of the memory budget beside it: one in this many.
const SESSIONS_SHARE: usize = 4;
/// Elements of a list that a core keeps room for from one request to the next: a request may name a million partitions,
/// the next ones name few.
pub(crate) const KEPT_MAX: usize = 4096;

/// The part of the files that may be open which may wait to be sent without anybody holding back: one in this many.
/// As many must stay that nobody waits for, so that others can be opened in their place.
const PINNED_SHARE: usize = 4;

/// The broker: everything that requests are answered from.
#[derive(Debug)]
pub struct Broker {
    /// Its settings as they were at the start.
    pub options: BrokerOptions,
    /// Where clients connect.
    pub listeners: OpenListeners,
    /// The cluster as last agreed.
    pub metadata: MetadataView,
    /// The way to the active controller.
    pub controller: Controller,
    /// Ids for idempotent producers.
    pub(crate) producer_ids: ProducerIds,
    /// Memory that requests in flight may take.
    pub budget: Arc<MemoryBudget>,
    /// For the one batch at a time that unpacks to much; the housekeeping empties it.
    pub(crate) large_scratch: Mutex<Scratch>,
    /// Files that wait to be sent.
    pub(crate) file_pins: Arc<FilePins>,
    /// How much each client may take.
    pub(crate) quotas: ClientQuotas,
    /// How many connections there may be.
    pub connection_limits: Arc<ConnectionLimits>,
    /// Counters of each core.
    pub core_counters: Vec<CoreCounters>,
    /// Time and randomness.
    pub clock: Clock,
    /// The partitions here.
    pub(crate) partitions: Registry,
    /// The groups here.
    pub(crate) groups: GroupCoordinators,
    /// The log directories.
    pub log_dirs: LogDirs,
    /// Epoch of its registration, -1 before.
    pub(crate) epoch: AtomicI64,
    /// What clients fetch incrementally.
    pub(crate) fetch_sessions: FetchSessions,
    /// Folders of deleted partitions and when they were deleted, by a clock that never jumps.
    pub(crate) doomed: Mutex<Vec<(Instant, DeletedLog)>>,
    /// How long they stay, in milliseconds (`log.segment.delete.delay.ms`).
    pub(crate) file_delete_delay_ms: AtomicI64,
}

/// What a broker is made from.
#[derive(Debug)]
pub struct BrokerParts {
    /// Its settings.
    pub options: BrokerOptions,
    /// Its listeners, with the ports that were bound.
    pub listeners: OpenListeners,
    /// Its log directories.
    pub log_dirs: LogDirs,
    /// For ids that need no secrecy.
    pub seed: u64,
    /// Images as they are agreed.
    pub images: watch::Receiver<Arc<Image>>,
    /// Takes requests for the controller.
    pub controller: mpsc::Sender<ControllerCall>,
    /// Cores that serve connections.
    pub cores: usize,
}

/// One core: the broker, and memory that is used again from request to request.
pub struct Core {
    /// The broker.
    pub broker: Arc<Broker>,
    /// For decompressing batches.
    pub(crate) scratch: RefCell<Scratch>,
    /// For the partitions of a Produce request.
    pub(crate) produce_batches: Cell<Batches>,
    /// For the partitions of a Fetch request.
    pub(crate) fetch_attempt: Cell<Attempt>,
    /// Of the requests parked here.
    pub(crate) wakeups: Arc<Wakeups>,
    index: usize,
}

impl Broker {
    /// Puts a broker together; nothing runs yet.
    pub fn new(parts: BrokerParts) -> Arc<Broker> {
        let network = &parts.options.config.network;
        let count = |value: i32| usize::try_from(value).unwrap_or_default();
        let connection_limits = ConnectionLimits::new(dynamic_settings::connection_bounds(network));
        let tail_memory_max = parts.options.tail_memory_max() / parts.log_dirs.iter().count().max(1);
        parts.log_dirs.iter().for_each(|log_dir| log_dir.home.set_tail_memory_max(tail_memory_max));
        parts.log_dirs.cordon(&parts.options.config.logs.cordoned_dirs);
        let open_files_max = parts.log_dirs.iter().map(|log_dir| log_dir.home.open_files_max()).max();
        let open_files_max = open_files_max.unwrap_or_default();
        let pinned_share = open_files_max / PINNED_SHARE;
        let sessions = count(parts.options.config.logs.fetch_sessions_max);
        let budget = parts.options.memory_budget();
        let session_partitions_max = budget.bytes_max() / SESSIONS_SHARE / size_of::<FetchTarget>();
        Arc::new(Broker {
            metadata: MetadataView::new(parts.images),
            controller: Controller::new(parts.options.node_id, parts.controller),
            producer_ids: ProducerIds::default(),
            budget,
            large_scratch: Mutex::default(),
            file_pins: FilePins::new(pinned_share, open_files_max - pinned_share),
            quotas: ClientQuotas::new(&parts.options.settings.layers()),
            connection_limits,
            core_counters: (0..parts.cores.max(1)).map(|_| CoreCounters::default()).collect(),
            clock: Clock::new(parts.seed),
            partitions: Registry::default(),
            groups: GroupCoordinators::new(parts.cores.max(1), &parts.options.settings),
            log_dirs: parts.log_dirs,
            epoch: AtomicI64::new(-1),
            fetch_sessions: FetchSessions::new(sessions, session_partitions_max, SESSION_EVICTION_MS),
            doomed: Mutex::default(),
            file_delete_delay_ms: AtomicI64::new(
                parts.options.config.topics.defaults.retention.file_delete_delay_ms,
            ),
            listeners: parts.listeners,
            options: parts.options,
        })
    }
}

impl Broker {
    /// Epoch of its registration, -1 before there is one.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The last rebalances of a group of this broker, the oldest first.
    pub fn rebalances(&self, group: &str) -> Vec<Rebalance> {
        self.groups.rebalances(group)
    }

    /// Threads that open or close the logs of one directory together (`num.recovery.threads.per.data.dir`), as
    /// `image` has it.
    pub(crate) fn recovery_threads(&self, image: &Image) -> usize {
        let layers = image.layers(self.options.node_id, &self.options.settings);
        usize::try_from(layers.int("num.recovery.threads.per.data.dir")).unwrap_or(1)
    }
}

impl Core {
    /// The core of that number, on its own thread.
    pub fn new(broker: Arc<Broker>, index: usize) -> Core {
        Core {
            broker,
            scratch: RefCell::new(Scratch::new()),
            produce_batches: Cell::default(),
            fetch_attempt: Cell::default(),
            wakeups: Wakeups::of_this_core(),
            index,
        }
    }

    /// The core's counters.
    pub fn counters(&self) -> &CoreCounters {
        &self.broker.core_counters[self.index]
    }
}
