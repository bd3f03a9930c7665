//! ZooKeeper's wire protocol, version 3.x: what is read of it is served from a [`Tree`], what is written is refused.
//!
//! [`server`] answers clients, [`client`] is a small blocking client for tools, and both share the encoding of
//! [`jute`] and the packets of [`request`], [`connect`], [`stat`] and [`event`]. The crate knows nodes and paths only;
//! what stands in them is the business of whoever makes the tree.

#![forbid(unsafe_code)]

pub mod client;
pub mod code;
pub mod connect;
pub mod conversation;
pub mod event;
pub mod jute;
pub mod path;
pub mod reply;
pub mod request;
pub mod server;
mod sessions;
pub mod stat;
mod traffic;
pub mod tree;
mod watches;
pub mod words;

pub use code::Code;
pub use stat::Stat;
pub use tree::{Role, Tree, Znode};

/// The release of ZooKeeper whose protocol and words these are.
pub const ZOOKEEPER_VERSION: &str = "3.8.4";
/// The port of ZooKeeper's clients where nothing else is said.
pub const DEFAULT_PORT: u16 = 2181;
