//! The static settings as the program needs them: typed, grouped, listeners resolved.

use crate::layers::Layers;
use crate::listener::{self, Listener, SecurityProtocol};
use crate::load::Problem;
use crate::tables::LISTENER_PREFIX;
use crate::topic_config::TopicConfig;

/// The setting that keeps new partitions away from log directories, and what it says for all of them.
pub(crate) const CORDONED: &str = "cordoned.log.dirs";
pub(crate) const EVERY_DIR: &str = "*";

/// What a server needs to know from its settings to start.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerConfig {
    /// `node.id`, at least 0.
    pub node_id: i32,
    /// True where `process.roles` has `broker`.
    pub is_broker: bool,
    /// True where `process.roles` has `controller`.
    pub is_controller: bool,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `log.dirs`, else `log.dir`; at least one.
    pub log_dirs: Vec<String>,
    /// `metadata.log.dir`, else the first log directory.
    pub metadata_log_dir: String,
    /// Addresses to bind and to tell clients.
    pub listeners: Listeners,
    /// Sockets and the memory behind them.
    pub network: NetworkConfig,
    /// Logs of all partitions.
    pub logs: LogsConfig,
    /// Creation of topics and what holds for topics that set nothing.
    pub topics: TopicsConfig,
    /// Brokers as seen by the controller, and the metadata log.
    pub controller: ControllerConfig,
    /// Settings that Kafka does not have.
    pub own: OwnConfig,
}

/// Addresses of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Listeners {
    /// Listeners for clients and brokers.
    pub bound: Vec<Listener>,
    /// Listeners for controller traffic (`controller.listener.names`).
    pub controller: Vec<Listener>,
    /// What clients are told; hosts may be empty where the listener binds every address: the caller fills
    /// in the machine's name.
    pub advertised: Vec<Listener>,
    /// Name of the listener brokers use among themselves.
    pub inter_broker_name: String,
}

/// What one listener takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerLimits {
    /// `listener.name.<name>.max.connections`.
    pub connections_max: i32,
    /// `listener.name.<name>.max.connection.creation.rate`, per second.
    pub connection_rate_max: i32,
}

/// Settings of sockets; sizes in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkConfig {
    /// `socket.send.buffer.bytes`, -1 for the system's default.
    pub send_buffer_bytes: i32,
    /// `socket.receive.buffer.bytes`, -1 for the system's default.
    pub receive_buffer_bytes: i32,
    /// `socket.request.max.bytes`.
    pub request_bytes_max: i32,
    /// `socket.listen.backlog.size`.
    pub listen_backlog: i32,
    /// `connections.max.idle.ms`.
    pub idle_ms_max: i64,
    /// `max.connections`.
    pub connections_max: i32,
    /// `max.connections.per.ip`.
    pub connections_per_ip_max: i32,
    /// `max.connections.per.ip.overrides`: host or address and its limit.
    pub connections_per_ip_overrides: Vec<(String, i32)>,
    /// `max.connection.creation.rate`, connections per second.
    pub connection_rate_max: i32,
    /// The same two for each listener of `listeners`, by its name.
    pub listener_limits: Vec<(String, ListenerLimits)>,
    /// `queued.max.request.bytes`; `None` where there is no limit of its own.
    pub queued_request_bytes_max: Option<i64>,
}

