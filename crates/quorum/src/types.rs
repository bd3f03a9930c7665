//! What the Raft library is told about our types.

use std::io::Cursor;

use metadata::VersionedRecord;

use crate::peers::VoterNode;

openraft::declare_raft_types!(
    /// One entry proposes the records of one decision; nothing is returned but that they were applied.
    pub Types:
        D = Proposal,
        R = Applied,
        NodeId = u64,
        Node = VoterNode,
        SnapshotData = Cursor<Vec<u8>>,
);

pub type Entry = openraft::Entry<Types>;
pub type LogId = openraft::LogId<u64>;
pub type Vote = openraft::Vote<u64>;
pub type Membership = openraft::Membership<u64, VoterNode>;
pub type StoredMembership = openraft::StoredMembership<u64, VoterNode>;
pub type StorageError = openraft::StorageError<u64>;
pub type StorageIoError = openraft::StorageIOError<u64>;
pub type SnapshotMeta = openraft::SnapshotMeta<u64, VoterNode>;
pub type Raft = openraft::Raft<Types>;

/// The records of one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub records: Vec<VersionedRecord>,
}

/// The records of an entry have been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied;

/// A log id of a term and an index; terms have one leader each, so that no more is needed.
pub fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(openraft::CommittedLeaderId::new(term, 0), index)
}

/// The leader epoch of a term.
pub fn epoch_of(term: u64) -> i32 {
    i32::try_from(term).unwrap_or(i32::MAX)
}

/// The term of a leader epoch; -1 counts as 0.
pub fn term_of(epoch: i32) -> u64 {
    u64::try_from(epoch).unwrap_or(0)
}
