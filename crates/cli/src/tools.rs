//! The tools of Apache Kafka that are here: names, help and what runs follow from this table.

use crate::options::Options;
use crate::subcommands::Program;
use crate::{
    Output, acls, broker_api_versions, classes, cluster, configs, console_consumer, console_producer,
    consumer_groups, consumer_perf, delete_records, dump_log, e2e_latency, features, get_offsets, groups,
    leader_election, log_dirs, metadata_quorum, producer_perf, reassign_partitions, server_start,
    server_stop, storage, topics, transactions, zookeeper_server, zookeeper_shell,
};

/// The work of a tool, by its arguments and the variables of the environment; gives the exit code.
type Work = fn(&[String], &[(String, String)], &mut Output<'_>) -> u8;

/// A tool by its name in Apache Kafka.
#[derive(Debug)]
pub struct KafkaTool {
    /// The name, without `.sh`.
    pub name: &'static str,
    /// What `naru help` says of it.
    pub(crate) about: &'static str,
    /// By what its command lines are read, and its page of the manual is made.
    pub(crate) lines: Lines,
    pub(crate) run: Run,
}

/// How command lines of a tool are read.
#[derive(Debug)]
pub(crate) enum Lines {
    /// By a table as joptsimple reads it.
    Options(&'static Options),
    /// By a table as argparse4j reads it.
    Program(&'static Program),
    /// By clap.
    Clap(fn() -> clap::Command),
    /// Word by word; this says how.
    Text(&'static str),
}

/// What a tool does.
#[derive(Debug)]
pub(crate) enum Run {
    /// It starts a server.
    Server,
    /// It does its work and ends.
    Work(Work),
    /// It is the tool of the class that its first argument names.
    Class,
}

impl PartialEq for KafkaTool {
    fn eq(&self, other: &KafkaTool) -> bool {
        self.name == other.name
    }
}

impl Eq for KafkaTool {}

/// In the order of the help.
#[rustfmt::skip]
pub(crate) static TOOLS: &[KafkaTool] = &[
    KafkaTool { name: "kafka-server-start", about: "start a server with the settings of a file", lines: Lines::Text(server_start::USAGE), run: Run::Server },
    work("kafka-server-stop", "stop the servers of this machine", Lines::Text(server_stop::USAGE), |words, _, output| server_stop::run(words, output)),
    work("kafka-storage", "make cluster ids, format log directories and show them", Lines::Clap(storage::command), |words, _, output| storage::run(words, output)),
    work("kafka-topics", "create, describe, alter, list and delete topics", Lines::Options(&topics::OPTIONS), topics::run),
    work("kafka-configs", "show and alter settings, quotas and credentials", Lines::Options(&configs::OPTIONS), |words, _, output| configs::run(words, output)),
    work("kafka-console-producer", "write lines of standard input to a topic", Lines::Options(&console_producer::OPTIONS), |words, _, output| console_producer::run(words, output)),
    work("kafka-console-consumer", "print the records of topics", Lines::Options(&console_consumer::OPTIONS), |words, _, output| console_consumer::run(words, output)),
    work("kafka-producer-perf-test", "write records and say how fast that was", Lines::Program(&producer_perf::PROGRAM), |words, _, output| producer_perf::run(words, output)),
    work("kafka-consumer-perf-test", "read records and say how fast that was", Lines::Options(&consumer_perf::OPTIONS), |words, _, output| consumer_perf::run(words, output)),
    work("kafka-e2e-latency", "measure how long records take from producer to consumer", Lines::Options(&e2e_latency::OPTIONS), |words, _, output| e2e_latency::run(words, output)),
    work("kafka-broker-api-versions", "show which requests brokers take, in which versions", Lines::Options(&broker_api_versions::OPTIONS), |words, _, output| broker_api_versions::run(words, output)),
    work("kafka-consumer-groups", "list, describe and delete groups, reset and delete their offsets", Lines::Options(&consumer_groups::OPTIONS), |words, _, output| consumer_groups::run(words, output)),
    work("kafka-groups", "list groups of all kinds", Lines::Options(&groups::OPTIONS), |words, _, output| groups::run(words, output)),
    work("kafka-get-offsets", "print an offset of each partition", Lines::Options(&get_offsets::OPTIONS), |words, _, output| get_offsets::run(words, output)),
    work("kafka-leader-election", "elect leaders of partitions", Lines::Options(&leader_election::OPTIONS), |words, _, output| leader_election::run(words, output)),
    work("kafka-log-dirs", "show what is in the log directories of brokers", Lines::Options(&log_dirs::OPTIONS), |words, _, output| log_dirs::run(words, output)),
    work("kafka-acls", "show and alter access control lists", Lines::Options(&acls::OPTIONS), |words, _, output| acls::run(words, output)),
    work("kafka-cluster", "show the id of a cluster and its brokers, take brokers off its list", Lines::Program(&cluster::PROGRAM), |words, _, output| cluster::run(words, output)),
    work("kafka-features", "show and alter levels of features", Lines::Program(&features::PROGRAM), |words, _, output| features::run(words, output)),
    work("kafka-metadata-quorum", "show who keeps the cluster's metadata, add and remove voters", Lines::Program(&metadata_quorum::PROGRAM), |words, _, output| metadata_quorum::run(words, output)),
    work("kafka-reassign-partitions", "move partitions to other brokers and log directories", Lines::Options(&reassign_partitions::OPTIONS), |words, _, output| reassign_partitions::run(words, output)),
    work("kafka-transactions", "show transactions and producers, abort what hangs", Lines::Program(&transactions::PROGRAM), |words, _, output| transactions::run(words, output)),
    work("kafka-delete-records", "delete records below an offset", Lines::Options(&delete_records::OPTIONS), |words, _, output| delete_records::run(words, output)),
    KafkaTool { name: "kafka-run-class", about: "run the tool of a Java class", lines: Lines::Text(classes::USAGE), run: Run::Class },
    work("kafka-dump-log", "show what stands in the files of a partition", Lines::Options(&dump_log::OPTIONS), |words, _, output| dump_log::run(words, output)),
    work("zookeeper-shell", "read what ZooKeeper clients see (zookeeper.shim.listener)", Lines::Text(zookeeper_shell::USAGE), |words, _, output| zookeeper_shell::run(words, output)),
    work("zookeeper-server-start", "say whether ZooKeeper clients are served, and how to switch that on", Lines::Text(zookeeper_server::USAGE_START), |words, _, output| zookeeper_server::start(words, output)),
    work("zookeeper-server-stop", "say that there is none to stop", Lines::Text("usage: zookeeper-server-stop"), |words, _, output| zookeeper_server::stop(words, output)),
    work("zookeeper-security-migration", "say that there is no ZooKeeper to secure", Lines::Text("usage: zookeeper-security-migration"), |words, _, output| zookeeper_server::migrate_security(words, output)),
    work("zkServer", "answer as ZooKeeper's own script: status, start, stop, restart, version", Lines::Text(zookeeper_server::USAGE_ZK_SERVER), zookeeper_server::zk_server),
    work("zkCli", "ZooKeeper's own name of zookeeper-shell", Lines::Text(zookeeper_shell::USAGE), |words, _, output| zookeeper_shell::zk_cli(words, output)),
];

const fn work(name: &'static str, about: &'static str, lines: Lines, work: Work) -> KafkaTool {
    KafkaTool { name, about, lines, run: Run::Work(work) }
}