/// Settings of logs that hold for the whole broker; times in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct LogsConfig {
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval_ms: i64,
    /// `log.flush.scheduler.interval.ms`.
    pub flush_scheduler_interval_ms: i64,
    /// `log.flush.offset.checkpoint.interval.ms`.
    pub recovery_point_checkpoint_interval_ms: i32,
    /// `log.flush.start.offset.checkpoint.interval.ms`.
    pub start_offset_checkpoint_interval_ms: i32,
    /// `replica.high.watermark.checkpoint.interval.ms`.
    pub high_watermark_checkpoint_interval_ms: i64,
    /// `log.initial.task.delay.ms`: when the first checkpoints are written after the start.
    pub initial_task_delay_ms: i64,
    /// `producer.id.expiration.check.interval.ms`.
    pub producer_id_expiration_check_interval_ms: i32,
    /// `log.dir.failure.timeout.ms`.
    pub dir_failure_timeout_ms: i64,
    /// `cordoned.log.dirs`: directories that get no new partitions.
    pub cordoned_dirs: Vec<String>,
    /// `replica.lag.time.max.ms`.
    pub replica_lag_ms_max: i64,
    /// `fetch.max.bytes`: most bytes of one Fetch response.
    pub fetch_bytes_max: i32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_sessions_max: i32,
}

/// Settings of topics.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicsConfig {
    /// `auto.create.topics.enable`.
    pub auto_create: bool,
    /// `delete.topic.enable`.
    pub delete_enabled: bool,
    /// `num.partitions`.
    pub partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i32,
    /// `max.request.partition.size.limit` of DescribeTopicPartitions.
    pub described_partitions_max: i32,
    /// What holds for a topic without settings of its own.
    pub defaults: TopicConfig,
}

/// Settings of the controller and of its log; times in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct ControllerConfig {
    /// `controller.quorum.voters`: id and address of each voter; empty for a quorum of one.
    pub voters: Vec<(i32, String)>,
    /// `controller.quorum.bootstrap.servers`.
    pub bootstrap_servers: Vec<String>,
    /// `controller.quorum.election.timeout.ms`.
    pub election_timeout_ms: i32,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout_ms: i32,
    /// How a broker joins the cluster and stays in it.
    pub membership: MembershipConfig,
    /// `unclean.leader.election.interval.ms`.
    pub unclean_election_interval_ms: i64,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub snapshot_after_bytes: i64,
    /// `metadata.log.max.snapshot.interval.ms`, 0 for never.
    pub snapshot_after_ms: i64,
    /// `internal.metadata.log.segment.bytes` where set, else `metadata.log.segment.bytes`.
    pub log_segment_bytes: i64,
    /// `metadata.log.segment.ms`.
    pub log_segment_ms: i64,
    /// `metadata.max.retention.bytes`.
    pub retention_bytes: i64,
    /// `metadata.max.retention.ms`.
    pub retention_ms: i64,
}

/// How a broker joins the cluster, stays in it and leaves it; times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipConfig {
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat_interval_ms: i32,
    /// `initial.broker.registration.timeout.ms`.
    pub initial_registration_timeout_ms: i32,
    /// `server.max.startup.time.ms`.
    pub startup_time_ms_max: i64,
    /// `controlled.shutdown.enable`: a broker that stops says so to the controller.
    pub announces_stop: bool,
}

/// Settings Kafka does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnConfig {
    /// `metrics.listener`; `None` turns the endpoint off.
    pub metrics_listener: Option<String>,
    /// True where the user named `metrics.listener`: then a busy port is an error.
    pub metrics_listener_is_explicit: bool,
    /// `zookeeper.shim.listener`; `None` turns it off.
    pub zookeeper_listener: Option<String>,
    /// True where the user named it: then a busy port is an error.
    pub zookeeper_listener_is_explicit: bool,
    /// `record.validation=full`: batches are decompressed and walked.
    pub validates_records_fully: bool,
    /// `log.format=json`.
    pub logs_as_json: bool,
    /// `compat.profile=3.x`.
    pub speaks_as_kafka_3: bool,
    /// `memory.budget.bytes`.
    pub memory_budget_bytes: i64,
    /// `io.cores`; `None` takes every core.
    pub io_cores: Option<usize>,
    /// `metrics.group.lag`.
    pub group_lag: GroupLagDetail,
}

