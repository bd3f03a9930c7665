//! What a node cannot do it refuses at the start, with cause and remedy, before it touches its directories.

use std::process::Command;

use crate::node::{Node, command};

const LISTENERS: &str = "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:19093";

#[test]
fn roles_apart_and_quorums_of_other_nodes_are_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["process.roles=broker"], "process.roles=broker needs controllers on other nodes"),
        (&["process.roles=controller", LISTENERS], "process.roles=controller needs brokers on other nodes"),
        (
            &[LISTENERS, "controller.quorum.voters=2@b.invalid:9093"],
            "the node id 1 must be included in the set",
        ),
        (
            &[LISTENERS, "controller.quorum.voters=1@127.0.0.1:19093,2@b.invalid:9093"],
            "controller.quorum.voters names other nodes, 2@b.invalid:9093",
        ),
        (
            &[LISTENERS, "controller.quorum.bootstrap.servers=127.0.0.1:19093,b.invalid:9093"],
            "controller.quorum.bootstrap.servers names b.invalid:9093",
        ),
    ];
    for (settings, cause) in cases {
        let folder = tempfile::tempdir().unwrap();
        let answer = Node::spawn(folder.path(), settings).refused();
        assert!(answer.contains(cause) && answer.contains("a cluster of one node"), "{settings:?}: {answer}");
        assert!(!folder.path().join("data").exists(), "{settings:?}");
    }
}

#[test]
fn a_quorum_that_names_this_node_alone_starts() {
    for setting in
        ["controller.quorum.voters=1@127.0.0.1:19093", "controller.quorum.bootstrap.servers=localhost:19093"]
    {
        let folder = tempfile::tempdir().unwrap();
        Node::ready(folder.path(), &[LISTENERS, setting]);
    }
}

#[test]
fn too_few_descriptors_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = command(folder.path(), &[]);
    let mut limited = Command::new("sh");
    limited.current_dir(folder.path()).env_remove("LOG_DIR").args([
        "-c",
        "ulimit -n 100 && exec \"$@\"",
        "sh",
    ]);
    limited.arg(server.get_program()).args(server.get_args());
    let answer = Node::run(limited, folder.path()).refused();
    assert!(answer.contains("only 100 descriptors may be open"), "{answer}");
    assert!(answer.contains("Too many open files") && answer.contains("ulimit -n"), "{answer}");
    assert!(!folder.path().join("data").exists());
}
