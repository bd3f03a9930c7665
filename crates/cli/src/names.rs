//! Every name the executable answers to, as its own program name or as the first argument of `naru`.

use crate::classes;
use crate::tools::{KafkaTool, Run, TOOLS};

/// A tool this executable can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// `naru` and `naru server [FILE]`: a server, with defaults where nothing is said.
    Server,
    /// A tool of Apache Kafka that is here.
    Here(&'static KafkaTool),
    /// `naru install-tools DIR`.
    InstallTools,
    /// `naru manual [TOOL]`.
    Manual,
    /// `naru help`.
    Help,
    /// `naru --version`.
    Version,
    /// A tool of Apache Kafka that is not here yet.
    Missing(String),
    /// A class that no tool stands for; what there is to say.
    Refused(String),
    /// No name of anything.
    Unknown(String),
}

/// A tool and the words after its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The tool.
    pub tool: Tool,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Tools of Apache Kafka 4.3.1 that are not here yet.
#[rustfmt::skip]
const MISSING: &[&str] = &[
    "connect-distributed", "connect-mirror-maker", "connect-plugin-path", "connect-standalone",
    "kafka-client-metrics",
    "kafka-console-share-consumer", "kafka-delegation-tokens",
    "kafka-jmx",
    "kafka-metadata-shell",
    "kafka-replica-verification",
    "kafka-share-consumer-perf-test", "kafka-share-groups", "kafka-streams-application-reset",
    "kafka-streams-groups", "kafka-verifiable-consumer",
    "kafka-verifiable-producer", "kafka-verifiable-share-consumer", "trogdor",
];

/// What `naru` takes beside the names of tools and commands.
pub(crate) const OWN_WORDS: [&str; 5] = ["server", "install-tools", "manual", "help", "version"];

/// The tools of Apache Kafka that are here, each with what it is for.
pub fn tools() -> impl Iterator<Item = (&'static str, &'static str)> {
    TOOLS.iter().map(|tool| (tool.name, tool.about))
}

/// The names of all tools, those that only say what is missing among them.
pub fn all<'n>() -> impl Iterator<Item = &'n str> {
    TOOLS.iter().map(|tool| tool.name).chain(MISSING.iter().copied())
}

/// Finds the tool a command line means: by the program's name if that is a tool's, else by the first argument.
/// `.sh`, `.bat` and folders before the name do not matter.
pub fn tool_of(program: &str, arguments: &[String]) -> Call {
    if let Some(tool) = named(program) {
        return called(tool, arguments);
    }
    let Some((first, rest)) = arguments.split_first() else {
        return Call { tool: Tool::Server, arguments: Vec::new() };
    };
    let tool = match first.as_str() {
        "server" => Tool::Server,
        "install-tools" => Tool::InstallTools,
        "manual" => Tool::Manual,
        "help" | "--help" | "-h" => Tool::Help,
        "version" | "--version" | "-V" => Tool::Version,
        // `naru --override k=v` and `naru -daemon` mean the server.
        option if option.starts_with('-') => {
            return Call { tool: Tool::Server, arguments: arguments.to_vec() };
        }
        name => named(name).unwrap_or_else(|| Tool::Unknown(name.to_owned())),
    };
    called(tool, rest)
}

/// A tool that was named, or the one whose class is.
fn called(tool: Tool, arguments: &[String]) -> Call {
    match tool {
        Tool::Here(KafkaTool { run: Run::Class, .. }) => classes::call(arguments),
        tool => Call { tool, arguments: arguments.to_vec() },
    }
}

/// The tool of a name, `None` where no tool has it.
fn named(path: &str) -> Option<Tool> {
    // A command line of Windows is taken on other systems, too.
    let file = path.rsplit(['/', '\\']).next()?;
    let name = file.strip_suffix(".sh").or_else(|| file.strip_suffix(".bat")).unwrap_or(file);
    let name = name.to_ascii_lowercase();
    if let Some(tool) = TOOLS.iter().find(|tool| tool.name.eq_ignore_ascii_case(&name)) {
        return Some(Tool::Here(tool));
    }
    MISSING.contains(&name.as_str()).then_some(Tool::Missing(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Call {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        tool_of(&words[0], &words[1..])
    }

    #[test]
    fn one_tool_answers_to_every_spelling() {
        for line in [
            "kafka-storage info",
            "/opt/kafka/bin/kafka-storage.sh info",
            "windows/kafka-storage.bat info",
            "bin\\windows\\kafka-storage.bat info",
            "naru kafka-storage info",
            "./naru kafka-storage.sh info",
            "some-other-name kafka-storage info",
        ] {
            let found = call(line);
            assert!(matches!(found.tool, Tool::Here(KafkaTool { name: "kafka-storage", .. })), "{line}");
            assert_eq!(found.arguments, ["info"], "{line}");
        }
    }

    #[test]
    fn the_tools_of_the_zookeeper_era_are_found_in_all_spellings() {
        for (line, name) in [
            ("zookeeper-server-start.sh f", "zookeeper-server-start"),
            ("bin/windows/zookeeper-server-stop.bat", "zookeeper-server-stop"),
            ("naru zookeeper-shell localhost:2181", "zookeeper-shell"),
            ("/usr/local/zookeeper/bin/zkServer.sh status", "zkServer"),
            ("naru zkserver status", "zkServer"),
            ("zkCli.sh", "zkCli"),
            ("naru zookeeper-security-migration", "zookeeper-security-migration"),
        ] {
            assert!(matches!(call(line).tool, Tool::Here(tool) if tool.name == name), "{line}");
        }
    }

    #[test]
    fn naru_alone_is_a_server() {
        assert_eq!(call("naru").tool, Tool::Server);
        assert_eq!(call("/usr/bin/naru server a.properties").arguments, ["a.properties"]);
        assert_eq!(call("naru --override a=b").arguments, ["--override", "a=b"]);
        let started = call("kafka-server-start.sh server");
        assert!(matches!(started.tool, Tool::Here(KafkaTool { name: "kafka-server-start", .. })));
        assert_eq!(started.arguments, ["server"]);
    }

    #[test]
    fn what_is_not_here_is_told_apart() {
        assert_eq!(call("trogdor.sh --list").tool, Tool::Missing("trogdor".to_owned()));
        assert_eq!(call("naru kafka-topic").tool, Tool::Unknown("kafka-topic".to_owned()));
        assert_eq!(call("naru --version").tool, Tool::Version);
    }
}
