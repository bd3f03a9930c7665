//! One client connection: frames in, bytes and file ranges out.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::buffer_pool::BufferPool;
use crate::connection_limits::ConnectionPermit;
use crate::frame_buffer::{FrameBuffer, FrameError};
use crate::memory_budget::{MemoryBudget, MemoryReservation};
use crate::outbound::Outbound;

/// Input buffer of a connection that has sent nothing large yet, in bytes.
const FIRST_READ: usize = 16 * 1024;
/// Largest input buffer that many small frames alone make a connection take, in bytes.
const READ_AHEAD_MAX: usize = 256 * 1024;
/// Buffers up to this size are not counted against the budget: what every connection may have.
const UNCOUNTED: usize = 64 * 1024;

/// What connections of one listener have in common.
#[derive(Debug, Clone)]
pub struct ConnectionOptions {
    /// Largest frame taken, in bytes (`socket.request.max.bytes`).
    pub frame_size_max: usize,
    /// The bound on memory of requests in flight (`queued.max.request.bytes`).
    pub budget: Arc<MemoryBudget>,
}

/// An accepted connection, living on one core.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    inbound: FrameBuffer,
    outbound: Outbound,
    pool: Rc<BufferPool>,
    options: ConnectionOptions,
    reservation: Option<MemoryReservation>,
    read_size: usize,
    received_bytes: u64,
    _permit: ConnectionPermit,
}

impl Connection {
    /// Takes over an accepted socket.
    pub fn new(
        stream: TcpStream,
        pool: Rc<BufferPool>,
        options: ConnectionOptions,
        permit: ConnectionPermit,
    ) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        Ok(Connection {
            peer: stream.peer_addr()?,
            stream,
            inbound: FrameBuffer::default(),
            outbound: Outbound::default(),
            pool,
            options,
            reservation: None,
            read_size: FIRST_READ,
            received_bytes: 0,
            _permit: permit,
        })
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The address the client connected to.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Bytes received since the connection was opened.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// The next complete frame already read, to be looked at with [`Connection::frame`] before more is read.
    pub fn next_frame(&mut self) -> Result<Option<Range<usize>>, FrameError> {
        self.inbound.next_frame(self.options.frame_size_max)
    }

    /// The bytes of a frame, writable because batches are stamped in place, beside the output queue.
    pub fn frame(&mut self, frame: Range<usize>) -> (&mut [u8], &mut Outbound) {
        if self.outbound.needs_buffer() {
            self.outbound.lend(self.pool.take_output());
        }
        (self.inbound.frame_mut(frame), &mut self.outbound)
    }

    /// The output queue, to append responses that were parked.
    pub fn outbound(&mut self) -> &mut Outbound {
        if self.outbound.needs_buffer() {
            self.outbound.lend(self.pool.take_output());
        }
        &mut self.outbound
    }

    /// True where nothing waits to be sent.
    pub fn is_flushed(&self) -> bool {
        self.outbound.is_empty()
    }

    /// Waits for input and reads once; 0 at the end of the stream. Nothing is lost if the wait is dropped.
    pub async fn fill(&mut self) -> io::Result<usize> {
        loop {
            self.release_idle_input();
            self.stream.readable().await?;
            self.make_room().await?;
            match self.stream.try_read(self.inbound.room()) {
                Ok(read) => {
                    self.inbound.filled(read);
                    self.received_bytes += read as u64;
                    self.adapt_read_size(read);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends what the socket takes now; true where all is sent.
    pub fn try_flush(&mut self) -> io::Result<bool> {
        if self.outbound.is_empty() {
            self.release_output();
            return Ok(true);
        }
        let Connection { stream, outbound, .. } = self;
        match stream.try_io(Interest::WRITABLE, || outbound.send(&*stream)) {
            Ok(()) => {
                self.release_output();
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Goes on with what the connection has to do: sends first, and reads only once all is sent and `may_read`.
    ///
    /// Returns how many bytes were read, `None` where something was sent. Nothing is lost if the wait is dropped.
    pub async fn progress(&mut self, may_read: bool) -> io::Result<Option<usize>> {
        if !self.outbound.is_empty() {
            self.stream.writable().await?;
            self.try_flush()?;
            Ok(None)
        } else if may_read {
            self.fill().await.map(Some)
        } else {
            std::future::pending().await
        }
    }

    /// Sends everything, waiting as long as the client makes us wait.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.try_flush()? {
            self.stream.writable().await?;
        }
        Ok(())
    }

    async fn make_room(&mut self) -> io::Result<()> {
        let needed = self.inbound.needed(self.options.frame_size_max).map_err(io::Error::other)?;
        let wanted = needed.max(self.read_size.min(READ_AHEAD_MAX));
        if self.inbound.capacity() >= needed.max(1) && self.inbound.len() < self.inbound.capacity() {
            return Ok(());
        }
        if wanted > UNCOUNTED {
            // The old reservation goes first: two connections that both want to grow must not wait for each other.
            self.reservation = None;
            self.reservation = Some(self.options.budget.reserve(wanted).await);
        }
        let old = self.inbound.replace(self.pool.take(wanted.max(self.inbound.len() + 1)));
        self.pool.give(old);
        Ok(())
    }

    /// Large frames and full reads ask for larger reads, short ones let the size sink again.
    fn adapt_read_size(&mut self, read: usize) {
        if read >= self.read_size {
            self.read_size = (self.read_size * 2).min(READ_AHEAD_MAX);
        } else if read < self.read_size / 4 {
            self.read_size = (self.read_size / 2).max(FIRST_READ);
        }
    }

    fn release_idle_input(&mut self) {
        if self.inbound.is_empty() && self.inbound.capacity() > 0 {
            self.pool.give(self.inbound.release());
            self.reservation = None;
        }
    }

    fn release_output(&mut self) {
        if !self.outbound.needs_buffer() {
            self.pool.give_output(self.outbound.release());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.inbound.is_empty() {
            self.release_idle_input();
        }
    }
}

#[cfg(test)]
mod tests;
