//! `host:port` of a server, and the addresses behind it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::error::Error;

/// Where a server listens, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl HostPort {
    /// Reads the servers of a list such as `bootstrap.servers`, whose name is `key`; the sentence of an error is Kafka's.
    pub fn parse_all(servers: &[String], key: &str) -> Result<Vec<HostPort>, Error> {
        let servers = servers.iter().filter(|text| !text.is_empty());
        servers
            .map(|text| {
                let address = text.split_once("://").map_or(text.as_str(), |(_, address)| address);
                let (host, port) = config::listener::parse_host_port(address)
                    .ok_or_else(|| Error::Invalid(format!("Invalid url in {key}: {text}")))?;
                Ok(HostPort { host: host.to_owned(), port })
            })
            .collect()
    }

    /// All addresses of the name, in the system's order.
    pub(crate) async fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        Ok(tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect())
    }

    /// One of its addresses as Java shows it: `name/address:port`, `/address:port` where the name is an address.
    pub(crate) fn shown(&self, address: SocketAddr) -> String {
        let name = if self.host.parse::<IpAddr>().is_ok() { "" } else { &self.host };
        format!("{name}/{address}")
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&config::listener::join_host_port(&self.host, self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<HostPort>, Error> {
        HostPort::parse_all(&config::split_list(text), "bootstrap.servers")
    }

    #[test]
    fn servers_are_read_with_and_without_brackets_and_protocols() {
        let servers = parse("a:1, PLAINTEXT://b.c:2,[::1]:3,").unwrap();
        let shown: Vec<String> = servers.iter().map(HostPort::to_string).collect();
        assert_eq!(shown, ["a:1", "b.c:2", "[::1]:3"]);
        for wrong in ["nohost", "a:", ":1", "a:65536", "a:x", "a b:1"] {
            let error = parse(wrong).unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid url in bootstrap.servers: {wrong}"));
        }
    }

    #[test]
    fn addresses_are_shown_as_java_shows_them() {
        let address = "127.0.0.1:1".parse().unwrap();
        let shown = |host: &str| HostPort { host: host.to_owned(), port: 1 }.shown(address);
        assert_eq!(shown("localhost"), "localhost/127.0.0.1:1");
        assert_eq!(shown("127.0.0.1"), "/127.0.0.1:1");
    }
}
