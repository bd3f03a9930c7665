//! What a user writes becomes one set of settings, or a message that names key, place and remedy.

use config::{EnvironmentSettings, Inputs, Loaded, Problem, Properties, SecurityProtocol, load};

fn from_file(text: &str) -> Result<Loaded, Vec<Problem>> {
    let properties = Properties::parse(text.as_bytes()).unwrap();
    load(&Inputs { files: vec![("server.properties".to_owned(), properties)], ..Inputs::default() })
}

fn notices(loaded: &Loaded) -> String {
    loaded.notices.iter().map(|notice| format!("{}\n", notice.text)).collect()
}

#[test]
fn nothing_at_all_gives_a_lone_server() {
    let loaded = load(&Inputs::default()).unwrap();
    let broker = &loaded.broker;
    assert!(broker.is_broker && broker.is_controller);
    assert_eq!(broker.node_id, 1);
    assert_eq!(broker.log_dirs, ["naru-data"]);
    assert_eq!(broker.metadata_log_dir, "naru-data");
    assert_eq!(broker.listeners.bound[0].to_string(), "PLAINTEXT://:9092");
    assert_eq!(broker.own.metrics_listener.as_deref(), Some("127.0.0.1:9404"));
    assert!(!broker.own.metrics_listener_is_explicit);
    assert_eq!(loaded.notices, []);
}

#[test]
fn a_file_of_kafka_4_starts_as_it_is() {
    let loaded = from_file(
        "process.roles=broker,controller\nnode.id=7\ncontroller.quorum.bootstrap.servers=localhost:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
         controller.listener.names=CONTROLLER\nlog.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
         log.retention.hours=168\nlog.segment.bytes=1073741824\n",
    )
    .unwrap();
    assert_eq!(loaded.broker.node_id, 7);
    assert_eq!(loaded.settings.get("broker.id"), Some("7"));
    assert_eq!(loaded.broker.controller.bootstrap_servers, ["localhost:9093"]);
    assert_eq!(loaded.notices, []);
}

#[test]
fn a_file_of_the_zookeeper_era_starts_with_warnings() {
    let loaded = from_file(
        "broker.id=3\nport=9095\nhost.name=10.0.0.1\nadvertised.host.name=kafka.example\nlog.dir=/var/kafka\n\
         zookeeper.connect=localhost:2181\nzookeeper.connection.timeout.ms=18000\nlog.message.format.version=2.8\n\
         inter.broker.protocol.version=2.8\noffsets.topic.replication.factor=1\n",
    )
    .unwrap();
    let broker = &loaded.broker;
    assert_eq!(broker.node_id, 3);
    assert_eq!(broker.log_dirs, ["/var/kafka"]);
    assert_eq!(broker.listeners.bound[0].to_string(), "PLAINTEXT://10.0.0.1:9095");
    assert_eq!(broker.listeners.advertised[0].to_string(), "PLAINTEXT://kafka.example:9095");
    let said = notices(&loaded);
    assert!(said.contains("'zookeeper.connect' (server.properties) has no effect"), "{said}");
    assert!(said.contains("'zookeeper.connection.timeout.ms'"), "{said}");
    assert!(said.contains("'port' (server.properties) is read as part of the plaintext listener"), "{said}");
}

#[test]
fn zookeeper_clients_may_read_where_it_is_set_or_the_profile_says_so() {
    let own = |text: &str| {
        let loaded = from_file(text).unwrap();
        assert_eq!(loaded.notices, [], "{text}");
        (loaded.broker.own.zookeeper_listener, loaded.broker.own.zookeeper_listener_is_explicit)
    };
    let at = |address: &str| Some(address.to_owned());
    assert_eq!(own(""), (None, false));
    assert_eq!(own("zookeeper.shim.listener=localhost:5\n"), (at("localhost:5"), true));
    assert_eq!(own("compat.profile=3.x\n"), (at("127.0.0.1:2181"), false));
    assert_eq!(own("compat.profile=3.x\nzookeeper.shim.listener=\n"), (None, true));
    assert_eq!(own("compat.profile=3.x\nzookeeper.shim.listener=0.0.0.0:6\n"), (at("0.0.0.0:6"), true));
}

