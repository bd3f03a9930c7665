//! The store without a node around it, for the Raft library's own test suite.

use std::io;
use std::path::Path;
use std::sync::Arc;

use model::Uuid;
use partition_log::{FileHandles, LogHome, RealDisk};

use crate::log_store::LogOptions;
use crate::snapshot;

pub use crate::log_store::LogStore;
pub use crate::metadata_log::{BatchPosition, MetadataLog};
pub use crate::state_machine::StateMachine;
pub use crate::types::Types;

/// Log and state in a folder.
pub fn open_store(dir: &Path) -> io::Result<(LogStore, StateMachine)> {
    let options = LogOptions {
        node_id: 0,
        directory_id: Uuid::ONE,
        segment_bytes: 1 << 20,
        segment_ms: i64::MAX,
        clock: || 1_000,
        allows_gaps: true,
    };
    let home = LogHome::new(Arc::new(RealDisk), Arc::new(FileHandles::new(16)));
    let newest = snapshot::newest(dir)?;
    let begin = newest.as_ref().map(|(content, _)| (content.last, content.end_offset));
    let log = LogStore::open(&home, dir, options, begin, Vec::new())?;
    let machine = StateMachine::open(dir, newest, log.clone(), || 1_000);
    Ok((log, machine))
}