impl BrokerConfig {
    /// Reads the typed form; the layers' values are legal one by one, listeners are checked here.
    pub fn from_layers(layers: &Layers<'_>) -> Result<BrokerConfig, Problem> {
        let roles = layers.list("process.roles");
        let log_dirs = log_dirs(layers);
        let metadata_log_dir = layers.string("metadata.log.dir");
        let first_log_dir = log_dirs.first().cloned().unwrap_or_default();
        let listeners = Listeners::from_layers(layers)?;
        Ok(BrokerConfig {
            node_id: layers.int("node.id"),
            is_broker: roles.iter().any(|role| role == "broker"),
            is_controller: roles.iter().any(|role| role == "controller"),
            rack: Some(layers.string("broker.rack")).filter(|rack| !rack.is_empty()),
            metadata_log_dir: if metadata_log_dir.is_empty() { first_log_dir } else { metadata_log_dir },
            log_dirs,
            network: NetworkConfig::from_layers(layers, &listeners.bound)?,
            listeners,
            logs: LogsConfig::from_layers(layers),
            topics: TopicsConfig::from_layers(layers),
            controller: ControllerConfig::from_layers(layers),
            own: OwnConfig::from_layers(layers),
        })
    }
}

impl Listeners {
    fn from_layers(layers: &Layers<'_>) -> Result<Listeners, Problem> {
        let protocols = protocol_map(layers)?;
        let read = |key: &str| -> Result<Vec<Listener>, Problem> {
            let texts = layers.list(key);
            let listeners = texts.iter().map(|text| Listener::parse(text, &protocols));
            listeners.collect::<Result<_, _>>().map_err(|error| Problem::new(key, error.to_string()))
        };
        let controller_names = layers.list("controller.listener.names");
        let is_controller = |listener: &Listener| {
            controller_names.iter().any(|name| name.eq_ignore_ascii_case(&listener.name))
        };
        let (controller, bound): (Vec<_>, Vec<_>) = read("listeners")?.into_iter().partition(is_controller);
        let mut advertised = read("advertised.listeners")?;
        advertised.retain(|listener| !is_controller(listener));
        if advertised.is_empty() {
            advertised.clone_from(&bound);
        }
        let inter_broker_name = match layers.string("inter.broker.listener.name") {
            name if !name.is_empty() => name.to_ascii_uppercase(),
            _ => inter_broker_name_by_protocol(layers, &bound),
        };
        Ok(Listeners { bound, controller, advertised, inter_broker_name })
    }
}

/// `log.dirs`, else `log.dir`.
pub(crate) fn log_dirs(layers: &Layers<'_>) -> Vec<String> {
    match layers.list("log.dirs") {
        dirs if dirs.is_empty() => layers.list("log.dir"),
        dirs => dirs,
    }
}

fn cordoned_dirs(layers: &Layers<'_>) -> Vec<String> {
    match layers.list(CORDONED) {
        dirs if dirs == [EVERY_DIR] => log_dirs(layers),
        dirs => dirs,
    }
}

/// The listener named like the inter-broker protocol, else the only or first one of that protocol.
fn inter_broker_name_by_protocol(layers: &Layers<'_>, bound: &[Listener]) -> String {
    let name = layers.string("security.inter.broker.protocol");
    let protocol = SecurityProtocol::from_name(&name);
    let by_name = bound.iter().find(|listener| listener.name == name);
    let lenient = layers.fixed.get("security.inter.broker.protocol").is_none();
    let by_protocol = bound.iter().find(|listener| lenient && Some(listener.protocol) == protocol);
    let found = by_name.or(by_protocol).or_else(|| bound.first().filter(|_| lenient));
    found.map_or(name, |listener| listener.name.clone())
}

/// The protocol of each listener name; controller listeners are plaintext unless the map says otherwise.
fn protocol_map(layers: &Layers<'_>) -> Result<Vec<(String, SecurityProtocol)>, Problem> {
    let key = "listener.security.protocol.map";
    let mut protocols = listener::parse_protocol_map(layers.text(key).unwrap_or_default())
        .map_err(|error| Problem::new(key, error.to_string()))?;
    for name in layers.list("controller.listener.names") {
        let name = name.to_ascii_uppercase();
        let is_known = protocols.iter().any(|(known, _)| *known == name);
        if !is_known && SecurityProtocol::from_name(&name).is_none() {
            protocols.push((name, SecurityProtocol::Plaintext));
        }
    }
    Ok(protocols)
}