#[test]
fn overrides_win_over_the_environment_and_that_over_files() {
    let variables =
        [("KAFKA_NUM_PARTITIONS", "2"), ("KAFKA_CFG_NODE_ID", "5"), ("KAFKA_HEAP_OPTS", "-Xmx1G")];
    let inputs = Inputs {
        files: vec![(
            "a".to_owned(),
            Properties::parse(b"num.partitions=1\nbroker.id=9\nlog.dirs=/a").unwrap(),
        )],
        environment: EnvironmentSettings::from_variables(
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
        overrides: vec![("num.partitions".to_owned(), "3".to_owned())],
    };
    let loaded = load(&inputs).unwrap();
    assert_eq!(loaded.broker.topics.partitions, 3);
    assert_eq!(loaded.broker.node_id, 5);
    assert_eq!(loaded.broker.log_dirs, ["/a"]);
    assert!(notices(&loaded).contains("ignoring KAFKA_HEAP_OPTS"));
}

#[test]
fn the_old_name_of_the_node_id_on_the_command_line_wins_too() {
    let inputs = Inputs {
        files: vec![("a".to_owned(), Properties::parse(b"node.id=1").unwrap())],
        overrides: vec![("broker.id".to_owned(), "4".to_owned())],
        ..Inputs::default()
    };
    assert_eq!(load(&inputs).unwrap().broker.node_id, 4);
    let problems = from_file("node.id=1\nbroker.id=2").unwrap_err();
    assert!(problems[0].to_string().contains("same value as `broker.id`"), "{problems:?}");
}

#[test]
fn unknown_settings_are_named_with_the_nearest_known_one() {
    let loaded = from_file("log.retenton.ms=5\nconfluent.balancer.enable=true").unwrap();
    let said = notices(&loaded);
    assert!(
        said.contains(
            "unknown setting 'log.retenton.ms' (server.properties), did you mean 'log.retention.ms'?"
        )
    );
    assert!(said.contains("unknown setting 'confluent.balancer.enable' (server.properties)\n"), "{said}");
}

#[test]
fn bad_settings_stop_the_start_all_at_once_with_place_and_remedy() {
    let problems = from_file("log.segment.bytes=12\ncompression.type=rar\nnum.partitions=x").unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "compression.type (server.properties): Invalid value rar for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer; legal values: [uncompressed, zstd, lz4, snappy, gzip, producer]",
            "log.segment.bytes (server.properties): Invalid value 12 for configuration log.segment.bytes: Value must be at least 1048576; legal values: [1048576,...]",
            "num.partitions (server.properties): Invalid value x for configuration num.partitions: Not a number of type INT; legal values: [1,...]",
        ]
    );
}

#[test]
fn settings_that_do_not_fit_together_stop_the_start() {
    let cases = [
        (
            "advertised.listeners=PLAINTEXT://0.0.0.0:9092",
            "advertised.listeners",
            "nonroutable meta-address 0.0.0.0",
        ),
        ("advertised.listeners=SSL://h:1", "advertised.listeners", "subset of the ones defined in listeners"),
        ("listeners=PLAINTEXT://:1,SSL://:1", "listeners", "must have a different port"),
        ("listeners=PLAINTEXT://:1,PLAINTEXT://:2", "listeners", "must have a different name"),
        ("listeners=INSIDE://:1", "listeners", "listener.security.protocol.map"),
        ("listeners=CONTROLLER://:1", "listeners", "no listener is left for clients"),
        (
            "listeners=PLAINTEXT://:1\ncontroller.listener.names=CTL",
            "controller.listener.names",
            "CTL is not in",
        ),
        ("inter.broker.listener.name=INSIDE", "inter.broker.listener.name", "INSIDE is not"),
        ("node.id=-5", "node.id", "at least 0"),
        ("process.roles=zookeeper", "process.roles", "broker, controller"),
        ("log.retention.hours=0", "log.retention.hours", "unlimited (-1)"),
        ("queued.max.request.bytes=5", "queued.max.request.bytes", "socket.request.max.bytes"),
        ("group.min.session.timeout.ms=9999999", "group.min.session.timeout.ms", "less than or equal"),
        ("max.connections.per.ip.overrides=host", "max.connections.per.ip.overrides", "host:limit"),
        ("log.dirs=/a\ncordoned.log.dirs=/b", "cordoned.log.dirs", "Missing entries : /b"),
        ("log.cleaner.dedupe.buffer.size=100", "log.cleaner.dedupe.buffer.size", "1MB per cleaner thread"),
    ];
    for (text, key, fragment) in cases {
        let problems = from_file(text).unwrap_err();
        let found = problems.iter().find(|problem| problem.key == key);
        let message = found.unwrap_or_else(|| panic!("{text}: {problems:?}")).to_string();
        assert!(message.contains(fragment) && message.contains("(server.properties)"), "{message}");
    }
}

#[test]
fn controller_listeners_are_kept_apart() {
    let loaded = from_file("listeners=PLAINTEXT://:9092,CONTROLLER://:9093").unwrap();
    let listeners = &loaded.broker.listeners;
    assert_eq!(listeners.bound.len(), 1);
    assert_eq!(listeners.controller[0].protocol, SecurityProtocol::Plaintext);
    let named = from_file(
        "listeners=INSIDE://:1,OUTSIDE://:2\nlistener.security.protocol.map=inside:PLAINTEXT,outside:SASL_SSL\n\
         inter.broker.listener.name=inside",
    );
    let named = named.unwrap().broker.listeners;
    assert_eq!(named.bound[1].protocol, SecurityProtocol::SaslSsl);
    assert_eq!(named.inter_broker_name, "INSIDE");
}

#[test]
fn advertised_listeners_default_to_the_bound_ones() {
    let listeners = from_file("listeners=PLAINTEXT://[::1]:9092").unwrap().broker.listeners;
    assert_eq!(listeners.advertised, listeners.bound);
    let dual = from_file("listeners=PLAINTEXT://127.0.0.1:9092,PLAINTEXT://[::1]:9092").unwrap();
    assert_eq!(dual.broker.listeners.bound.len(), 2);
}
