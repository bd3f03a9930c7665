//! A connection that we opened to a server: frames out, frames in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};

use crate::frame_buffer::FrameError;
use crate::inbound::Inbound;
use crate::outbound::Outbound;
use crate::socket_counters::SocketCounters;

/// How connections to servers are opened and what they take.
#[derive(Debug, Clone)]
pub struct DialOptions {
    /// How long opening one may take (`socket.connection.setup.timeout.ms`).
    pub setup_timeout: Duration,
    /// The system's receive buffer in bytes; `None` for its own choice (`receive.buffer.bytes`).
    pub receive_buffer: Option<u32>,
    /// The system's send buffer in bytes; `None` for its own choice (`send.buffer.bytes`).
    pub send_buffer: Option<u32>,
    /// Largest frame taken, in bytes.
    pub frame_size_max: usize,
}

/// An open connection to a server. It can move between threads.
#[derive(Debug)]
pub struct Dialed {
    stream: TcpStream,
    inbound: Inbound,
    outbound: Outbound,
    counters: Arc<SocketCounters>,
    frame_size_max: usize,
}

impl Dialed {
    /// Opens a connection.
    pub async fn connect(address: SocketAddr, options: &DialOptions) -> io::Result<Dialed> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(bytes) = options.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = options.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        let connected = tokio::time::timeout(options.setup_timeout, socket.connect(address)).await;
        let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(Dialed {
            stream,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            counters: Arc::default(),
            frame_size_max: options.frame_size_max,
        })
    }

    /// What is queued to be sent, to queue more behind it.
    pub fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    /// The next complete frame already received, without its size prefix.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        self.inbound.next_frame(self.frame_size_max)
    }

    /// Sends what the socket takes now.
    pub fn try_flush(&mut self) -> io::Result<()> {
        if self.outbound.is_empty() {
            return Ok(());
        }
        let Dialed { stream, outbound, counters, .. } = self;
        match stream.try_io(Interest::WRITABLE, || outbound.send(&*stream, counters, usize::MAX)) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until the server has sent something or takes more of what is queued, and reads or sends once. Nothing is lost
    /// if the wait is dropped. An end of the stream is an error.
    pub async fn progress(&mut self) -> io::Result<()> {
        let interest = if self.outbound.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let ready = self.stream.ready(interest).await?;
        if ready.is_writable() {
            self.try_flush()?;
        }
        if ready.is_readable() { self.read() } else { Ok(()) }
    }

    fn read(&mut self) -> io::Result<()> {
        let room = self.inbound.room(self.frame_size_max).map_err(io::Error::other)?;
        match self.stream.try_read_buf(room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                self.counters.count_read(read);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const OPTIONS: DialOptions = DialOptions {
        setup_timeout: Duration::from_secs(30),
        receive_buffer: Some(1 << 16),
        send_buffer: Some(1 << 16),
        frame_size_max: 10 << 20,
    };

    fn frame(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as i32).to_be_bytes(), bytes].concat()
    }

    async fn connected() -> (Dialed, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (dialed, accepted) = tokio::join!(Dialed::connect(address, &OPTIONS), listener.accept());
        (dialed.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn large_frames_go_both_ways_at_the_same_time() {
        let (mut dialed, mut server) = connected().await;
        let sizes = [1, 5 << 20, 100, 70_000];
        let sent: Vec<u8> = sizes.iter().flat_map(|size| frame(&vec![7; *size])).collect();
        let bytes = sent.clone();
        // The server sends all before it takes anything, as a server that is held up does.
        let other = tokio::spawn(async move {
            server.write_all(&bytes).await.unwrap();
            let mut taken = vec![0; bytes.len()];
            server.read_exact(&mut taken).await.unwrap();
            (server, taken == bytes)
        });
        dialed.outbound().buffer().extend_from_slice(&sent);
        let mut received = Vec::new();
        while received.len() < sizes.len() || !dialed.outbound().is_empty() {
            dialed.progress().await.unwrap();
            while let Some(frame) = dialed.next_frame().unwrap() {
                received.push(frame.len());
            }
        }
        assert_eq!(received, sizes);
        let (server, same) = other.await.unwrap();
        assert!(same);
        drop(server);
        let ended = dialed.progress().await.unwrap_err();
        assert!(matches!(ended.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset));
    }

    #[tokio::test]
    async fn a_size_that_is_no_frames_is_refused_without_room_for_it() {
        for prefix in [i32::MAX, -1, 0, 11 << 20] {
            let (mut dialed, mut server) = connected().await;
            server.write_all(&prefix.to_be_bytes()).await.unwrap();
            dialed.progress().await.unwrap();
            assert!(dialed.next_frame().is_err(), "{prefix}");
        }
    }
}
