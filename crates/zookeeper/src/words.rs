//! ZooKeeper's four-letter words: questions that come without a session, and their answers as text.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use crate::tree::{Role, TreeSize};

/// The words that are answered.
const ANSWERED: [&[u8; 4]; 7] = [b"ruok", b"srvr", b"stat", b"mntr", b"conf", b"envi", b"isro"];
/// Those that ZooKeeper has besides, and answers only where its whitelist has them.
const OTHERS: [&[u8; 4]; 14] = [
    b"cons", b"crst", b"dirs", b"dump", b"gtmk", b"hash", b"kill", b"lsnp", b"srst", b"stmk", b"wchc",
    b"wchp", b"wchs", b"orst",
];
/// ZooKeeper's tick, of which the bounds of sessions are multiples.
const TICK_MS: i32 = 2_000;

/// What the answers are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The version to name.
    pub version: String,
    /// The server's place.
    pub role: Role,
    /// Its newest transaction.
    pub zxid: i64,
    /// How much there is to read.
    pub size: TreeSize,
    /// Who is connected.
    pub clients: Vec<ClientFacts>,
    /// Packets that came and went.
    pub packets: (u64, u64),
    /// Least, mean and most time of a request, in milliseconds.
    pub latency_ms: (u64, f64, u64),
    /// Sessions, those of clients that may come back among them.
    pub sessions: usize,
    /// How long the server has run.
    pub uptime: Duration,
    /// Its settings.
    pub settings: Settings,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFacts {
    /// Where it comes from.
    pub address: SocketAddr,
    /// Packets that came and went.
    pub packets: (u64, u64),
    /// Paths it watches.
    pub watches: usize,
}

/// What `conf` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The port of clients.
    pub port: u16,
    /// The id of the server.
    pub server_id: i32,
    /// Most connections.
    pub connections_max: usize,
    /// Least and most time that a session outlives silence.
    pub session_timeout_ms: (i32, i32),
}

/// True for the words that ZooKeeper knows; other bytes are the length of a packet.
pub fn is_word(word: [u8; 4]) -> bool {
    ANSWERED.iter().chain(&OTHERS).any(|known| **known == word)
}

/// The answer to a word.
pub fn answer(word: [u8; 4], facts: &Facts) -> String {
    match &word {
        b"ruok" => "imok".to_owned(),
        // Of what a client that looks for a server to write to asks.
        b"isro" => "ro".to_owned(),
        b"srvr" => format!("Zookeeper version: {}\n{}", facts.version, summary(facts)),
        b"stat" => {
            format!("Zookeeper version: {}\nClients:\n{}\n{}", facts.version, clients(facts), summary(facts))
        }
        b"mntr" => monitored(facts),
        b"conf" => settings(&facts.settings),
        b"envi" => format!(
            "Environment:\nzookeeper.version={}\nos.name={}\nos.arch={}\n",
            facts.version,
            std::env::consts::OS,
            std::env::consts::ARCH
        ),
        _ => format!(
            "{} is not executed because it is not in the whitelist.\n",
            String::from_utf8_lossy(&word)
        ),
    }
}

fn summary(facts: &Facts) -> String {
    let (min, mean, max) = facts.latency_ms;
    let (received, sent) = facts.packets;
    format!(
        "Latency min/avg/max: {min}/{}/{max}\nReceived: {received}\nSent: {sent}\nConnections: {}\nOutstanding: 0\nZxid: {:#x}\nMode: {}\nNode count: {}\n",
        rounded(mean),
        facts.clients.len(),
        facts.zxid,
        facts.role.name(),
        facts.size.nodes
    )
}

fn clients(facts: &Facts) -> String {
    facts.clients.iter().fold(String::new(), |mut text, client| {
        let ClientFacts { address, packets: (received, sent), .. } = client;
        // Writing to a text cannot fail.
        let _ = writeln!(text, " /{address}[1](queued=0,recved={received},sent={sent})");
        text
    })
}

