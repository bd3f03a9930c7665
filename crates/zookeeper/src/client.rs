//! A small blocking client, for tools: it reads, and hears of what it watches.

mod incoming;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::DEFAULT_PORT;
use crate::code::Code;
use crate::connect::{ConnectRequest, ConnectResponse, PASSWORD_BYTES};
use crate::event::Event;
use crate::jute::{JuteError, Reader, Writer};
use crate::reply::{Acl, ReplyHeader};
use crate::request::{AUTH_ID, Request};
use crate::stat::Stat;

/// Most bytes of the answer to a four-letter word.
const WORD_ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Servers to try in turn, and the node that stands for the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Servers {
    hosts: Vec<(String, u16)>,
    chroot: String,
}

/// A session with a server; dropping it ends the connection.
#[derive(Debug)]
pub struct Client {
    stream: Arc<Mutex<TcpStream>>,
    answers: mpsc::Receiver<Vec<u8>>,
    next_id: i32,
    timeout: Duration,
    chroot: String,
    is_read_only: bool,
}

/// What a client hears without having asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Of a node that it watches.
    Event(Event),
    /// The connection has gone.
    Disconnected,
}

/// Why a request has no answer.
#[derive(Debug)]
pub enum ClientError {
    /// The server refused it.
    Refused(Code),
    /// The connection has gone or never came to be.
    Lost(io::Error),
    /// The server's bytes make no sense.
    Malformed(JuteError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => write!(f, "KeeperErrorCode = {code}"),
            Self::Lost(_) => write!(f, "KeeperErrorCode = {}", Code::CONNECTION_LOSS),
            Self::Malformed(error) => write!(f, "an answer cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl From<JuteError> for ClientError {
    fn from(error: JuteError) -> ClientError {
        ClientError::Malformed(error)
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> ClientError {
        ClientError::Lost(error)
    }
}

impl Servers {
    /// Reads `host:port,host:port/path`; a host without a port has ZooKeeper's.
    pub fn parse(text: &str) -> Result<Servers, String> {
        let (hosts, chroot) = text.split_once('/').map_or((text, String::new()), |(hosts, path)| {
            (hosts, if path.is_empty() { String::new() } else { format!("/{path}") })
        });
        if !chroot.is_empty() {
            crate::path::check(&chroot)?;
        }
        let host = |host: &str| match host.rsplit_once(':') {
            // An IPv6 address has colons of its own, and then brackets around it where a port follows.
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
                let port = port.parse().map_err(|_| format!("{host}: '{port}' is no port"))?;
                Ok((name.trim_matches(['[', ']']).to_owned(), port))
            }
            _ => Ok((host.trim_matches(['[', ']']).to_owned(), DEFAULT_PORT)),
        };
        let hosts: Result<Vec<_>, String> =
            hosts.split(',').map(str::trim).filter(|text| !text.is_empty()).map(host).collect();
        let hosts = hosts?;
        if hosts.is_empty() {
            return Err(format!("'{text}' names no server; HOST:PORT is expected"));
        }
        Ok(Servers { hosts, chroot })
    }

    /// Connects to the first server that answers.
    fn connect(&self, timeout: Duration) -> io::Result<TcpStream> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "no server has an address");
        for (host, port) in &self.hosts {
            match (host.as_str(), *port).to_socket_addrs() {
                Ok(addresses) => {
                    for address in addresses {
                        match TcpStream::connect_timeout(&address, timeout) {
                            Ok(stream) => return Ok(stream),
                            Err(error) => failure = error,
                        }
                    }
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

impl Client {
    /// Opens a session. `hear` is called on a thread of its own for as long as the session lasts.
    pub fn connect(
        servers: &Servers,
        timeout: Duration,
        may_be_read_only: bool,
        hear: impl Fn(Heard) + Send + 'static,
    ) -> Result<Client, ClientError> {
        let mut stream = servers.connect(timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let asked = ConnectRequest {
            last_zxid_seen: 0,
            timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            session_id: 0,
            password: vec![0; PASSWORD_BYTES],
            may_be_read_only: Some(may_be_read_only),
        };
        let mut writer = Writer::new();
        asked.encode(&mut writer);
        stream.write_all(&writer.into_bytes())?;
        let opened = ConnectResponse::decode(&incoming::read_frame(&mut stream)?)?;
        if opened.timeout_ms <= 0 {
            return Err(ClientError::Refused(Code::SESSION_EXPIRED));
        }
        let session_timeout = Duration::from_millis(u64::try_from(opened.timeout_ms).unwrap_or_default());
        let reading = stream.try_clone()?;
        let stream = Arc::new(Mutex::new(stream));
        let chroot = servers.chroot.clone();
        let incoming =
            incoming::Incoming::new(reading, Arc::clone(&stream), session_timeout, chroot.clone())?;
        let (answered, answers) = mpsc::channel();
        std::thread::Builder::new().name("zookeeper".to_owned()).spawn(move || {
            // Why it ended is what the next request finds out.
            let _ = incoming.run(&answered, &hear);
            hear(Heard::Disconnected);
        })?;
        let is_read_only = opened.is_read_only.unwrap_or_default();
        Ok(Client { stream, answers, next_id: 1, timeout: session_timeout, chroot, is_read_only })
    }

    /// True where the server has said that it only reads.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// What is known of a node beside its data.
    pub fn exists(&mut self, path: &str, watch: bool) -> Result<Stat, ClientError> {
        let path = &self.full(path);
        Ok(Stat::decode(&mut Reader::new(&self.ask(&Request::Exists { path, watch })?))?)
    }

    /// The data of a node, and its stat.
    pub fn data(&mut self, path: &str, watch: bool) -> Result<(Option<Vec<u8>>, Stat), ClientError> {
        let path = &self.full(path);
        let body = self.ask(&Request::GetData { path, watch })?;
        let mut reader = Reader::new(&body);
        let data = reader.buffer()?.map(<[u8]>::to_vec);
        Ok((data, Stat::decode(&mut reader)?))
    }

    /// The names of a node's children, and its stat.
    pub fn children(&mut self, path: &str, watch: bool) -> Result<(Vec<String>, Stat), ClientError> {
        let path = &self.full(path);
        let body = self.ask(&Request::GetChildren2 { path, watch })?;
        let mut reader = Reader::new(&body);
        let names = reader.texts()?.into_iter().map(str::to_owned).collect();
        Ok((names, Stat::decode(&mut reader)?))
    }

    /// Who may do what with a node, and its stat.
    pub fn acl(&mut self, path: &str) -> Result<(Vec<Acl>, Stat), ClientError> {
        let path = &self.full(path);
        let body = self.ask(&Request::GetAcl { path })?;
        let mut reader = Reader::new(&body);
        Ok((Acl::decode_all(&mut reader)?, Stat::decode(&mut reader)?))
    }

    /// The number of nodes below a node.
    pub fn descendants(&mut self, path: &str) -> Result<i32, ClientError> {
        let path = &self.full(path);
        Ok(Reader::new(&self.ask(&Request::GetAllChildrenNumber { path })?).i32()?)
    }

    /// Returns once the server is at the newest it knows of.
    pub fn sync(&mut self, path: &str) -> Result<(), ClientError> {
        let path = &self.full(path);
        self.ask(&Request::Sync { path }).map(drop)
    }

    /// Schemes and identities that the server knows the client by.
    pub fn identities(&mut self) -> Result<Vec<(String, String)>, ClientError> {
        let body = self.ask(&Request::WhoAmI)?;
        let mut reader = Reader::new(&body);
        let mut identities = Vec::new();
        for _ in 0..reader.count()? {
            identities.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
        }
        Ok(identities)
    }

    /// Paths below a node that end with this session.
    pub fn ephemerals(&mut self, prefix: &str) -> Result<Vec<String>, ClientError> {
        let prefix = &self.full(prefix);
        let body = self.ask(&Request::GetEphemerals { prefix })?;
        Ok(Reader::new(&body).texts()?.into_iter().map(str::to_owned).collect())
    }

    /// Watches a node for good: what becomes of it, or in mode 1 of all below it, too.
    pub fn add_watch(&mut self, path: &str, mode: i32) -> Result<(), ClientError> {
        let path = &self.full(path);
        self.ask(&Request::AddWatch { path, mode }).map(drop)
    }

    /// Takes the watches of a `WatcherType` from a node.
    pub fn remove_watches(&mut self, path: &str, kind: i32) -> Result<(), ClientError> {
        let path = &self.full(path);
        self.ask(&Request::RemoveWatches { path, kind }).map(drop)
    }

    /// Names a way to make oneself known, without credentials.
    pub fn authenticate(&mut self, scheme: &str) -> Result<(), ClientError> {
        self.ask_as(AUTH_ID, &Request::Auth { scheme }).map(drop)
    }

    /// Ends the session.
    pub fn close(mut self) -> Result<(), ClientError> {
        self.ask(&Request::CloseSession).map(drop)
    }

    /// Asks and waits for the answer; what comes after its header.
    fn ask(&mut self, request: &Request<'_>) -> Result<Vec<u8>, ClientError> {
        let id = self.next_id;
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.ask_as(id, request)
    }

    fn ask_as(&mut self, id: i32, request: &Request<'_>) -> Result<Vec<u8>, ClientError> {
        let mut writer = Writer::new();
        request.encode(id, &mut writer);
        self.stream.lock().write_all(&writer.into_bytes())?;
        loop {
            let gone = |_| io::Error::new(io::ErrorKind::ConnectionAborted, "no answer came");
            let frame = self.answers.recv_timeout(self.timeout).map_err(gone)?;
            let mut reader = Reader::new(&frame);
            let header = ReplyHeader::decode(&mut reader)?;
            // The answer to a request that was given up may still come.
            if header.id == id {
                let body = reader.rest().to_vec();
                return if header.code == Code::OK {
                    Ok(body)
                } else {
                    Err(ClientError::Refused(header.code))
                };
            }
        }
    }

    fn full(&self, path: &str) -> String {
        if path == "/" && !self.chroot.is_empty() {
            return self.chroot.clone();
        }
        format!("{}{path}", self.chroot)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The thread that reads finds the end then; where it is there already, nothing is left to do.
        let _ = self.stream.lock().shutdown(std::net::Shutdown::Both);
    }
}

/// Asks a server a four-letter word.
pub fn word(servers: &Servers, word: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = servers.connect(timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(word.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(WORD_ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_hosts_with_ports_and_a_path() {
        let parsed = |text| Servers::parse(text).map(|servers| (servers.hosts, servers.chroot));
        let one = |host: &str, port| (host.to_owned(), port);
        assert_eq!(parsed("localhost"), Ok((vec![one("localhost", 2181)], String::new())));
        assert_eq!(parsed("a:1, b:2/kafka/x"), Ok((vec![one("a", 1), one("b", 2)], "/kafka/x".to_owned())));
        assert_eq!(parsed("[::1]:5,::1/"), Ok((vec![one("::1", 5), one("::1", 2181)], String::new())));
        assert!(parsed("a:port").is_err() && parsed("").is_err() && parsed("a//").is_err());
    }
}
