//! Listeners that come and go while the broker runs.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::client::{Client, batch};
use crate::node::{BROKER, Node, Setup};

/// How long a listener may take to be closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);
const MAP: (&str, &str) =
    ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT,SECURE:SSL");

fn address_of(node: &Node, name: &str) -> Option<SocketAddr> {
    node.broker
        .listeners
        .open()
        .iter()
        .find(|listener| listener.name == name)
        .map(|listener| listener.address)
}

/// A connection may still be taken by the kernel before the socket has gone; nobody serves it then.
fn refuses_connections(address: SocketAddr) -> bool {
    let give_up = Instant::now() + CLOSED_WITHIN;
    while Instant::now() < give_up {
        if TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn listeners_open_and_close_with_their_connections_as_the_setting_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup { settings: &[MAP], ..Setup::new(folder.path()) }.start();
    node.create_topic("t", 1, &[]);
    let mut stays = node.connect();
    node.configure(BROKER, "1", "listeners", Some("PLAINTEXT://:9092,EXTRA://127.0.0.1:0"));
    let address = address_of(&node, "EXTRA").unwrap();
    let mut goes = Client::connect(address);
    assert_eq!(goes.produce("t", 0, &batch(100, 1)), Ok(0));
    assert_eq!(stays.produce("t", 0, &batch(100, 1)), Ok(1));

    // An open listener keeps its address, whatever its entry says now.
    node.configure(BROKER, "1", "listeners", Some("PLAINTEXT://:1,EXTRA://127.0.0.1:2"));
    assert_eq!(goes.produce("t", 0, &batch(100, 1)), Ok(2));
    assert_eq!(
        (address_of(&node, "EXTRA"), address_of(&node, "PLAINTEXT")),
        (Some(address), Some(node.address))
    );

    node.configure(BROKER, "1", "listeners", None);
    assert_eq!(goes.stream.read(&mut [0]).unwrap(), 0);
    assert!(refuses_connections(address));
    assert_eq!(address_of(&node, "EXTRA"), None);
    assert_eq!(stays.produce("t", 0, &batch(100, 1)), Ok(3));
}

#[test]
fn a_listener_that_cannot_be_opened_leaves_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut node = Setup { settings: &[MAP], ..Setup::new(folder.path()) }.start();
    node.create_topic("t", 1, &[]);
    let mut stays = node.connect();
    let busy = format!("PLAINTEXT://:9092,EXTRA://{},SECURE://127.0.0.1:0", taken.local_addr().unwrap());
    node.configure(BROKER, "1", "listeners", Some(&busy));
    assert_eq!((address_of(&node, "EXTRA"), address_of(&node, "SECURE")), (None, None));
    assert_eq!(stays.produce("t", 0, &batch(100, 1)), Ok(0));
    drop(taken);
    node.configure(BROKER, "1", "listeners", Some("PLAINTEXT://:9092,EXTRA://127.0.0.1:0"));
    let mut client = Client::connect(address_of(&node, "EXTRA").unwrap());
    assert_eq!(client.produce("t", 0, &batch(100, 1)), Ok(1));
}

#[test]
fn a_listener_speaks_what_the_map_gives_its_name_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Setup::new(folder.path()).start();
    node.create_topic("t", 1, &[]);
    let both = "PLAINTEXT://:9092,EXTRA://127.0.0.1:0";
    node.configure(BROKER, "1", MAP.0, Some("PLAINTEXT:PLAINTEXT,EXTRA:SSL"));
    node.configure(BROKER, "1", "listeners", Some(both));
    assert_eq!(address_of(&node, "EXTRA"), None, "TLS is not spoken yet");
    node.configure(BROKER, "1", MAP.0, Some("PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"));
    let mut client = Client::connect(address_of(&node, "EXTRA").unwrap());
    assert_eq!(client.produce("t", 0, &batch(100, 1)), Ok(0));
}
