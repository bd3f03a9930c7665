//! Server and client over sockets, and clients that do not keep to the rules.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use zookeeper::client::{self, Client, ClientError, Heard, Servers};
use zookeeper::connect::{ConnectRequest, ConnectResponse};
use zookeeper::event::{Event, EventKind};
use zookeeper::jute::Writer;
use zookeeper::server::{self, Identity};
use zookeeper::tree::TreeSize;
use zookeeper::{Code, Role, Stat, Tree, Znode};

const DEADLINE: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: usize = 4;

/// A tree of paths and data.
#[derive(Clone)]
struct Planted(i64, BTreeMap<&'static str, &'static str>);

impl Planted {
    fn tree(zxid: i64, nodes: &[(&'static str, &'static str)]) -> Arc<dyn Tree> {
        Arc::new(Planted(zxid, nodes.iter().copied().collect()))
    }
}

impl Tree for Planted {
    fn node(&self, path: &str) -> Option<Znode> {
        let data = self.1.get(path)?;
        let inside = format!("{}/", path.trim_end_matches('/'));
        let names = self.1.keys().filter_map(|known| known.strip_prefix(&inside));
        let children =
            names.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect();
        Some(Znode { data: Some(data.as_bytes().to_vec()), children, marks: Stat::default() })
    }

    fn zxid(&self) -> i64 {
        self.0
    }

    fn role(&self) -> Role {
        Role::Leader
    }

    fn size(&self) -> TreeSize {
        TreeSize { nodes: self.1.len(), ephemerals: 0 }
    }
}

/// A running server.
struct Served {
    address: SocketAddr,
    trees: watch::Sender<Arc<dyn Tree>>,
    stop: watch::Sender<bool>,
    _runtime: Runtime,
}

fn serve() -> Served {
    let runtime = Runtime::new().unwrap();
    let nodes = [("/", ""), ("/brokers", "x"), ("/brokers/ids", ""), ("/brokers/ids/0", "{}")];
    let (trees, watched) = watch::channel(Planted::tree(4, &nodes));
    let (stop, stopping) = watch::channel(false);
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let identity = Identity { version: "3.8.4-test".to_owned(), server_id: 1, cluster: "cluster".to_owned() };
    runtime.spawn(server::serve_up_to(CONNECTIONS_MAX, listener, watched, identity, stopping));
    Served { address, trees, stop, _runtime: runtime }
}

impl Served {
    fn servers(&self) -> Servers {
        Servers::parse(&self.address.to_string()).unwrap()
    }

    fn client(&self) -> (Client, mpsc::Receiver<Heard>) {
        let (hear, heard) = mpsc::channel();
        let client =
            Client::connect(&self.servers(), DEADLINE, false, move |event| _ = hear.send(event)).unwrap();
        (client, heard)
    }

    fn raw(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }
}

#[test]
fn nodes_are_read_over_a_socket() {
    let served = serve();
    let (mut client, _heard) = served.client();
    assert_eq!(client.children("/brokers/ids", false).unwrap().0, ["0"]);
    let (data, stat) = client.data("/brokers", false).unwrap();
    assert_eq!((data.as_deref(), stat.data_length, stat.children), (Some(b"x".as_slice()), 1, 1));
    assert_eq!(client.exists("/brokers/ids", false).unwrap().children, 1);
    assert_eq!(client.descendants("/").unwrap(), 3);
    assert_eq!(client.acl("/").unwrap().0[0].permissions, 1);
    assert_eq!(client.identities().unwrap(), [("ip".to_owned(), "127.0.0.1".to_owned())]);
    client.sync("/").unwrap();
    let missing = client.exists("/nowhere", false).unwrap_err();
    assert!(matches!(missing, ClientError::Refused(Code::NO_NODE)), "{missing}");
    client.close().unwrap();
}

#[test]
fn a_root_of_its_own_is_before_every_path() {
    let served = serve();
    let servers = Servers::parse(&format!("{}/brokers", served.address)).unwrap();
    let (hear, heard) = mpsc::channel();
    let mut client = Client::connect(&servers, DEADLINE, true, move |event| _ = hear.send(event)).unwrap();
    assert!(client.is_read_only());
    assert_eq!(client.children("/", true).unwrap().0, ["ids"]);
    served.trees.send_replace(Planted::tree(5, &[("/", ""), ("/brokers", "x")]));
    let event = Event { kind: EventKind::NodeChildrenChanged, path: "/".to_owned() };
    assert_eq!(heard.recv_timeout(DEADLINE), Ok(Heard::Event(event)));
}

