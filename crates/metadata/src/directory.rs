//! Ids of log directories that name none in particular, and what they mean for a replica (KIP-858).

use model::Uuid;

/// From before partitions knew their directory.
pub const MIGRATING: Uuid = Uuid::ZERO;
/// The broker has yet to choose one.
pub const UNASSIGNED: Uuid = Uuid::ONE;
/// One that is offline, whichever it was.
pub const LOST: Uuid = Uuid([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

/// True where a replica in `directory` can be used on a broker whose directories `online` are. A broker that names
/// none is of an era without ids.
pub fn is_online(directory: Uuid, online: &[Uuid]) -> bool {
    match directory {
        LOST => false,
        MIGRATING | UNASSIGNED => true,
        named => online.is_empty() || online.contains(&named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_online_as_kafka_sees_it() {
        let (one, other) = (Uuid([5; 16]), Uuid([6; 16]));
        for (directory, alone, beside_other) in
            [(UNASSIGNED, true, true), (MIGRATING, true, true), (LOST, false, false), (one, true, false)]
        {
            assert_eq!(is_online(directory, &[]), alone, "{directory}");
            assert_eq!(is_online(directory, &[other]), beside_other, "{directory}");
        }
        assert!(is_online(one, &[other, one]));
    }
}
