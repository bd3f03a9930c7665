//! Sending what may be malformed, and telling whether the connection is answered, closed or wedged.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// An ApiVersions request of version 0 with a correlation id of its own.
const PROBE: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0x7a, 0x7b, 0x7c, 0x7d, 0xff, 0xff];
const PROBE_ID: [u8; 4] = [0x7a, 0x7b, 0x7c, 0x7d];
/// How long an answer to the probe is waited for before the connection is half closed.
const ANSWER_WAIT: Duration = Duration::from_millis(250);
/// How long a connection that is half closed may stay.
const CLOSE_MAX: Duration = Duration::from_secs(60);

/// What became of a frame that was followed by a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The probe was answered.
    Answered,
    /// The node closed the connection.
    Closed,
    /// The node waited for the rest of a frame, or for time to pass, and closed once we had closed our side.
    Waited,
}

impl End {
    /// All of them, in the order of their numbers.
    pub const ALL: [End; 3] = [End::Answered, End::Closed, End::Waited];
}

/// Sends frames one after the other, on one connection for as long as that lives.
#[derive(Debug)]
pub struct Prober {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Prober {
    /// Not connected yet.
    pub fn new(address: SocketAddr) -> Prober {
        Prober { address, stream: None }
    }

    /// Sends `bytes` and a probe behind them. An error is a connection that is neither answered nor closed, or a node
    /// that takes none.
    pub fn send(&mut self, bytes: &[u8]) -> Result<End, String> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address)?,
        };
        let all = [bytes, &PROBE].concat();
        if stream.write_all(&all).is_err() {
            return Ok(End::Closed);
        }
        let end = if is_cut(bytes) { None } else { listen(&mut stream, ANSWER_WAIT) };
        match end {
            Some(End::Answered) => {
                self.stream = Some(stream);
                Ok(End::Answered)
            }
            Some(end) => Ok(end),
            None => leave(&mut stream),
        }
    }
}

/// Sends each of `frames` on a connection of its own, a byte of each in turn, then a probe.
pub fn drip(address: SocketAddr, frames: &[Vec<u8>]) -> Result<(), String> {
    let mut streams = Vec::new();
    for _ in frames {
        streams.push(Some(connect(address)?));
    }
    let longest = frames.iter().map(Vec::len).max().unwrap_or(0).min(512);
    for at in 0..longest {
        for (stream, frame) in streams.iter_mut().zip(frames) {
            let (Some(open), Some(byte)) = (stream.as_mut(), frame.get(at..=at)) else { continue };
            if open.write_all(byte).is_err() {
                // The node had read enough.
                *stream = None;
            }
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    for (stream, frame) in streams.iter_mut().zip(frames) {
        let Some(open) = stream else { continue };
        let rest = frame.get(longest..).unwrap_or_default();
        if open.write_all(rest).and_then(|()| open.write_all(&PROBE)).is_err() {
            continue;
        }
        if listen(open, Duration::from_millis(1)).is_none() {
            leave(open)?;
        }
    }
    Ok(())
}

/// Connects; closing it later resets it, so that a million connections leave no ports waiting.
pub fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| format!("the node takes no connection: {error}");
    let stream = TcpStream::connect_timeout(&address, CLOSE_MAX).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let reset = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
    reset.map_err(|errno| failed(errno.into()))?;
    Ok(stream)
}

/// As [`connect`] from an address of this machine.
pub fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Result<TcpStream, String> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
    let failed = |errno: rustix::io::Errno| format!("the node takes no connection from {source}: {errno}");
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).map_err(failed)?;
    bind(&socket, &SocketAddr::from((source, 0))).map_err(failed)?;
    connect(&socket, &address).map_err(failed)?;
    rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).map_err(failed)?;
    Ok(TcpStream::from(socket))
}

/// How a connection stands that has asked once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// It was answered.
    Yes,
    /// It was closed.
    Closed,
    /// Neither yet.
    Waits,
}

/// Asks for the versions; the answer is looked for with [`served`].
pub fn ask(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(&PROBE)
}

/// Looks for the answer to [`ask`] for up to `wait`.
pub fn served(stream: &mut TcpStream, wait: Duration) -> Served {
    match listen(stream, wait) {
        Some(End::Answered) => Served::Yes,
        Some(_) => Served::Closed,
        None => Served::Waits,
    }
}

/// True where the size prefix announces more than comes, even with the probe behind it.
fn is_cut(bytes: &[u8]) -> bool {
    let Some(size) = bytes.first_chunk::<4>() else { return true };
    i32::from_be_bytes(*size) > (bytes.len() - 4 + PROBE.len()) as i32
}

/// Reads answers until that to the probe, the end, or until the time is over.
fn listen(stream: &mut TcpStream, wait: Duration) -> Option<End> {
    let deadline = Instant::now() + wait;
    let mut received = Vec::new();
    let mut some = [0; 16 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if stream.set_read_timeout(Some(left)).is_err() {
            return Some(End::Closed);
        }
        match stream.read(&mut some) {
            Ok(0) => return Some(End::Closed),
            Ok(read) => {
                received.extend_from_slice(some.get(..read)?);
                if take_answers(&mut received) {
                    return Some(End::Answered);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return None;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Some(End::Closed),
        }
    }
}

/// Drops whole answers; true where one of them was the probe's.
fn take_answers(received: &mut Vec<u8>) -> bool {
    while let Some(size) = received.first_chunk::<4>() {
        let end = 4 + u32::from_be_bytes(*size) as usize;
        if received.len() < end {
            return false;
        }
        let is_probe = received.get(4..8) == Some(&PROBE_ID);
        received.drain(..end);
        if is_probe {
            return true;
        }
    }
    false
}

/// Closes our side; the node must close its own.
fn leave(stream: &mut TcpStream) -> Result<End, String> {
    if stream.shutdown(Shutdown::Write).is_err() {
        return Ok(End::Closed);
    }
    let deadline = Instant::now() + CLOSE_MAX;
    let mut some = [0; 16 * 1024];
    while Instant::now() < deadline {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        match stream.read(&mut some) {
            Ok(0) => return Ok(End::Waited),
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => return Ok(End::Waited),
        }
    }
    Err(format!("neither answered nor closed within {CLOSE_MAX:?} of the end of its input"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that does with its first connection what `serve` says.
    fn end_with(serve: impl FnOnce(TcpStream) + Send + 'static) -> Result<End, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        let end = Prober::new(address).send(&[0, 0, 0, 1, 9]);
        server.join().unwrap();
        end
    }

    #[test]
    fn an_answer_a_close_and_a_wait_are_told_apart() {
        let answered = end_with(|mut stream| {
            let mut all = [0; 19];
            stream.read_exact(&mut all).unwrap();
            stream.write_all(&[0, 0, 0, 5, 0, 0, 0, 7, 1]).unwrap();
            stream.write_all(&[&[0, 0, 0, 4], &PROBE_ID[..]].concat()).unwrap();
        });
        assert_eq!(answered, Ok(End::Answered));
        assert_eq!(end_with(drop), Ok(End::Closed));
        let waited = end_with(|mut stream| {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
        });
        assert_eq!(waited, Ok(End::Waited));
    }

    #[test]
    fn a_frame_that_announces_more_than_comes_is_cut() {
        assert!(is_cut(&[0, 0, 1, 0, 5]));
        assert!(is_cut(&[0, 0]));
        assert!(!is_cut(&[0, 0, 0, 1, 5]));
        assert!(!is_cut(&[0xff; 9]));
    }
}