fn monitored(facts: &Facts) -> String {
    let (min, mean, max) = facts.latency_ms;
    let (received, sent) = facts.packets;
    let watches: usize = facts.clients.iter().map(|client| client.watches).sum();
    let rows = [
        ("version", facts.version.clone()),
        ("server_state", facts.role.name().to_owned()),
        ("ephemerals_count", facts.size.ephemerals.to_string()),
        ("num_alive_connections", facts.clients.len().to_string()),
        ("avg_latency", rounded(mean)),
        ("outstanding_requests", "0".to_owned()),
        ("znode_count", facts.size.nodes.to_string()),
        ("global_sessions", facts.sessions.to_string()),
        ("packets_sent", sent.to_string()),
        ("packets_received", received.to_string()),
        ("watch_count", watches.to_string()),
        ("min_latency", min.to_string()),
        ("uptime", facts.uptime.as_millis().to_string()),
        ("max_latency", max.to_string()),
    ];
    rows.iter().map(|(name, value)| format!("zk_{name}\t{value}\n")).collect()
}

fn settings(settings: &Settings) -> String {
    let (min, max) = settings.session_timeout_ms;
    format!(
        "clientPort={}\nsecureClientPort=-1\ntickTime={TICK_MS}\nmaxClientCnxns={}\nminSessionTimeout={min}\nmaxSessionTimeout={max}\nclientPortListenBacklog=-1\nserverId={}\n",
        settings.port, settings.connections_max, settings.server_id
    )
}

/// A number as ZooKeeper shows it: up to four digits after the point, and at least one.
fn rounded(value: f64) -> String {
    format!("{:?}", (value * 10_000.0).round() / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let client = |port, watches| ClientFacts {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            packets: (3, 2),
            watches,
        };
        Facts {
            version: "3.8.4-test".to_owned(),
            role: Role::Follower,
            zxid: 0x4b,
            size: TreeSize { nodes: 46, ephemerals: 2 },
            clients: vec![client(5, 1), client(6, 2)],
            packets: (334, 340),
            latency_ms: (0, 1.30345, 92),
            sessions: 9,
            uptime: Duration::from_millis(42),
            settings: Settings {
                port: 2181,
                server_id: 4,
                connections_max: 60,
                session_timeout_ms: (4000, 40_000),
            },
        }
    }

    fn answered(word: &[u8; 4]) -> String {
        assert!(is_word(*word));
        answer(*word, &facts())
    }

    #[test]
    fn words_are_answered_as_zookeeper_does() {
        let summary = "Latency min/avg/max: 0/1.3035/92\nReceived: 334\nSent: 340\nConnections: 2\nOutstanding: 0\nZxid: 0x4b\nMode: follower\nNode count: 46\n";
        assert_eq!(answered(b"srvr"), format!("Zookeeper version: 3.8.4-test\n{summary}"));
        let clients =
            " /127.0.0.1:5[1](queued=0,recved=3,sent=2)\n /127.0.0.1:6[1](queued=0,recved=3,sent=2)\n";
        assert_eq!(
            answered(b"stat"),
            format!("Zookeeper version: 3.8.4-test\nClients:\n{clients}\n{summary}")
        );
        assert_eq!((answered(b"ruok"), answered(b"isro")), ("imok".to_owned(), "ro".to_owned()));
        let monitored = answered(b"mntr");
        for row in
            ["zk_version\t3.8.4-test", "zk_server_state\tfollower", "zk_watch_count\t3", "zk_uptime\t42"]
        {
            assert!(monitored.lines().any(|line| line == row), "{row} in {monitored}");
        }
        assert!(answered(b"conf").starts_with("clientPort=2181\nsecureClientPort=-1\n"));
        assert!(answered(b"envi").starts_with("Environment:\nzookeeper.version=3.8.4-test\n"));
        assert_eq!(answered(b"wchc"), "wchc is not executed because it is not in the whitelist.\n");
        assert_eq!(rounded(0.0), "0.0");
    }

    #[test]
    fn other_bytes_are_no_word() {
        assert!(!is_word(*b"abcd") && !is_word([0, 0, 0, 44]));
    }
}
