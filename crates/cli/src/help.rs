//! What `naru help` prints.

use crate::{KAFKA_VERSION, VERSION};

/// The text, with a line end.
pub fn text() -> String {
    format!(
        "naru {VERSION}, compatible with Apache Kafka {KAFKA_VERSION}

usage: naru [server] [-daemon] [FILE] [--override KEY=VALUE]...
       naru TOOL [ARGUMENT]...

Without arguments, one node starts on localhost:9092 and keeps its data in ./naru-data.
Settings come from FILE (a Kafka server.properties), then from KAFKA_* variables, then from --override.

tools, also by their own name and with .sh:
  kafka-server-start    start a server with the settings of a file
  kafka-server-stop     stop the servers of this machine
  kafka-storage         make cluster ids, format log directories and show them
  kafka-topics          create, describe, alter, list and delete topics
  kafka-console-producer
                        write lines of standard input to a topic
  kafka-console-consumer
                        print the records of topics
  kafka-consumer-perf-test
                        read records and say how fast that was
  kafka-broker-api-versions
                        show which requests brokers take, in which versions
  kafka-get-offsets     print an offset of each partition
  kafka-leader-election elect leaders of partitions
  kafka-log-dirs        show what is in the log directories of brokers
  kafka-delete-records  delete records below an offset

  naru install-tools DIR
                        put all tools into DIR under their own names
  naru help             this text
  naru --version        the version
"
    )
}
