//! One client connection: frames in, bytes and file ranges out.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::buffer_pool::BufferPool;
use crate::bulk_rounds::{BulkRounds, BulkTurn};
use crate::connection_limits::ConnectionPermit;
use crate::frame_buffer::{FIRST_READ, FrameBuffer, FrameError, READ_AHEAD_MAX};
use crate::memory_budget::{MemoryBudget, MemoryReservation};
use crate::outbound::Outbound;
use crate::socket_counters::SocketCounters;

/// Buffers up to this size are not counted against the budget: what every connection may have.
const UNCOUNTED: usize = FIRST_READ;
/// What one turn sends at most, in bytes: more than the answer to a consumer with default settings, which goes out in
/// one piece where the socket takes it.
const SENT_PER_TURN: usize = 2 << 20;
/// Lots of requests for which a connection that has just come waits for its turn, as for its reads, whatever it wants:
/// many may come at once, and together even small requests are bulk.
const TURNS_OF_NEWCOMER: u8 = 8;

/// What connections of one listener have in common.
#[derive(Debug, Clone)]
pub struct ConnectionOptions {
    /// Largest frame taken, in bytes (`socket.request.max.bytes`).
    pub frame_size_max: usize,
    /// The bound on memory of requests and answers in flight (`queued.max.request.bytes`, `memory.budget.bytes`).
    pub budget: Arc<MemoryBudget>,
    /// How long a client may hold memory of the budget and neither send nor take a byte while others wait for it.
    pub stall_max: Duration,
    /// Where reads and sends are counted.
    pub counters: Arc<SocketCounters>,
}

/// An accepted connection, living on one core.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    inbound: FrameBuffer,
    outbound: Outbound,
    pool: Rc<BufferPool>,
    bulk: Rc<BulkRounds>,
    options: ConnectionOptions,
    /// For the input buffer.
    reservation: Option<MemoryReservation>,
    /// For answers that the client has not taken.
    unsent: Option<MemoryReservation>,
    read_size: usize,
    /// How often it still counts as one that has just come.
    turns_of_newcomer: u8,
    _permit: ConnectionPermit,
}

