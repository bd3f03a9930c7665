//! What a caller may do, as the bit fields of "authorized operations". Without an authorizer: everything.

/// Bits of the operations that exist on topics: read, write, create, delete, alter, describe, describe and alter configs.
pub const TOPIC_OPERATIONS: i32 = bits(&[3, 4, 5, 6, 7, 8, 10, 11]);

/// Bits of the operations that exist on the cluster: create, alter, describe, cluster action, describe and alter
/// configs, idempotent write.
pub const CLUSTER_OPERATIONS: i32 = bits(&[5, 7, 8, 9, 10, 11, 12]);

/// Bits of the operations that exist on groups: read, delete, describe, describe and alter configs.
pub const GROUP_OPERATIONS: i32 = bits(&[3, 6, 8, 10, 11]);

const fn bits(operations: &[u32]) -> i32 {
    let mut field = 0;
    let mut at = 0;
    while at < operations.len() {
        field |= 1 << operations[at];
        at += 1;
    }
    field
}