/// The limits of one listener; a key without its prefix holds for the broker, not for each listener.
fn listener_limits(layers: &Layers<'_>, name: &str) -> (String, ListenerLimits) {
    let limit = |key: &str| layers.int(&format!("{LISTENER_PREFIX}{}.{key}", name.to_ascii_lowercase()));
    let limits = ListenerLimits {
        connections_max: limit("max.connections"),
        connection_rate_max: limit("max.connection.creation.rate"),
    };
    (name.to_owned(), limits)
}

impl NetworkConfig {
    fn from_layers(layers: &Layers<'_>, listeners: &[Listener]) -> Result<NetworkConfig, Problem> {
        let key = "max.connections.per.ip.overrides";
        let text = layers.string(key);
        let mut overrides = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let parsed = pair.rsplit_once(':').and_then(|(host, limit)| {
                Some((host.trim().to_owned(), limit.trim().parse().ok().filter(|limit| *limit >= 0)?))
            });
            overrides.push(parsed.ok_or_else(|| {
                Problem::new(key, format!("'{pair}' is not host:limit, for example 10.0.0.1:100"))
            })?);
        }
        Ok(NetworkConfig {
            send_buffer_bytes: layers.int("socket.send.buffer.bytes"),
            receive_buffer_bytes: layers.int("socket.receive.buffer.bytes"),
            request_bytes_max: layers.int("socket.request.max.bytes"),
            listen_backlog: layers.int("socket.listen.backlog.size"),
            idle_ms_max: layers.integer("connections.max.idle.ms"),
            connections_max: layers.int("max.connections"),
            connections_per_ip_max: layers.int("max.connections.per.ip"),
            connections_per_ip_overrides: overrides,
            connection_rate_max: layers.int("max.connection.creation.rate"),
            listener_limits: listeners
                .iter()
                .map(|listener| listener_limits(layers, &listener.name))
                .collect(),
            queued_request_bytes_max: Some(layers.integer("queued.max.request.bytes")).filter(|n| *n > 0),
        })
    }
}

impl LogsConfig {
    fn from_layers(layers: &Layers<'_>) -> LogsConfig {
        LogsConfig {
            retention_check_interval_ms: layers.integer("log.retention.check.interval.ms"),
            flush_scheduler_interval_ms: layers.integer("log.flush.scheduler.interval.ms"),
            recovery_point_checkpoint_interval_ms: layers.int("log.flush.offset.checkpoint.interval.ms"),
            start_offset_checkpoint_interval_ms: layers.int("log.flush.start.offset.checkpoint.interval.ms"),
            high_watermark_checkpoint_interval_ms: layers
                .integer("replica.high.watermark.checkpoint.interval.ms"),
            initial_task_delay_ms: layers.integer("log.initial.task.delay.ms"),
            producer_id_expiration_check_interval_ms: layers.int("producer.id.expiration.check.interval.ms"),
            dir_failure_timeout_ms: layers.integer("log.dir.failure.timeout.ms"),
            cordoned_dirs: cordoned_dirs(layers),
            replica_lag_ms_max: layers.integer("replica.lag.time.max.ms"),
            fetch_bytes_max: layers.int("fetch.max.bytes"),
            fetch_sessions_max: layers.int("max.incremental.fetch.session.cache.slots"),
        }
    }
}

impl TopicsConfig {
    fn from_layers(layers: &Layers<'_>) -> TopicsConfig {
        TopicsConfig {
            auto_create: layers.boolean("auto.create.topics.enable"),
            delete_enabled: layers.boolean("delete.topic.enable"),
            partitions: layers.int("num.partitions"),
            replication_factor: layers.int("default.replication.factor"),
            described_partitions_max: layers.int("max.request.partition.size.limit"),
            defaults: TopicConfig::resolve(&crate::layers::Overrides::new(), layers),
        }
    }
}

