//! The executable as users call it: by its names, apart from the terminal, and stopped again.

mod groups;
mod node;
mod refusals;
mod server;
mod settings;
mod zookeeper;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);

fn naru(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command.current_dir(folder).env_remove("LOG_DIR").args(line.split_whitespace()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Waits until `holds`; `missing` tells what does not come.
fn until(missing: impl Fn() -> String, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < DEADLINE, "{}", missing());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn wait_for_line(path: &Path, fragment: &str) {
    let log = || fs::read_to_string(path).unwrap_or_default();
    until(|| format!("'{fragment}' is not in {}: {}", path.display(), log()), || log().contains(fragment));
}

#[test]
fn it_tells_its_version_and_its_help() {
    let dir = tempfile::tempdir().unwrap();
    let version = naru(dir.path(), "--version");
    assert_eq!(text(&version.stdout), "naru 0.1.0, compatible with Apache Kafka 4.3.1\n");
    assert_eq!(text(&naru(dir.path(), "kafka-server-start --version").stdout), "4.3.1\n");
    let answer = naru(dir.path(), "help");
    let help = text(&answer.stdout);
    for fragment in ["kafka-storage", "  topic  ", "  doctor  ", "  completions  "] {
        assert!(help.contains(fragment), "{fragment} is not in {help}");
    }
    for line in ["help topic", "manual topic", "topic --help"] {
        assert!(text(&naru(dir.path(), line).stdout).contains("Usage: naru topic"), "{line}");
    }
    assert!(text(&naru(dir.path(), "completions fish").stdout).contains("doctor"));
}

#[test]
fn tools_that_are_not_here_say_so_and_fail() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("zookeeper-server-start.sh", "USAGE: zookeeper-server-start"),
        ("zookeeper-security-migration", "kafka-acls"),
        ("kafka-share-groups.sh --list", "not part of naru"),
        ("kafka-topics.sh --list", "--bootstrap-server must be specified"),
        ("frobnicate", "'frobnicate' is no command"),
        ("toipc list", "did you mean 'topic'?"),
        ("kafka-topic --list", "did you mean 'kafka-topics'?"),
        ("topic list -b 127.0.0.1:1", "no connection to 127.0.0.1:1"),
        ("kafka-server-start", "USAGE: kafka-server-start"),
        ("kafka-server-start no.properties", "no.properties cannot be read"),
        ("server -daemon --override node.id=abc", "node.id"),
    ];
    for (line, fragment) in cases {
        let answer = naru(dir.path(), line);
        assert_eq!(answer.status.code(), Some(1), "{line}");
        assert!(text(&answer.stderr).contains(fragment), "{line}: {}", text(&answer.stderr));
    }
}

#[test]
fn a_daemon_runs_until_it_is_stopped_by_its_node_id() {
    let dir = tempfile::tempdir().unwrap();
    // No other server of this machine may be stopped by this test.
    let node_id = 1_000_000_000 + std::process::id();
    let settings = format!(
        "node.id={node_id}\nlisteners=PLAINTEXT://127.0.0.1:0\nmetrics.listener=127.0.0.1:0\nlog.dirs={}/data\n",
        dir.path().display()
    );
    fs::write(dir.path().join("a.properties"), settings).unwrap();
    let stop = format!("kafka-server-stop --node-id {node_id}");
    let answer = naru(dir.path(), &stop);
    assert_eq!((answer.status.code(), text(&answer.stdout)), (Some(1), "No kafka server to stop\n"));
    let started = naru(dir.path(), "kafka-server-start -daemon a.properties");
    assert_eq!(started.status.code(), Some(0), "{}", text(&started.stderr));
    let log = dir.path().join("logs/kafkaServer.out");
    wait_for_line(&log, &format!("is ready: node {node_id}"));
    let answer = naru(dir.path(), &stop);
    assert_eq!((answer.status.code(), text(&answer.stderr)), (Some(0), ""));
    wait_for_line(&log, "stopped");
}
