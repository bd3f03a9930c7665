//! From settings to bound sockets and the addresses clients are told.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use config::{BrokerConfig, SecurityProtocol};
use transport::{Listener, ListenerOptions};

use super::ListenerInfo;

/// Connections that the kernel may queue whatever `socket.listen.backlog.size` says: one that finds the queue full tries
/// again only after a second, and 50 come within the time for which an acceptor may not have a core.
const BACKLOG_MIN: i32 = 1024;

/// A bound socket with what clients are told of it.
#[derive(Debug)]
pub struct Bound {
    /// The socket.
    pub listener: Listener,
    /// What clients are told.
    pub info: Arc<ListenerInfo>,
}

/// Binds every listener for clients. Ports are known afterwards, also where the system chose them. An error is for
/// the operator, with the remedy.
pub fn bind_all(config: &BrokerConfig) -> Result<Vec<Bound>, String> {
    config.listeners.bound.iter().map(|listener| bind(listener, config)).collect()
}

/// Binds one of the listeners of `config`.
pub fn bind(listener: &config::Listener, config: &BrokerConfig) -> Result<Bound, String> {
    if listener.protocol != SecurityProtocol::Plaintext {
        let (name, protocol) = (&listener.name, listener.protocol.name());
        return Err(format!(
            "listener {name} asks for {protocol}, which this version does not speak yet; use PLAINTEXT in \
             'listener.security.protocol.map'"
        ));
    }
    let options = ListenerOptions {
        host: listener.host.clone(),
        port: listener.port,
        backlog: config.network.listen_backlog.max(BACKLOG_MIN),
        receive_buffer_bytes: usize::try_from(config.network.receive_buffer_bytes).ok(),
        send_buffer_bytes: usize::try_from(config.network.send_buffer_bytes).ok(),
    };
    let socket = Listener::bind(&options).map_err(|error| error.to_string())?;
    let address = socket.address();
    let advertised = config.listeners.advertised.iter().find(|advertised| advertised.name == listener.name);
    let advertised = advertised.unwrap_or(listener);
    let info = ListenerInfo {
        name: listener.name.clone(),
        address,
        security_protocol: listener.protocol,
        advertised_host: told_host(&advertised.host),
        advertised_port: if advertised.port == 0 { address.port() } else { advertised.port },
    };
    Ok(Bound { listener: socket, info: Arc::new(info) })
}

/// A listener on every address tells the machine's name, or localhost where nobody could find that name.
fn told_host(host: &str) -> String {
    if !host.is_empty() {
        return host.to_owned();
    }
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if (name.as_str(), 0).to_socket_addrs().is_ok() {
        return name;
    }
    tracing::warn!(
        name,
        "this machine's name cannot be resolved; clients are told 'localhost' (see advertised.listeners)"
    );
    "localhost".to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use config::Inputs;

    use super::*;

    #[test]
    fn connections_that_come_faster_than_they_are_accepted_are_queued() {
        let overrides = [("listeners", "PLAINTEXT://127.0.0.1:0"), ("socket.listen.backlog.size", "5")];
        let overrides = overrides.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let config = config::load(&Inputs { overrides, ..Inputs::default() }).unwrap().broker;
        let bound = bind_all(&config).unwrap();
        let address = bound[0].info.address;
        // The kernel would drop what it cannot queue, and tell the client nothing.
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_secs(20)).unwrap();
        let queued: Vec<TcpStream> = (0..300).map(connect).collect();
        assert_eq!(queued.len(), 300);
    }
}
