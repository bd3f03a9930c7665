//! Clients for Rust programs: [`Admin`], [`Producer`] and [`Consumer`].
//!
//! Every client runs on the tokio runtime of its caller, needs no C library, and takes settings by Kafka's names with Kafka's
//! defaults ([`config::ClientSettings`]).

#![forbid(unsafe_code)]

mod address;
pub mod admin;
mod backoff;
mod brokers;
mod clock;
mod cluster;
pub mod consumer;
mod coordinators;
mod error;
mod link;
mod offsets;
mod peer;
pub mod producer;
mod recovery;
mod topics;
mod versions;

pub use address::HostPort;
pub use admin::Admin;
pub use brokers::{Brokers, Node};
pub use cluster::Target;
pub use consumer::{Consumer, ConsumerRecord};
pub use coordinators::CoordinatorKind;
pub use error::Error;
pub use producer::{Producer, ProducerRecord};
pub use versions::ServerVersions;
