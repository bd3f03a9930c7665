//! Limits of connections, set at the start and changed while many more clients than may be there come and go; and the size
//! of a request.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::client::{CallError, Client};
use crate::greed;
use crate::hammer::Hammer;
use crate::neighbour::Neighbour;
use crate::node::{Node, NodeHome, free_port};
use crate::probe::{Served, ask, connect, served};

const TOPIC: &str = "neighbour";
const REQUEST_MAX: usize = 900_000;
const CLIENTS: usize = 24;
/// The client that changes the settings, and the neighbour.
const OURS: usize = 2;
const OVERRIDDEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

type Figures = Vec<(&'static str, String)>;

/// A limit under a hammer: who hammers where, how many may be inside at the start, then each setting and what holds from
/// then on.
struct Hammered {
    what: &'static str,
    source: Ipv4Addr,
    address: SocketAddr,
    at_start: Option<usize>,
    steps: Vec<(&'static str, String, usize)>,
    /// Who is too many is closed, and does not wait.
    closes: bool,
}

/// All of it against one node.
pub fn run(folder: &Path) -> Result<Figures, String> {
    let extra = free_port()?;
    let settings = [
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT",
        "inter.broker.listener.name=PLAINTEXT",
        "listener.name.extra.max.connections=6",
        "max.connections.per.ip.overrides=127.0.0.3:4",
        "max.connections=20",
        &format!("socket.request.max.bytes={REQUEST_MAX}"),
    ];
    let home = NodeHome::new(folder, &[folder.join("connections")], &settings)?.with_listener("EXTRA", extra);
    let mut node = home.start()?;
    let outcome = all_limits(&node, SocketAddr::from((Ipv4Addr::LOCALHOST, extra)));
    let figures = outcome.map_err(|text| match node.ended() {
        Some(status) => format!("the node ended with {status}: {}", node.last_words()),
        None => text,
    })?;
    if node.said().contains("panicked at") {
        return Err(format!("something in the node panicked: {}", node.last_words()));
    }
    node.stop()?;
    Ok(figures)
}

fn all_limits(node: &Node, extra: SocketAddr) -> Result<Figures, String> {
    let text = CallError::into_text;
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut admin = Client::connect_until(node.address, deadline).map_err(text)?;
    admin.create_topic(TOPIC, 1, &[]).map_err(text)?;
    let neighbour = Neighbour::default();
    std::thread::scope(|scope| {
        let beside = &neighbour;
        let running = scope.spawn(move || beside.run(node.address, TOPIC));
        let hammered: Result<Vec<_>, String> =
            limits(node.address, extra).iter().map(|limit| hammer(limit, &mut admin)).collect();
        let outcome = hammered.and_then(|figures| request_size(node.address).map(|()| figures));
        neighbour.stop();
        let written = running.join().unwrap_or_else(|_| Err("the neighbour panicked".to_owned()));
        let mut figures = outcome?;
        figures.push(("the neighbour's records, each read back", written?.to_string()));
        Ok(figures)
    })
}

/// 20 may be there in all from the start.
fn limits(plain: SocketAddr, extra: SocketAddr) -> [Hammered; 4] {
    let step = |key: &'static str, value: usize, inside: usize| (key, value.to_string(), inside);
    let listener = |value| step("listener.name.extra.max.connections", value, value);
    let total = |value| step("max.connections", value, value - OURS);
    let overridden = |value: usize| ("max.connections.per.ip.overrides", format!("127.0.0.3:{value}"), value);
    let of_each = |value| step("max.connections.per.ip", value, value);
    [
        Hammered {
            what: "a listener's clients answered and closed",
            source: OTHER,
            address: extra,
            at_start: Some(6),
            steps: vec![listener(3), listener(9)],
            closes: false,
        },
        Hammered {
            what: "those of an address with its own limit",
            source: OVERRIDDEN,
            address: plain,
            at_start: Some(4),
            steps: vec![overridden(2), overridden(7)],
            closes: true,
        },
        Hammered {
            what: "those of an address like any other",
            source: OTHER,
            address: plain,
            at_start: None,
            steps: vec![of_each(5), of_each(3)],
            closes: true,
        },
        Hammered {
            what: "those of the whole node",
            source: OTHER,
            address: plain,
            at_start: None,
            steps: vec![step("max.connections.per.ip", 1000, 20 - OURS), total(10), total(16)],
            closes: false,
        },
    ]
}

fn hammer(limit: &Hammered, admin: &mut Client) -> Result<(&'static str, String), String> {
    let hammer = Hammer::default();
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| hammer.run(limit.source, limit.address))).collect();
        let mut outcome = limit.at_start.map_or(Ok(()), |inside| hammer.settles_at(inside));
        // What the limit before it still closed is none of this one's.
        let mut closed_before = None;
        for (key, value, inside) in &limit.steps {
            outcome = outcome.and_then(|()| {
                admin.set_dynamically(key, value).map_err(CallError::into_text)?;
                hammer.settles_at(*inside).map_err(|text| format!("{key}={value}: {text}"))
            });
            closed_before.get_or_insert_with(|| hammer.closed.load(Ordering::Relaxed));
        }
        hammer.stop();
        for client in clients {
            outcome = outcome.and(client.join().unwrap_or_else(|_| Err("a client panicked".to_owned())));
        }
        let [answered, closed] =
            [&hammer.answered, &hammer.closed].map(|count| count.load(Ordering::Relaxed));
        outcome.map_err(|text| format!("{}: {text}", limit.what))?;
        if limit.closes != (closed > closed_before.unwrap_or_default()) {
            return Err(format!("{}: {closed} connections were closed unanswered", limit.what));
        }
        Ok((limit.what, format!("{answered}, {closed}")))
    })
}

/// A request of the greatest size is answered, one byte more closes the connection.
fn request_size(address: SocketAddr) -> Result<(), String> {
    for (size, expected) in [(REQUEST_MAX, Served::Yes), (REQUEST_MAX + 1, Served::Closed)] {
        let mut stream = connect(address)?;
        // Where only the size is looked at, the rest is not taken.
        let _ = stream.write_all(&request_of(size)?).and_then(|()| ask(&mut stream));
        let how = served(&mut stream, Duration::from_secs(30));
        if how != expected {
            return Err(format!("a request of {size} bytes, of {REQUEST_MAX} at most: {how:?}"));
        }
    }
    Ok(())
}

fn request_of(size: usize) -> Result<Vec<u8>, String> {
    let mut record_bytes = size - 1_000;
    loop {
        let frame = greed::produce_frame("sized", 1, record_bytes)?;
        match size - (frame.len() - 4) {
            0 => return Ok(frame),
            missing => record_bytes += missing,
        }
    }
}
