//! The clients of the HTTP endpoint: few at a time, and none for long without a word, so that they take no descriptors
//! from others.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Clients at a time; others wait.
pub const CLIENTS_MAX: usize = 16;
/// How long a client may say nothing.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Pause after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A socket that lets few clients in.
#[derive(Debug)]
pub struct FewClients {
    listener: TcpListener,
    places: Arc<Semaphore>,
    idle_max: Duration,
}

/// A client that is in.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    idle_max: Duration,
    idle: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl FewClients {
    /// Lets [`CLIENTS_MAX`] clients in.
    pub fn new(listener: TcpListener) -> FewClients {
        FewClients { listener, places: Arc::new(Semaphore::new(CLIENTS_MAX)), idle_max: IDLE_MAX }
    }
}

impl Listener for FewClients {
    type Io = Client;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Client, SocketAddr) {
        // It is never closed, so that there is always a permit in the end.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let idle = Box::pin(tokio::time::sleep(self.idle_max));
                    return (Client { stream, idle_max: self.idle_max, idle, _place: place }, peer);
                }
                Err(error) => {
                    tracing::debug!(%error, "a client of the metrics endpoint could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Client {
    /// One that has said nothing for too long has ended.
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        match Pin::new(&mut client.stream).poll_read(context, buffer) {
            Poll::Pending => client.idle.as_mut().poll(context).map(Ok),
            ready => {
                client.idle.as_mut().reset(Instant::now() + client.idle_max);
                ready
            }
        }
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn listening(idle_max: Duration) -> (FewClients, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (FewClients { idle_max, ..FewClients::new(listener) }, address)
    }

    #[tokio::test]
    async fn a_client_beyond_the_most_is_let_in_once_another_has_gone() {
        let (mut few, address) = listening(IDLE_MAX).await;
        let mut outside = Vec::new();
        let mut inside = Vec::new();
        for _ in 0..CLIENTS_MAX {
            outside.push(TcpStream::connect(address).await.unwrap());
            inside.push(few.accept().await);
        }
        outside.push(TcpStream::connect(address).await.unwrap());
        assert_eq!(few.places.available_permits(), 0);
        assert!(tokio::time::timeout(Duration::from_millis(20), few.accept()).await.is_err());
        inside.pop();
        few.accept().await;
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_at_its_end() {
        let (mut few, address) = listening(Duration::from_millis(10)).await;
        let _silent = TcpStream::connect(address).await.unwrap();
        let (mut client, _) = few.accept().await;
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}
