//! Whether a server can be reached at all, asked before anything else: what is known at once need not be waited for.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use client::HostPort;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::failure::Failure;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// The name has no address.
    Unresolved(String),
    /// Nobody listens there.
    Refused,
    /// There was no answer in time.
    Silent(Duration),
    /// Anything else that the system says.
    Other(String),
}

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreachable::Unresolved(why) => write!(f, "the name cannot be resolved ({why})"),
            Unreachable::Refused => f.write_str("connection refused"),
            Unreachable::Silent(time) => write!(f, "no connection within {} ms", time.as_millis()),
            Unreachable::Other(why) => f.write_str(why),
        }
    }
}

/// The addresses of a server.
pub(crate) async fn resolve(server: &HostPort, timeout: Duration) -> Result<Vec<SocketAddr>, Unreachable> {
    let lookup = tokio::net::lookup_host((server.host.as_str(), server.port));
    match tokio::time::timeout(timeout, lookup).await {
        Ok(Ok(found)) => {
            let addresses: Vec<SocketAddr> = found.collect();
            let none = || Unreachable::Unresolved("it has no address".to_owned());
            addresses.first().copied().ok_or_else(none).map(|_| addresses)
        }
        Ok(Err(error)) => Err(Unreachable::Unresolved(error.to_string())),
        Err(_) => Err(Unreachable::Unresolved(format!("no answer within {} ms", timeout.as_millis()))),
    }
}

/// A connection to the first address of a server that takes one.
pub(crate) async fn connect(server: &HostPort, timeout: Duration) -> Result<TcpStream, Unreachable> {
    let until = Instant::now() + timeout;
    let mut refusal = Unreachable::Silent(timeout);
    for address in resolve(server, timeout).await? {
        match timeout_at(until, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                refusal = Unreachable::Refused;
            }
            Ok(Err(error)) => refusal = Unreachable::Other(error.to_string()),
            Err(_) => return Err(Unreachable::Silent(timeout)),
        }
    }
    Err(refusal)
}

/// Fails where none of these servers takes a connection, and says of each why.
pub(crate) async fn require_one(servers: &[HostPort], timeout: Duration) -> Result<(), Failure> {
    let share = timeout / u32::try_from(servers.len().max(1)).unwrap_or(1);
    let mut refusals = Vec::new();
    for server in servers {
        match connect(server, share).await {
            Ok(_) => return Ok(()),
            Err(why) => refusals.push(format!("{server}: {why}")),
        }
    }
    let failure = Failure::new(format!("no connection to {}", refusals.join("; ")));
    Err(failure
        .hint("does a server listen there? -b HOST:PORT names another one, 'naru doctor' looks closer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_server_that_listens_is_enough() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = |port| HostPort { host: "127.0.0.1".to_owned(), port };
        let second = Duration::from_secs(1);
        assert_eq!(require_one(&[server(1), server(port)], second).await, Ok(()));
        let failure = require_one(&[server(1)], second).await.unwrap_err();
        assert_eq!(failure.message(), "no connection to 127.0.0.1:1: connection refused");
    }
}
