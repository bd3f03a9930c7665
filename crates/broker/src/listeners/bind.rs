//! From settings to bound sockets and the addresses clients are told.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use config::{BrokerConfig, SecurityProtocol};
use transport::{Listener, ListenerOptions};

use super::ListenerInfo;

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
        backlog: config.network.listen_backlog,
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