impl ControllerConfig {
    fn from_layers(layers: &Layers<'_>) -> ControllerConfig {
        let voters = layers.list("controller.quorum.voters");
        let split = |voter: &String| {
            let (id, address) = voter.split_once('@')?;
            Some((id.parse().ok()?, address.to_owned()))
        };
        ControllerConfig {
            voters: voters.iter().filter_map(split).collect(),
            bootstrap_servers: layers.list("controller.quorum.bootstrap.servers"),
            election_timeout_ms: layers.int("controller.quorum.election.timeout.ms"),
            fetch_timeout_ms: layers.int("controller.quorum.fetch.timeout.ms"),
            membership: MembershipConfig::from_layers(layers),
            unclean_election_interval_ms: layers.integer("unclean.leader.election.interval.ms"),
            snapshot_after_bytes: layers.integer("metadata.log.max.record.bytes.between.snapshots"),
            snapshot_after_ms: layers.integer("metadata.log.max.snapshot.interval.ms"),
            log_segment_bytes: layers
                .optional_integer("internal.metadata.log.segment.bytes")
                .unwrap_or_else(|| layers.integer("metadata.log.segment.bytes")),
            log_segment_ms: layers.integer("metadata.log.segment.ms"),
            retention_bytes: layers.integer("metadata.max.retention.bytes"),
            retention_ms: layers.integer("metadata.max.retention.ms"),
        }
    }
}

impl MembershipConfig {
    fn from_layers(layers: &Layers<'_>) -> MembershipConfig {
        MembershipConfig {
            heartbeat_interval_ms: layers.int("broker.heartbeat.interval.ms"),
            initial_registration_timeout_ms: layers.int("initial.broker.registration.timeout.ms"),
            startup_time_ms_max: layers.integer("server.max.startup.time.ms"),
            announces_stop: layers.boolean("controlled.shutdown.enable"),
        }
    }
}

/// How finely the metrics show how far groups are behind (`metrics.group.lag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupLagDetail {
    /// For each partition, and summed up by topic.
    Partition,
    /// Summed up by topic.
    Topic,
    /// Not at all.
    None,
}

/// Where ZooKeeper clients of Kafka 3 look, with `compat.profile=3.x`.
const ZOOKEEPER_OF_KAFKA_3: &str = "127.0.0.1:2181";

impl OwnConfig {
    fn from_layers(layers: &Layers<'_>) -> OwnConfig {
        let cores = usize::try_from(layers.integer("io.cores")).unwrap_or_default();
        let speaks_as_kafka_3 = layers.string("compat.profile") == "3.x";
        let names_zookeeper = layers.written("zookeeper.shim.listener").is_some();
        let zookeeper_listener = match layers.string("zookeeper.shim.listener") {
            none if none.is_empty() => {
                (speaks_as_kafka_3 && !names_zookeeper).then(|| ZOOKEEPER_OF_KAFKA_3.to_owned())
            }
            address => Some(address),
        };
        OwnConfig {
            zookeeper_listener,
            zookeeper_listener_is_explicit: names_zookeeper,
            metrics_listener: Some(layers.string("metrics.listener")).filter(|text| !text.is_empty()),
            metrics_listener_is_explicit: layers.written("metrics.listener").is_some(),
            validates_records_fully: layers.string("record.validation") == "full",
            logs_as_json: layers.string("log.format") == "json",
            speaks_as_kafka_3,
            memory_budget_bytes: layers.integer("memory.budget.bytes"),
            io_cores: Some(cores).filter(|cores| *cores > 0),
            group_lag: match layers.string("metrics.group.lag").as_str() {
                "none" => GroupLagDetail::None,
                "topic" => GroupLagDetail::Topic,
                _ => GroupLagDetail::Partition,
            },
        }
    }
}
