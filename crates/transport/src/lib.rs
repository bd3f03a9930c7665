//! Sockets, framing and connection limits: bytes become frames, responses become bytes.
//!
//! A [`Listener`] accepts within the [`ConnectionLimits`]; a [`Connection`] reads frames into pooled
//! buffers within the [`MemoryBudget`] and writes buffers and file ranges in the order they were queued.
//! [`Dialed`] is the client's side. Nothing here knows what a request means.

#![forbid(unsafe_code)]

mod buffer_pool;
mod bulk_rounds;
mod connection;
mod connection_limits;
mod connection_rate;
mod dialed;
mod frame_buffer;
mod inbound;
mod listener;
mod memory_budget;
mod memory_queue;
mod outbound;
mod socket_counters;

pub use buffer_pool::BufferPool;
pub use bulk_rounds::{BulkRounds, BulkTurn};
pub use connection::{Connection, ConnectionOptions};
pub use connection_limits::{
    ConnectionBounds, ConnectionLimits, ConnectionPermit, LimitReached, ListenerBounds,
};
pub use dialed::{DialOptions, Dialed};
pub use frame_buffer::{FrameBuffer, FrameError};
pub use listener::{BindError, Listener, ListenerOptions};
pub use memory_budget::{MemoryBudget, MemoryReservation};
pub use outbound::{FilePin, FilePins, FileRange, Outbound};
pub use socket_counters::{SocketCounters, SocketCounts};
