//! What a program may do when partitions come and go.

use crate::offsets::CommittedOffset;

/// Hears of partitions that come and go in a group. Called while the program waits for records.
pub trait RebalanceListener: Send {
    /// These partitions are given up, once the offsets that are returned are committed.
    fn revoked(&mut self, partitions: &[(String, i32)]) -> Vec<((String, i32), CommittedOffset)> {
        let _ = partitions;
        Vec::new()
    }

    /// These partitions are read from now on.
    fn assigned(&mut self, partitions: &[(String, i32)]) {
        let _ = partitions;
    }

    /// These partitions may already be read by others: nothing can be committed for them any more.
    fn lost(&mut self, partitions: &[(String, i32)]) {
        let _ = partitions;
    }
}
