//! One partition on disk: segments, indexes, producer state, recovery.
//!
//! [`PartitionLog`] is one partition in Kafka's own files: appends take one lock and one write, reads take no
//! lock of it and answer with a [`LogSlice`]. [`LogDir`] is one entry of `log.dirs`. Both reach the file system
//! through [`Disk`]. There is no async here, no clock and no request.

#![forbid(unsafe_code)]

mod checkpoint;
mod disk;
mod epochs;
mod error;
mod file_handles;
mod home;
mod index;
mod log;
mod log_dir;
mod names;
mod options;
mod partition_metadata;
mod place;
mod producers;
mod scan;
mod segment;
mod tail_cache;
mod txn_index;

pub use checkpoint::OffsetCheckpoint;
pub use disk::{DirEntry, Disk, RealDisk, replace_file};
pub use epochs::EpochStart;
pub use error::{AppendError, LogError, ReadError};
pub use file_handles::FileHandles;
pub use home::LogHome;
pub use log::{
    AppendGuard, Appended, DeletedLog, FoundOffset, LeaderBatch, LogSlice, PartitionLog, RecoveryReport,
    RecoveryStart,
};
pub use log_dir::{CheckpointFile, LastRun, LogDir, OpenedLog};
pub use names::parse_partition_folder;
pub use options::LogOptions;
pub use producers::ActiveProducer;
pub use txn_index::AbortedTransaction;
