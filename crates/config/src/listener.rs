//! Listeners: `NAME://host:port` texts, and which security protocol each name stands for.

use std::fmt;

/// What a connection on a listener must speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL inside TLS.
    SaslSsl,
}

/// An address a listener binds or advertises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Upper-case name, unique among the listeners of a node.
    pub name: String,
    /// What its connections speak.
    pub protocol: SecurityProtocol,
    /// Host name or address without brackets; empty for "every address of this machine".
    pub host: String,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
}

/// The text is not `NAME://host:port`, or its name has no security protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidListener(pub String);

impl SecurityProtocol {
    /// The protocol of that name in any case, as `security.inter.broker.protocol` writes it.
    pub fn from_name(name: &str) -> Option<SecurityProtocol> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    /// The name used in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// The code of the protocol in RegisterBroker records and requests.
    pub fn code(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }
}

impl Listener {
    /// Reads `NAME://host:port` (`//:9092` and `//[::1]:9092` included); the protocol follows from the map.
    pub fn parse(text: &str, protocols: &[(String, SecurityProtocol)]) -> Result<Listener, InvalidListener> {
        let malformed = |why: &str| {
            InvalidListener(format!("'{text}' is not a listener: {why}; expected NAME://host:port"))
        };
        // The seeds' era also wrote a bare `:9092` or `host:9092` for the plaintext listener.
        let (name, address) = text.split_once("://").unwrap_or(("PLAINTEXT", text));
        if name.is_empty() {
            return Err(malformed("the name is missing"));
        }
        let name = name.to_ascii_uppercase();
        let (host, port) = split_address(address).ok_or_else(|| malformed("no port from 0 to 65535"))?;
        let protocol = protocols.iter().find(|(known, _)| *known == name).map(|(_, protocol)| *protocol);
        let protocol = protocol.or_else(|| SecurityProtocol::from_name(&name)).ok_or_else(|| {
            InvalidListener(format!(
                "no security protocol is defined for listener {name}: add {name}:PLAINTEXT (or SSL, SASL_PLAINTEXT, SASL_SSL) to listener.security.protocol.map"
            ))
        })?;
        Ok(Listener { name, protocol, host: host.to_owned(), port })
    }

    /// True where clients cannot connect to the host as written: empty or the any-address.
    pub fn is_any_address(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::" | "0:0:0:0:0:0:0:0")
    }

    /// The address in the form sockets and clients take, brackets around IPv6.
    pub fn address(&self) -> String {
        join_host_port(&self.host, self.port)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, self.address())
    }
}

impl fmt::Display for InvalidListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidListener {}

/// Reads the value of `listener.security.protocol.map`: `NAME:PROTOCOL` pairs, names in upper case.
pub fn parse_protocol_map(text: &str) -> Result<Vec<(String, SecurityProtocol)>, InvalidListener> {
    let mut protocols: Vec<(String, SecurityProtocol)> = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let parsed = pair.rsplit_once(':').and_then(|(name, protocol)| {
            Some((name.trim().to_ascii_uppercase(), SecurityProtocol::from_name(protocol.trim())?))
        });
        let Some((name, protocol)) = parsed else {
            return Err(InvalidListener(format!(
                "'{pair}' is not NAME:PROTOCOL with one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
            )));
        };
        if protocols.iter().any(|(known, _)| *known == name) {
            return Err(InvalidListener(format!("listener {name} is mapped twice")));
        }
        protocols.push((name, protocol));
    }
    Ok(protocols)
}

/// Host and port as one text, brackets around IPv6 addresses.
pub fn join_host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Reads `host:port` with a host that is not empty; brackets around IPv6 are dropped.
pub fn parse_host_port(text: &str) -> Option<(&str, u16)> {
    split_address(text).filter(|(host, _)| !host.is_empty() && *host != "*")
}

fn split_address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None => host,
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    host.chars().all(legal).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_with_their_protocol() {
        let map = parse_protocol_map("controller:PLAINTEXT, EXTERNAL:SASL_SSL").unwrap();
        let cases = [
            ("PLAINTEXT://:9092", "PLAINTEXT", SecurityProtocol::Plaintext, "", 9092),
            (":9092", "PLAINTEXT", SecurityProtocol::Plaintext, "", 9092),
            ("external://kafka.example:9094", "EXTERNAL", SecurityProtocol::SaslSsl, "kafka.example", 9094),
            ("SSL://[::1]:0", "SSL", SecurityProtocol::Ssl, "::1", 0),
            ("CONTROLLER://0.0.0.0:9093", "CONTROLLER", SecurityProtocol::Plaintext, "0.0.0.0", 9093),
        ];
        for (text, name, protocol, host, port) in cases {
            let expected = Listener { name: name.to_owned(), protocol, host: host.to_owned(), port };
            assert_eq!(Listener::parse(text, &map), Ok(expected), "{text}");
        }
        let ipv6 = Listener::parse("SSL://[fe80::1%eth0]:9092", &map).unwrap();
        assert_eq!(ipv6.to_string(), "SSL://[fe80::1%eth0]:9092");
    }

    #[test]
    fn malformed_listeners_name_the_text_and_the_remedy() {
        let cases = [
            ("PLAINTEXT://localhost", "no port"),
            ("PLAINTEXT://localhost:99999", "no port"),
            ("://localhost:9092", "name is missing"),
            ("INSIDE://localhost:9092", "listener.security.protocol.map"),
        ];
        for (text, fragment) in cases {
            let message = Listener::parse(text, &[]).unwrap_err().to_string();
            assert!(message.contains(fragment), "{message}");
        }
        assert!(parse_protocol_map("A:PLAINTEXT,a:SSL").is_err());
        assert!(parse_protocol_map("A:TLS").is_err());
    }
}
