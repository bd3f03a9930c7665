//! `kafka-run-class`: the tools by the names of the Java classes that they stand for, of this release or an older one.

use crate::names::{Call, Tool};
use crate::tools::TOOLS;

/// Packages in which the classes have been.
const PACKAGES: [&str; 2] = ["kafka.", "org.apache.kafka."];

/// Classes without their package, and the tool of each.
#[rustfmt::skip]
const CLASSES: &[(&str, &str)] = &[
    ("AclCommand", "kafka-acls"),
    ("BrokerApiVersionsCommand", "kafka-broker-api-versions"),
    ("ClusterTool", "kafka-cluster"),
    ("ConfigCommand", "kafka-configs"),
    ("ConsoleConsumer", "kafka-console-consumer"),
    ("ConsoleProducer", "kafka-console-producer"),
    ("ConsumerGroupCommand", "kafka-consumer-groups"),
    ("ConsumerPerformance", "kafka-consumer-perf-test"),
    ("DeleteRecordsCommand", "kafka-delete-records"),
    ("DumpLogSegments", "kafka-dump-log"),
    ("EndToEndLatency", "kafka-e2e-latency"),
    ("FeatureCommand", "kafka-features"),
    ("GetOffsetShell", "kafka-get-offsets"),
    ("GroupsCommand", "kafka-groups"),
    ("Kafka", "kafka-server-start"),
    ("LeaderElectionCommand", "kafka-leader-election"),
    ("LogDirsCommand", "kafka-log-dirs"),
    ("MetadataQuorumCommand", "kafka-metadata-quorum"),
    ("ProducerPerformance", "kafka-producer-perf-test"),
    ("ReassignPartitionsCommand", "kafka-reassign-partitions"),
    ("StorageTool", "kafka-storage"),
    ("TopicCommand", "kafka-topics"),
    ("TransactionsCommand", "kafka-transactions"),
];

pub(crate) const USAGE: &str =
    "USAGE: kafka-run-class.sh [-daemon] [-name servicename] [-loggc] classname [opts]";

/// The tool that the words after `kafka-run-class` mean, with its arguments.
pub(crate) fn call(words: &[String]) -> Call {
    let mut words = words.iter();
    let mut is_daemon = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "-daemon" => is_daemon = true,
            // What follows names the service, for its log.
            "-name" => drop(words.next()),
            "-loggc" => {}
            class => {
                // Only a server can run by itself.
                let daemon = is_daemon.then(|| "-daemon".to_owned());
                return match tool_of(class) {
                    Some(tool @ Tool::Here(_)) if class.ends_with(".Kafka") => {
                        Call { tool, arguments: daemon.into_iter().chain(words.cloned()).collect() }
                    }
                    Some(tool) => Call { tool, arguments: words.cloned().collect() },
                    None => refused(&format!(
                        "Error: Could not find or load main class {class}\nCaused by: java.lang.ClassNotFoundException: {class}"
                    )),
                };
            }
        }
    }
    refused(USAGE)
}

/// Classes of ZooKeeper, which Kafka's scripts name in full.
const OF_ZOOKEEPER: &[(&str, &str)] = &[
    ("org.apache.zookeeper.ZooKeeperMain", "zkCli"),
    ("org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka", "zkCli"),
    ("org.apache.zookeeper.server.quorum.QuorumPeerMain", "zookeeper-server-start"),
];

fn tool_of(class: &str) -> Option<Tool> {
    if let Some((_, name)) = OF_ZOOKEEPER.iter().find(|(known, _)| *known == class) {
        return TOOLS.iter().find(|tool| tool.name == *name).map(Tool::Here);
    }
    let inside = PACKAGES.iter().find_map(|package| class.strip_prefix(package))?;
    let simple = inside.rsplit('.').next()?;
    let (_, name) = CLASSES.iter().find(|(known, _)| *known == simple)?;
    TOOLS.iter().find(|tool| tool.name == *name).map(Tool::Here)
}

fn refused(sentence: &str) -> Call {
    Call { tool: Tool::Refused(sentence.to_owned()), arguments: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(line: &str) -> (String, Vec<String>) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let Call { tool, arguments } = call(&words);
        match tool {
            Tool::Here(tool) => (tool.name.to_owned(), arguments),
            Tool::Refused(sentence) => (sentence, arguments),
            other => (format!("{other:?}"), arguments),
        }
    }

    #[test]
    fn classes_of_all_releases_mean_the_same_tool() {
        for class in ["kafka.tools.GetOffsetShell", "org.apache.kafka.tools.GetOffsetShell"] {
            assert_eq!(
                named(&format!("{class} --topic t")),
                ("kafka-get-offsets".to_owned(), vec!["--topic".to_owned(), "t".to_owned()])
            );
        }
        assert_eq!(named("-name kafkaServer -loggc kafka.Kafka a.properties").0, "kafka-server-start");
        assert_eq!(named("-daemon kafka.Kafka a.properties").1, ["-daemon", "a.properties"]);
    }

    #[test]
    fn other_classes_are_not_found() {
        let missing = "Error: Could not find or load main class my.Tool\nCaused by: java.lang.ClassNotFoundException: my.Tool";
        assert_eq!(named("my.Tool").0, missing);
        assert!(named("kafka.tools.Nothing").0.contains("kafka.tools.Nothing"));
        assert_eq!(named("").0, USAGE);
    }

    #[test]
    fn each_class_has_a_tool() {
        for (class, name) in CLASSES.iter().chain(OF_ZOOKEEPER) {
            assert!(TOOLS.iter().any(|tool| tool.name == *name), "{class}");
        }
    }
}
