//! Runs metadata decisions on the Raft library; the only crate that names it.
//!
//! [`Quorum::start`] gives a node its part in the quorum: requests for the controller go in through
//! [`QuorumHandle::ask`], agreed images come out of [`QuorumHandle::images`]. The log is Kafka's
//! `__cluster_metadata-0`, described in docs/formats/metadata-log.md.

mod controller;
mod describe;
mod entry;
mod extras;
pub mod format;
mod log_dirs;
mod log_store;
mod membership;
mod meta_properties;
mod metadata_log;
mod network;
mod peers;
mod quorum;
mod recovery_point;
mod room;
mod snapshot;
mod state_machine;
mod types;
mod vote_file;

#[doc(hidden)]
pub mod testing;

pub use log_dirs::{ForeignLogDir, LogDirSurvey};
pub use meta_properties::{META_PROPERTIES, MetaProperties, MetaPropertiesError};
pub use network::InProcessNetwork;
pub use peers::{Voter, VoterEndpoint};
pub use quorum::{
    AskError, Asker, Leadership, Quorum, QuorumHandle, QuorumOptions, QuorumStatus, ReplicaStatus,
    SnapshotTriggers, StartError,
};
