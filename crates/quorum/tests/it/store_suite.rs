//! The Raft library's own tests of a store pass on ours.

use openraft::StorageError;
use openraft::testing::{StoreBuilder, Suite};
use quorum::testing::{LogStore, StateMachine, Types, open_store};
use tempfile::TempDir;

struct Folder;

impl StoreBuilder<Types, LogStore, StateMachine, TempDir> for Folder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<u64>> {
        let dir = tempfile::tempdir().unwrap();
        let (log, machine) = open_store(dir.path()).unwrap();
        Ok((dir, log, machine))
    }
}

#[test]
fn the_suite_of_the_raft_library_passes() {
    Suite::test_all(Folder).unwrap();
}