#[test]
fn watches_are_told_when_the_tree_changes_and_the_end_when_the_server_stops() {
    let served = serve();
    let (mut client, heard) = served.client();
    client.data("/brokers/ids/0", true).unwrap();
    served.trees.send_replace(Planted::tree(5, &[("/", "")]));
    let event = Event { kind: EventKind::NodeDeleted, path: "/brokers/ids/0".to_owned() };
    assert_eq!(heard.recv_timeout(DEADLINE), Ok(Heard::Event(event)));
    assert!(client.data("/brokers/ids/0", true).is_err());
    served.stop.send_replace(true);
    assert_eq!(heard.recv_timeout(DEADLINE), Ok(Heard::Disconnected));
    assert!(matches!(client.exists("/", false), Err(ClientError::Lost(_))));
}

#[test]
fn words_are_answered_without_a_session() {
    let served = serve();
    let ask = |word| client::word(&served.servers(), word, DEADLINE).unwrap();
    assert_eq!(ask("ruok"), "imok");
    assert!(ask("srvr").contains("\nZxid: 0x4\nMode: leader\nNode count: 4\n"), "{}", ask("srvr"));
    let port = format!("clientPort={}\n", served.address.port());
    assert!(ask("conf").starts_with(&port), "{}", ask("conf"));
}

/// Opens a session by hand; the answer.
fn opened(stream: &mut TcpStream, asked: &ConnectRequest) -> ConnectResponse {
    let mut writer = Writer::new();
    asked.encode(&mut writer);
    stream.write_all(&writer.into_bytes()).unwrap();
    ConnectResponse::decode(&frame(stream).unwrap()).unwrap()
}

fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}

fn asked() -> ConnectRequest {
    ConnectRequest {
        last_zxid_seen: 0,
        timeout_ms: 10_000,
        session_id: 0,
        password: Vec::new(),
        may_be_read_only: None,
    }
}

#[test]
fn a_session_moves_to_another_connection_of_its_client_and_to_no_other() {
    let served = serve();
    let (mut first, mut second, mut third) = (served.raw(), served.raw(), served.raw());
    let given = opened(&mut first, &asked());
    assert_eq!((given.timeout_ms, given.is_read_only, given.session_id >> 56), (10_000, None, 1));
    let again = ConnectRequest { session_id: given.session_id, password: given.password.to_vec(), ..asked() };
    assert_eq!(opened(&mut second, &again).session_id, given.session_id);
    let ping = [0, 0, 0, 8, 255, 255, 255, 254, 0, 0, 0, 11];
    first.write_all(&ping).unwrap();
    let moved = frame(&mut first).unwrap();
    assert_eq!(moved[12..], Code::SESSION_MOVED.0.to_be_bytes());
    assert_eq!(frame(&mut first), None);
    second.write_all(&ping).unwrap();
    assert_eq!(frame(&mut second).unwrap()[12..], [0; 4]);
    let stranger = ConnectRequest { password: vec![1; 16], ..again };
    assert_eq!(opened(&mut third, &stranger).timeout_ms, 0);
    assert_eq!(frame(&mut third), None);
}

#[test]
fn a_client_that_has_seen_more_than_there_is_has_to_go_elsewhere() {
    let served = serve();
    let mut stream = served.raw();
    let mut writer = Writer::new();
    ConnectRequest { last_zxid_seen: 5, ..asked() }.encode(&mut writer);
    stream.write_all(&writer.into_bytes()).unwrap();
    assert_eq!(frame(&mut stream), None);
}

#[test]
fn hostile_bytes_end_their_connection_and_nothing_else() {
    let served = serve();
    let (mut client, _heard) = served.client();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[0x7f, 255, 255, 255],
        &[0, 0, 0, 3, 1, 2, 3],
        &[0, 0, 0, 44, 0, 0],
    ] {
        let mut stream = served.raw();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(frame(&mut stream), None, "{bytes:?}");
    }
    let mut stream = served.raw();
    opened(&mut stream, &asked());
    stream.write_all(&[0, 0, 0, 2, 0, 0]).unwrap();
    assert_eq!(frame(&mut stream), None);
    assert!(client.exists("/", false).is_ok());
}

#[test]
fn a_client_beyond_the_most_is_sent_away_until_another_has_gone() {
    let served = serve();
    let mut clients: Vec<_> = (0..CONNECTIONS_MAX).map(|_| served.client()).collect();
    let connect = || Client::connect(&served.servers(), DEADLINE, false, drop);
    assert!(connect().is_err());
    drop(clients.pop());
    let begin = std::time::Instant::now();
    while connect().is_err() {
        assert!(begin.elapsed() < DEADLINE);
        std::thread::sleep(Duration::from_millis(5));
    }
}