impl Connection {
    /// Takes over an accepted socket.
    pub fn new(
        stream: TcpStream,
        pool: Rc<BufferPool>,
        bulk: Rc<BulkRounds>,
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
            bulk,
            options,
            reservation: None,
            unsent: None,
            read_size: FIRST_READ,
            turns_of_newcomer: TURNS_OF_NEWCOMER,
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

    /// True where even small steps have to wait for their turn.
    pub fn is_newcomer(&self) -> bool {
        self.turns_of_newcomer > 0
    }

    /// Waits until what a newcomer has sent may be handled.
    pub async fn turn_of_newcomer(&mut self) -> BulkTurn {
        self.turns_of_newcomer = self.turns_of_newcomer.saturating_sub(1);
        self.bulk.turn(usize::MAX).await
    }

    /// Waits for input and reads once; 0 at the end of the stream. Nothing is lost if the wait is dropped.
    pub async fn fill(&mut self) -> io::Result<usize> {
        loop {
            self.release_idle_input();
            self.readable().await?;
            self.make_room().await?;
            let room = self.inbound.capacity() - self.inbound.len();
            let _turn = self.bulk.turn(if self.is_newcomer() { usize::MAX } else { room }).await;
            let room = self.inbound.room();
            let room_size = room.len();
            match self.stream.try_read(room) {
                Ok(read) => {
                    if 0 < read && read < room_size {
                        self.note_drained();
                    }
                    self.inbound.filled(read);
                    self.options.counters.count_read(read);
                    self.adapt_read_size(read);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends what the socket takes now; true where all is sent. Bulk is left to [`Connection::progress`], in turn.
    pub fn try_flush(&mut self) -> io::Result<bool> {
        if BulkRounds::is_bulk(self.outbound.waiting_bytes()) {
            self.count_unsent(0);
            return Ok(false);
        }
        self.send()
    }

    /// Sends what the socket takes, as far as one turn goes; true where all is sent.
    fn send(&mut self) -> io::Result<bool> {
        let Connection { stream, outbound, options, .. } = self;
        if !outbound.is_empty() {
            let sending = || outbound.send(&*stream, &options.counters, SENT_PER_TURN);
            match stream.try_io(Interest::WRITABLE, sending) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        if self.outbound.is_empty() {
            self.release_output();
        } else {
            self.count_unsent(0);
        }
        Ok(self.outbound.is_empty())
    }

    /// Counts the answers that wait here, and `elsewhere` bytes of answers that wait for others before them,
    /// against the budget.
    pub fn count_unsent(&mut self, elsewhere: usize) {
        let held = if self.outbound.is_empty() { 0 } else { self.outbound.held_bytes() };
        match (held + elsewhere, &mut self.unsent) {
            (..=UNCOUNTED, unsent) => *unsent = None,
            (bytes, Some(unsent)) => unsent.set_taken(bytes),
            (bytes, unsent) => *unsent = Some(self.options.budget.reserve_taken(bytes)),
        }
    }

    /// Goes on with what the connection has to do: sends first, and reads only once all is sent and `may_read`.
    ///
    /// Returns how many bytes were read, `None` where something was sent. Nothing is lost if the wait is dropped.
    pub async fn progress(&mut self, may_read: bool) -> io::Result<Option<usize>> {
        if !self.outbound.is_empty() {
            self.writable().await?;
            self.send_in_turn().await?;
            Ok(None)
        } else if may_read {
            self.fill().await.map(Some)
        } else {
            std::future::pending().await
        }
    }

    /// Sends everything, waiting as long as the client makes us wait.
    pub async fn flush(&mut self) -> io::Result<()> {
        while !self.send_in_turn().await? {
            self.stream.writable().await?;
        }
        Ok(())
    }

    /// Closes the connection, in turn: the kernel takes its time over what was received and not read.
    pub async fn close(self) {
        let _turn = self.bulk.turn(usize::MAX).await;
        drop(self);
    }

    async fn send_in_turn(&mut self) -> io::Result<bool> {
        let _turn = self.bulk.turn(self.outbound.waiting_bytes()).await;
        self.send()
    }

    /// A read that did not fill its room has taken all there was (epoll(7), questions and answers, 9): the next one
    /// waits for the socket to tell of more instead of asking it in vain.
    fn note_drained(&self) {
        let would_block = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        // Only forgets that the socket is readable, unless more has been told of since.
        let _ = self.stream.try_io(Interest::READABLE, would_block);
    }

    async fn writable(&self) -> io::Result<()> {
        if self.unsent.is_none() {
            return self.stream.writable().await;
        }
        self.unless_stalled(self.stream.writable(), "does not take its answers").await
    }

    /// Asked for in the way that keeps one waiter, not a list of them: only the connection's own task waits.
    async fn readable(&self) -> io::Result<()> {
        let readable = poll_fn(|context| self.stream.poll_read_ready(context));
        if self.reservation.is_none() {
            return readable.await;
        }
        self.unless_stalled(readable, "does not go on with its request").await
    }

    /// Waits for a client that holds memory of the budget, unless it stands still while others wait for memory.
    async fn unless_stalled(
        &self,
        ready: impl Future<Output = io::Result<()>>,
        fault: &str,
    ) -> io::Result<()> {
        let ConnectionOptions { budget, stall_max, .. } = &self.options;
        budget.unless_wanted(*stall_max, ready).await.unwrap_or_else(|| {
            let setting = budget.setting();
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "the client {fault} for {stall_max:?} while others wait for the memory it holds ({setting})"
                ),
            ))
        })
    }

    async fn make_room(&mut self) -> io::Result<()> {
        if self.inbound.is_empty() {
            // Where memory has run out nothing new is begun; TCP holds the client back.
            self.options.budget.room().await;
        }
        let wanted = self.inbound.buffer_wanted(self.options.frame_size_max, self.read_size);
        let Some(wanted) = wanted.map_err(io::Error::other)? else { return Ok(()) };
        let wanted = BufferPool::size_of(wanted);
        if wanted > UNCOUNTED {
            // The old reservation goes first: two connections that both want to grow must not wait for each other.
            self.reservation = None;
            self.reservation = Some(self.options.budget.reserve(wanted).await);
        }
        let old = self.inbound.replace(self.pool.take(wanted));
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
        self.unsent = None;
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
