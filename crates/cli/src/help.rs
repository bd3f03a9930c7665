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

  naru help             this text
  naru --version        the version
"
    )
}
