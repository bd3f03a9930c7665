//! What `naru help` prints.

use crate::tools::{KafkaTool, TOOLS};
use crate::{KAFKA_VERSION, VERSION};

/// Columns of a tool's name; what is longer stands on a line of its own.
const NAME_WIDTH: usize = 21;

/// The text, with a line end; `own` are naru's own commands, each with what it is for.
pub fn text(own: &[(&str, &str)]) -> String {
    let tools: String = TOOLS.iter().map(|KafkaTool { name, about, .. }| line(name, about)).collect();
    let own: String = own.iter().map(|(name, about)| line(name, about)).collect();
    format!(
        "naru {VERSION}, compatible with Apache Kafka {KAFKA_VERSION}

usage: naru [server] [-daemon] [FILE] [--override KEY=VALUE]...
       naru COMMAND [ARGUMENT]...
       naru TOOL [ARGUMENT]...

Without arguments, one node starts on localhost:9092 and keeps its data in ./naru-data.
Settings come from FILE (a Kafka server.properties), then from KAFKA_* variables, then from --override.

commands, each with --help; all write tables, JSON or YAML (-o):
{own}
tools, also by their own name and with .sh:
{tools}
  naru install-tools DIR
                        put all tools into DIR under their own names
  naru manual [TOOL]    what the tools take
  naru help             this text
  naru --version        the version
"
    )
}

fn line(name: &str, about: &str) -> String {
    if name.len() > NAME_WIDTH {
        return format!("  {name}\n  {:NAME_WIDTH$} {about}\n", "");
    }
    format!("  {name:NAME_WIDTH$} {about}\n")
}
