//! A bound listening socket.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

/// How to listen.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// Host name or address; empty means every address.
    pub host: String,
    /// Port; 0 lets the system choose.
    pub port: u16,
    /// Connections the kernel queues before they are accepted (`socket.listen.backlog.size`).
    pub backlog: i32,
    /// Receive buffer of accepted sockets in bytes (`socket.receive.buffer.bytes`), `None` for the system's.
    pub receive_buffer_bytes: Option<usize>,
    /// Send buffer of accepted sockets in bytes (`socket.send.buffer.bytes`), `None` for the system's.
    pub send_buffer_bytes: Option<usize>,
}

/// A socket that accepts connections.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Why a listener could not be bound, with the remedy in its message.
#[derive(Debug)]
pub struct BindError {
    host: String,
    port: u16,
    cause: io::Error,
}

impl Listener {
    /// Binds and listens. A host name that does not resolve and a port in use are errors.
    pub fn bind(options: &ListenerOptions) -> Result<Listener, BindError> {
        let failed = |cause| BindError { host: options.host.clone(), port: options.port, cause };
        let socket = listen(options).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Listener { socket, address })
    }

    /// The address bound, with the port the system chose where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket, non-blocking, for the runtime that accepts on it.
    pub fn into_socket(self) -> TcpListener {
        self.socket
    }
}

fn listen(options: &ListenerOptions) -> io::Result<TcpListener> {
    if !options.host.is_empty() {
        let address = (options.host.as_str(), options.port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        return listen_at(address, options, false);
    }
    // Every address: one socket for IPv6 and IPv4 together, or IPv4 alone where IPv6 is switched off.
    let both = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, options.port));
    match listen_at(both, options, true) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            listen_at(SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, options.port)), options, false)
        }
        outcome => outcome,
    }
}

fn listen_at(address: SocketAddr, options: &ListenerOptions, dual_stack: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if dual_stack {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    if let Some(bytes) = options.receive_buffer_bytes {
        // Set before listen, because accepted sockets inherit it and the window is agreed at the handshake.
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(options.backlog)?;
    Ok(socket.into())
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindError { host, port, cause } = self;
        write!(f, "cannot listen on {host}:{port}: {cause}")?;
        match cause.kind() {
            io::ErrorKind::AddrInUse => {
                write!(f, "; another process has the port: stop it (ss -ltnp 'sport = :{port}' names it) or change 'listeners'")
            }
            io::ErrorKind::PermissionDenied => {
                f.write_str("; ports below 1024 need a privilege: choose a higher one in 'listeners'")
            }
            io::ErrorKind::AddrNotAvailable => {
                f.write_str("; the address is not one of this machine's: 'listeners' takes a local address, 'advertised.listeners' the one clients use")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn options(port: u16) -> ListenerOptions {
        ListenerOptions {
            host: "127.0.0.1".into(),
            port,
            backlog: 50,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
        }
    }

    #[test]
    fn a_port_in_use_is_named_with_the_remedy() {
        let listener = Listener::bind(&options(0)).unwrap();
        let port = listener.address().port();
        let message = Listener::bind(&options(port)).unwrap_err().to_string();
        assert!(message.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{message}");
        assert!(message.contains("another process has the port"), "{message}");
    }

    #[test]
    fn an_empty_host_takes_every_address() {
        let listener = Listener::bind(&ListenerOptions { host: String::new(), ..options(0) }).unwrap();
        assert!(listener.address().ip().is_unspecified());
        std::net::TcpStream::connect(("127.0.0.1", listener.address().port())).unwrap();
    }

    #[test]
    fn as_many_connections_wait_to_be_accepted_as_were_asked_for() {
        let listener = Listener::bind(&ListenerOptions { backlog: 3, ..options(0) }).unwrap();
        let connect =
            || std::net::TcpStream::connect_timeout(&listener.address(), Duration::from_millis(500));
        // Linux lets one more wait than asked for, and drops what comes then.
        let waiting: Vec<_> = (0..4).map(|_| connect().unwrap()).collect();
        assert_eq!(connect().unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(waiting);
    }

    #[test]
    fn accepted_sockets_have_the_buffers_asked_for() {
        let sizes = ListenerOptions {
            receive_buffer_bytes: Some(20_000),
            send_buffer_bytes: Some(30_000),
            ..options(0)
        };
        let listener = Listener::bind(&sizes).unwrap();
        let _client = std::net::TcpStream::connect(listener.address()).unwrap();
        listener.socket.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.socket.accept().unwrap();
        let socket = socket2::SockRef::from(&accepted);
        // Linux tells twice what was asked for: half is for its own use.
        assert_eq!(socket.recv_buffer_size().unwrap(), 40_000);
        assert_eq!(socket.send_buffer_size().unwrap(), 60_000);
    }
}
