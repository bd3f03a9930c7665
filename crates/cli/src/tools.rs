//! The tools of Apache Kafka that are here: names, help and what runs follow from this table.

use crate::{
    Output, acls, broker_api_versions, cluster, configs, console_consumer, console_producer, consumer_groups,
    consumer_perf, delete_records, dump_log, e2e_latency, features, get_offsets, groups, leader_election,
    log_dirs, metadata_quorum, producer_perf, reassign_partitions, replica_verification, server_stop,
    storage, topics, transactions, verifiable_consumer, verifiable_producer,
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
    pub(crate) run: Run,
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
    KafkaTool { name: "kafka-server-start", about: "start a server with the settings of a file", run: Run::Server },
    work("kafka-server-stop", "stop the servers of this machine", |words, _, output| server_stop::run(words, output)),
    work("kafka-storage", "make cluster ids, format log directories and show them", |words, _, output| storage::run(words, output)),
    work("kafka-topics", "create, describe, alter, list and delete topics", topics::run),
    work("kafka-configs", "show and alter settings, quotas and credentials", |words, _, output| configs::run(words, output)),
    work("kafka-console-producer", "write lines of standard input to a topic", |words, _, output| console_producer::run(words, output)),
    work("kafka-console-consumer", "print the records of topics", |words, _, output| console_consumer::run(words, output)),
    work("kafka-producer-perf-test", "write records and say how fast that was", |words, _, output| producer_perf::run(words, output)),
    work("kafka-consumer-perf-test", "read records and say how fast that was", |words, _, output| consumer_perf::run(words, output)),
    work("kafka-e2e-latency", "measure how long records take from producer to consumer", |words, _, output| e2e_latency::run(words, output)),
    work("kafka-verifiable-producer", "write numbers and tell in JSON which are written", |words, _, output| verifiable_producer::run(words, output)),
    work("kafka-verifiable-consumer", "read records as a member of a group and tell in JSON what happens", |words, _, output| verifiable_consumer::run(words, output)),
    work("kafka-replica-verification", "compare what the replicas of partitions hold", |words, _, output| replica_verification::run(words, output)),
    work("kafka-broker-api-versions", "show which requests brokers take, in which versions", |words, _, output| broker_api_versions::run(words, output)),
    work("kafka-consumer-groups", "list, describe and delete groups, reset and delete their offsets", |words, _, output| consumer_groups::run(words, output)),
    work("kafka-groups", "list groups of all kinds", |words, _, output| groups::run(words, output)),
    work("kafka-get-offsets", "print an offset of each partition", |words, _, output| get_offsets::run(words, output)),
    work("kafka-leader-election", "elect leaders of partitions", |words, _, output| leader_election::run(words, output)),
    work("kafka-log-dirs", "show what is in the log directories of brokers", |words, _, output| log_dirs::run(words, output)),
    work("kafka-acls", "show and alter access control lists", |words, _, output| acls::run(words, output)),
    work("kafka-cluster", "show the id of a cluster and its brokers, take brokers off its list", |words, _, output| cluster::run(words, output)),
    work("kafka-features", "show and alter levels of features", |words, _, output| features::run(words, output)),
    work("kafka-metadata-quorum", "show who keeps the cluster's metadata, add and remove voters", |words, _, output| metadata_quorum::run(words, output)),
    work("kafka-reassign-partitions", "move partitions to other brokers and log directories", |words, _, output| reassign_partitions::run(words, output)),
    work("kafka-transactions", "show transactions and producers, abort what hangs", |words, _, output| transactions::run(words, output)),
    work("kafka-delete-records", "delete records below an offset", |words, _, output| delete_records::run(words, output)),
    KafkaTool { name: "kafka-run-class", about: "run the tool of a Java class", run: Run::Class },
    work("kafka-dump-log", "show what stands in the files of a partition", |words, _, output| dump_log::run(words, output)),
];

const fn work(name: &'static str, about: &'static str, work: Work) -> KafkaTool {
    KafkaTool { name, about, run: Run::Work(work) }
}
