//! The broker's data path over real sockets: what `docs` and ARCHITECTURE.md promise of it, promise by promise.

mod client;
mod disk;
mod node;

mod appends;
mod long_poll;
mod pipelining;
