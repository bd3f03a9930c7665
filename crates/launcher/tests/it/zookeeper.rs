//! Clients and tools of ZooKeeper against a node that lets them read.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;

use zookeeper::client::{Client, ClientError, Heard, Servers};
use zookeeper::event::EventKind;
use zookeeper::{Code, Stat};

use crate::node::{Node, free_port};
use crate::server::created;
use crate::{DEADLINE, naru, text, until};

/// A node whose cluster ZooKeeper clients may read, and where.
fn readable(folder: &Path) -> (Node, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let node = Node::ready(folder, &["broker.id=0", &format!("zookeeper.shim.listener={address}")]);
    (node, address)
}

fn client(address: &str) -> (Client, mpsc::Receiver<Heard>) {
    let (hear, heard) = mpsc::channel();
    let servers = Servers::parse(address).unwrap();
    (Client::connect(&servers, DEADLINE, false, move |event| drop(hear.send(event))).unwrap(), heard)
}

#[test]
fn zookeeper_clients_read_the_cluster_where_it_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, address) = readable(folder.path());
    let (mut client, heard) = client(&address);
    assert_eq!(client.children("/brokers/ids", false).unwrap().0, ["0"]);
    let (data, _) = client.data("/brokers/ids/0", false).unwrap();
    let port = node.address("PLAINTEXT").port();
    let endpoint = format!("\"endpoints\":[\"PLAINTEXT://127.0.0.1:{port}\"]");
    assert!(text(&data.unwrap()).contains(&endpoint));
    assert_eq!(client.children("/brokers/topics", true).unwrap().0, [] as [&str; 0]);
    created(&mut node.connect(), "watched");
    match heard.recv_timeout(DEADLINE).unwrap() {
        Heard::Event(event) => {
            assert_eq!(
                (event.kind, event.path.as_str()),
                (EventKind::NodeChildrenChanged, "/brokers/topics")
            );
        }
        Heard::Disconnected => panic!("{}", node.output()),
    }
    let topic_is_there =
        |client: &mut Client| client.exists("/brokers/topics/watched/partitions/0/state", false);
    until(|| "no state of the partition".to_owned(), || topic_is_there(&mut client).is_ok());
    let Stat { mzxid, version, .. } = topic_is_there(&mut client).unwrap();
    assert!(mzxid > 0 && version == 0, "{mzxid} {version}");
    let nothing = client.exists("/brokers/ids/1", false).unwrap_err();
    assert!(matches!(nothing, ClientError::Refused(Code::NO_NODE)), "{nothing}");
}

#[test]
fn the_profile_of_kafka_3_serves_zookeeper_clients_where_they_look() {
    let folder = tempfile::tempdir().unwrap();
    // Whoever has the port, this test or another program: the node starts and says that it does without.
    let _taken = TcpListener::bind("127.0.0.1:2181");
    let mut node = Node::ready(folder.path(), &["compat.profile=3.x"]);
    let said = node.wait_for("ZooKeeper clients are not served");
    assert!(said.contains("127.0.0.1:2181") && said.contains("zookeeper.shim.listener"), "{said}");
    drop(node);
    let other = tempfile::tempdir().unwrap();
    let node = Node::ready(other.path(), &["compat.profile=3.x", "zookeeper.shim.listener="]);
    assert!(!node.output().contains("ZooKeeper clients"), "{}", node.output());
}

#[test]
fn a_busy_port_for_zookeeper_clients_is_an_error_where_it_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let answer = Node::spawn(folder.path(), &[&format!("zookeeper.shim.listener={address}")]).refused();
    assert!(answer.contains(&format!("cannot serve ZooKeeper clients on {address}")), "{answer}");
    assert!(answer.contains("change zookeeper.shim.listener or free the port"), "{answer}");
}

/// As the study notes of the seeds show it.
#[test]
fn the_shell_lists_the_brokers_by_a_line_and_by_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let (_node, address) = readable(folder.path());
    let connected = "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n";
    let answer = naru(folder.path(), &format!("zookeeper-shell.sh {address} ls /brokers/ids"));
    assert_eq!(text(&answer.stdout), format!("Connecting to {address}\n{connected}[0]\n"));
    assert_eq!((answer.status.code(), text(&answer.stderr)), (Some(0), ""));
    let lines = "ls /brokers/ids\n\nget /controller_epoch\nls /nowhere\nls -R /admin\ncreate /x y\nprintwatches\nquit\n";
    let answer = typed(folder.path(), &["zookeeper-shell", &address], lines);
    let expected = format!(
        "Connecting to {address}\nWelcome to ZooKeeper!\nJLine support is disabled\n{connected}[0]\n1\n/admin\n/admin/delete_topics\nprintwatches is on\n"
    );
    assert_eq!(text(&answer.stdout), expected);
    assert_eq!(text(&answer.stderr), "Node does not exist: /nowhere\nNot a read-only call: /x\n");
    let failed = naru(folder.path(), &format!("zkCli -server {address} get /nowhere"));
    assert_eq!((failed.status.code(), text(&failed.stderr)), (Some(1), "Node does not exist: /nowhere\n"));
}

#[test]
fn the_shell_tells_what_it_watches_while_nobody_types() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, address) = readable(folder.path());
    let mut shell = command(folder.path(), &["zookeeper-shell", &address]).spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let mut wait_for = |wanted: &str| loop {
        let line = lines.next().expect(wanted).unwrap();
        if line == wanted {
            return;
        }
    };
    input.write_all(b"ls -w /brokers/topics\n").unwrap();
    wait_for("[]");
    created(&mut node.connect(), "watched");
    wait_for("WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/brokers/topics");
    drop(node);
    wait_for("WatchedEvent state:Disconnected type:None path:null");
    drop(input);
    assert_eq!(shell.wait().unwrap().code(), Some(0));
}

#[test]
fn the_scripts_that_started_zookeeper_end_well_where_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (_node, address) = readable(folder.path());
    let port = address.rsplit(':').next().unwrap();
    let file = folder.path().join("zoo.cfg");
    std::fs::write(&file, format!("clientPort={port}\nclientPortAddress=127.0.0.1\n")).unwrap();
    let file = file.display();
    let started = naru(folder.path(), &format!("zookeeper-server-start.sh -daemon {file}"));
    assert_eq!((started.status.code(), text(&started.stderr)), (Some(0), ""));
    assert!(text(&started.stdout).contains(&address), "{}", text(&started.stdout));
    let status = naru(folder.path(), &format!("zkServer.sh status {file}"));
    let expected = format!(
        "Client port found: {port}. Client address: 127.0.0.1. Client SSL: false.\nMode: standalone\n"
    );
    assert_eq!((status.status.code(), text(&status.stdout)), (Some(0), expected.as_str()));
    let told = format!("ZooKeeper JMX enabled by default\nUsing config: {file}\n");
    assert_eq!(text(&status.stderr), told);
    let restarted = naru(folder.path(), &format!("zkServer restart {file}"));
    let expected = "Stopping zookeeper ... no zookeeper to stop\nStarting zookeeper ... STARTED\n";
    assert_eq!((restarted.status.code(), text(&restarted.stdout)), (Some(0), expected));
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_naru"));
    command
        .current_dir(folder)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a tool with lines on its standard input.
fn typed(folder: &Path, words: &[&str], lines: &str) -> Output {
    let mut child = command(folder, words).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
